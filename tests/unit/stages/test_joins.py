"""An event is joined to what another topic had said of its key by then: as a search through all that came before."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass import codec
from aimass.records import Event, Source
from aimass.stages.batch import Batch
from aimass.stages.joins import Join
from aimass.testing import MemoryState

VALUES = st.sampled_from([1, 2.5, -7, True, "storm", "", None, [1], {"a": 1}, 2**63, 1e300])
DATA = st.fixed_dictionaries(
    {"sky": VALUES | st.integers(0, 99)}, optional={"wind": st.fixed_dictionaries({"speed": VALUES}) | VALUES}
)
STREAM = st.lists(
    st.tuples(
        st.sampled_from(["weather", "weather", "turbines", "grid"]),
        st.sampled_from("ab"),
        st.integers(0, 6).map(float) | st.floats(0, 6),
        DATA,
    ),
    min_size=4,
    max_size=40,
)
FIELDS = ["wind.speed", "sky"]


def event(topic: str, key: str, time: float, data: dict[str, Any], offset: int = 0) -> Event:
    source = Source(topic, 0, offset)
    return Event(source.id, key, time, "demo", source, msgspec.Raw(codec.encode(data)))


def events_of(stream: list[Any]) -> list[Event]:
    return [event(*one, offset=i) for i, one in enumerate(stream)]


def join(within_s: float = 10.0, history: int = 3) -> Join:
    return Join("weather", FIELDS, "now", within_s, history)


def joined(one: Join, events: list[Event], state: MemoryState) -> list[dict[str, Any]]:
    batch = Batch(events)
    one.apply(batch, state)
    return batch.data


def plain(data: dict[str, Any]) -> dict[str, Any]:
    wind = data.get("wind")
    found = {"now.wind.speed": wind.get("speed") if isinstance(wind, dict) else None, "now.sky": data.get("sky")}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def searched(stream: list[Any], within_s: float, history: int) -> list[dict[str, Any]]:
    """The plain reference: for each event, all that the source said of its key before."""
    found = []
    for i, (topic, key, time, data) in enumerate(stream):
        before = [(one[2], j) for j, one in enumerate(stream[:i]) if one[:2] == ("weather", key)]
        known = [j for at, j in sorted(before)[-history:] if time - within_s <= at <= time]
        is_joined = topic != "weather" and known
        found.append({**data, **plain(stream[known[-1]][3])} if is_joined else data)
    return found


@settings(max_examples=80, deadline=None)
@given(STREAM, st.sampled_from([0.0, 1.0, 3.0, 100.0]), st.integers(1, 6))
def test_a_join_is_a_search_through_all_that_came_before(stream: list[Any], within_s: float, history: int) -> None:
    found = joined(join(within_s, history), events_of(stream), MemoryState())
    assert repr(found) == repr(searched(stream, within_s, history))


@settings(max_examples=30, deadline=None)
@given(STREAM, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_cuts_and_restarts_never_show(stream: list[Any], cuts: set[int], restarts: set[int]) -> None:
    events, state, found = events_of(stream), MemoryState(), []
    whole = MemoryState()
    wanted = joined(join(), events, whole)
    borders = sorted({0, len(events), *(at for at in cuts | restarts if at < len(events))})
    for start, end in pairwise(borders):
        state = state.restart() if start in restarts else state
        found += joined(join(), events[start:end], state)
    assert repr(found) == repr(wanted)
    assert state.commit() == whole.commit()


@settings(max_examples=20, deadline=None)
@given(STREAM, st.integers(1, 4))
def test_no_more_is_remembered_than_declared(stream: list[Any], history: int) -> None:
    state = MemoryState()
    joined(join(history=history), events_of(stream), state)
    rows = state.commit().get("join.now", {})
    for key, row in rows.items():
        times = [one[2] for one in stream if one[:2] == ("weather", key)]
        assert [time for time, _ in msgspec.msgpack.decode(row)] == sorted(times)[-history:]


def test_of_the_same_time_the_later_arrival_counts_and_what_comes_after_does_not() -> None:
    stream = [("weather", "a", 1.0, {"sky": sky}) for sky in ("blue", "grey")]
    after = ("weather", "a", 1.0, {"sky": "black"})
    found = joined(join(), events_of([*stream, ("grid", "a", 1.0, {}), after]), MemoryState())
    assert found[2] == {"now.sky": "grey"}


@pytest.mark.parametrize(("time", "is_near"), [(4.9, False), (5.0, True), (15.0, True), (15.1, False)])
def test_as_old_as_declared_is_near_enough_and_the_future_is_not(time: float, is_near: bool) -> None:
    stream = [("weather", "a", 5.0, {"sky": "blue"}), ("grid", "a", time, {})]
    assert joined(join(10.0), events_of(stream), MemoryState())[1] == ({"now.sky": "blue"} if is_near else {})


def test_the_newest_counts_even_where_it_lacks_a_field() -> None:
    stream = [("weather", "a", 1.0, {"sky": "blue"}), ("weather", "a", 2.0, {"wind": {"speed": 3}})]
    assert joined(join(), events_of([*stream, ("grid", "a", 2.0, {})]), MemoryState())[2] == {"now.wind.speed": 3}


def test_events_and_what_others_hold_of_their_data_stay_as_they_are() -> None:
    events = events_of([("weather", "a", 1.0, {"sky": "blue"}), ("grid", "a", 1.0, {"load": {"mw": [1, 2]}})])
    before = [bytes(one.data) for one in events]
    batch = Batch(events)
    held, kept = list(batch.data), copy.deepcopy(batch.data)
    join().apply(batch, MemoryState())
    assert batch.data[1] == {"load": {"mw": [1, 2]}, "now.sky": "blue"}
    assert held == kept
    assert [bytes(one.data) for one in events] == before


@pytest.mark.parametrize(("later_s", "is_there"), [(3600.0, True), (3601.0, False)])
def test_what_the_source_said_goes_when_it_says_no_more(later_s: float, is_there: bool) -> None:
    state = MemoryState()
    state.now = 0.0
    joined(join(), events_of([("weather", "a", 1.0, {"sky": "blue"})]), state)
    state.now = later_s
    assert joined(join(), events_of([("grid", "a", 5.0, {})]), state) == [{"now.sky": "blue"} if is_there else {}]


@pytest.mark.parametrize(("within_s", "history"), [(-1.0, 3), (float("nan"), 3), (1.0, 0)])
def test_a_join_that_could_join_nothing_is_refused(within_s: float, history: int) -> None:
    with pytest.raises(ValueError, match="join now"):
        join(within_s, history)
