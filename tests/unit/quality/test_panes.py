"""Panes are sums: of parts, in any order, with late records, they are what a look at all records gives."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.quality.adding import FUTURE_S, Seen
from aimass.quality.batch import Records
from aimass.quality.check import Checker
from aimass.quality.contracts.contract import Check, Contract, Expectation
from aimass.quality.contracts.plain import breaches, names_of
from aimass.quality.panes import PaneKeeper, encoded, merged
from aimass.testing import MemoryState

CONTRACT = Contract(
    name="c",
    fields=(
        Expectation(path="a", type="number", required=True, most=5),
        Expectation(path="b", type="text", level="warning", values=("x", "y")),
    ),
    checks=(Check(name="small", that="a < 3"),),
    delay_s=5.0,
)
LENGTH, KEEP = 10.0, 40.0
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(0, 8) | st.just("7") | st.none(),
        "b": st.sampled_from(["x", "y", "z"]) | st.booleans(),
        "c": st.floats(-9, 9) | st.lists(st.integers(), max_size=1),
    },
)
#: When it happened, how much later it came, what it says, in which partition.
EVENTS = st.lists(st.tuples(st.floats(0, 200), st.floats(-3, 30), RECORD, st.integers(0, 2)), min_size=1, max_size=60)


def keeper():
    return PaneKeeper("p", "t", LENGTH, KEEP, CONTRACT.delay_s, names_of(CONTRACT), 1)


def run(events, cuts=(), restarts=False):
    """Feed events, part by part, and return all panes by part and start, last revisions only."""
    states, panes = {}, {}
    for part in sorted({event[3] for event in events}):
        own = [(i, event) for i, event in enumerate(events) if event[3] == part]
        state, found = MemoryState(), {}
        edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(own)}), len(own)]
        for first, last in pairwise(edges):
            take(keeper(), own[first:last], f"t-{part}", state)
            for pane in keeper().write(state):
                found[pane.start] = pane
            state = state.restart() if restarts else state
        panes[part], states[part] = found, state
    return panes


def take(panes, own, part, state):
    data, times = [event[2] for _, event in own], [event[0] for _, event in own]
    records = Records(data, ["k"] * len(own), times)
    found = Checker(CONTRACT, "t").check(records, None)
    fates = ["quarantined" if at in found.errors else "log" for at in range(len(own))]
    arrivals = np.array([event[0] + event[1] for _, event in own])
    numbers = [i for i, _ in own]
    panes.take(part, Seen(records, [f"e{i}" for i in numbers], arrivals, numbers, numbers, fates), found, state)


def oracle(events):
    """Return by start what is to be counted, one record after the other."""
    found, marks = {}, {}
    for i, (time, delay, data, part) in enumerate(events):
        known = time + delay if delay < -FUTURE_S else time
        marks[part] = max(marks.get(part, -math.inf), known)
        own = math.floor(known / LENGTH) * LENGTH
        start = max(own, math.floor((marks[part] - KEEP) / LENGTH) * LENGTH)
        pane = found.setdefault(start, Counter())
        broken = [one for one in breaches(CONTRACT, data) if one.level == "error"]
        pane["records"] += 1
        pane["valid"] += not broken
        pane["late"] += start > own
        pane["timely"] += delay <= 5.0
        pane["checksum"] += i
        for one in breaches(CONTRACT, data):
            pane["small" if one.what == "check" else f"{one.path}:{one.what}"] += 1
        for path, value in data.items():
            pane[f"{path} present"] += value is not None
            if type(value) in (int, float):
                pane[f"{path} numbers"] += 1
            if type(value) is str:
                pane[f"{path} is {value}"] += 1
    return found


def counts(pane):
    found = Counter(records=pane.records, valid=pane.valid, late=pane.counts.get("late", 0))
    found["timely"], found["checksum"] = pane.counts.get("timely", 0), sum(pane.checksums.values())
    found["small"] = pane.checks.get("small", [0, 0])[1]
    for path, field in pane.fields.items():
        found[f"{path} present"] = field.present
        found[f"{path} numbers"] = sum(field.numbers.values())
        for kind, count in field.wrong.items():
            found[f"{path}:{kind}"] = count
        for text, count in field.values.items():
            if text not in ("true", "false"):
                found[f"{path} is {text}"] = count
    return found


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.lists(st.integers(1, 59), max_size=5), st.booleans())
def test_panes_are_what_a_look_at_all_records_gives(events, cuts, restarts):
    panes, expected = run(events, cuts, restarts), oracle(events)
    starts = {start for part in panes.values() for start in part}
    assert starts == set(expected)
    for start in starts:
        whole = merged([part[start] for part in panes.values() if start in part])
        assert +counts(whole) == +expected[start]


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_merged_partitions_are_one_partition(events):
    # within the time that panes are kept for, where a partition's own watermark makes no difference
    events = [(time % KEEP, delay, data, part) for time, delay, data, part in events]
    apart, together = run(events), run([(*event[:3], 0) for event in events])
    for start, one in together[0].items():
        parts = merged([part[start] for part in apart.values() if start in part])
        whole = merged([one])
        parts.revision = whole.revision = 0
        parts.time = whole.time = 0.0
        parts.examples = whole.examples = {}
        assert encoded(parts) == encoded(whole)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.lists(st.integers(1, 59), max_size=5))
def test_how_batches_were_cut_does_not_show(events, cuts):
    events = [(*event[:3], 0) for event in events]
    own, cut = list(enumerate(events)), sorted({cut for cut in cuts if cut < len(events)})
    one, other = MemoryState(), MemoryState()
    take(keeper(), own, "t-0", one)
    for first, last in zip([0, *cut], [*cut, len(own)], strict=True):
        take(keeper(), own[first:last], "t-0", other)
    assert one.commit() == other.commit()


def test_a_late_record_revises_its_pane():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (5.0, 0, {"a": 1}, 0)), (1, (15.0, 0, {"a": 1}, 0))], "t-0", state)
    assert [(pane.start, pane.revision, pane.records) for pane in panes.write(state)] == [(0.0, 1, 1), (10.0, 1, 1)]
    assert panes.write(state) == []
    take(panes, [(2, (6.0, 0, {"a": 9}, 0))], "t-0", state)
    assert [(pane.start, pane.revision, pane.records, pane.valid) for pane in panes.write(state)] == [(0.0, 2, 2, 1)]


def test_what_comes_too_late_is_counted_as_late_in_the_oldest_pane_that_is_kept():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (100.0, 0, {"a": 1}, 0)), (1, (5.0, 0, {"a": 1}, 0))], "t-0", state)
    assert [(pane.start, pane.counts.get("late")) for pane in panes.write(state)] == [(60.0, 1), (100.0, None)]


def test_panes_are_forgotten_when_nothing_can_change_them():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (5.0, 0, {"a": 1}, 0))], "t-0", state)
    panes.write(state)
    take(panes, [(1, (500.0, 0, {"a": 1}, 0))], "t-0", state)
    panes.write(state)
    assert list(state.commit()["panes.t"]) == ["500.000"]


def test_a_record_from_the_future_is_counted_as_of_now_and_makes_no_other_late():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (9e9, -9e9 + 100, {"a": 1}, 0)), (1, (131.0, 0, {"a": 1}, 0))], "t-0", state)
    found = {pane.start: pane.counts for pane in panes.write(state)}
    assert found[100.0]["future"] == 1
    assert "late" not in found[130.0]


def test_of_many_fields_the_first_are_followed():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (1.0, 0, {f"f{i:03d}": i for i in range(200)}, 0))], "t-0", state)
    (pane,) = panes.write(state)
    assert [path for path in sorted(pane.fields) if path.startswith("f")] == [f"f{i:03d}" for i in range(64)]


def test_changes_are_written_when_time_has_passed_or_many_records():
    arrivals, offsets = [0, 4_000, 5_000, 4_000, 5_000], [0, 1, 2, 3, 9_000]
    assert keeper().cuts(arrivals, offsets, MemoryState()) == [2, 4]
    panes, state = keeper(), MemoryState()
    apart = [panes.cuts([at], [offset], state) for at, offset in zip(arrivals, offsets, strict=True)]
    assert apart == [[], [], [0], [], [0]]


@pytest.mark.parametrize("fate", ["deadletters", "filtered"])
def test_what_is_not_looked_at_is_counted_with_its_checksum(fate):
    state, panes = MemoryState(), keeper()
    panes.lose("t-0", 5.0, 77, fate, state)
    panes.count("t-0", fate, [6.0], [23], [4], state)
    (pane,) = panes.write(state)
    assert (pane.records, pane.counts[fate], pane.checksums) == (0, 2, {fate: 100})


def test_what_could_not_be_read_does_not_move_time():
    state, panes = MemoryState(), keeper()
    panes.lose("t-0", 9e9, 1, "deadletters", state)
    take(panes, [(0, (5.0, 0, {"a": 1}, 0))], "t-0", state)
    assert {pane.start: pane.time for pane in panes.write(state)} == {0.0: 5.0, 9e9: 5.0}


def test_what_is_counted_too_late_is_counted_in_the_oldest_pane_that_is_kept():
    state, panes = MemoryState(), keeper()
    take(panes, [(0, (100.0, 0, {"a": 1}, 0))], "t-0", state)
    panes.count("t-0", "filtered", [5.0], [1], [1], state)
    assert [(pane.start, pane.counts.get("filtered")) for pane in panes.write(state)] == [(60.0, 1), (100.0, None)]


def test_hostile_records_leave_panes_small():
    contract = Contract(name="c", others="warning")
    state, panes = MemoryState(), PaneKeeper("p", "t", LENGTH, KEEP)
    for first in range(0, 3_000, 500):
        data = [{f"field-{i}-{k}": 10.0 ** (k * 7 - 150) for k in range(40)} for i in range(first, first + 500)]
        data[0] = {"x" * 1_000_000: 1, **{str(k): "y" * 5_000 for k in range(5_000)}}
        records = Records(data, ["k"] * 500, [5.0] * 500)
        found = Checker(contract, "t").check(records, None)
        seen = Seen(records, ["i"] * 500, np.zeros(500), [0] * 500, range(500), ["tagged"] * 500)
        panes.take("t-0", seen, found, state)
    (pane,) = panes.write(state)
    assert len(encoded(pane)) < 200_000
    assert len(pane.fields) == 64
