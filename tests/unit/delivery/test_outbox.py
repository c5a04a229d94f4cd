"""The outbox read once more: nothing of it is left out, and what is not there is said to be missing."""

import asyncio
from types import SimpleNamespace

from aiokafka import TopicPartition

from aimass.codec import encode
from aimass.delivery.outbox import Rereader
from tests.unit.delivery.servers import notification
from tests.unit.delivery.test_courier import OK, World, request

PLACE = TopicPartition("shop.outbox", 0)


class Reader:
    """A consumer of a partition in memory, a few records a fetch; every third offset is a transaction's marker."""

    def __init__(self, notifications):
        offsets = [n for n in range(len(notifications) * 2) if n % 3 != 2]
        self.records = [
            SimpleNamespace(offset=offset, value=encode(one))
            for offset, one in zip(offsets, notifications, strict=False)
        ]
        self.end, self.at = self.records[-1].offset + 2, 0

    def assign(self, places):
        pass

    def seek(self, place, offset):
        self.at = offset

    async def seek_to_beginning(self, place):
        self.at = 0

    async def position(self, place):
        return self.at

    async def end_offsets(self, places):
        return {PLACE: self.end}

    async def getmany(self, place, timeout_ms, max_records=None):
        await asyncio.sleep(0)
        found = [one for one in self.records if one.offset >= self.at][: max_records or 7]
        self.at = found[-1].offset + 1 if found else self.end
        return {PLACE: found} if found else {}


async def reread(world, reader, *wanted):
    rereader = Rereader(reader, PLACE, world.courier)
    rereader.find(wanted)
    world.courier.start()
    task = asyncio.create_task(rereader.run())
    lines = world.courier.lines.values()

    async def all_done():
        while any(line.items or line.asked or line.behind is not None for line in lines) or rereader._wanted:
            assert all(len(line.items) <= line.most for line in lines)
            assert not task.done(), task.result()
            await asyncio.sleep(0.001)

    await asyncio.sleep(0.01)
    await asyncio.wait_for(all_done(), 10)
    task.cancel()
    await world.courier.stop()


async def test_what_had_no_room_comes_in_order_and_once():
    outbox = [notification(str(i), receiver="pager" if i % 2 else "chat") for i in range(60)]
    reader = Reader(outbox)
    world = World(("pager", "chat"), pager=[OK], chat=[OK])
    world.courier = world.made(most=4)
    for record, one in zip(reader.records, outbox, strict=True):
        await world.courier.take(record.offset, one)
    assert [line.behind for line in world.courier.lines.values()] == [13, 12], "both are full"
    world.courier.seen = reader.end
    await reread(world, reader)
    for name, odd in (("pager", 1), ("chat", 0)):
        told = [id for to, id, _ in world.answers.made if to == name]
        assert told == [str(i) for i in range(odd, 60, 2)]
    assert world.courier.done_before() == reader.end


async def test_what_is_asked_for_is_found_and_what_is_not_there_has_failed():
    outbox = [notification(str(i)) for i in range(60)]
    world = World(pager=[OK])
    world.courier = world.made(starts={"pager": 1000})
    wanted = [request("9", attempt=3), request("41"), request("no such")]
    for one in wanted:
        assert await world.courier.ask(one)
    await reread(world, Reader(outbox), *wanted)
    assert sorted(world.outcomes) == [("41", "sent", 2), ("9", "sent", 4), ("no such", "failed", 1)]
    assert "not in the outbox any more" in world.book.written[0].error
