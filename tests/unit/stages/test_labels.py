"""Labels on a topic of their own go into the log beside the events that they speak of."""

import pytest

from aimass.errors import BadEvent
from aimass.records import Label, Source
from aimass.stages.collect import CollectStage
from aimass.stages.intake import Plan
from aimass.stages.labels import LabelReader
from aimass.stages.reader import Reader
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

LABELS = LabelReader("truth", about="fraud", event="of", value="was", key="who", time="at")


def collected(*records):
    out = MemoryOutputs("log")
    CollectStage("shop", [Plan(Reader("t"))], [LABELS]).on_batch(records, MemoryState(), out)
    return out


def test_a_label_goes_into_the_log_under_its_events_key():
    raw = b'{"of": "t-0-7", "was": "fraud", "who": "ada", "at": 1700000000}'
    out = collected(MemoryRecord(b"{}", b"bob"), MemoryRecord(raw, topic="truth", partition=1, offset=4))
    assert out.records("log")[1] == Label(
        "truth-1-4", "ada", 1.7e9, "shop", Source("truth", 1, 4), "t-0-7", "fraud", "fraud"
    )
    assert [key for _, key, _ in out.emitted] == [b"bob", b"ada"]


def test_an_events_id_may_be_a_number():
    assert LABELS.label(MemoryRecord(b'{"of": 7, "was": 0, "who": "a", "at": 1}'), "p").event == "7"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"was": 1, "who": "a", "at": 1}', "no event's id: nothing at 'of'"),
        (b'{"of": "e", "who": "a", "at": 1}', "no label: at 'was' is nothing"),
        (b'{"of": "e", "was": null, "who": "a", "at": 1}', "no text, number or truth"),
        (b'{"of": "e", "was": [1], "who": "a", "at": 1}', "no text, number or truth"),
        (b'{"of": "e", "was": 1, "at": 1}', "no key: nothing at 'who'"),
        (b'{"of": "e", "was": 1, "who": "a"}', "no time: nothing at 'at'"),
        (b"{", "truncated JSON"),
    ],
)
def test_what_is_no_label_is_a_dead_letter_with_the_reason(raw, said):
    with pytest.raises(BadEvent, match=said):
        LABELS.label(MemoryRecord(raw, topic="truth"), "p")
    assert len(collected(MemoryRecord(raw, topic="truth")).rejected) == 1
