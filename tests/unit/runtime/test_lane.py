"""A lane never moves past what it has not taken, and never commits what was taken in part."""

import asyncio
import math

import pytest
from faust.types import TP

from aimass.errors import SourceStopped, StageError, WorldFault
from aimass.runtime.lane import Lane, Pace
from aimass.runtime.metrics import Metrics

IN = TP("in", 0)


class Record:
    def __init__(self, offset):
        self.offset, self.timestamp = offset, 0


class FakePartition:
    """Takes records in memory and notes what it commits."""

    stage = type("Stage", (), {"tick_s": None})
    rejected = restored_rows = pending = 0
    fails = None

    def __init__(self, world):
        self.world, self.position, self.committed = world, None, None

    async def open(self, on_restore):
        if self.world.commits:
            self.position = self.committed = self.world.commits[-1]
        return self.position

    def begin_at(self, offset):
        if self.position is None:
            self.position = self.committed = offset

    def take(self, records, next_offset):
        if self.world.error:
            raise self.world.error
        self.world.taken += [record.offset for record in records if record.offset >= self.position]
        self.position = next_offset

    def idle(self):
        self.world.idled = True

    @property
    def is_dirty(self):
        return self.position != self.committed

    async def commit(self, with_offset):
        self.committed = self.position
        self.world.commits.append(self.position)
        return 0

    async def close(self):
        pass


class World:
    """A reader whose position and end the test sets, and what happened."""

    def __init__(self):
        self.position, self.end, self.error = 0, 0, None
        self.idled = False
        self.taken, self.commits, self.crashes, self.started = [], [], [], []

    def start_reading(self, tp, offset=None):
        self.started.append(offset)
        if offset is not None:
            self.position = offset

    def stop_reading(self, tp):
        pass

    def read_position(self, tp):
        return self.position

    def end_offset(self, tp):
        return self.end

    def is_assigned(self, tp):
        return True

    async def first_offset(self, tp):
        return 0

    async def group_offset(self, tp):
        return None


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not come to that")


@pytest.fixture
async def lane():
    world = World()
    found = Lane(IN, ("p", "a"), lambda: FakePartition(world), world, Pace(), Metrics(), world.crashes.append)
    found.world = world
    await until(lambda: found.is_ready)
    yield found
    await found.close(5.0)


def fetched(lane, *offsets):
    """What a fetch does: the reader moves past the records, then the lane is asked."""
    lane.world.position = lane.world.end = offsets[-1] + 1
    return lane.admit([Record(offset) for offset in offsets], offsets[-1] + 1)


async def test_what_is_taken_is_committed(lane):
    await lane.take(fetched(lane, 0, 1, 2))
    await until(lambda: lane.world.commits == [3])


async def test_a_chunk_lost_on_its_way_is_read_again(lane):
    fetched(lane, 0, 1)
    await lane.take(fetched(lane, 2, 3))
    await until(lambda: len(lane.world.started) == 2 and lane.is_ready)
    assert lane.world.taken == []
    assert lane.world.started[-1] == 0, "it begins again where nothing was taken yet"


async def test_records_that_came_too_late_are_not_skipped(lane):
    await lane.take(fetched(lane, 0))
    closing = asyncio.create_task(lane.close(5.0))
    await asyncio.sleep(0)
    assert fetched(lane, 1, 2) is None
    await closing
    assert lane.world.commits[-1] == 1


async def test_markers_alone_are_committed_after_a_while(lane):
    await lane.take(fetched(lane, 0))
    lane.world.position = lane.world.end = 2
    await until(lambda: lane.world.commits[-1:] == [2])


async def test_a_program_fault_stops_the_worker_and_commits_nothing(lane):
    lane.world.error = StageError("a fault of the program")
    await lane.take(fetched(lane, 0))
    assert lane.world.crashes == [lane.world.error]
    assert lane.world.commits == []


async def test_a_world_fault_opens_again(lane):
    lane.world.error = WorldFault("no disk")
    await lane.take(fetched(lane, 0))
    lane.world.error = None
    await until(lambda: len(lane.world.started) == 2 and lane.is_ready)
    await lane.take(fetched(lane, 0))
    assert lane.world.taken == [0]
    assert math.isfinite(lane.world.started[-1])


async def test_a_stage_of_bytes_is_told_that_nothing_more_comes(lane):
    await lane.take(fetched(lane, 0))
    await until(lambda: lane.world.commits == [1])
    assert not lane.world.idled
    await until(lambda: lane.world.idled)


async def test_a_source_that_a_gate_has_stopped_is_left_where_it_is_and_is_no_fault(lane):
    lane.world.error = SourceStopped("closed")
    await lane.take(fetched(lane, 0, 1))
    await until(lambda: lane.is_stopped)
    assert lane.world.crashes == []
    lane.world.error = None
    await until(lambda: lane.is_ready)
    assert lane.world.started[-1] == 0
    await lane.take(fetched(lane, 0, 1))
    await until(lambda: lane.world.commits == [2])
    assert not lane.is_stopped
