"""The predictions of a pipeline, once more: from its topic, partition by partition, or from a file of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer

from aimass.client.subscriber import From, offsets_at
from aimass.codec import decoder
from aimass.commands.console import progress_bar
from aimass.commands.trying import lines_of
from aimass.connection import partitions_of, start
from aimass.errors import ClientError
from aimass.records import PredictionRecord
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline

_decode = decoder(PredictionRecord)


async def from_topic(settings: Settings, pipeline: str, from_: From = "beginning") -> AsyncIterator[list[Any]]:
    """Yield the records of each partition, in its order, with a progress bar.

    Raises
    ------
    ClientError
        When there is no such topic.
    """
    topic, options = f"{pipeline}.predictions", kafka_options(settings)
    places = await partitions_of(options, [topic])
    if not places:
        raise ClientError(f"there is no topic {topic!r} in this Kafka: run the pipeline first, or give a --file.")
    consumer = AIOKafkaConsumer(**options, isolation_level="read_committed", enable_auto_commit=False)
    await start(consumer, options)
    try:
        begins = await offsets_at(consumer, places, from_)
        ends = await consumer.end_offsets(places)
        with progress_bar() as bar:
            task = bar.add_task(f"reading {topic}", total=sum(max(0, ends[at] - begins[at]) for at in places))
            for place in places:
                consumer.assign([place])
                consumer.seek(place, begins[place])
                found: list[Any] = []
                while (position := await consumer.position(place)) < ends[place]:
                    records = (await consumer.getmany(place, timeout_ms=500)).get(place, [])
                    found += [_decode(record.value) for record in records]
                    bar.advance(task, await consumer.position(place) - position)
                yield found
    finally:
        await consumer.stop()


def from_file(pipeline: Pipeline, file: Path, topic: str | None = None) -> list[Any]:
    """Return what SCORE says of the events of a file, in memory.

    Raises
    ------
    ClientError
        When the file cannot be read, or is none of the pipeline's sources.
    """
    from aimass.memory import run_stage
    from aimass.pipeline import compile_stages
    from aimass.testing import MemoryRecord

    topic = topic or pipeline.sources[0].topic
    if topic not in pipeline.inputs:
        raise ClientError(f"{topic!r} is no source of {pipeline.name}; there are: {', '.join(pipeline.inputs)}.")
    collect, score, *_ = compile_stages(pipeline)
    records = [MemoryRecord(line.value, topic=topic, offset=line.number) for line in lines_of(file)]
    collected, _ = run_stage(collect, records)
    scored, _ = run_stage(score, collected.records(""))
    return scored.records("")
