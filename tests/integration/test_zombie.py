"""A worker that hangs until its partitions have moved, and then wakes up: it is fenced, and works again."""

import asyncio
import signal
from collections.abc import Callable

import pytest

from aimass.settings import Settings
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka


async def all_is_out(flow: Flow) -> None:
    """Wait until all that has been sent so far has come out, while more is sent."""
    sent = set(flow.sent)

    async def out() -> bool:
        flow.check_workers()
        return sent <= set(await flow.ids("predictions"))

    await until(out, f"all is out\n{flow.tails()}", every_s=0.5)


async def test_a_zombie_is_fenced_and_joins_again(settings: Settings, unique: Callable[[str], str]) -> None:
    stop = asyncio.Event()
    async with flowing(settings, unique("zombie")) as flow:
        zombie = flow.worker()
        load = asyncio.create_task(flow.produce_until(stop))
        await all_is_out(flow)  # it has every partition, and is at work on them
        other = flow.worker()
        await until(lambda: other.said("worker started"), f"the other is there\n{flow.tails()}")
        await all_is_out(flow)
        zombie.send(signal.SIGSTOP)
        await all_is_out(flow)  # events of every partition: the other has them all now
        zombie.send(signal.SIGCONT)
        await all_is_out(flow)
        assert zombie.is_running, "it is not ended by being fenced"
        other.kill()
        await all_is_out(flow)  # all by the former zombie: it has joined again
        stop.set()
        await load
        await flow.finish()
        await flow.check()
        assert await zombie.stop() == 0
