"""Produce events: idempotent, acknowledged by all replicas, batched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from aimass.codec import encode
from aimass.connection import Where, options_of, start
from aimass.errors import ClientError, WorldFault

Headers = Sequence[tuple[str, bytes]]

#: Records that may wait for their acknowledgement before :meth:`Producer.send` waits too.
_MAX_UNACKNOWLEDGED = 20_000
_BATCH_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 16 * 1024 * 1024
_CACHED_KEYS = 100_000


def to_bytes(value: Any) -> bytes | None:
    """Return a value as it goes on the wire: bytes and ``None`` as they are, anything else as JSON.

    Examples
    --------
    >>> to_bytes({"a": 1}), to_bytes(b"as is"), to_bytes(None)
    (b'{"a":1}', b'as is', None)
    """
    return value if value is None or isinstance(value, bytes) else encode(value)


def key_bytes(key: str | bytes | None) -> bytes | None:
    """Return a key as it goes on the wire."""
    return key.encode() if isinstance(key, str) else key


async def enqueue(
    kafka: Any,
    topic: str,
    value: bytes | None,
    key: bytes | None,
    partition: int | None,
    timestamp_ms: int | None,
    headers: Headers,
) -> asyncio.Future[Any]:
    """Give one record to an aiokafka producer, even one with neither key nor value, which its `send` refuses."""
    future: asyncio.Future[Any]
    if value is not None or key is not None:
        future = await kafka.send(topic, value, key, partition, timestamp_ms, list(headers) or None)
        return future
    batch = kafka.create_batch()
    batch.append(key=None, value=None, timestamp=timestamp_ms, headers=list(headers))
    batch.close()
    where = min(await kafka.partitions_for(topic)) if partition is None else partition
    future = await kafka.send_batch(batch, topic, partition=where)
    return future


class Producer:
    """Sends records to Kafka, each once and in order; failures surface at the next call or at :meth:`flush`.

    Parameters
    ----------
    where
        The cluster: ``"host:port"`` or :class:`aimass.settings.Settings`.
    linger_ms
        How long a record waits for company in its batch.

    Examples
    --------
    >>> async def example():  # doctest: +SKIP
    ...     async with Producer("localhost:9092") as producer:
    ...         await producer.send("sensors", {"pump": "p1", "pressure": 4.2}, key="p1", time=1.7e9)
    """

    def __init__(self, where: Where, *, linger_ms: int = 5) -> None:
        self._options = options_of(where)
        self._linger_ms = linger_ms
        self._kafka: Any = None
        self._waiting: set[asyncio.Future[Any]] = set()
        self._unacknowledged = 0
        self._failure: BaseException | None = None
        self._partition_of: dict[tuple[str, bytes], int] = {}
        self._next_partition = 0

    async def __aenter__(self) -> Self:
        self._kafka = AIOKafkaProducer(
            **self._options,
            client_id="aimass-producer",
            enable_idempotence=True,
            acks="all",
            linger_ms=self._linger_ms,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
        )
        await start(self._kafka, self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._kafka.stop()

    async def send(
        self,
        topic: str,
        value: Any,
        *,
        key: str | bytes | None = None,
        time: float | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Send one record: it is queued at once and acknowledged by :meth:`flush`.

        Parameters
        ----------
        topic
            Where to.
        value
            Bytes and ``None`` go as they are; a dict, a list or a record of aimass goes as JSON.
        key
            What order is kept per; records of one key go to one partition.
        time
            The record's timestamp in seconds since 1970; now, when left out.
        headers
            Names and values, in order.
        partition
            Overrides the key's partition.

        Raises
        ------
        ClientError
            When an earlier record was refused, for example because it is too large.
        WorldFault
            When Kafka failed for longer than it is retried.
        """
        await self._room(1)
        stamp = None if time is None else round(time * 1000)
        try:
            future = await enqueue(self._kafka, topic, to_bytes(value), key_bytes(key), partition, stamp, headers)
        except KafkaError as exc:
            raise _refused(topic, exc) from exc
        self._watch(future, topic, 1)

    async def send_many(
        self,
        topic: str,
        values: Sequence[Any],
        *,
        keys: Sequence[str | bytes | None] | None = None,
        times: Sequence[float | None] | None = None,
    ) -> None:
        """Send many records at once: the fast path, some microseconds a record.

        Parameters
        ----------
        topic
            Where to.
        values, keys, times
            As in :meth:`send`, one each a record. Records of one partition keep their order.
        """
        await self._room(len(values))
        stamps = [None if time is None else round(time * 1000) for time in times] if times else [None] * len(values)
        for partition, rows in (await self._distribute(topic, keys, len(values))).items():
            batch = self._kafka.create_batch()
            for row in rows:
                key = key_bytes(keys[row]) if keys else None
                value = to_bytes(values[row])
                if batch.append(key=key, value=value, timestamp=stamps[row]) is None:
                    await self._send_batch(batch, topic, partition)
                    batch = self._kafka.create_batch()
                    batch.append(key=key, value=value, timestamp=stamps[row])
            if batch.record_count():
                await self._send_batch(batch, topic, partition)

    async def flush(self) -> None:
        """Wait until everything sent so far is acknowledged by all replicas.

        Raises
        ------
        ClientError, WorldFault
            As in :meth:`send`.
        """
        await self._kafka.flush()
        if self._waiting:
            await asyncio.wait(self._waiting)
        self._check()

    async def _send_batch(self, batch: Any, topic: str, partition: int) -> None:
        count = batch.record_count()
        batch.close()
        try:
            future = await self._kafka.send_batch(batch, topic, partition=partition)
        except KafkaError as exc:
            raise _refused(topic, exc) from exc
        self._watch(future, topic, count)

    async def _distribute(self, topic: str, keys: Sequence[Any] | None, count: int) -> dict[int, Iterable[int]]:
        partitions = sorted(await self._kafka.partitions_for(topic))
        if keys is None:
            self._next_partition += 1
            return {partitions[self._next_partition % len(partitions)]: range(count)}
        rows: dict[int, list[int]] = {}
        for row, key in enumerate(keys):
            rows.setdefault(self._partition(topic, key, partitions), []).append(row)
        return dict(rows)

    def _partition(self, topic: str, key: str | bytes | None, partitions: list[int]) -> int:
        if key is None:
            self._next_partition += 1
            return partitions[self._next_partition % len(partitions)]
        encoded = key.encode() if isinstance(key, str) else key
        known = self._partition_of.get((topic, encoded))
        if known is None:
            if len(self._partition_of) >= _CACHED_KEYS:
                self._partition_of.clear()
            known = partitions[(murmur2(encoded) & 0x7FFFFFFF) % len(partitions)]
            self._partition_of[topic, encoded] = known
        return known

    async def _room(self, count: int) -> None:
        self._check()
        while self._waiting and self._unacknowledged + count > _MAX_UNACKNOWLEDGED:
            await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
            self._check()

    def _watch(self, future: asyncio.Future[Any], topic: str, count: int) -> None:
        self._unacknowledged += count
        self._waiting.add(future)

        def done(future: asyncio.Future[Any]) -> None:
            self._unacknowledged -= count
            self._waiting.discard(future)
            error = None if future.cancelled() else future.exception()
            if error is not None and self._failure is None:
                self._failure = _refused(topic, error)

        future.add_done_callback(done)

    def _check(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


def _refused(topic: str, error: BaseException) -> ClientError | WorldFault:
    kind = WorldFault if getattr(error, "retriable", False) else ClientError
    failure = kind(f"a record for {topic!r} was not accepted by Kafka: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
