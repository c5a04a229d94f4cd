"""Workers that come and go all the time, under load: every event once, and no hang."""

import asyncio
import random
import signal
from collections.abc import Callable

import pytest

from aimass.settings import Settings
from tests.integration.support import flowing, until

pytestmark = pytest.mark.kafka
CHANGES = 14
ENDS = (0, -signal.SIGTERM)  # told before it had begun to listen: it had nothing to leave


async def test_a_storm_of_rebalances(settings: Settings, unique: Callable[[str], str]) -> None:
    chance = random.Random(7)
    stop = asyncio.Event()
    async with flowing(settings, unique("storm"), partitions=3) as flow:
        stays = flow.worker()
        load = asyncio.create_task(flow.produce_until(stop))
        await until(lambda: flow.ids("alerts"), f"it is at work\n{flow.tails()}")
        guests = [flow.worker()]
        for _ in range(CHANGES):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            guest = chance.choice(guests)
            if not guest.is_running:
                guest.start()
            elif len(guests) < 2:
                guests.append(flow.worker())
            elif chance.random() < 0.5:
                guest.kill()
            else:
                assert await guest.stop() in ENDS
        stop.set()
        await load
        await flow.finish()
        assert stays.is_running
        for worker in flow.workers:
            if worker.is_running:
                assert await worker.stop() in ENDS
        await flow.check()
