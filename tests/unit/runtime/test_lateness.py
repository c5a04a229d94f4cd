"""Ticks pass later by the lateness that is allowed, so that late events still find their rows."""

import pytest

from aimass.records import Tick
from aimass.runtime.log import Target
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import Partition, PartitionSpec
from aimass.runtime.store import MemoryPartition


class Clock:
    """Notes the ticks that pass."""

    name, tick_s = "clock", 10.0

    def __init__(self):
        self.ticks = []

    def on_batch(self, events, state, out):
        pass

    def on_time(self, now, state, out):
        self.ticks.append(now)


class Record:
    topic, partition, timestamp, key, headers = "t", 0, 0, b"k", ()

    def __init__(self, offset, time):
        self.offset, self.value = offset, str(time).encode()


@pytest.mark.parametrize(("lateness", "ticks"), [(0.0, [10.0, 20.0, 30.0]), (15.0, [0.0, 10.0])])
def test_ticks_wait_for_late_events(lateness, ticks):
    clock = Clock()
    spec = PartitionSpec("p", Target("t", 0), Target("c", 0), lambda raw: Tick(float(raw)), lateness_s=lateness)
    partition = Partition(spec, clock, MemoryPartition(), OutputBuffer("clock", 0, {}, Channel("d", 1)), log=None)
    partition.take([Record(i, time) for i, time in enumerate([5, 12, 22, 18, 31])], 5)
    assert clock.ticks == ticks
