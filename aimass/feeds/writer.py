"""Writes what a feed brings, and how far it has read, in one transaction; whoever opens it last is the only one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from aimass.admin import end_offsets, topic_settings
from aimass.errors import ConfigurationError, Fenced, WorldFault
from aimass.feeds.base import Portion, Row
from aimass.feeds.lines import LONGEST, shortened

logger = logging.getLogger(__name__)
_BATCH = 1 << 20
#: What Kafka puts around a record and a batch, at the most.
_AROUND = 1024
_MOST_POSITION = 7 << 20


class FeedWriter:
    """The one writer of a feed.

    Parameters
    ----------
    producer
        Transactional.
    topic, positions
        What is fed, and where positions are kept.
    name
        The feed's: another feed's position is of no use to it.
    longest
        The largest record that the topic takes.
    """

    def __init__(self, producer: Any, topic: str, positions: str, name: str, longest: int) -> None:
        self._producer, self._topic, self._positions, self._name = producer, topic, positions, name
        self._longest = longest
        self.position: Any = None
        self.rows = 0

    def recall(self, value: bytes | None) -> None:
        """Take up what was written last."""
        if value is None:
            return
        known = json.loads(value)
        self.rows = int(known.get("rows", 0))
        if known.get("feed") == self._name:
            self.position = known.get("position")
        else:
            told = {"topic": self._topic, "was": known.get("feed"), "is": self._name}
            logger.warning("a topic is fed from elsewhere now: that is read from its beginning", extra=told)

    async def write(self, portion: Portion) -> None:
        """Write a portion, and where to go on, in one transaction.

        Raises
        ------
        Fenced
            When another writer of the same feed was opened.
        WorldFault
            When nobody knows whether it was written.
        """
        try:
            await self._write(portion)
        except (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping) as exc:
            raise Fenced(f"another worker feeds {self._topic}: {exc}") from exc
        except (TimeoutError, KafkaError, InvalidTxnState, OutOfOrderSequenceNumber, IllegalOperation) as exc:
            raise WorldFault(f"{self._topic} cannot be fed: {exc!r}") from exc
        self.position, self.rows = portion.position, self.rows + len(portion.rows)

    async def _write(self, portion: Portion) -> None:
        producer = self._producer
        counts = {name: len(await producer.partitions_for(name)) for name in (self._topic, self._positions)}
        said = {"feed": self._name, "position": portion.position, "rows": self.rows + len(portion.rows)}
        value = json.dumps(said, separators=(",", ":")).encode()
        if len(value) > _MOST_POSITION:
            raise ConfigurationError(f"the position of {self._topic}'s feed is too large: feed fewer files at once")
        key = self._topic.encode()
        await producer.begin_transaction()
        sent: list[Any] = []
        for partition, rows in by_partition(portion.rows, counts[self._topic]).items():
            sent += [future async for future in self._send(partition, rows)]
        place = place_of(self._topic, counts[self._positions])
        sent.append(await producer.send(self._positions, value, key=key, partition=place))
        await asyncio.gather(*sent)
        await producer.commit_transaction()

    async def _send(self, partition: int, rows: Sequence[Row]) -> AsyncIterator[Any]:
        producer, now = self._producer, int(time.time() * 1000)
        batch = producer.create_batch()
        for one in rows:
            row = shortened(one, self._longest)
            at = now if row.timestamp_ms is None else row.timestamp_ms
            made = {"timestamp": at, "key": row.key, "value": row.value, "headers": list(row.headers)}
            if batch.append(**made) is None:
                yield await producer.send_batch(batch, self._topic, partition=partition)
                batch = producer.create_batch()
                batch.append(**made)  # a batch always takes its first
        if batch.record_count():
            yield await producer.send_batch(batch, self._topic, partition=partition)


def place_of(topic: str, partitions: int) -> int:
    """Return which partition of the positions is that of a topic: whoever has it runs the feed.

    Examples
    --------
    >>> place_of("web", 12)
    5
    """
    return crc32(topic.encode()) % partitions


def by_partition(rows: Sequence[Row], partitions: int) -> dict[int, list[Row]]:
    """Return rows by the partition that they go to: that of their key, else that of their stream.

    Examples
    --------
    >>> found = by_partition([Row(b"1", stream="a"), Row(b"2", stream="a"), Row(b"3", key=b"k")], 4)
    >>> {place: [row.value for row in rows] for place, rows in found.items()}
    {3: [b'1', b'2'], 1: [b'3']}
    """
    found: dict[int, list[Row]] = {}
    for row in rows:
        key = row.stream.encode(errors="surrogateescape") if row.key is None else row.key
        found.setdefault(crc32(key) % partitions, []).append(row)
    return found


@asynccontextmanager
async def writing(
    options: Mapping[str, Any], pipeline: str, topic: str, name: str, timeout_ms: int
) -> AsyncIterator[FeedWriter]:
    """Yield the writer of a feed, at the position that was written last; it fences any other.

    Parameters
    ----------
    options
        What every aiokafka client needs.
    pipeline, topic, name
        The pipeline, the topic that is fed, and the feed's name.
    timeout_ms
        After how long Kafka aborts a transaction whose worker is gone.

    Raises
    ------
    WorldFault
        When Kafka fails.
    """
    positions = f"{pipeline}.positions"
    longest = await _longest(options, topic)
    producer = AIOKafkaProducer(
        **options,
        transactional_id=f"aimass.{pipeline}.feed.{topic}",
        transaction_timeout_ms=timeout_ms,
        linger_ms=0,
        max_batch_size=min(_BATCH, longest),
        max_request_size=8 << 20,
        compression_type="snappy",
        request_timeout_ms=20_000,
    )
    try:
        try:
            await asyncio.wait_for(producer.start(), 30)
        except (TimeoutError, KafkaError, OSError) as exc:
            raise WorldFault(f"{topic} cannot be fed: {exc!r}") from exc
        writer = FeedWriter(producer, topic, positions, name, longest - _AROUND)
        writer.recall(await newest(options, positions, topic))
        yield writer
    finally:
        with contextlib.suppress(KafkaError, TimeoutError, IllegalOperation):
            await asyncio.wait_for(producer.stop(), 10)


async def _longest(options: Mapping[str, Any], topic: str) -> int:
    settings = await topic_settings(options, topic)
    return min(int(settings.get("max.message.bytes", _BATCH)), LONGEST)


async def newest(options: Mapping[str, Any], positions: str, topic: str) -> bytes | None:
    """Return the position of a topic's feed that was written last.

    What stands behind an open transaction of another feed is waited for: without that it would be taken for unwritten.

    Raises
    ------
    WorldFault
        When Kafka fails.
    """
    consumer = AIOKafkaConsumer(
        **options,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=16 << 20,
    )
    try:
        ends = await end_offsets(options, [positions], committed=False)
        if not ends:
            raise WorldFault(f"there is no topic {positions} yet: `aimass topics create` makes it")
        place = TopicPartition(positions, place_of(topic, len(ends)))
        await consumer.start()
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        found = None
        while await consumer.position(place) < ends[place]:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                found = record.value if record.key == topic.encode() else found
        return found
    except (TimeoutError, KafkaError, OSError) as exc:
        raise WorldFault(f"the positions of feeds cannot be read: {exc!r}") from exc
    finally:
        await consumer.stop()
