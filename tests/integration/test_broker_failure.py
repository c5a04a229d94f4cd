"""Brokers killed under load and brought back: workers recover by themselves, nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimass.admin import committed_offsets
from aimass.broker import KafkaSpec, down, start_broker, stop_broker, up
from aimass.errors import AimassError
from aimass.settings import Settings, kafka_options
from tests.integration.support import JARS, Flow, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], Settings]]:
    """Start a Kafka of so many brokers of the test's own, and return settings for it."""
    home = tmp_path / "kafka"

    def started(brokers: int) -> Settings:
        running = up(KafkaSpec(home=home, brokers=brokers, port=0, heap_mb=256, cache=JARS))
        return Settings(home=tmp_path, bootstrap_servers=running.bootstrap, web_port=0)

    yield started
    down(home, timeout=5.0)


async def goes_on(flow: Flow) -> None:
    """Wait until workers have committed more of everything."""
    options = kafka_options(flow.settings)

    async def progress() -> int:
        flow.check_workers()
        try:
            return sum((await committed_offsets(options, f"aimass.{flow.name}")).values())
        except AimassError:
            return -1

    before = max(0, await progress())

    async def more() -> bool:
        return await progress() > before + 200

    await until(more, f"it goes on\n{flow.tails()}", every_s=0.3)


async def restarted(home: Path, flow: Flow, node: int, *, meanwhile: bool) -> None:
    """Kill -9 a broker and start it again; with ``meanwhile``, the others carry on without it."""
    await asyncio.to_thread(stop_broker, home, node, kill=True)
    if meanwhile:
        await goes_on(flow)
    await asyncio.to_thread(start_broker, home, node)
    await goes_on(flow)


async def test_one_of_three_brokers_dies_and_comes_back(start: Callable[[int], Settings], unique: Unique) -> None:
    settings = await asyncio.to_thread(start, 3)
    stop = asyncio.Event()
    async with flowing(settings, unique("three")) as flow:
        workers = [flow.worker(), flow.worker()]
        load = asyncio.create_task(flow.produce_until(stop))
        await goes_on(flow)
        await restarted(settings.home / "kafka", flow, 1, meanwhile=True)
        stop.set()
        await load
        await flow.finish()
        assert all(worker.is_running for worker in workers)
        await flow.check()


async def test_the_only_broker_dies_and_comes_back(start: Callable[[int], Settings], unique: Unique) -> None:
    settings = await asyncio.to_thread(start, 1)
    stop = asyncio.Event()
    async with flowing(settings, unique("one")) as flow:
        worker = flow.worker()
        load = asyncio.create_task(flow.produce_until(stop))
        await goes_on(flow)
        await restarted(settings.home / "kafka", flow, 0, meanwhile=False)
        stop.set()
        await load
        await flow.finish()
        assert worker.is_running
        await flow.check()
