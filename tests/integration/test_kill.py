"""Workers killed at random over a running stream: a subscriber misses nothing and sees nothing twice."""

import asyncio
import random
from collections.abc import Callable

import pytest

from aimass.settings import Settings
from tests.integration.support import Flow, Worker, flowing, until

pytestmark = pytest.mark.kafka
KILLS = 22


async def test_kill_9_loses_nothing_and_doubles_nothing(settings: Settings, unique: Callable[[str], str]) -> None:
    chance = random.Random(20)
    stop = asyncio.Event()
    async with flowing(settings, unique("kill")) as flow:
        workers = [flow.worker(), flow.worker()]
        load = asyncio.create_task(flow.produce_until(stop))
        for number in range(KILLS):
            if number % 5 == 0:
                await more_comes_out(flow)
            await kill(workers[number % 2], chance)
        stop.set()
        await load
        await flow.finish()
        await flow.check()


async def more_comes_out(flow: Flow) -> None:
    """Wait until the pipeline has done something since the last kill, so that kills also hit workers at work."""
    before = len(await flow.ids("alerts"))

    async def has_more() -> bool:
        flow.check_workers()
        return len(await flow.ids("alerts")) > before

    await until(has_more, f"more comes out\n{flow.tails()}", every_s=0.3)


async def kill(worker: Worker, chance: random.Random) -> None:
    """Kill a worker at some moment: starting, restoring, working or letting go; now and then its disk is lost too."""
    await asyncio.sleep(chance.uniform(0.0, 2.5))
    worker.kill()
    if chance.random() < 0.3:
        worker.lose_disk()
    worker.start()
