"""Correlate puts sources side by side on one grid of time, however events come, and tells of links by name."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import Numbers
from aimass.models.links import LinkSpec
from aimass.records import Series, Source, Tick
from aimass.stages.batch import Batch
from aimass.stages.correlate import CorrelateStage, Correlation, series_of
from aimass.stages.correlate_grid import Columns, Grid
from aimass.testing import check_stage, event, run_stage

SPEC = LinkSpec(lags=6, links=8)


def make(lateness=0.0, **more):
    return lambda: CorrelateStage([Correlation("c", Numbers(None), "plant", spec=SPEC, **more)], lateness)


def series(time, topic, values, group="north", entity=None, offset=0):
    source = Source(topic, 0, offset)
    return Series(source.id, group, 1.7e9 + time, "p", source, "c", entity or group, values)


def plant(seconds, group="north", lag=3, seed=1, start=0, entity=None, stops=None):
    """Pumps tell of their speed, and meters of the flow that follows it."""
    numbers, events = random.Random(seed), []
    speed = [0.0] * (seconds + lag)
    for t in range(lag, seconds + lag):
        speed[t] = speed[t - 1] + numbers.gauss(0, 1)
    for t in range(seconds):
        at = start + t + 0.25
        events.append(series(at, "pumps", {"speed": speed[t + lag], "heat": numbers.gauss(20, 1)}, group, entity, t))
        late = t if stops is None else min(t, stops)
        flow = {"flow": speed[late] * 2 + 0.1 * numbers.gauss(0, 1)}
        events.append(series(at + 0.5, "meters", flow, group, entity and "m1", t))
    return events


def told(stage, events, **how):
    links = run_stage(stage, events, **how)[0].records("")
    return [(link.change, link.key, link.leader, link.follower, link.lag_s) for link in links]


def test_a_link_between_two_topics_is_found_and_its_end_told():
    links = run_stage(make()(), plant(500, stops=400))[0].records("")
    found, broken = links
    assert (found.change, found.leader, found.follower, found.lag_s) == ("found", "pumps/speed", "meters/flow", 3.0)
    assert (found.key, found.link, found.pipeline, found.source.topic) == ("north", "c", "p", "pumps")
    assert found.since < found.time < 1.7e9 + 250
    assert (broken.change, broken.since) == ("broken", found.since)
    assert 1.7e9 + 400 <= broken.time < 1.7e9 + 440
    assert broken.score > 6
    assert len({link.id for link in links}) == 2


def test_how_the_log_is_cut_never_shows():
    events = plant(260) + plant(60, "south", seed=2, start=200) + plant(200, seed=4, start=900, stops=150)
    events = sorted(events, key=lambda one: (int(one.time) // 7, one.source.topic))
    events.insert(300, Tick(1.7e9 + 150))
    check_stage(make(lateness=8.0), events)


odd = st.tuples(st.floats(0, 2000), st.sampled_from("abc"), st.sampled_from([0.0, 1e100, -1e100, 1e-300, 5.0]))


@settings(max_examples=8, deadline=None)
@given(st.lists(odd, min_size=3, max_size=40))
def test_odd_events_do_no_harm_however_they_are_cut(found):
    events = [series(time, "t", {field: value}, offset=n) for n, (time, field, value) in enumerate(found)]
    check_stage(make(lateness=30.0), events + plant(20, start=2000), cuts=[[2, 20]])


def test_a_large_group_goes_on_after_a_restart():
    """Of 40 series, only pairs that are alike are verified: from the history that is read back."""
    numbers, walk, events = random.Random(5), [0.0] * 40, []
    for t in range(420):
        walk = [value + numbers.gauss(0, 1) for value in walk]
        walk[9] = walk[8] + numbers.gauss(0, 0.1)
        events.append(series(t, "t", {f"f{i}": value for i, value in enumerate(walk)}, offset=t))
    whole, state = run_stage(make()(), events)
    again, after = run_stage(make()(), events, restarts=[130, 260, 333])
    assert [(link.leader, link.follower) for link in whole.records("")] == [("t/f8", "t/f9")]
    assert (again.seen(), after.commit()) == (whole.seen(), state.commit())


def test_series_are_named_by_their_key_where_it_is_not_the_group():
    assert told(make()(), plant(400, entity="p1")) == [("found", "north", "pumps/speed@p1", "meters/flow@m1", 3.0)]


def test_events_that_come_late_count_and_those_that_come_too_late_do_not():
    events = plant(400)
    shuffled = sorted(events, key=lambda one: one.time + random.Random(one.time).uniform(0, 10))
    assert [one[2:] for one in told(make(lateness=10.0)(), shuffled)] == [("pumps/speed", "meters/flow", 3.0)]
    stray = series(20, "meters", {"flow": 1e9})
    assert (
        run_stage(make()(), [*events[:400], stray, *events[400:]])[0].emitted == run_stage(make()(), events)[0].emitted
    )


def test_a_partition_that_is_behind_is_waited_for():
    """As after a stop: the meters' partition comes a minute later than the pumps', and at once, not in between."""
    events = plant(900)
    pumps, meters = [one for one in events if "pumps" in one.id], [one for one in events if "meters" in one.id]
    mixed = [one for n in range(0, 900, 60) for one in [*pumps[n : n + 60], *meters[n : n + 60]]]
    assert [one[2:] for one in told(make()(), mixed)] == [("pumps/speed", "meters/flow", 3.0)]


def test_one_wrong_clock_does_not_make_a_group_deaf():
    events = [series(1e9, "clock", {"a": 1.0}), *plant(500)]
    assert [one[2:] for one in told(make()(), events)] == [("pumps/speed", "meters/flow", 3.0)]
    check_stage(make(), events[:400], cuts=[[50], [120, 300]])


def test_groups_know_nothing_of_each_other():
    """The pump of one plant and the meter of another are not compared; each plant's own are."""
    north, south = plant(400, "north"), plant(400, "south", lag=5, seed=2)
    both = sorted(north + south, key=lambda one: one.time)
    assert sorted(told(make()(), both)) == sorted(told(make()(), north) + told(make()(), south))


def grids(state):
    """Return the open grids by group."""
    name = next(name for name in state.stored if name.startswith("links.grid"))
    return {key: Grid.decode(raw) for key, raw in state.commit().get(name, {}).items()}


def test_time_closes_the_blocks_of_a_group_that_has_fallen_silent():
    for later, count in ((400, 1), (700, 0)):
        state = run_stage(make()(), [*plant(43), Tick(1.7e9 + 43 + later)])[1]
        assert len(grids(state)["north"].open) == count


@pytest.mark.parametrize(("forget", "there"), [(700.0, ["speed"]), (7000.0, ["speed", "heat", "flow"])])
def test_series_that_are_silent_for_long_are_forgotten(forget, there):
    events = plant(400) + [series(400 + t, "pumps", {"speed": float(t % 7)}, offset=t) for t in range(2000)]
    rows = run_stage(make(forget_s=forget)(), events)[1].commit()
    names = Columns.decode(next(rows[name]["north"] for name in rows if "names" in name)).names
    assert [name.rpartition("/")[2] for name in names if name] == there


@pytest.mark.parametrize(("forget", "said"), [(700.0, ["found", "found"]), (70_000.0, ["found"])])
def test_groups_that_are_silent_for_long_are_forgotten(forget, said):
    events = [*plant(400), Tick(1.7e9 + 4000), *plant(400, start=4000)]
    assert [one[0] for one in told(make(forget_s=forget)(), events)] == said


def test_the_same_series_comes_back_to_a_place_of_its_own():
    """A forgotten series' place is another's, without its past, and how the log is cut does not show."""
    events = plant(100)
    events += [series(100 + t, "pumps", {"speed": float(t % 7)}) for t in range(1500)]
    events += plant(600, seed=3, start=1600)
    check_stage(make(forget_s=700.0), events, cuts=[[150, 1200], [1700], [1100, 1900]])
    assert told(make(forget_s=700.0)(), events)[-1] == ("found", "north", "pumps/speed", "meters/flow", 3.0)


@pytest.mark.parametrize("about", ["another", ""])
def test_other_correlations_are_not_its_business(about):
    stray = Series("x", "north", 1.7e9, "p", Source("t", 0, 0), about, "north", {"a": 1.0})
    out, state = run_stage(make()(), [stray])
    assert (out.emitted, state.commit()) == ([], {})


def test_score_sends_each_events_numbers_to_its_group():
    events = [
        event({"plant": "n", "a": 1, "b": {"c": 2}}, key="k1"),
        event({"plant": 7, "a": 2}, key="k2"),
        event({"plant": None, "a": 3}),
        event({"plant": "n", "b": 3}),
    ]
    correlation = Correlation("c", Numbers(["a", "b.c"]), "plant")
    found = series_of(Batch(events), [correlation, Correlation("d", Numbers(["a"]))])
    assert [(one.about, one.key, one.entity, one.values) for one in found] == [
        ("c", "n", "k1", {"a": 1.0, "b.c": 2.0}),
        ("c", "7", "k2", {"a": 2.0}),
        ("d", "all", "k1", {"a": 1.0}),
        ("d", "all", "k2", {"a": 2.0}),
        ("d", "all", "k", {"a": 3.0}),
    ]
