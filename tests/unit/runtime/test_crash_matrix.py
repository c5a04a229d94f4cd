"""A fault at every step of the protocol, and what is left of it: nothing. Outputs and state are those of a quiet run.

The run commits a few times, with more being taken while each commit is under way, moves to an empty directory in
between (so that there is a restore to be disturbed), and goes on to the end of its source.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aimass.errors import Fenced, WorldFault
from aimass.runtime import partition as protocol
from aimass.runtime.store import PartitionStore, RocksStore
from tests.unit.runtime.harness import CHANGELOG, DEAD, World, result, stream
from tests.unit.runtime.memory_log import Crash, Frozen, copy_store, drive, no_hook
from tests.unit.runtime.streams import some_values

CUT = {"chunk": 3, "takes": 2}
RECORDS = stream(some_values(42, seed=4))


@pytest.fixture(autouse=True)
def small_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_RESTORE_ROWS", 7)


class Plan:
    """Counts steps, and makes something happen at one of them."""

    def __init__(self, at: int = -1, fault: Callable[[], BaseException] | None = None) -> None:
        self.steps: list[str] = []
        self._at = at
        self._fault = fault

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) - 1 == self._at and self._fault is not None:
            raise self._fault()


def world_of(make_store: Callable[[str], PartitionStore] | None = None) -> World:
    world = World(RECORDS)
    if make_store is not None:
        world.make_store = make_store
    return world


def scenario(world: World) -> str:
    """Two commits in one directory, then over to another and on to the end; returns the last directory."""
    world.run("a", **CUT, commits=1)
    world.stores["older"] = copy_store(world.stores["a"], world.make_store("older"))
    world.run("a", **CUT, commits=1)
    world.run("b", **CUT)
    return "b"


def resume(world: World, variant: str) -> str:
    """Another process takes over after a crash, in some directory; returns which."""
    died_in = "b" if "b" in world.stores else "a"
    if variant == "same directory":
        directory = died_in
    elif variant == "lost directory":
        del world.stores[died_in]
        world.log.compact(CHANGELOG, drop_tombstones=True)
        directory = died_in + " made anew"
    elif variant == "other worker, empty":
        directory = "c"
    else:
        world.log.compact(CHANGELOG)
        directory = "older"
    world.run(directory)
    return directory


@pytest.fixture(scope="module")
def quiet() -> tuple[Any, list[str], list[str]]:
    """An uninterrupted run: its result, its steps, and its pauses."""
    world, steps, pauses = world_of(), Plan(), Plan()
    world.log.hook, world.between = steps, pauses
    expected = result(world, scenario(world))
    straight = world_of()
    straight.run()
    assert result(straight) == expected
    return expected, steps.steps, pauses.steps


def test_the_run_goes_through_every_step_and_has_something_to_lose(quiet: tuple[Any, list[str], list[str]]) -> None:
    (outputs, rows, _), steps, _ = quiet
    names = set(steps)
    assert names == {
        "open: before fencing",
        "open: after fencing",
        "restore: before",
        "restore: after a chunk",
        "commit: before begin",
        "commit: after begin",
        "commit: after a send",
        "commit: before offsets",
        "commit: before end",
        "commit: after end",
        "store: before",
        "store: after",
    }
    assert steps.count("commit: after end") >= 5
    assert steps.count("restore: after a chunk") >= 5
    assert len(steps) >= 60
    assert {target.topic for target in outputs} == {"out", "alerts", "dead"}
    assert {target.partition for target in outputs if target.topic == "alerts"} == {0, 1, 2}
    assert len(outputs[DEAD]) >= 8
    assert {key.split(b"\0")[0] for key in rows} >= {b"seen", b"kept", b"sums", b"maxima"}


CRASHES = ["same directory", "lost directory", "other worker, empty", "other worker, older"]


@pytest.mark.parametrize("variant", CRASHES)
def test_a_crash_at_any_step_leaves_no_trace(variant: str, quiet: tuple[Any, list[str], list[str]]) -> None:
    expected, steps, _ = quiet
    for at, step in enumerate(steps):
        log, stores = wreck(at)
        world = World(RECORDS, log, stores)
        assert result(world, resume(world, variant)) == expected, (at, step)


@cache
def wreck_bytes(at: int) -> bytes:
    """What is left in the world by a crash: the log and the directories."""
    world = world_of()
    crash(world, at)
    world.log.hook = no_hook
    return pickle.dumps((world.log, world.stores))


def wreck(at: int) -> Any:
    return pickle.loads(wreck_bytes(at))


def crash(world: World, at: int) -> None:
    world.log.hook = Plan(at, Crash)
    with pytest.raises(Crash):
        scenario(world)
    world.log.hook = no_hook


def test_a_fault_of_the_world_at_any_step_leaves_no_trace(quiet: tuple[Any, list[str], list[str]]) -> None:
    expected, steps, _ = quiet
    for at, step in enumerate(steps):
        world = world_of()
        world.log.hook = Plan(at, lambda: WorldFault("the broker is away"))
        assert result(world, scenario(world)) == expected, (at, step)


@pytest.mark.parametrize("variant", ["other worker, empty", "other worker, older"])
def test_a_zombie_that_wakes_at_any_step_is_fenced(variant: str, quiet: tuple[Any, list[str], list[str]]) -> None:
    expected, _, pauses = quiet
    for at, step in enumerate(pauses):
        world = world_of()
        directories = with_zombie(world, at, variant, step)
        for directory in directories:
            assert result(world, directory) == expected, (at, step, directory)


def with_zombie(world: World, at: int, variant: str, step: str) -> Iterator[str]:
    world.between = Plan(at, Frozen)
    with pytest.raises(Frozen) as stopped:
        scenario(world)
    world.between = no_hook
    zombie, slept_in = world.current, "b" if "b" in world.stores else "a"
    assert zombie is not None
    directory = "older" if variant.endswith("older") and "older" in world.stores else "c"
    heir = world.run(directory, commits=1)
    try:
        drive(stopped.value.coro)
        world.take(zombie, 4)
        assert zombie.is_dirty or zombie.position == world.end
        drive(zombie.commit())
    except Fenced:
        pass
    else:
        # Only one that slept before it fenced anyone is the rightful owner now; the heir finds out.
        assert step == "open: before fencing"
    world.run(directory, partition=heir)
    yield directory
    if slept_in != directory:
        world.run(slept_in)
        yield slept_in


# -- the same on RocksDB ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RocksStore]:
    store = RocksStore(tmp_path_factory.mktemp("rocks") / "db")
    yield store
    store.close()


@pytest.mark.parametrize("variant", CRASHES)
def test_a_crash_leaves_no_trace_in_rocksdb(
    variant: str, quiet: tuple[Any, list[str], list[str]], rocks: RocksStore
) -> None:
    expected, steps, _ = quiet
    for at in range(CRASHES.index(variant), len(steps), 9):
        world = world_of(lambda directory, at=at: rocks.partition(f"{variant}-{at}-{directory}"))  # type: ignore[misc]
        crash(world, at)
        assert result(world, resume(world, variant)) == expected, (at, steps[at])


def test_a_killed_worker_opens_its_rocksdb_again(tmp_path: Path, quiet: tuple[Any, list[str], list[str]]) -> None:
    expected, steps, _ = quiet
    for at in [i for i, step in enumerate(steps) if step in ("store: after", "commit: after end")][::3]:
        before = RocksStore(tmp_path / str(at))
        world = world_of(before.partition)
        crash(world, at)
        directory = "b" if "b" in world.stores else "a"
        before.close()
        after = RocksStore(tmp_path / str(at))
        world.stores.clear()
        world.make_store = after.partition
        world.run(directory)
        assert result(world, directory) == expected, (at, steps[at])
        after.close()
