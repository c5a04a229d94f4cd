"""Replays of one log: in two processes with two hash seeds, and one that is killed in the middle: the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from aimass.admin import end_offsets, list_topics
from aimass.settings import Settings, kafka_options
from tests.integration.support import Flow, by_partition, flowing, until

pytestmark = pytest.mark.kafka
EVENTS = 30_000
REPLAY = """
import os, sys
from pathlib import Path
from aimass.pipeline import load
from aimass.runtime.replay import run_replay
from aimass.settings import Settings
run_replay(load(Path(sys.argv[1])), Settings.from_env(os.environ), sys.argv[2], {})
"""


def begin(flow: Flow, name: str, seed: int) -> subprocess.Popen[bytes]:
    """Begin a replay, or go on with it, in a process of its own with a hash seed of its own."""
    command = [sys.executable, "-c", REPLAY, str(flow.file), name]
    return subprocess.Popen(command, env={**flow.environment(), "PYTHONHASHSEED": str(seed)})


async def finish(process: subprocess.Popen[bytes]) -> None:
    await until(lambda: process.poll() is not None, "the replay ends")
    assert process.returncode == 0


async def outputs(flow: Flow, name: str) -> list[Any]:
    """Return what subscribers see of a replay."""
    topics = [f"{flow.name}.replay-{name}.{last}" for last in ("predictions", "alerts", "deadletters")]
    return [by_partition(await flow.read(topic)) for topic in topics]


async def written(flow: Flow, name: str) -> int:
    """Return how far a replay has come: offsets of its predictions."""
    options = kafka_options(flow.settings)
    topic = f"{flow.name}.replay-{name}.predictions"
    return sum((await end_offsets(options, [topic])).values()) if topic in await list_topics(options) else 0


async def test_replays_give_the_same_bytes(settings: Settings, unique: Callable[[str], str]) -> None:
    async with flowing(settings, unique("replay")) as flow:
        collector = flow.worker("--agents", "collect")
        await flow.produce(EVENTS)

        async def collected() -> bool:
            return len(await flow.ids("log")) == EVENTS

        await until(collected, f"all is in the log\n{flow.tails()}", every_s=1.0)
        assert await collector.stop() == 0
        crashed = begin(flow, "crashed", 2)
        try:
            await until(lambda: written(flow, "crashed"), "the replay is at work", every_s=0.0)
        finally:
            crashed.kill()
            crashed.wait()
        assert await written(flow, "crashed") < EVENTS, "it was killed in the middle"
        for name, seed in (("zero", 0), ("one", 1), ("crashed", 3)):
            await finish(begin(flow, name, seed))
        zero, one, again = [await outputs(flow, name) for name in ("zero", "one", "crashed")]
        assert sum(map(len, zero[0].values())) == EVENTS
        assert flow.alarms <= {alert.record.id for alert in await flow.read(f"{flow.name}.replay-zero.alerts")}
        assert zero == one
        assert zero == again
