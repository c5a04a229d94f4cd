"""What a pipeline's topics say of its data, for `aimass report` and `aimass quality`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from aimass.admin import list_topics
from aimass.client import Message, Subscriber
from aimass.client.subscriber import From
from aimass.codec import decoder
from aimass.commands.pipelines import load
from aimass.errors import BadEvent, ClientError
from aimass.quality.reports.report import Known
from aimass.records import Evaluation, Gate, Judgement, Review
from aimass.settings import Settings, kafka_options
from aimass.stages.control import ControlReader
from aimass.testing import MemoryRecord


def name_of(pipeline: str) -> str:
    """Return the name of a pipeline that was given by its name or its file.

    Examples
    --------
    >>> name_of("shop")
    'shop'
    """
    if not pipeline.endswith(".toml"):
        return pipeline
    (found,) = load([Path(pipeline)])
    return found.name


def known_of(settings: Settings, pipeline: str, *, evaluations: bool = True) -> Known:
    """Return all that is known of a pipeline's data.

    Raises
    ------
    ClientError
        When nothing judges data here.
    """
    judgements = read(settings, f"{pipeline}.quality", Judgement)
    if judgements is None:
        raise nothing_judges(pipeline)
    return Known(
        judgements=judgements,
        reviews=read(settings, f"{pipeline}.reviews", Review) or [],
        gates=gates_of(settings, pipeline),
        evaluations=(read(settings, f"{pipeline}.evaluations", Evaluation) or []) if evaluations else [],
    )


def nothing_judges(pipeline: str) -> ClientError:
    """Return the error of a pipeline that has no topic of judgements."""
    return ClientError(
        f"there is no topic '{pipeline}.quality' in this Kafka: does a pipeline {pipeline!r} run here, and judge its "
        "data? It does with a `contract` at a source, or `all = true` in [quality]."
    )


def gates_of(settings: Settings, pipeline: str) -> list[Gate]:
    """Return what gates did, in order: each as it was told to all that read the control topic."""
    found, reader = [], ControlReader(f"{pipeline}.control")
    for one in asyncio.run(messages(settings, f"{pipeline}.control")) or []:
        record = MemoryRecord(one.value, one.key, one.topic, one.partition, one.offset, one.timestamp_ms)
        with suppress(BadEvent):
            order = reader.order(record, pipeline)
            if isinstance(order, Gate):
                found.append(order)
    return sorted(found, key=lambda one: one.time)


def read(settings: Settings, topic: str, record: Any) -> list[Any] | None:
    """Return the records of a topic; ``None`` where it is not there."""
    found = asyncio.run(messages(settings, topic))
    if found is None:
        return None
    decode = decoder(record)
    return [decode(one.value) for one in found if one.value is not None]


async def messages(settings: Settings, topic: str, from_: From = "beginning") -> list[Message] | None:
    """Return all of a topic as it came; ``None`` where it is not there."""
    if topic not in await list_topics(kafka_options(settings)):
        return None
    async with Subscriber(topic, where=settings, from_=from_, until_end=True) as subscriber:
        return [message async for message in subscriber.messages()]
