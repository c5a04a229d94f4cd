"""Replays a pipeline over its own log: the same code, the same log, outputs beside the originals."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from aimass import admin
from aimass.errors import ClientError, WorldFault
from aimass.pipeline import Pipeline
from aimass.runtime.engine import Engine
from aimass.runtime.metrics import Metrics
from aimass.runtime.store import RocksStore
from aimass.runtime.worker import load_app, started
from aimass.settings import Settings, kafka_options

_STALL_S = 60.0
#: Nobody is told: there is no ``deliver``.
_AGENTS = frozenset({"score", "decide", "notify", "correlate"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """Where a replay wrote, and how much it read.

    Parameters
    ----------
    predictions, alerts
        The topics with the replay's outputs.
    events
        How many records of the log were replayed.
    seconds
        How long it took.
    """

    predictions: str
    alerts: str
    events: int
    seconds: float


def run_replay(
    pipeline: Pipeline,
    settings: Settings,
    name: str,
    start: dict[int, int],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Replayed:
    """Rerun SCORE and DECIDE over a pipeline's log, as far as it goes now, into topics of their own.

    Parameters
    ----------
    pipeline
        Whose log to replay; nothing of the original is touched.
    settings
        The cluster; state is kept in a temporary directory.
    name
        Names the replay: outputs go to ``<pipeline>.replay-<name>.predictions`` and ``….alerts``.
    start
        The offset to begin at, by partition; 0 where there is none. A replay from the start gives the original's
        bytes; from later on, models begin without what they had learned before.
    on_progress
        Told how many records are done, and of how many.

    Raises
    ------
    ClientError
        When the pipeline has no log.
    """
    return asyncio.run(_replay(pipeline, settings, name, start, on_progress))


async def _replay(
    pipeline: Pipeline, settings: Settings, name: str, start: dict[int, int], on_progress: Callable[[int, int], None]
) -> Replayed:
    began = time.monotonic()
    app, options = load_app(), kafka_options(settings)
    place = f"{pipeline.name}.replay-{name}"
    layout = app.Layout.of(pipeline, place)
    there = await admin.list_topics(options)
    if layout.log.name not in there:
        raise ClientError(f"there is no topic {layout.log.name}: run the pipeline first (`aimass run PIPELINE.toml`).")
    count = there[layout.log.name]
    own = [(topic.name, topic.partitions or count, topic.settings()) for topic in layout.computed.values()]
    partitions = there | {topic: wide for topic, wide, _ in own}
    await admin.ensure_topics(options, own + layout.changelogs(partitions), replication=settings.replication)
    group = f"aimass.{place}"
    ends = await _ends(options, layout.log.name, count)
    first = {number: start.get(number, 0) for number in range(count)}
    await _begin_at(options, group, layout.log.name, first)
    with tempfile.TemporaryDirectory(prefix="aimass-replay-") as directory:
        store = RocksStore(Path(directory))
        engine = Engine(pipeline.name, settings, store, Metrics(), group=group, writes_ticks=False)
        app.build(engine, pipeline, layout, partitions, _AGENTS)
        try:
            async with started([engine]):
                total = sum(max(0, ends[number] - first[number]) for number in ends)
                await _until(engine, layout.log.name, ends, on_progress, total)
                for (name,) in (layout.inputs()[agent] for agent in layout.inputs() if agent in _AGENTS - {"score"}):
                    await _until(engine, name, await _ends(options, name, partitions[name]))
        finally:
            store.close()
    return Replayed(layout.predictions.name, layout.alerts.name, total, time.monotonic() - began)


async def _ends(options: dict[str, Any], topic: str, count: int) -> dict[int, int]:
    consumer = AIOKafkaConsumer(**options, isolation_level="read_committed")
    await consumer.start()
    try:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in range(count)])
        return {tp.partition: offset for tp, offset in found.items()}
    finally:
        await consumer.stop()


async def _begin_at(options: dict[str, Any], group: str, topic: str, offsets: dict[int, int]) -> None:
    consumer = AIOKafkaConsumer(**options, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in offsets])
        await consumer.commit({TopicPartition(topic, number): offset for number, offset in offsets.items()})
    finally:
        await consumer.stop()


async def _until(
    engine: Engine,
    topic: str,
    ends: dict[int, int],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    total: int = 0,
) -> None:
    """Wait until every partition of a topic has committed up to its end."""
    last, since = -1, time.monotonic()
    while True:
        if engine.failure.done():
            raise engine.failure.result()
        lanes = {tp.partition: lane for tp, lane in engine.lanes.items() if tp.topic == topic}
        lag = sum(lane.lag() for lane in lanes.values())
        on_progress(max(0, total - lag), total)
        if all(number in lanes and lanes[number].has_reached(end) for number, end in ends.items()):
            return
        if lag != last:
            last, since = lag, time.monotonic()
        elif time.monotonic() - since > _STALL_S:
            raise WorldFault(f"the replay of {topic} stands still: {lag} records are left; is Kafka well?")
        await asyncio.sleep(0.05)
