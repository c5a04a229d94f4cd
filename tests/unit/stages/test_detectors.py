"""Detectors find what they are for, say nothing of what is usual, and keep the promises of a stage."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass import codec
from aimass.records import Event, Source
from aimass.stages.batch import Batch
from aimass.stages.detectors import (
    CategoryDetector,
    MissingDetector,
    RelationDetector,
    ShapeDetector,
    SilenceDetector,
)
from aimass.testing import MemoryState, check_stage, event, run_stage

KINDS = {
    "relations": lambda: RelationDetector("d"),
    "relations of a partition": lambda: RelationDetector("d", scope="partition"),
    "lagged relations": lambda: RelationDetector("d", ["a", "b", "n"], lagged=True),
    "relations of sources": lambda: RelationDetector("d", within=5.0),
    "categories": lambda: CategoryDetector("d"),
    "named categories": lambda: CategoryDetector("d", ["state", "deep.x", "n"], scope="partition"),
    "missing": lambda: MissingDetector("d"),
    "named missing": lambda: MissingDetector("d", ["a", "deep.x"], forget_s=30.0),
    "silence": lambda: SilenceDetector("d", forget_s=600.0),
    "shapes": lambda: ShapeDetector("d", exclude=["n"]),
}


class Alone:
    """A stage with one detector, that emits all that it says."""

    name, tick_s = "alone", 5.0

    def __init__(self, make):
        self.detector = make()

    def on_batch(self, events, state, out):
        found = self.detector.score(Batch(events), state)
        assert all(math.isfinite(one.score) and one.score >= 0.0 for one in found)
        out.emit_encoded([None] * len(events), [codec.encode(one) for one in found])

    def on_time(self, now, state, out):
        for one in getattr(self.detector, "on_time", lambda *_: ())(now, state):
            out.emit_encoded([None], [json.dumps([one.key, one.time, one.anomaly.value, list(one.source.id)]).encode()])


def stream(seed, count):
    """Return events of a few keys and sources, with fields of all kinds that come and go, and gaps."""
    rng, time = random.Random(seed), 1.7e9
    for i in range(count):
        time += rng.expovariate(1.0) + 60 * (rng.random() < 0.01) - 3 * (rng.random() < 0.05)
        a = rng.gauss(0, 1)
        data = {"a": a, "b": 2 * a + rng.gauss(0, 0.1), "c": rng.choice([1, 7.5, 1e100, None, "x"]), "n": i % 4}
        data |= {
            "state": rng.choice(["on", "off", "off", "\ud55c", ""]),
            "ok": rng.random() < 0.9,
            f"id{i % 70}": str(i),
        }
        data |= {"deep": {"x": rng.choice([1, "y", True, None, [2], 10**30])}, "list": [i]}
        for name in rng.sample(sorted(data), rng.randrange(4)):
            if rng.random() < 0.3:
                del data[name]
        one, topic = event(data, f"k{rng.randrange(3)}", time, i), f"t{i % 2}"
        yield Event(one.id, one.key, one.time, one.pipeline, Source(topic, 0, i), one.data)


STREAM = list(stream(1, 700))


@pytest.mark.parametrize("kind", KINDS)
def test_detectors_keep_the_promises_of_a_stage(kind):
    check_stage(lambda: Alone(KINDS[kind]), STREAM, cuts=[[350], [1, 5, 222, 223, 500]])


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 99), st.sets(st.integers(1, 249), max_size=6), st.booleans())
def test_no_cut_and_no_restart_shows(kind, seed, cuts, is_restart):
    events = list(stream(seed, 250))
    whole, state = run_stage(Alone(KINDS[kind]), events)
    how = {"restarts": cuts} if is_restart else {"cuts": cuts}
    other, same = run_stage(Alone(KINDS[kind]), events, **how)
    assert whole.seen() == other.seen()
    assert state.commit() == same.commit()


def usual(count, seed=1):
    rng = np.random.default_rng(seed)
    a, noise = rng.normal(size=(2, count))
    wave = np.arange(count) % 24 / 24.0 + 0.1 * rng.normal(size=count)
    gaps = np.cumsum(rng.exponential(60.0, count))
    state = rng.choice(["on", "off", "idle"], count, p=[0.6, 0.3, 0.1])
    for i in range(count):
        data = {"a": float(a[i]), "b": float(3 * a[i] + 0.3 * noise[i]), "wave": float(wave[i]), "state": str(state[i])}
        yield data, float(1.7e9 + gaps[i])


USUAL = list(usual(12_000))
LAST = USUAL[-1][1]
#: By kind: the detector, the odd events that come last, and the cause, field and related field that are found.
ODD = {
    "relation": (
        RelationDetector("d", ["a", "b", "wave"]), [({"a": 1.0, "b": -4.5, "wave": 0.5}, 60.0)], "relation", "b", "a"
    ),
    "value": (CategoryDetector("d"), [({"state": "burning"}, 60.0)], "new value", "state", None),
    "rate": (CategoryDetector("d"), [({"state": "idle"}, 60.0)] * 150, "rate of value", "state", None),
    "missing": (MissingDetector("d"), [({"a": 1, "b": 1, "state": "on"}, 60.0)], "missing", "wave", None),
    "null": (MissingDetector("d"), [({"a": 1, "b": 1, "state": "on", "wave": None}, 60.0)], "null", "wave", None),
    "unexpected": (
        MissingDetector("d", ["a", "b", "x"]), [({"a": 1, "b": 1, "x": 5}, 60.0)], "unexpected field", "x", None
    ),
    "shape": (
        ShapeDetector("d", ["wave"]), [({"wave": 1 - i % 24 / 24}, 60.0) for i in range(48)], "shape", "wave", None
    ),
    "late": (SilenceDetector("d"), [({}, 3000.0)], "late", None, None),
    "burst": (SilenceDetector("d"), [({}, 0.2)] * 16, "burst", None, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_the_odd_is_found_with_its_cause_and_the_usual_is_quiet(kind):
    detector, odd, cause, field, related = ODD[kind]
    times = LAST + np.cumsum([gap for _, gap in odd])
    events = [event(data, time=time, offset=i) for i, (data, time) in enumerate(USUAL)]
    events += [event(data, time=time) for (data, _), time in zip(odd, times.tolist(), strict=True)]
    found = detector.score(Batch(events), MemoryState())
    assert sum(one.severity is not None for one in found[: len(USUAL)]) <= 6  # of 12,000: 1 in 2,000
    best = max(found[len(USUAL) :], key=lambda one: one.score)
    assert best.severity is not None
    assert (best.cause, best.field, best.related) == (cause, field, related)
    if cause == "missing":
        assert best.expected > 0.999


@pytest.mark.parametrize("kind", ODD)
def test_what_an_analyst_forgives_is_not_told_again_but_worse_is(kind):
    detector, odd, *_ = ODD[kind]
    state = MemoryState()
    detector.score(Batch([event(data, time=time) for data, time in USUAL]), state)

    def again(state):
        times = (LAST + np.cumsum([gap for _, gap in odd])).tolist()
        found = detector.score(Batch([event(one, time=t) for (one, _), t in zip(odd, times, strict=True)]), state)
        return max(found, key=lambda one: one.score)

    first = again(state.restart())
    forgiving = state.restart()
    detector.forgive("k", first, forgiving)
    assert first.score >= 3.5
    after = again(forgiving)
    assert after.severity is None or after.cause != first.cause
    other = state.restart()
    detector.forgive("someone else", first, other)
    detector.forgive("k", type(first)(first.score, "no such field", first.cause), other)
    if first.field is not None:
        assert again(other) == first
    mild = state.restart()
    detector.forgive("k", type(first)(first.score - 1.0, first.field, first.cause), mild)
    assert again(mild) == first


def test_an_episode_is_told_once():
    detector = CategoryDetector("d", ["state"])
    events = [event(data, time=time) for data, time in USUAL] + [event({"state": f"odd{i}"}) for i in range(20)]
    assert sum(one.severity is not None for one in detector.score(Batch(events), MemoryState())[-20:]) == 1


def silent_by_scan(table, line):
    """Return which keys are to be reported, looking at all of them."""
    return sorted(key for key, row in table if row["row"][4] > 0 and row["row"][3] == 0 and row["row"][4] <= line)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999), st.sets(st.integers(1, 2000), max_size=4))
def test_silence_is_told_as_if_every_tick_looked_at_every_key(seed, restarts):
    rng, detector, state, told, expected = random.Random(seed), SilenceDetector("d"), MemoryState(), [], []
    keys = [(f"k{i}", 10.0 ** rng.uniform(0, 3), rng.random() < 0.5) for i in range(8)]
    due = sorted(
        (start + step * n * (1 if is_even else rng.uniform(0.5, 1.5)), key)
        for key, step, is_even in keys
        for start in (0.0, rng.uniform(0, 500), 2e4)
        for n in range(90)
    )
    now = 0.0
    for i, (time, key) in enumerate(due):
        if i in restarts:
            state = state.restart()
        detector.score(Batch([event({}, key, time, i)]), state)
        tick = time // 10.0 * 10.0
        if tick > now:
            now = tick
            expected += [(now, one) for one in silent_by_scan(state.rows(detector._rows).items(), now)]
            found = detector.on_time(now, state)
            assert all(one.anomaly.score >= 3.5 and one.anomaly.severity for one in found)
            told += [(one.time, one.key) for one in found]
    assert told == expected
    assert {key for _, key in told}
    entries = sum(len(keys) for _, keys in state.objects(detector._wheel._keys).items())
    assert entries <= 20 * 8  # a new one only where the time left has halved


def test_a_silent_key_is_told_once_with_its_last_event_until_it_speaks_again():
    detector, state = SilenceDetector("d"), MemoryState()
    rng = random.Random(1)
    times = [1.7e9 + 60 * i + rng.random() for i in range(500)]
    detector.score(Batch([event({}, "pump", time, offset=i) for i, time in enumerate(times)]), state)
    found = [one for tick in range(100) for one in detector.on_time(times[-1] + 10 * tick, state.restart() and state)]
    assert [(one.key, one.anomaly.cause, one.source.offset) for one in found] == [("pump", "silent", 499)]
    assert found[0].anomaly.value < 180
    assert found[0].anomaly.expected == pytest.approx(60, abs=1)
    back = detector.score(Batch([event({}, "pump", times[-1] + 2000.0)]), state)[0]
    assert (back.cause, back.severity) == ("late", None)  # told already


def test_many_keys_that_fall_silent_together_are_all_told_in_order():
    detector, state = SilenceDetector("d"), MemoryState()
    keys = [f"k{i}" for i in range(600)]
    for n in range(60):
        detector.score(Batch([event({}, key, 1.7e9 + 30.0 * n) for key in keys]), state)
        assert detector.on_time(1.7e9 + 30.0 * n, state) == []
    state = state.restart()
    found = [one for tick in range(0, 600, 10) for one in detector.on_time(1.7e9 + 1770 + tick, state)]
    assert [one.key for one in found] == sorted(keys)
    assert state.commit().keys() == {detector._rows.name, detector._topics.name, detector._wheel._counts.name}
