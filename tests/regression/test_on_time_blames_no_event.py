"""A stage whose `on_time` raised had the event that passed the tick dead-lettered, then the next, without end."""

import pytest

from aimass.errors import StageError
from aimass.records import Tick
from aimass.runtime.log import Target
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import Partition, PartitionSpec
from aimass.runtime.store import MemoryPartition


class Broken:
    name, tick_s = "broken", 10.0

    def on_batch(self, events, state, out):
        pass

    def on_time(self, now, state, out):
        raise KeyError("a fault of the program")


class Record:
    topic, partition, timestamp, key, headers = "t", 0, 0, b"k", ()

    def __init__(self, offset):
        self.offset, self.value = offset, str(offset).encode()


def test_a_failing_on_time_stops_the_worker_and_dead_letters_nothing():
    outputs = OutputBuffer("broken", 0, {}, Channel("dead", 1))
    spec = PartitionSpec("p", Target("t", 0), Target("c", 0), lambda value: Tick(30.0 * int(value)))
    partition = Partition(spec, Broken(), MemoryPartition(), outputs, log=None)
    with pytest.raises(StageError, match="no event is to blame"):
        partition.take([Record(0), Record(1)], 2)
    assert outputs.rejected == 0
    assert not partition.is_dirty, "what was taken in part is never committed"
