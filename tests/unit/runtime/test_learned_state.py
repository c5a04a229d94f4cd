"""Learned objects in a partition: a crash at every step, poison, eviction; and what they write into the changelog."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from aimass.codec import decoder, encode
from aimass.records import Event
from aimass.runtime.partition import PROGRESS
from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.stages.journal import inputs
from aimass.stages.learned import Learned
from aimass.testing import event
from tests.unit.runtime.harness import CHANGELOG, World, result, stream
from tests.unit.runtime.memory_log import Crash, no_hook
from tests.unit.stages.toy_learned import Toy, ToyStage

CUT = {"chunk": 23, "takes": 2}


def some_events(count: int, poison: tuple[int, ...] = ()) -> list[bytes]:
    rng = np.random.default_rng(7)
    return [
        encode(
            event(
                {"x": rng.random(1 + i // 30).round(2).tolist(), "op": 9 if i in poison else i % 3, "y": i % 5},
                key="abc"[0 if i % 3 else i % 9 // 3],
                offset=i,
            )
        )
        for i in range(count)
    ]


RECORDS = stream(some_events(260, poison=(30, 31, 150)))


def world_of(stores: Any = None, log: Any = None) -> World:
    world = World(RECORDS, stage=ToyStage, decode=decoder(Event), slice_records=16, max_live=1)
    if stores is not None:
        world.stores, world.log = stores, log
    return world


def scenario(world: World) -> str:
    """Two commits in one directory, then over to an empty one and on to the end; returns the last directory."""
    world.run("a", **CUT, commits=2)
    world.run("b", **CUT)
    return "b"


class Plan:
    """Counts steps, and crashes at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.steps: list[str] = []
        self._at = at

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) - 1 == self._at:
            raise Crash


@pytest.fixture(scope="module")
def quiet() -> tuple[Any, int]:
    """What an uninterrupted run leaves, and how many steps it has."""
    world, plan = world_of(), Plan()
    world.log.hook = plan
    expected = result(world, scenario(world))
    straight = world_of()
    straight.run()
    assert result(straight) == expected
    return expected, len(plan.steps)


def test_the_run_has_snapshots_journals_and_poison(quiet: tuple[Any, int]) -> None:
    (outputs, rows, _), steps = quiet
    tables = [key.split(b"\0")[0] for key in rows if key != PROGRESS]
    assert tables.count(b"snapshot.toy") == 3
    assert tables.count(b"journal.toy") >= 2
    assert any(len(row) > 20 for key, row in rows.items() if key.startswith(b"snapshot.toy"))
    assert {target.topic: len(found) for target, found in outputs.items()} == {"out": 257, "dead": 3}
    assert steps >= 40


def test_a_crash_at_any_step_leaves_no_trace(quiet: tuple[Any, int]) -> None:
    expected, steps = quiet
    for at in range(steps):
        world = world_of()
        world.log.hook = Plan(at)
        with pytest.raises(Crash):
            scenario(world)
        world.log.hook = no_hook
        left = pickle.dumps((world.log, world.stores))
        for is_lost in (False, True) if at % 3 == 0 else (False,):
            log, stores = pickle.loads(left)
            directory = "b" if "b" in stores else "a"
            if is_lost:
                del stores[directory]
                log.compact(CHANGELOG, drop_tombstones=True)
            again = world_of(stores, log)
            again.run(directory)
            assert result(again, directory) == expected, (at, is_lost)


def test_an_object_is_as_at_the_savepoint_after_a_revert() -> None:
    learned, state = Learned("toy", Toy, Toy.decode, every=64), PartitionState(MemoryPartition(), 0)
    plain, x = Toy(), np.random.default_rng(2).random((200, 8))
    for first, last, is_kept in [(0, 50, True), (50, 90, False), (50, 60, True), (60, 140, False), (60, 200, True)]:
        given = inputs(x[first:last])
        answers = [one for part in learned.take(state, "k").run(given) for one in part]
        if is_kept:
            assert answers == plain.run(given.x, given.y, given.ops, given.votes)
            state.savepoint()
        else:
            state.revert()
    assert learned.take(state, "k").model.mixed == plain.mixed


def test_few_objects_stay_in_memory_and_those_used_last() -> None:
    learned = Learned("toy", Toy, Toy.decode, every=64, live=3)
    state = PartitionState(MemoryPartition(), 0)
    x = np.ones((10, 2))
    for commit in range(12):
        for key in ("hot", f"cold {commit}"):
            learned.take(state, key).run(inputs(x))
        state.store.write(state.take(), commit)
        state.landed()
        assert state.live_entries() <= 3 + 2 * 3
    plain, given = Toy(), inputs(np.hstack([x, np.full((10, 6), math.nan)]))
    for _ in range(12):
        plain.run(given.x, given.y, given.ops, given.votes)
    assert learned.take(state, "hot").model.mixed == plain.mixed
    hot = learned.take(state, "hot").model
    state.store.write(state.take(), 99)
    state.landed()
    assert learned.take(state, "hot").model is hot


@pytest.mark.parametrize(("commit_every", "most"), [(100, 170), (1000, 140), (10_000, 60)])
def test_what_an_event_costs_in_the_changelog_is_bounded(commit_every: int, most: float) -> None:
    """Ten numbers and a label are 88 bytes; an object of 200 KB every 4096 events is 49."""

    class Large(Toy):
        def encode(self) -> bytes:
            return bytes(200_000)

    learned, state = Learned("toy", Large, Toy.decode), PartitionState(MemoryPartition(), 0)
    x, written = np.random.default_rng(4).random((20_000, 10)), 0
    for at in range(0, len(x), 100):
        learned.take(state, "k").run(inputs(x[at : at + 100], x[at : at + 100, 0]))
        state.savepoint()
        if (at + 100) % commit_every == 0:
            rows = state.take()
            written += sum(len(key) + len(row or b"") for key, row in rows.items())
            state.store.write(rows, at)
            state.landed()
    assert written / len(x) < most
