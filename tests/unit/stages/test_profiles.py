"""A key's profile is what plain counting finds; tags hold from the next event on; cuts and restarts never show."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.profile_kernel import SESSION_S
from aimass.records import Prediction
from aimass.rules.sight import Sight
from aimass.rules.vocabulary import PROFILE_VALUES
from aimass.stages.profiles import Given, Pins, Profiles, Tags, describe
from aimass.testing import MemoryState, prediction

EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400).map(lambda n: 601.0 * n)), max_size=40)


def made(events: list[tuple[str, float]]) -> list[Prediction]:
    return [prediction(key=key, time=time, offset=i) for i, (key, time) in enumerate(events)]


def profiles(events: list[Prediction], cuts: list[int], state: MemoryState) -> tuple[list[dict[str, Any]], MemoryState]:
    found: list[dict[str, Any]] = []
    for begin, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        if begin < end:
            values = Profiles().run(Sight(events[begin:end]), state)
            found += [
                dict(zip(values, row, strict=True))
                for row in zip(*(one.values() for one in values.values()), strict=True)
            ]
            state = state.restart()
    return found, state


def plainly(events: list[tuple[str, float]]) -> list[dict[str, float]]:
    """Count events, days and sessions as one would by hand."""
    found = []
    for i, (key, time) in enumerate(events):
        now, sessions, began, inside, days = -math.inf, 0, 0.0, 0, set()
        for _, earlier in [one for one in events[:i] if one[0] == key]:
            before, now = now, max(now, earlier)
            if now - before > SESSION_S:
                sessions, began, inside = sessions + 1, now, 0
            inside += 1
            days.add(math.floor(now / 86400))
        here = max(now, time)
        is_new = here - now > SESSION_S
        found.append(
            {
                "events": sum(one[0] == key for one in events[:i]),
                "days": len(days),
                "sessions": sessions + is_new,
                "session_events": 0 if is_new else inside,
                "session_s": 0.0 if is_new else here - began,
            }
        )
    return found


@settings(max_examples=50, deadline=None)
@given(events=EVENTS)
def test_a_profile_is_what_plain_counting_finds(events: list[tuple[str, float]]) -> None:
    found, _ = profiles(made(events), [], MemoryState())
    wanted = plainly(events)
    assert [{name: one[name] for name in two} for one, two in zip(found, wanted, strict=True)] == wanted


@settings(max_examples=30, deadline=None)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_cuts_and_restarts_never_show(events: list[tuple[str, float]], cuts: list[int]) -> None:
    log = made(events)
    at = sorted({min(one, len(log)) for one in cuts})
    whole, parts = profiles(log, [], MemoryState()), profiles(log, at, MemoryState())
    assert repr(parts[0]) == repr(whole[0])
    assert parts[1].commit() == whole[1].commit()


def test_of_a_new_key_only_counts_are_known() -> None:
    [found], _ = profiles(made([("a", 5.0)]), [], MemoryState())
    assert {name for name, value in found.items() if value or value == 0.0} == {
        "events", "days", "sessions", "session_events", "session_s"
    }  # fmt: skip
    assert list(found) == list(PROFILE_VALUES)


def test_time_never_goes_back_for_a_late_event() -> None:
    found, state = profiles(made([("a", 100_000.0), ("a", 10.0), ("a", 100_060.0)]), [], MemoryState())
    assert [one["last_seen"] for one in found[1:]] == [100_000.0, 100_000.0]
    assert found[2]["first_seen"] == 10.0
    row = state.rows(Profiles().spec).get("a")
    assert row is not None
    assert abs(describe(row)["gap_s"] - 60.0) < 0.01


def test_the_usual_hour_follows_new_habits() -> None:
    old = [("a", 86400.0 * day + 3600.0 * 9) for day in range(300)]
    new = [("a", 86400.0 * day + 3600.0 * 21) for day in range(300, 600)]
    found, _ = profiles(made(old + new), [], MemoryState())
    assert (found[299]["hour"], found[599]["hour"]) == (9.0, 21.0)


def test_a_time_that_is_none_does_no_harm() -> None:
    found, _ = profiles(made([("a", 5.0), ("a", 1e300), ("a", 65.0)]), [], MemoryState())
    assert (found[2]["events"], found[2]["last_seen"]) == (1.0, 5.0)


TAGS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.sampled_from(["", "x", "y"]), st.integers(1, 15)),
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(events=TAGS, cuts=st.lists(st.integers(0, 30), max_size=4), now=st.integers(-5, 20))
def test_a_tag_holds_from_the_next_event_until_its_time_however_the_log_is_cut(
    events: list[tuple[str, int, str, int]], cuts: list[int], now: int
) -> None:
    log = made([(key, float(time)) for key, time, _, _ in events])
    marks = [Given(i, tag, float(time + lasts)) for i, (_, time, tag, lasts) in enumerate(events) if tag]
    wanted = [
        any(m.name == "x" and m.at < i and log[m.at].key == one.key and m.until > max(one.time, now) for m in marks)
        for i, one in enumerate(log)
    ]
    state, found = MemoryState(), []
    state.now = float(now)
    at = sorted({min(one, len(log)) for one in cuts})
    for begin, end in zip([0, *at], [*at, len(log)], strict=True):
        sight = Sight(log[begin:end])
        inside = [m._replace(at=m.at - begin) for m in marks if begin <= m.at < end]
        found += (Tags().truths(sight, "x", inside, state) == 1).tolist()
        Tags().take(sight, inside, [], state)
        state = state.restart()
    assert found == wanted


def test_a_pin_is_seen_at_its_own_event_and_says_which_rule_made_it() -> None:
    sight, state, tags = Sight(made([("a", 0.0), ("b", 1.0), ("a", 5.0), ("a", 50.0)])), MemoryState(), Tags()
    given = [Given(0, "tea", 10.0, "cart"), Given(0, "cup", 3.0, "cart"), Given(2, "tea", 60.0, "again")]
    pins = Pins(tags, sight, given, state)
    assert [pins.at(i) for i in range(4)] == [{"cup": "cart", "tea": "cart"}, {}, {"tea": "again"}, {"tea": "again"}]
    tags.take(sight, [], given, state)
    later = Pins(tags, Sight(made([("a", 55.0)])), [], state.restart())
    assert later.at(0) == {"tea": "again"}


def test_what_has_run_out_goes_when_something_new_is_given() -> None:
    state, tags = MemoryState(), Tags()
    tags.give("a", "x", 10.0, state)
    state.now = 20.0
    tags.give("a", "y", 30.0, state)
    known = state.objects(tags.spec).get("a")
    assert known is not None
    assert known.tags == {"y": 30.0}
