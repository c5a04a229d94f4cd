"""Windows and memory say what the whole history says, whatever the order of events, the cuts and the restarts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.rules.memory import memory
from aimass.rules.read import condition
from aimass.rules.sight import Sight
from aimass.testing import MemoryState, prediction
from tests.unit.rules import oracle

KINDS = {"sliding": "1m", "tumbling": "each 1m", "session": "session 20s"}
WINDOWED = [
    (name, kind)
    for name in ("count", "rate", "sum", "avg", "min", "max", "stddev", "trend", "distinct")
    for kind in KINDS
    if (name, kind) not in (("trend", "session"), ("trend", "tumbling"), ("distinct", "session"))
]
rows = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from("pq"),
            "step": st.sampled_from([0, 0.2, 1, 3, 15, 70]),
            "late": st.sampled_from([0, 0, 0, 1, 10, 40, 200]),
            "x": st.none() | st.sampled_from([-2.5, 0.0, 1.0, 1.0, 3.25, 1e6]),
            "counts": st.booleans(),
        }
    ),
    max_size=40,
)


def timed(script):
    time, found = 1e6, []
    for row in script:
        time += row["step"]
        found.append({**row, "time": time - row["late"]})
    return found


def said(text, script, cuts=(), restarts=()):
    call = condition(text).left
    remembering, state, found, start = memory(call), MemoryState(), [], 0
    for stop in [*sorted({*cuts, *restarts} & set(range(1, len(script)))), len(script)]:
        part = script[start:stop]
        if part:
            events = [prediction({"x": row["x"]}, key=row["key"], time=row["time"]) for row in part]
            sight = Sight(events)
            where = np.array([row["counts"] for row in part], np.int8)
            found += remembering.run(sight, [sight.field("x")] * len(call.arguments), where, state).values()
        if stop in restarts:
            state, remembering = state.restart(), memory(call)
        start = stop
    return [None if value is MISSING else value for value in found], state.commit()


def text_of(name, kind):
    arguments = "" if name in ("count", "rate") else "x, "
    return f"{name}({arguments}{KINDS[kind]}) > 0"


@pytest.mark.parametrize(("name", "kind"), WINDOWED)
@settings(max_examples=30, deadline=None)
@given(script=rows)
def test_a_window_says_what_the_whole_history_says(name, kind, script):
    script = timed(script)
    if name in ("count", "rate"):
        script = [{**row, "x": 0.0} for row in script]
    seconds = 20.0 if kind == "session" else 60.0
    expected = [oracle.of_window(name, script, i, kind, seconds) for i in range(len(script))]
    found, _ = said(text_of(name, kind), script)
    assert [one is None for one in found] == [one is None for one in expected]
    pairs = [(one, other) for one, other in zip(found, expected, strict=True) if one is not None]
    for one, other in pairs:
        assert one == pytest.approx(other, rel=1e-9, abs=1e-6 if name in ("stddev", "trend") else 1e-9)


@pytest.mark.parametrize("name", ["elapsed", "last", "usual", "changed", "new"])
@settings(max_examples=40, deadline=None)
@given(script=rows)
def test_memory_says_what_the_whole_history_says(name, script):
    script = timed(script)
    text = {"elapsed": "elapsed() > 0", "new": "new(x) == true", "changed": "changed(x) == true"}.get(
        name, f"{name}(x) > 0"
    )
    expected = [oracle.of_memory(name, script, i) for i in range(len(script))]
    found, _ = said(text, script)
    assert found == [None if one is oracle.NOTHING else one for one in expected]


@settings(max_examples=40, deadline=None)
@given(script=rows)
def test_new_within_a_window_forgets_what_was_long_ago(script):
    script = [{**row, "late": 0} for row in script]
    script = timed(script)
    expected = [oracle.of_memory("new", script, i, 30.0) for i in range(len(script))]
    assert said("new(x, 30s) == true", script)[0] == expected


EVERY = [text_of(*one) for one in WINDOWED] + [
    "elapsed() > 0",
    "last(x) > 0",
    "usual(x) == 1",
    "changed(x) == true",
    "new(x) == true",
    "mean(x) > 0",
    "deviation(x) > 0",
    "streak(x == 1) > 0",
    "hysteresis(x, 2, 0) == true",
]


@pytest.mark.parametrize("text", EVERY)
@settings(max_examples=15, deadline=None)
@given(script=rows, cuts=st.sets(st.integers(1, 39), max_size=5), restarts=st.sets(st.integers(1, 39), max_size=3))
def test_cuts_and_restarts_never_show(text, script, cuts, restarts):
    script = timed(script)
    assert said(text, script, cuts, restarts) == said(text, script)


def values(text, xs, **more):
    rows = [{"key": "k", "time": 1e6 + i, "x": x, "counts": True, **more} for i, x in enumerate(xs)]
    return said(text, rows)[0]


def test_more_than_64_different_values_are_told_as_64():
    assert values("distinct(x, 1h) > 0", range(100))[-1] == 64


def test_hysteresis_holds_between_its_bounds():
    assert values("hysteresis(x, 80, 70) == true", [75, 81, 75, 70, 75, 90]) == [False, True, True, False, False, True]
    assert values("hysteresis(x, 10, 20) == true", [15, 9, 15, 20, 15]) == [False, True, True, False, False]


def test_one_outlier_blinds_no_baseline():
    calm = [10.0 + i % 3 for i in range(60)]
    told = values("deviation(x) > 0", [*calm, 1e6, *calm[:20], 40.0])
    assert told[60] > 1000
    assert told[-1] > 5


@pytest.mark.parametrize("outlier", [1e6, -1e308, 1e200])
@pytest.mark.parametrize("calm", [[10.0] * 60, [10.0 + i % 3 for i in range(9)]])
def test_an_outlier_in_what_was_constant_or_is_new_blinds_no_baseline_for_long(calm, outlier):
    told = values("deviation(x) > 0", [*calm, outlier, *[10.0 + i % 2 for i in range(60)], 60.0])
    assert told[-1] > 5


def test_what_really_moved_is_followed():
    told = values("deviation(x) > 0", [*[10.0 + i % 3 for i in range(60)], *[1e6 + i % 3 for i in range(300)]])
    assert abs(told[-1]) < 5


def test_huge_values_break_no_mean():
    assert values("mean(x) > 0", [1.0, 1.5e308, -1.5e308, *[1.0] * 20])[-1] is not None


def test_what_a_window_holds_is_told_as_of_a_time():
    state, remembering = MemoryState(), memory(condition("sum(x, 1m) > 0").left)
    sight = Sight([prediction({"x": x}, time=1e6 + at) for at, x in ((0, 1.0), (50, 2.0))])
    remembering.run(sight, [sight.field("x")], None, state)
    told = [remembering.content("k", state, 1e6 + at) for at in (50, 70, 500)]
    assert told == [{"events": 2, "sum": 3.0}, {"events": 1, "sum": 2.0}, {"events": 0, "sum": 0.0}]


def test_a_row_of_a_key_that_only_looks_is_not_written_again():
    state, remembering = MemoryState(), memory(condition("count(1m) > 0").left)
    sight = Sight([prediction({}, time=1e6)])
    remembering.run(sight, [], np.array([0], np.int8), state)
    assert not state.commit()
