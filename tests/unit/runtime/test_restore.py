"""Changelogs as a broker leaves them: compacted, empty, ending in markers or in what was aborted."""

from __future__ import annotations

from typing import Any

import pytest

from aimass.errors import StateError, WorldFault
from aimass.runtime import partition as protocol
from aimass.runtime.log import OutRecord
from tests.unit.runtime.harness import CHANGELOG, Ev, World, result, stream
from tests.unit.runtime.memory_log import Crash, copy_store, drive, no_hook

EVENTS = [Ev("abc"[i % 3], 100.0 + 4 * i, "del" if i % 7 == 6 else "add", i) for i in range(30)]


def finished() -> World:
    world = World(stream(EVENTS))
    world.run()
    return world


def reopened(world: World, directory: str) -> list[tuple[int, int]]:
    """Open in a directory and close again; returns the progress that was shown."""
    shown: list[tuple[int, int]] = []
    partition = world.partition(directory)
    assert drive(partition.open(lambda done, total: shown.append((done, total)))) == world.end
    return shown


@pytest.mark.parametrize("drop_tombstones", [False, True])
@pytest.mark.parametrize("drop_markers", [False, True])
def test_a_compacted_changelog_restores(drop_tombstones: bool, drop_markers: bool) -> None:
    world = finished()
    expected = result(world)
    before = len(world.log.committed(CHANGELOG))
    world.log.compact(CHANGELOG, drop_tombstones=drop_tombstones, drop_markers=drop_markers)
    assert len(world.log.committed(CHANGELOG)) < before
    reopened(world, "fresh")
    assert result(world, "fresh") == expected
    assert world.store("fresh").changelog_offset() == world.log.stable_end(CHANGELOG)


def test_an_empty_changelog_restores_to_nothing() -> None:
    world = World(stream(EVENTS))
    partition = world.partition()
    assert drive(partition.open()) is None
    assert partition.restored_rows == 0


def test_a_changelog_of_aborted_records_alone_restores_to_nothing() -> None:
    world = World(stream(EVENTS))
    world.log.write(CHANGELOG, [OutRecord(b"seen\0a", b"x" * 9)] * 12, "aborted")
    partition = world.partition()
    assert drive(partition.open()) is None
    assert world.store("a").changelog_offset() == 13
    world.run()
    assert world.outputs() == finished().outputs()
    assert world.rows() == finished().rows()


@pytest.mark.parametrize("tail", ["committed", "aborted"])
@pytest.mark.parametrize("directory", ["a", "fresh"])
def test_a_changelog_that_ends_in_empty_offsets_restores_to_its_end(tail: str, directory: str) -> None:
    world = finished()
    expected = result(world)
    for _ in range(7):
        world.log.write(CHANGELOG, [], tail)
        world.log._marker(CHANGELOG)
        world.log.write(CHANGELOG, [OutRecord(b"seen\0z", b"never")], "aborted")
    shown = reopened(world, directory)
    done, total = shown[-1]
    assert done == total > 0
    assert result(world, directory) == expected
    assert world.store(directory).changelog_offset() == world.log.stable_end(CHANGELOG)


def test_a_transaction_that_nobody_ended_is_aborted_and_not_restored() -> None:
    world = finished()
    expected = result(world)
    orphan = world.log.begin("t")
    world.log.append(CHANGELOG, [OutRecord(b"seen\0z", b"never"), OutRecord(b"\0progress", b"{}")], orphan)
    reopened(world, "fresh")
    assert orphan.state == "aborted"
    assert result(world, "fresh") == expected


def test_progress_is_shown_and_never_goes_back() -> None:
    shown = reopened(finished(), "fresh")
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert len(shown) > 5
    assert {total for _, total in shown} == {shown[-1][0]}


def test_a_store_behind_reads_only_what_it_has_not() -> None:
    world = World(stream(EVENTS))
    world.run(commits=1)
    world.stores["older"] = copy_store(world.store("a"))
    start = world.store("older").changelog_offset()
    world.run()
    partition = world.partition("older")
    drive(partition.open())
    assert partition.restored_rows == len([1 for offset, _ in world.log.committed(CHANGELOG) if offset >= start])
    assert world.rows("older") == world.rows("a")


def test_a_restore_that_died_halfway_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_RESTORE_ROWS", 5)
    world = finished()
    expected = result(world)
    chunks = iter(range(1_000))

    def die(step: str) -> None:
        if step == "restore: after a chunk" and next(chunks) == 2:
            raise Crash

    world.log.hook = die
    with pytest.raises(Crash):
        reopened(world, "fresh")
    world.log.hook = no_hook
    reached = world.store("fresh").changelog_offset()
    assert 0 < reached < world.log.stable_end(CHANGELOG)
    reopened(world, "fresh")
    assert result(world, "fresh") == expected


def test_a_store_ahead_of_its_changelog_is_a_fault_and_not_a_guess() -> None:
    world = finished()
    world.store("a").write({}, 10_000)
    with pytest.raises(WorldFault):
        drive(world.partition("a").open())


def test_progress_of_a_newer_aimass_is_refused() -> None:
    world = finished()
    world.log.write(CHANGELOG, [OutRecord(protocol.PROGRESS, b'{"position":5,"version":2,"new":1}')])
    with pytest.raises(StateError, match="newer aimass"):
        drive(world.partition("a").open())


def test_progress_of_an_older_aimass_is_understood() -> None:
    world = finished()
    world.log.write(CHANGELOG, [OutRecord(protocol.PROGRESS, b'{"position":5,"watermark":7.0,"now":null,"version":1}')])
    partition: Any = world.partition("a")
    assert drive(partition.open()) == 5
    assert (partition._watermark, partition.state.now) == (7.0, float("-inf"))


def test_nothing_is_committed_before_the_partition_is_open() -> None:
    with pytest.raises(WorldFault):
        drive(World(stream(EVENTS)).partition().commit())
