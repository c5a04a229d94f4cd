"""The client: light to import, clear when it is used wrongly."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from aimass.client import Message, Subscriber
from aimass.client.producer import to_bytes
from aimass.codec import dead_letter_headers, encode
from aimass.errors import BadEvent, ClientError
from aimass.records import DeadLetter, Drift, Evaluation, Link, Series, Source, Tick
from aimass.testing import prediction


def test_importing_it_imports_neither_faust_nor_river() -> None:
    heavy = "('faust', 'mode', 'river', 'rocksdict')"
    code = f"import sys, aimass, aimass.client; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def message(topic: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> Message:
    return Message(topic, 1, 7, 0, b"k", value, tuple(headers))


def test_a_topics_name_says_what_its_records_are() -> None:
    assert message("sensors", b'{"a": [1]}').record == {"a": [1]}
    assert message("p.log", encode(Tick(2.0))).record == Tick(2.0)
    assert message("sensors", None).record is None
    for last, record in (
        ("anomalies", prediction({"a": 1})),
        ("drifts", Drift("d", "m", 1.0, "p", Source("t", 0, 1), "m", "loss", 0.1, 0.4)),
        ("evaluations", Evaluation("e", "m", 1.0, "p", Source("t", 0, 1), "m", 1000, {"accuracy": 0.9})),
        ("series", Series("s", "g", 1.0, "p", Source("t", 0, 1), "c", "k", {"z": 1.5})),
        ("links", Link("l", "g", 1.0, "p", Source("t", 0, 1), "c", "a", "b", 2.0, 0.9, 0.0, "found")),
    ):
        assert message(f"p.{last}", encode(record)).record == record
    letter = DeadLetter("s", 0, 1, "collect", "not JSON", "", b"k", b"\xff", (), 5)
    assert message("p.deadletters", b"\xff", dead_letter_headers(letter)).record == letter


@pytest.mark.parametrize("topic", ["p.alerts", "p.predictions", "p.log", "sensors"])
def test_what_cannot_be_decoded_names_its_position(topic: str) -> None:
    with pytest.raises(BadEvent, match=f"{topic}-1-7"):
        assert message(topic, b"\xff{").record


def test_wrong_parameters_are_refused_before_anything_connects() -> None:
    with pytest.raises(ClientError, match="at least one topic"):
        Subscriber(where="k:1")
    with pytest.raises(ClientError, match="'beginning', 'end'"):
        Subscriber("t", where="k:1", from_="start")
    with pytest.raises(ClientError, match="group"):
        Subscriber("t", where="k:1", from_=7, group="g")


def test_values_go_as_json_unless_they_are_bytes() -> None:
    assert to_bytes(Tick(1.0)) == b'{"type":"tick","time":1.0}'
    assert (to_bytes(b"x"), to_bytes(None), to_bytes([1])) == (b"x", None, b"[1]")
