"""Events and labels wait for each other, not for ever, and nothing is handed out twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.records import Source
from aimass.stages.waiting import Waiting, WaitingRoom
from aimass.testing import MemoryState


def event(name):
    return Waiting(name, name, 1.0, Source("t", 0, 0), "", b"x", b"v")


def test_a_label_that_comes_first_waits_for_its_event():
    room, state = WaitingRoom("m", 60.0), MemoryState()
    room.keep_early(state, "e1", 0)
    state = state.restart()
    assert room.claim_early(state, "e1") == 0
    assert room.claim_early(state, "e1") is None


def test_nobody_waits_for_ever():
    room, state = WaitingRoom("m", 60.0), MemoryState()
    state.now = 0.0
    room.keep(state, event("e1"))
    room.keep_early(state, "e2", 1)
    state.now = 61.0
    assert room.claim(state, "e1") is None
    assert room.claim_early(state, "e2") is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 500), st.booleans()), max_size=40),
    st.sampled_from([1, 3, 256]),
    st.integers(0, 40),
)
def test_each_event_is_claimed_or_handed_out_once_and_not_before_its_time(events, chunk, restart):
    import aimass.stages.waiting as module

    before, module._CHUNK = module._CHUNK, chunk
    try:
        room, state, fates, now = WaitingRoom("m", 80.0, watched=True), MemoryState(), {}, 0.0
        state.now = 0.0
        times = {}
        for i, (step, is_claimed) in enumerate(events):
            if i == restart:
                state = state.restart()
            now += step / 50
            tick = now // room.pane_s * room.pane_s
            if tick > state.now:
                state.now = tick
                for found in room.expired(tick, state):
                    assert found.key not in fates
                    assert tick - times[found.key] >= 70.0
                    fates[found.key] = "up"
            room.keep(state, event(f"e{i}"))
            times[f"e{i}"] = now
            if is_claimed and i % 2 and room.claim(state, f"e{i - 1}") is not None:
                assert f"e{i - 1}" not in fates
                fates[f"e{i - 1}"] = "claimed"
    finally:
        module._CHUNK = before


def test_all_that_were_not_claimed_are_handed_out():
    room, state = WaitingRoom("m", 80.0, watched=True), MemoryState()
    state.now = 0.0
    for i in range(600):
        state.now = i // 100 * 10.0
        room.keep(state, event(f"e{i}"))
    for i in range(0, 600, 2):
        assert room.claim(state, f"e{i}") is not None
    found = []
    for tick in range(60, 200, 10):
        state.now = float(tick)
        found += [one.key for one in room.expired(state.now, state)]
    assert found == [f"e{i}" for i in range(1, 600, 2)]
    assert not [key for key, _ in state.objects(room._due).items() if key]
