"""Orders of people, to a pipeline's control topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aimass.admin import list_topics
from aimass.client import Producer
from aimass.errors import ClientError
from aimass.settings import Settings, kafka_options


def send(settings: Settings, pipeline: str, key: str, body: Mapping[str, Any]) -> None:
    """Write an order, ``{"rule": ...}`` or ``{"command": ...}``, and wait until Kafka has it.

    Raises
    ------
    ClientError
        When the pipeline has no control topic here.
    """
    asyncio.run(_send(settings, f"{pipeline}.control", key, body))


async def _send(settings: Settings, topic: str, key: str, body: Mapping[str, Any]) -> None:
    if topic not in await list_topics(kafka_options(settings)):
        raise ClientError(f"there is no topic {topic!r} in this Kafka: does the pipeline run here?")
    async with Producer(settings) as producer:
        await producer.send(topic, body, key=key)
        await producer.flush()
