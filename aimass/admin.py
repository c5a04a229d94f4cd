"""Topics, offsets and lag of a cluster: what the command line and the workers ask Kafka for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from aimass.connection import Options, connected, list_topics, partitions_of, start, topics_of
from aimass.errors import ClientError, ConfigurationError, WorldFault

__all__ = [
    "Options",
    "Wanted",
    "beginning_offsets",
    "brokers",
    "committed_offsets",
    "connected",
    "delete_topics",
    "end_offsets",
    "ensure_topics",
    "group_lag",
    "list_topics",
    "partitions_of",
    "topic_settings",
]

#: A topic's name, its number of partitions, and its settings by Kafka's names.
Wanted = tuple[str, int, Mapping[str, str]]

_VISIBLE_S = 30.0


@asynccontextmanager
async def _reader(options: Options, isolation: str = "read_committed") -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**options, client_id="aimass-admin", isolation_level=isolation)
    await start(consumer, dict(options))
    try:
        yield consumer
    except KafkaError as exc:
        raise WorldFault(f"Kafka at {options['bootstrap_servers']} failed: {type(exc).__name__}: {exc}") from exc
    finally:
        await consumer.stop()


async def brokers(options: Options) -> int:
    """Return how many brokers the cluster has."""
    async with connected(options) as admin:
        return len((await admin.describe_cluster())["brokers"])


async def ensure_topics(options: Options, wanted: Iterable[Wanted], *, replication: int | None = None) -> list[str]:
    """Create the topics that are not there yet, and check that the others have the partitions they should have.

    Parameters
    ----------
    options
        From :func:`aimass.settings.kafka_options`.
    wanted
        Each topic's name, partitions and settings.
    replication
        Replicas of each partition; ``None`` for 3, or as many as there are brokers.

    Returns
    -------
    list of str
        The names of those that were created.

    Raises
    ------
    ConfigurationError
        When a topic is there with another number of partitions, or Kafka refuses to create one.
    WorldFault
        When Kafka does not answer.
    """
    topics = list(wanted)
    async with connected(options) as admin:
        there = await topics_of(admin)
        _check_partitions(there, topics)
        missing = [topic for topic in topics if topic[0] not in there]
        if missing:
            replicas = replication or min(3, len((await admin.describe_cluster())["brokers"]))
            await _create(admin, missing, replicas)
            await _visible(admin, {name for name, _, _ in missing})
            _check_partitions(await topics_of(admin), topics)
        return [name for name, _, _ in missing]


def _check_partitions(there: Mapping[str, int], wanted: Iterable[Wanted]) -> None:
    for name, partitions, _ in wanted:
        if there.get(name, partitions) != partitions:
            raise ConfigurationError(
                f"topic {name!r} has {there[name]} partitions, not {partitions}: keys would move to other "
                "partitions and lose their state. Use the number it has, or a new pipeline name; "
                f"or delete the topic, with all its records, by `aimass topics delete {name}`."
            )


async def _create(admin: Any, topics: Iterable[Wanted], replicas: int) -> None:
    new = [
        NewTopic(name, num_partitions=partitions, replication_factor=replicas, topic_configs=dict(config))
        for name, partitions, config in topics
    ]
    response = await admin.create_topics(new)
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            detail = message[0] if message and message[0] else error.__name__
            raise ConfigurationError(f"Kafka did not create topic {name!r}: {detail}")


async def _visible(admin: Any, names: Collection[str]) -> None:
    """Wait until every partition of new topics has a leader, so that clients find them."""
    for _ in range(int(_VISIBLE_S / 0.1)):
        described = await admin.describe_topics(list(names))
        if all(not t["error_code"] and all(p["leader"] >= 0 for p in t["partitions"]) for t in described):
            return
        await asyncio.sleep(0.1)
    raise WorldFault(f"topics {', '.join(sorted(names))} have no leader after {_VISIBLE_S:.0f} s: is a broker down?")


async def delete_topics(options: Options, names: Iterable[str]) -> list[str]:
    """Delete topics with all their records, and wait until they are gone; those that are not there are skipped.

    Returns
    -------
    list of str
        The names of those that were there.
    """
    async with connected(options) as admin:
        there = await topics_of(admin)
        doomed = [name for name in names if name in there]
        if not doomed:
            return []
        response = await admin.delete_topics(doomed)
        for name, code in response.topic_error_codes:
            if code and for_code(code) is not UnknownTopicOrPartitionError:
                raise ClientError(f"Kafka did not delete topic {name!r}: {for_code(code).__name__}")
        for _ in range(int(_VISIBLE_S / 0.1)):
            if not (await topics_of(admin)).keys() & set(doomed):
                return doomed
            await asyncio.sleep(0.1)
        raise WorldFault(f"topics {', '.join(doomed)} are still there after {_VISIBLE_S:.0f} s: is a broker down?")


async def topic_settings(options: Options, name: str) -> dict[str, str]:
    """Return a topic's settings, by Kafka's names."""
    async with connected(options) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for answer in answers for entry in answer.resources[0][4]}


async def end_offsets(options: Options, topics: Iterable[str], *, committed: bool = True) -> dict[TopicPartition, int]:
    """Return the offset after the last record of every partition of topics; those that are not there are left out.

    Parameters
    ----------
    options
        From :func:`aimass.settings.kafka_options`.
    topics
        Their names.
    committed
        Up to where all transactions are decided (what a read-committed subscriber can see), or all there is.
    """
    partitions = await partitions_of(options, topics)
    if not partitions:
        return {}
    async with _reader(options, "read_committed" if committed else "read_uncommitted") as reader:
        ends: dict[TopicPartition, int] = await reader.end_offsets(partitions)
        return ends


async def beginning_offsets(options: Options, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """Return the offset of the first record still kept of every partition of topics."""
    partitions = await partitions_of(options, topics)
    if not partitions:
        return {}
    async with _reader(options) as reader:
        starts: dict[TopicPartition, int] = await reader.beginning_offsets(partitions)
        return starts


async def committed_offsets(options: Options, group: str) -> dict[TopicPartition, int]:
    """Return the offsets a consumer group has committed; none for a group that does not exist."""
    async with connected(options) as admin:
        found = await _group_offsets(admin, group)
        return {at: committed.offset for at, committed in found.items() if committed.offset >= 0}


async def _group_offsets(admin: Any, group: str) -> dict[TopicPartition, Any]:
    """Ask until the coordinator is there: a new cluster makes it at the first question."""
    for _ in range(int(_VISIBLE_S / 0.1)):
        with suppress(GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError):
            found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
            return found
        await asyncio.sleep(0.1)
    raise WorldFault(f"no broker coordinates group {group!r} after {_VISIBLE_S:.0f} s: is a broker down?")


async def group_lag(options: Options, group: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
    """Return, of every partition of topics, how many offsets a group has still before it.

    Transaction markers have offsets too, so that a lag of one or two can mean that nothing is left.

    Parameters
    ----------
    options
        From :func:`aimass.settings.kafka_options`.
    group
        The consumer group.
    topics
        Their names; one that is not there is left out.
    """
    done = await committed_offsets(options, group)
    positions = await partitions_of(options, topics)
    async with _reader(options) as reader:
        ends = await reader.end_offsets(positions)
        starts = await reader.beginning_offsets(positions)
    return {at: max(0, ends[at] - max(done.get(at, 0), starts[at])) for at in positions}
