"""The client and the admin functions, against a real Kafka."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from aimass.admin import (
    beginning_offsets,
    brokers,
    committed_offsets,
    delete_topics,
    end_offsets,
    ensure_topics,
    group_lag,
    list_topics,
    topic_settings,
)
from aimass.client import Producer, Subscriber, SyncProducer, SyncSubscriber
from aimass.errors import BadEvent, ClientError, ConfigurationError, WorldFault
from aimass.records import Alert, Source
from aimass.settings import Settings, kafka_options

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]


async def made(settings: Settings, name: str, partitions: int = 1) -> str:
    await ensure_topics(kafka_options(settings), [(name, partitions, {})])
    return name


async def test_topics_are_created_once_and_deleted(settings: Settings, unique: Unique) -> None:
    options = kafka_options(settings)
    name = unique("topics")
    wanted = [(name, 3, {"cleanup.policy": "compact"})]
    assert await ensure_topics(options, wanted) == [name]
    assert await ensure_topics(options, wanted) == []
    assert (await list_topics(options))[name] == 3
    assert (await topic_settings(options, name))["cleanup.policy"] == "compact"
    assert await delete_topics(options, [name, "never-there"]) == [name]
    assert name not in await list_topics(options)
    assert await brokers(options) >= 1


async def test_other_partitions_and_wrong_settings_are_refused(settings: Settings, unique: Unique) -> None:
    options = kafka_options(settings)
    name = await made(settings, unique("mismatch"), 2)
    with pytest.raises(ConfigurationError, match="has 2 partitions, not 4"):
        await ensure_topics(options, [(name, 4, {})])
    with pytest.raises(ConfigurationError, match="did not create"):
        await ensure_topics(options, [(unique("wrong"), 1, {"cleanup.policy": "shred"})])


async def test_what_is_sent_is_received_in_order(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("order"), 2)
    async with Producer(settings) as producer:
        await producer.send(topic, {"n": 0}, key="a", time=12.5, headers=[("trace", b"1")])
        await producer.send_many(topic, [{"n": n} for n in range(1, 5000)], keys=["a"] * 4999)
        await producer.send(topic, {"n": 5000}, key="a")
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        messages = [message async for message in subscriber.messages()]
    assert [message.record["n"] for message in messages] == list(range(5001))
    assert (messages[0].timestamp_ms, messages[0].headers) == (12_500, (("trace", b"1"),))
    assert len({message.partition for message in messages}) == 1


async def test_both_ways_to_send_agree_on_a_keys_partition(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("partition"), 4)
    keys = [f"key-{n}" for n in range(50)]
    async with Producer(settings) as producer:
        for key in keys:
            await producer.send(topic, b"one", key=key)
        await producer.send_many(topic, [b"two"] * 50, keys=keys)
        await producer.send_many(topic, [b"no key", None])
    partitions: dict[bytes | None, set[int]] = {}
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        async for message in subscriber.messages():
            partitions.setdefault(message.key, set()).add(message.partition)
    assert len(partitions) == 51
    assert all(len(where) == 1 for where in partitions.values())


async def test_only_committed_records_are_seen_and_a_marker_ends_the_topic(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("committed"))
    producer = AIOKafkaProducer(**kafka_options(settings), transactional_id=unique("tx"))
    await producer.start()
    async with producer.transaction():
        await producer.send(topic, b'"kept"')
    await producer.begin_transaction()
    await producer.send(topic, b'"rolled back"')
    await producer.flush()
    await producer.abort_transaction()
    await producer.stop()
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        assert [record async for record in subscriber] == ["kept"]
    async with Subscriber(topic, where=settings, from_=1, until_end=True) as subscriber:
        assert [record async for record in subscriber] == []


async def test_alerts_come_typed(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("p") + ".alerts")
    alert = Alert(
        "s-0-1", "k", 1.0, "p", Source("s", 0, 1), "rule", "critical", "why", {"a": 1}, msgspec.Raw(b'{"x":1}')
    )
    async with Producer(settings) as producer:
        await producer.send(topic, alert, key=alert.key)
        await producer.send(topic, alert, key="other")
        await producer.send(topic, b"{not json", key="bad")
    async with Subscriber(topic, where=settings, from_="beginning", key="k", until_idle_s=0.5) as subscriber:
        (received,) = [record async for record in subscriber]
    assert isinstance(received, Alert)
    assert bytes(received.data) == b'{"x":1}'
    async with Subscriber(topic, where=settings, from_=2) as subscriber:
        with pytest.raises(BadEvent, match=rf"{topic}-0-2"):
            await anext(aiter(subscriber))


async def test_reading_starts_where_it_is_told(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("from"))
    async with Producer(settings) as producer:
        await producer.send_many(topic, [{"n": n} for n in range(10)], times=[1_700_000_000.0 + n for n in range(10)])
    for from_, first in [(7, 7), (1_700_000_004.0, 4), (datetime.fromtimestamp(1_700_000_008, UTC), 8), (99, None)]:
        async with Subscriber(topic, where=settings, from_=from_, until_end=True) as subscriber:
            numbers = [record["n"] async for record in subscriber]
        assert numbers == ([] if first is None else list(range(first, 10)))
    async with Subscriber(topic, where=settings) as subscriber:
        async with Producer(settings) as producer:
            await producer.send(topic, {"n": "new"})
        assert (await asyncio.wait_for(anext(aiter(subscriber)), 10))["n"] == "new"


async def test_a_group_goes_on_where_it_stopped(settings: Settings, unique: Unique) -> None:
    topic, group = await made(settings, unique("group")), unique("group")
    options = kafka_options(settings)
    async with Producer(settings) as producer:
        await producer.send_many(topic, [{"n": n} for n in range(6)])
    assert await group_lag(options, group, [topic]) == {TopicPartition(topic, 0): 6}
    async with Subscriber(topic, where=settings, group=group, from_="beginning") as subscriber:
        async for record in subscriber:
            if record["n"] == 2:
                break
    assert await committed_offsets(options, group) == {TopicPartition(topic, 0): 3}
    assert await group_lag(options, group, [topic, "never-there"]) == {TopicPartition(topic, 0): 3}
    async with Subscriber(topic, where=settings, group=group, from_="beginning", until_end=True) as subscriber:
        assert [record["n"] async for record in subscriber] == [3, 4, 5]
    assert await end_offsets(options, [topic]) == {TopicPartition(topic, 0): 6}
    assert await beginning_offsets(options, [topic]) == {TopicPartition(topic, 0): 0}


async def test_a_record_that_is_too_large_is_reported(settings: Settings, unique: Unique) -> None:
    topic = await made(settings, unique("large"))
    async with Producer(settings) as producer:
        await producer.send(topic, os.urandom(9_000_000))
        with pytest.raises(ClientError, match="MessageSizeTooLarge"):
            await producer.flush()


async def test_no_topic_and_no_kafka_are_said_clearly(settings: Settings) -> None:
    with pytest.raises(ClientError, match="no topic 'never-there'"):
        async with Subscriber("never-there", where=settings):
            pass
    with pytest.raises(WorldFault, match="aimass up"):
        async with Producer("127.0.0.1:1"):
            pass


def test_programs_without_asyncio_use_the_same_calls(settings: Settings, unique: Unique) -> None:
    topic = asyncio.run(made(settings, unique("sync")))
    with SyncProducer(settings) as producer:
        producer.send(topic, {"n": 0})
        producer.send_many(topic, [{"n": n} for n in range(1, 100)])
        producer.flush()
    with SyncSubscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        assert [record["n"] for record in subscriber] == list(range(100))
