"""Deadlines come when they are due, once, in their order, however they were set, moved, cut and restarted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.rules.timers import Timers
from aimass.testing import MemoryState

steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcde"), st.integers(0, 60)),
        st.tuples(st.just("clear"), st.sampled_from("abcde"), st.just(0)),
        st.tuples(st.just("due"), st.just(""), st.integers(0, 12)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(steps, st.sampled_from([1.0, 7.0, 100.0]))
def test_what_is_due_is_what_a_list_would_say(script, pane):
    timers, state, plain, now = Timers("t", pane), MemoryState(), {}, 0.0
    for what, key, number in script:
        if what == "set":
            timers.set(key, now + number, state)
            plain[key] = now + number
        elif what == "clear":
            timers.clear(key, state)
            plain.pop(key, None)
        elif what == "restart":
            state = state.restart()
        else:
            now += number
            due = sorted(((at, key) for key, at in plain.items() if at <= now))
            assert timers.due(now, state) == [(key, at) for at, key in due]
            for _, one in due:
                del plain[one]
    assert len(timers.due(1e9, state)) == len(plain)
    assert timers.due(2e9, state) == []


def test_many_keys_of_one_pane_are_kept_in_chunks():
    timers, state = Timers("t", 60.0), MemoryState()
    for i in range(1000):
        timers.set(f"k{i:04}", 30.0, state)
    assert max(len(row) for row in state.commit()["panes.t"].values()) < 2000
    assert [key for key, _ in timers.due(30.0, state)] == [f"k{i:04}" for i in range(1000)]
    assert not [name for name in state.commit().get("panes.t", {}) if name]
