"""Patterns find what their definition says, whatever the order, the cuts, the restarts and the ticks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.rules import plain
from aimass.rules.patterns import Matcher, without_captures
from aimass.rules.read import condition
from aimass.rules.sight import Sight
from aimass.rules.syntax import Truth
from aimass.testing import MemoryState, prediction
from tests.unit.rules.pattern_oracle import whole_history

PATTERNS = [
    "a: x == 1 then x == 2 within 10s",
    "a: x == 1 then b: x == 2 and y != a.y within 10s gap 4s",
    "x == 1 then not x == 3 then x == 2 within 10s",
    "x == 1 then not x == 2 within 5s",
    "a: x == 1 then b: x == 1 and y == a.y then not (x == 2 and y == b.y) within 9s gap 5s",
    "a: x < 3 then b: x > a.x then c: x > b.x within 20s",
    "known(x) then not known(x) within 4s",
    "x == 1 then x == 1 then x == 1 within 8s",
]
streams = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 4), st.integers(0, 3), st.integers(0, 1), st.integers(0, 6)),
    max_size=30,
)


def events(stream, disorder=0):
    time, found = 100.0, []
    for i, (key, step, x, y, late) in enumerate(stream):
        time += step
        found.append(prediction({"x": x, "y": y}, key=key, time=time - min(late, disorder), offset=i))
    return found


def masks(pattern, sight):
    found = []
    for step in pattern.steps:
        when = without_captures(step.when) or Truth(True)
        said = [plain.truth(when, plain.given(one)) for one in sight.predictions]
        found.append(np.array([-1 if one is None else int(one) for one in said], np.int8))
    return found


def matched(text, stream, *, cuts=(), restarts=(), tick=1.0, lateness=0.0, partials=1000):
    pattern = condition(text)
    matcher, state, found, batch = Matcher(pattern, "p", lateness_s=lateness, partials=partials), MemoryState(), [], []

    def flush():
        if batch:
            sight = Sight(list(batch))
            given_at = [plain.given(one) for one in sight.predictions].__getitem__
            found.extend(matcher.run(sight, masks(pattern, sight), given_at, state))
            batch.clear()

    watermark = -math.inf
    for i, event in enumerate(stream):
        if event.time > watermark:
            watermark = event.time
            now = math.floor((event.time - lateness) / tick) * tick
            if now > state.now:
                flush()
                state.now = now
                found.extend(matcher.on_time(now, state))
        if i in cuts or i in restarts:
            flush()
        if i in restarts:
            state = state.restart()
            matcher = Matcher(pattern, "p", lateness_s=lateness, partials=partials)
        batch.append(event)
    flush()
    for state.now in (1e6, 2e6):
        found.extend(matcher.on_time(state.now, state))
    return [(one.key, one.time, [ref.id for ref in one.events]) for one in found], state.commit()


def oracle(text, stream):
    pattern, found = condition(text), []
    for key in "pq":
        found += [(key, *one) for one in whole_history(pattern, [one for one in stream if one.key == key], 1e6)]
    return found


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PATTERNS), streams, st.sampled_from([1.0, 7.0, 100.0]))
def test_matches_are_those_of_the_definition_whatever_the_tick(text, stream, tick):
    found, _ = matched(text, events(stream), tick=tick)
    assert sorted(found) == sorted(oracle(text, events(stream)))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PATTERNS), streams)
def test_events_out_of_order_are_taken_as_they_come_where_none_may_be_late(text, stream):
    late = events(stream, disorder=5)
    found, _ = matched(text, late, tick=1e12)  # else another key's event may make an absence certain before
    assert sorted(found) == sorted(oracle(text, late))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PATTERNS), streams)
def test_events_that_are_late_within_the_lateness_are_taken_by_their_time(text, stream):
    late = events(stream, disorder=6)
    found, _ = matched(text, late, lateness=6.0)
    assert sorted(found) == sorted(oracle(text, sorted(late, key=lambda one: one.time)))


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(PATTERNS),
    streams,
    st.sets(st.integers(0, 29)),
    st.sets(st.integers(0, 29)),
    st.sampled_from([0.0, 3.0]),
)
def test_cuts_and_restarts_never_show(text, stream, cuts, restarts, lateness):
    one = events(stream, disorder=5)
    whole = matched(text, one, lateness=lateness, tick=4.0)
    assert matched(text, one, lateness=lateness, tick=4.0, cuts=cuts, restarts=restarts) == whole
    assert not whole[1], "nothing is left when nothing is open"


def test_the_oldest_partial_goes_when_there_are_too_many():
    stream = [prediction({"x": 1}, time=100.0 + i, offset=i) for i in range(5)] + [
        prediction({"x": 2}, time=106.0, offset=9)
    ]
    found, _ = matched("x == 1 then x == 2 within 10s", stream, partials=2)
    assert found == [("k", 106.0, ["t-0-3", "t-0-9"])]


@pytest.mark.parametrize("lateness", [0.0, 5.0])
def test_an_absence_is_told_at_its_deadline(lateness):
    found, _ = matched("x == 1 then not x == 2 within 5s", [prediction({"x": 1}, time=100.0)], lateness=lateness)
    assert found == [("k", 105.0, ["t-0-0"])]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATTERNS), streams)
def test_what_captures_leave_out_excludes_no_match(text, stream):
    pattern = condition(text)
    for step in pattern.steps:
        weaker = without_captures(step.when)
        for one in events(stream):
            for other in events(stream[:3]):
                data = plain.given(other).data
                known = plain.Given(one, plain.given(one).data, dict.fromkeys("abc", data))
                if plain.truth(step.when, known) and weaker is not None:
                    assert plain.truth(weaker, known)
