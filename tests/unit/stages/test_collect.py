"""Every record becomes an event or a dead letter with its reason; what becomes an event can be trusted."""

import math

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aimass import codec
from aimass.pipeline import compile_stages, parse
from aimass.records import Event, LogRecord
from aimass.stages.collect import CollectStage
from aimass.stages.intake import Plan
from aimass.stages.reader import Reader
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState, run_stage
from tests.unit.stages.nasty import NASTY

PIPELINE = parse(
    """
name = "demo"
[[source]]
topic = "t"
key = "pump"
[[model]]
name = "fault"
target = "label"
[[model]]
name = "level"
target = "level"
recipe = "regressor"
[[rule]]
name = "any"
when = "odd.score >= 0 or fault.value == 1 or event.a.b < 3 or not ok"
"""
)


def collect(value, reader=None, **record):
    out = MemoryOutputs()
    stage = CollectStage("demo", [Plan(reader or Reader("t", key="pump"))])
    stage.on_batch([MemoryRecord(value, **record)], MemoryState(), out)
    if out.rejected:
        assert not out.emitted
        return str(out.rejected[0][1])
    ((_, key, raw),) = out.emitted
    event = codec.decoder(LogRecord)(raw)
    assert codec.encode(event) == raw
    assert key == event.key.encode()
    return event


def through(values):
    """Send values through all three stages; nothing may raise, and every event must come out."""
    records = [MemoryRecord(value, offset=i) for i, value in enumerate(values)]
    collect_, score, decide, _ = compile_stages(PIPELINE)
    events = run_stage(collect_, records)[0].records("")
    predictions = run_stage(score, events)[0].records("")
    assert [one.id for one in predictions] == [one.id for one in events]
    assert [bytes(one.data) for one in predictions] == [bytes(one.data) for one in events]
    for one in predictions:
        assert all(math.isfinite(anomaly.score) for anomaly in one.anomalies.values())
    run_stage(decide, predictions)[0].records("")
    return events


@pytest.mark.parametrize(("value", "why"), NASTY, ids=range(len(NASTY)))
def test_each_nasty_value_is_an_event_or_says_why_not(value, why):
    found = collect(value)
    if why is None:
        assert bytes(found.data) == value.strip(b" \r\n\t")
    else:
        assert why in found
        assert len(found) < 200


def test_good_events_between_nasty_ones_all_come_out():
    good = [b'{"pump":"p","f":%d,"label":%d}' % (i, i % 2) for i in range(3 * len(NASTY))]
    mixed = [value for i, one in enumerate(good) for value in (one, NASTY[i % len(NASTY)][0])]
    events = through(mixed)
    assert [bytes(one.data) for one in events if one.source.offset % 2 == 0] == good


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["pump", "label", "level", "a", "ok", "f1", "f2"])


def dumps(data):
    import json

    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=6), max_size=50))
def test_what_collect_accepts_never_hurts_later(events):
    warm = [{"pump": "p", "f1": i % 5, "label": i % 3, "level": i} for i in range(40)]
    through(map(dumps, warm + events))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda b: b'{"pump":"' + b + b'"}'))
@example(b'{"pump":"\\ud83d"}')
def test_any_bytes_are_an_event_or_say_why_not(value):
    found = collect(value)
    if isinstance(found, Event):
        assert orjson.loads(bytes(found.data)) == orjson.loads(value)


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.floats(0, 1e20, exclude_max=True),
    st.integers(0, 2**31),
    st.integers(0, 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
@example("k", 1e-7, 0, 0, "i")
@example('"\\\x00\x7f\u2028', 0.0, 0, 0, '"')
def test_the_envelope_is_what_the_codec_would_write(key, time, partition, offset, name):
    data = dumps({"key": key, "at": time, "id": name})
    event = collect(data, Reader("t", key="key", time="at", id="id"), partition=partition, offset=offset)
    assert (event.key, event.id, event.source.partition, event.source.offset) == (key, name, partition, offset)
    assert codec.decoder(Event)(codec.encode(event)).time == event.time
    plain = collect(data, Reader("t"), key=key.encode(), timestamp=int(time) % 10**14, offset=offset)
    assert (plain.key, plain.id) == (key, f"t-0-{offset}")


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (1700000000, 1.7e9),
        (1700000000.25, 1700000000.25),
        (1700000000250, 1700000000.25),
        (1700000000250000, 1700000000.25),
        (1700000000250000000, 1700000000.25),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14T22:13:20.25+00:00", 1700000000.25),
        ("2023-11-14 23:13:20+01:00", 1.7e9),
        ("2023-11-14T22:13:20", 1.7e9),
        (0, 0.0),
        (-1, "out of range"),
        (1e20, "out of range"),
        ("-0001-01-01", "not ISO 8601"),
        ("1969-12-31T23:59:59Z", "out of range"),
        ("yesterday", "not ISO 8601"),
        ("", "not ISO 8601"),
        (True, "true or false"),
        (None, "null"),
        ([1], "an array"),
    ],
)
def test_times_are_read_by_fixed_rules(at, seconds):
    found = collect(orjson.dumps({"at": at}), Reader("t", time="at"))
    assert (found.time == seconds) if isinstance(found, Event) else seconds in found


def test_a_missing_time_and_a_strange_kafka_key_are_named():
    assert collect(b"{}", Reader("t", time="a.0.b")) == "no time: nothing at 'a.0.b'"
    assert "not UTF-8" in collect(b"{}", Reader("t"), key=b"\xff")
    assert collect(b"{}", Reader("t"), timestamp=-1).time == 0.0
    assert "timestamp is out of range" in collect(b"{}", Reader("t"), timestamp=2**62)


def test_several_topics_have_readers_of_their_own():
    stage, out = CollectStage("demo", [Plan(Reader("a", key="x")), Plan(Reader("b", key="y.0"))]), MemoryOutputs()
    records = [MemoryRecord(b'{"x":1,"y":[2]}', topic=topic, partition=3, offset=9) for topic in "ab"]
    stage.on_batch(records, MemoryState(), out)
    assert [(one.key, one.id) for one in out.records("")] == [("1", "a-3-9"), ("2", "b-3-9")]


def test_id_key_and_time_may_be_headers_of_the_record():
    reader = Reader("t", key="@trace.user", time="@at", id="@ce_id")
    headers = (("ce_id", b"a-1"), ("trace.user", b"ada"), ("at", b"1700000000500"), ("other", b"\xff"))
    event = collect(b'{"x":1}', reader, headers=headers)
    assert (event.id, event.key, event.time, bytes(event.data)) == ("a-1", "ada", 1700000000.5, b'{"x":1}')
    assert "no id: nothing at '@ce_id'" in collect(b"{}", reader, headers=headers[1:])
