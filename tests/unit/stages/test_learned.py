"""Learned objects: the same whatever was cut, restarted or forgotten; their rows small and canonical."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import SnapshotVersionMismatch
from aimass.stages.journal import Inputs, inputs, pack, unpack
from aimass.stages.learned import GROUP, Learned
from aimass.testing import MemoryState, check_stage, event
from tests.unit.stages.toy_learned import Toy, ToyStage


def make(every: int = 128) -> Learned[Toy]:
    return Learned("toy", Toy, Toy.decode, every=every)


def some(n: int, width: int = 5, seed: int = 1) -> Inputs:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width)).round(2)
    x[rng.random((n, width)) < 0.3] = np.nan
    y = np.where(rng.random(n) < 0.5, rng.integers(3, size=n), np.nan)
    return inputs(x, y, rng.integers(4, size=n), rng.random((n, 2)))


def flat(answers: list[list[float]]) -> list[float]:
    return [one for part in answers for one in part]


def run_cut(learned: Learned[Toy], given: Inputs, cuts: list[int], restarts: bool) -> tuple[list[float], MemoryState]:
    state, answers, at = MemoryState(), [], 0
    for until in [*sorted(cuts), len(given)]:
        answers += flat(learned.take(state, "k").run(given[at:until]))
        state = state.restart() if restarts else state
        at = until
    return answers, state


def test_it_is_a_stage_like_any_other() -> None:
    rng = np.random.default_rng(3)
    events = [
        event({"x": rng.random(1 + i // 40).round(2).tolist(), "op": i % 3, "y": i}, key="ab"[i % 7 == 0], offset=i)
        for i in range(500)
    ]
    check_stage(ToyStage, events)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 300), max_size=6), restarts=st.booleans(), width=st.integers(0, 20))
def test_cuts_and_restarts_do_not_show(cuts: list[int], restarts: bool, width: int) -> None:
    given = some(300, width)
    whole, state = run_cut(make(), given, [], restarts=False)
    answers, other = run_cut(make(), given, cuts, restarts)
    assert len(answers) == 300
    assert (answers, other.commit()) == (whole, state.commit())


def test_answers_are_those_of_the_object_alone() -> None:
    given = some(300)
    plain = Toy()
    wide = np.hstack([given.x, np.full((300, 3), np.nan)])
    assert run_cut(make(), given, [7, 100], restarts=True)[0] == plain.run(wide, given.y, given.ops, given.votes)


def test_a_snapshot_takes_the_place_of_its_journal() -> None:
    state = MemoryState()
    handle = make(every=128).take(state, "k")
    handle.run(some(120))
    assert list(state.commit()["journal.toy"]) == ["k\x1f000000000000", "k\x1f000000000001"]
    handle.run(some(150, seed=2))
    rows = state.commit()
    assert list(rows["journal.toy"]) == ["k\x1f000000000004"]
    assert len(unpack(rows["journal.toy"]["k\x1f000000000004"])[0]) == 270 - 4 * GROUP
    assert handle.seen == 270


def test_width_follows_the_events_not_the_batch() -> None:
    widths: list[int] = []

    class Wide(Toy):
        def run(self, x, y, ops, votes):  # type: ignore[no-untyped-def]
            widths.append(x.shape[1])
            return super().run(x, y, ops, votes)

    x = np.full((9, 200), np.nan)
    x[3, 11] = x[6, 20] = 1.0
    Learned("w", Wide, Wide.decode).take(MemoryState(), "k").run(inputs(x))
    assert widths == [8, 16, 32]


def test_keys_are_apart_and_can_be_dropped() -> None:
    learned, state = make(), MemoryState()
    for key in ("b", "a"):
        learned.take(state, key).run(some(70))
    assert list(learned.keys(state)) == ["a", "b"]
    learned.drop(state, "a")
    learned.drop(state, "never seen")
    assert list(learned.keys(state)) == ["b"]
    assert [key[0] for key in state.commit()["journal.toy"]] == ["b", "b"]
    assert learned.take(state, "a").seen == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([np.nan, 0.0, -0.0, 0.1, 1.5, 1e-310, -1e100, 3e38, 7.0]), min_size=12, max_size=12),
    st.sampled_from([(1, 12), (2, 6), (3, 4), (12, 1)]),
)
def test_a_journal_row_gives_back_what_went_in(numbers: list[float], shape: tuple[int, int]) -> None:
    x = np.array(numbers).reshape(shape)
    rows = inputs(x, x[:, 0], np.arange(len(x)), x[:, 1:])
    [back] = unpack(pack([rows[:1], rows[1:]]))
    for was, now in ((rows.x, back.x), (rows.votes, back.votes)):
        padded = np.full((len(x), max(now.shape[1], was.shape[1])), np.nan)
        padded[:, : was.shape[1]] = was
        shown = np.full(padded.shape, np.nan)
        shown[:, : now.shape[1]] = now
        assert padded.tobytes() == shown.tobytes()
    assert (back.y.tobytes(), back.ops.tolist()) == (rows.y.tobytes(), rows.ops.tolist())
    assert pack([back]) == pack([rows])


@pytest.mark.parametrize("digits", [0, 3])
def test_an_event_costs_few_bytes(digits: int) -> None:
    rng = np.random.default_rng(1)
    given = inputs(rng.normal(size=(GROUP, 10)).round(digits), rng.integers(2, size=GROUP) * 1.0)
    per_event = len(pack([given])) / GROUP
    assert per_event < (4 if digits == 0 else 8) * 11 + 5


def test_a_row_of_another_version_is_refused() -> None:
    state = MemoryState()
    make().take(state, "k").run(some(10))
    rows = state.commit()
    for table, row in (("snapshot.toy", "k"), ("journal.toy", "k\x1f000000000000")):
        other = MemoryState()
        other.stored = {name: dict(found) for name, found in rows.items()}
        other.stored[table][row] = b"\x07" + other.stored[table][row][1:]
        with pytest.raises(SnapshotVersionMismatch, match="replay"):
            make().take(other, "k")


def test_snapshots_fall_between_groups() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        make(every=100)
