"""What the runtime needs of Kafka to commit and to restore: two small protocols, and their aiokafka form.

The in-memory form that the crash tests use is `tests/unit/runtime/memory_log.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

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
from aiokafka.producer import sender

from aimass.errors import ChangelogBehind, Fenced, WorldFault

# A transaction that follows another at once finds the markers of the first not yet written; aiokafka then waits 20 ms.
# They take about 2 ms (measured: a commit 36 ms before, 11 ms after). The contract test knows this name.
sender.BACKOFF_OVERRIDE = 0.002

Headers = list[tuple[str, bytes]]
_NONE: Headers = []


class OutRecord(NamedTuple):
    """One record to write: key, value and headers as bytes."""

    key: bytes | None
    value: bytes | None
    headers: Headers = _NONE


class Target(NamedTuple):
    """A topic and a partition to write to."""

    topic: str
    partition: int


class Writer(Protocol):
    """The one writer of an input partition's effects: opening it fences every earlier one."""

    async def commit(
        self, records: Mapping[Target, Sequence[OutRecord]], source: Target, next_offset: int | None
    ) -> Mapping[Target, int]:
        """Write all records and the source offset in one transaction; return the offset after each target's last.

        With ``None`` the group's offset stays as it is.

        Raises
        ------
        Fenced
            When a later writer of the same partition was opened.
        WorldFault
            When the transaction failed, or nobody knows whether it did.
        """

    async def close(self) -> None: ...


class WriterFactory(Protocol):
    """Opens writers and reads changelogs."""

    max_record_bytes: int

    async def open(self, name: str) -> Writer: ...
    def changelog(self, source: Target, start: int) -> AsyncIterator[tuple[int, int, list[tuple[bytes, bytes | None]]]]:
        """Yield ``(next offset, end offset, rows)`` of a changelog from ``start`` to where it ends now."""


class KafkaWriter:
    """A transactional producer of one input partition."""

    def __init__(self, producer: AIOKafkaProducer, group: str) -> None:
        self._producer = producer
        self._group = group

    async def commit(
        self, records: Mapping[Target, Sequence[OutRecord]], source: Target, next_offset: int | None
    ) -> Mapping[Target, int]:
        """Write all records and the source offset in one transaction; return the offset after each target's last."""
        try:
            return await self._commit(records, source, next_offset)
        except (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping) as exc:
            raise Fenced(f"a later writer of {source.topic}/{source.partition} was opened: {exc}") from exc
        except (TimeoutError, KafkaError, InvalidTxnState, OutOfOrderSequenceNumber, IllegalOperation) as exc:
            raise WorldFault(f"the commit of {source.topic}/{source.partition} failed: {exc!r}") from exc

    async def _commit(
        self, records: Mapping[Target, Sequence[OutRecord]], source: Target, next_offset: int | None
    ) -> dict[Target, int]:
        producer = self._producer
        await producer.begin_transaction()
        sent: list[tuple[Target, int, asyncio.Future[Any]]] = []
        for target, batch in records.items():
            sent.extend([(target, count, future) async for count, future in self._send(target, batch)])
        waits: list[Any] = [future for _, _, future in sent]
        if next_offset is not None:  # two requests of five: a third of what a commit costs
            offset = {TopicPartition(*source): next_offset}
            waits.append(asyncio.ensure_future(producer.send_offsets_to_transaction(offset, self._group)))
        await asyncio.gather(*waits)
        await producer.commit_transaction()
        return {target: future.result().offset + count for target, count, future in sent}

    async def _send(
        self, target: Target, records: Sequence[OutRecord]
    ) -> AsyncIterator[tuple[int, asyncio.Future[Any]]]:
        now = int(time.time() * 1000)
        batch = self._producer.create_batch()
        append = batch.append
        for key, value, headers in records:
            if append(timestamp=now, key=key, value=value, headers=headers) is None:
                yield batch.record_count(), await self._hand_over(batch, target)
                batch = self._producer.create_batch()
                append = batch.append
                append(timestamp=now, key=key, value=value, headers=headers)  # a batch always takes its first
        if batch.record_count():
            yield batch.record_count(), await self._hand_over(batch, target)

    async def _hand_over(self, batch: Any, target: Target) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, target.topic, partition=target.partition)
        return future

    async def close(self) -> None:
        """Close the producer; an open transaction is aborted by the next writer."""
        with contextlib.suppress(KafkaError, asyncio.TimeoutError, IllegalOperation):
            await asyncio.wait_for(self._producer.stop(), 10)


class KafkaLog:
    """Opens transactional writers and reads changelogs, on a real Kafka.

    Parameters
    ----------
    options
        What every aiokafka client needs: bootstrap servers, TLS, SASL.
    group
        The consumer group whose offsets commit with each transaction.
    transaction_timeout_ms
        After how long Kafka aborts a transaction whose worker is gone.
    """

    max_record_bytes = 7 << 20

    def __init__(self, options: Mapping[str, Any], group: str, transaction_timeout_ms: int = 10_000) -> None:
        self._options = dict(options)
        self._group = group
        self._timeout_ms = transaction_timeout_ms

    async def open(self, name: str) -> KafkaWriter:
        """Open the writer of a partition by its transactional id; it fences any other of the same name."""
        producer = AIOKafkaProducer(
            **self._options,
            transactional_id=name,
            transaction_timeout_ms=self._timeout_ms,
            linger_ms=0,
            max_batch_size=1 << 20,
            max_request_size=8 << 20,
            compression_type="snappy",  # aiokafka has lz4 at level 9: 12 times the time for 1.2 times the saving
            retry_backoff_ms=3,
            request_timeout_ms=20_000,
        )
        try:
            await asyncio.wait_for(producer.start(), 30)
        except (TimeoutError, KafkaError) as exc:
            with contextlib.suppress(Exception):
                await producer.stop()
            raise WorldFault(f"no transactional writer {name}: {exc!r}") from exc
        return KafkaWriter(producer, self._group)

    async def changelog(
        self, source: Target, start: int
    ) -> AsyncIterator[tuple[int, int, list[tuple[bytes, bytes | None]]]]:
        """Yield ``(next offset, end offset, rows)`` of a changelog from ``start`` to where it ends now."""
        consumer = AIOKafkaConsumer(
            **self._options,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=100,
        )
        tp = TopicPartition(*source)
        try:
            await consumer.start()
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            first = (await consumer.beginning_offsets([tp]))[tp]
            if start > end:
                raise ChangelogBehind(f"{source.topic}/{source.partition} ends at {end}, before {start}")
            consumer.seek(tp, max(start, first))
            position = max(start, first)
            while position < end:
                fetched = await consumer.getmany(tp, timeout_ms=500, max_records=20_000)
                rows = [(record.key, record.value) for record in fetched.get(tp, ())]
                position = await consumer.position(tp)
                yield position, end, rows
        except KafkaError as exc:
            raise WorldFault(f"the changelog {source.topic}/{source.partition} cannot be read: {exc!r}") from exc
        finally:
            await consumer.stop()
