"""Which Kafka is talked to, what happens when it does not answer, and which topics it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from aimass.errors import WorldFault
from aimass.settings import Settings, kafka_options

#: What aiokafka's clients are made with, from :func:`aimass.settings.kafka_options`.
Options = Mapping[str, Any]
_INTERNAL = "__"

#: A cluster: its ``host:port`` addresses, or the settings.
Where = str | Settings


class Starts(Protocol):
    """Any client of aiokafka."""

    def start(self) -> Awaitable[None]: ...
    def stop(self) -> Awaitable[None]: ...


def options_of(where: Where) -> dict[str, Any]:
    """Return the options of an aiokafka client for a cluster.

    Examples
    --------
    >>> options_of("localhost:9092")["bootstrap_servers"]
    'localhost:9092'
    """
    return kafka_options(where if isinstance(where, Settings) else replace(Settings(), bootstrap_servers=where))


def unreachable(options: dict[str, Any], exc: Exception) -> WorldFault:
    """Return the error to raise when no broker answers."""
    return WorldFault(
        f"no Kafka answers at {options['bootstrap_servers']} ({exc}): start one with `aimass up`, or check "
        "AIMASS_BOOTSTRAP_SERVERS and the AIMASS_SSL_…/AIMASS_SASL_… settings."
    )


async def start(client: Starts, options: dict[str, Any]) -> None:
    """Start an aiokafka client, or clean up and say that no broker answers.

    Raises
    ------
    WorldFault
        When the cluster cannot be reached or does not let us in.
    """
    try:
        await client.start()
    except (TimeoutError, KafkaConnectionError, OSError) as exc:
        await client.stop()
        raise unreachable(options, exc) from exc
    except BaseException:
        await client.stop()
        raise


@asynccontextmanager
async def connected(options: Options) -> AsyncIterator[Any]:
    """Yield an admin client of a cluster; what Kafka refuses becomes a :class:`~aimass.errors.WorldFault`."""
    client = _Admin(AIOKafkaAdminClient(**options, client_id="aimass-admin"))
    await start(client, dict(options))
    try:
        yield client.kafka
    except KafkaError as exc:
        raise WorldFault(f"Kafka at {options['bootstrap_servers']} failed: {type(exc).__name__}: {exc}") from exc
    finally:
        await client.stop()


class _Admin:
    """aiokafka's admin client with the start and stop of its other clients."""

    def __init__(self, kafka: Any) -> None:
        self.kafka = kafka

    async def start(self) -> None:
        await self.kafka.start()

    async def stop(self) -> None:
        await self.kafka.close()


async def list_topics(options: Options) -> dict[str, int]:
    """Return the cluster's topics, Kafka's own excepted, each with its number of partitions.

    Parameters
    ----------
    options
        From :func:`aimass.settings.kafka_options`.
    """
    async with connected(options) as admin:
        return await topics_of(admin)


async def partitions_of(options: Options, topics: Iterable[str]) -> list[TopicPartition]:
    """Return every partition of topics; of those that are not there, none."""
    there = await list_topics(options)
    return [TopicPartition(topic, partition) for topic in topics for partition in range(there.get(topic, 0))]


async def topics_of(admin: Any) -> dict[str, int]:
    """Return the topics that an admin client sees, Kafka's own excepted, each with its number of partitions."""
    described = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in sorted(described, key=lambda topic: str(topic["topic"]))
        if not topic["error_code"] and not topic["topic"].startswith(_INTERNAL)
    }
