"""Writes what is pushed to Kafka: each request whole or not at all, many requests in one transaction.

::

    request ─▶ waits ─▶ all that wait, in one transaction ─▶ committed: offsets ─▶ 200
                           └─ Kafka fails, or takes too long: aborted by whoever writes next ─▶ 503
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidTxnState,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RecordListTooLargeError,
)

from aimass.connection import start
from aimass.errors import ClientError, WorldFault
from aimass.settings import Settings, kafka_options

logger = logging.getLogger(__name__)
_MOST_RECORDS, _MOST_BYTES = 5_000, 8 << 20
_ONE_S = 8.0
_STOP_S = 3.0
_LARGEST_RECORD = 16 << 20
_REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError)
_FAULTS = (TimeoutError, OSError, KafkaError, InvalidTxnState, OutOfOrderSequenceNumber, IllegalOperation, WorldFault)


class Event(NamedTuple):
    """What one record of Kafka is made of."""

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


Offsets = list[tuple[int, int]]


class Writer(Protocol):
    """Where events are written to."""

    async def write(self, topic: str, events: Sequence[Event], wait_s: float) -> Offsets:
        """Write all events or none, and return the partition and the offset of each, once all replicas have them.

        Raises
        ------
        WorldFault
            When they are not known to be written after so many seconds.
        ClientError
            When Kafka refuses them, and will again.
        """

    async def close(self) -> None:
        """Close, once what is under way is done."""


@dataclass(eq=False, slots=True)
class _Request:
    topic: str
    events: Sequence[Event]
    done: asyncio.Future[Offsets] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    size: int = 0

    def __post_init__(self) -> None:
        self.size = sum(len(event.value) for event in self.events)


class KafkaWriter:
    """Writes events in transactions, one after another; what waits for one goes together into the next.

    Parameters
    ----------
    settings
        Which Kafka.
    pipeline
        Names the transactions.
    """

    def __init__(self, settings: Settings, pipeline: str) -> None:
        self._options = kafka_options(settings)
        self._timeout_ms = settings.transaction_timeout_ms
        # Of this process alone: others may push to the same pipeline. Kafka ends what a dead one left open by itself.
        self._id = f"aimass.{pipeline}.push.{uuid.uuid4().hex}"
        self._waiting: list[_Request] = []
        self._news = asyncio.Event()
        self._producer: Any = None
        self._turn = 0
        self._task: asyncio.Task[None] | None = None
        self._stops: set[asyncio.Task[None]] = set()

    async def write(self, topic: str, events: Sequence[Event], wait_s: float) -> Offsets:
        """Write all events or none; see :class:`Writer`."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=self._id)
        request = _Request(topic, events)
        self._waiting.append(request)
        self._news.set()
        try:
            return await asyncio.wait_for(request.done, wait_s)
        except TimeoutError as exc:
            raise WorldFault(f"Kafka did not answer within {wait_s:g} s") from exc
        finally:
            if request in self._waiting:  # not begun: it never will be
                self._waiting.remove(request)

    async def close(self) -> None:
        """Close; what still waits is not written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._drop()
        for stop in self._stops:
            stop.cancel()
        await asyncio.gather(*self._stops, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            batch = self._next()
            if batch:
                await self._together(batch)

    def _next(self) -> list[_Request]:
        """Return what goes into the next transaction."""
        batch: list[_Request] = []
        records = size = 0
        while self._waiting and records < _MOST_RECORDS and size < _MOST_BYTES:
            batch.append(self._waiting.pop(0))
            records, size = records + len(batch[-1].events), size + batch[-1].size
        if not self._waiting:
            self._news.clear()
        return batch

    async def _together(self, batch: Sequence[_Request]) -> None:
        """Write requests in one transaction; when Kafka refuses one of them, each in its own."""
        try:
            async with asyncio.timeout(_ONE_S):
                found = await self._transaction(batch)
        except _REFUSED as exc:
            await self._drop()
            if len(batch) > 1:
                for request in batch:
                    await self._together([request])
                return
            _fail(batch, _refused(batch[0], exc))
        except _FAULTS as exc:
            logger.warning("what was pushed was not written", extra={"requests": len(batch), "why": repr(exc)})
            await self._drop()
            _fail(batch, WorldFault(f"Kafka failed: {exc!r}"))
        except BaseException:
            _fail(batch, WorldFault("this process stops"))
            raise
        else:
            for request, offsets in zip(batch, found, strict=True):
                if not request.done.done():
                    request.done.set_result(offsets)

    async def _transaction(self, batch: Sequence[_Request]) -> list[Offsets]:
        producer = await self._opened()
        await producer.begin_transaction()
        sent: list[list[asyncio.Future[Any]]] = []
        try:
            for request in batch:
                sent.append([])
                await self._send(producer, request, sent[-1])
            results = await asyncio.gather(*(one for futures in sent for one in futures), return_exceptions=True)
        except BaseException:
            for one in (one for futures in sent for one in futures):
                one.cancel()
            raise
        if failures := [one for one in results if isinstance(one, BaseException)]:
            raise next((one for one in failures if isinstance(one, _REFUSED)), failures[0])
        await producer.commit_transaction()
        return [[(one.result().partition, one.result().offset) for one in futures] for futures in sent]

    async def _send(self, producer: Any, request: _Request, futures: list[asyncio.Future[Any]]) -> None:
        partitions = sorted(await producer.partitions_for(request.topic))
        self._turn += 1
        keyless = partitions[self._turn % len(partitions)]  # together, so that they stay in order
        for value, key, headers in request.events:
            partition = keyless if key is None else None
            futures.append(await producer.send(request.topic, value, key, partition, headers=list(headers)))

    async def _opened(self) -> Any:
        """Return the producer; a new one aborts what the last one left open."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self._options,
                client_id="aimass-push",
                transactional_id=self._id,
                transaction_timeout_ms=self._timeout_ms,
                max_batch_size=1 << 20,
                max_request_size=_LARGEST_RECORD,
                request_timeout_ms=20_000,
            )
            await start(self._producer, self._options)
        return self._producer

    async def _drop(self) -> None:
        """Let go of the producer; it may take until Kafka is back to stop, which nobody waits for."""
        producer, self._producer = self._producer, None
        if producer is not None:
            stop = asyncio.create_task(producer.stop())
            self._stops.add(stop)
            stop.add_done_callback(self._stopped)
            await asyncio.wait([stop], timeout=_STOP_S)

    def _stopped(self, stop: asyncio.Task[None]) -> None:
        self._stops.discard(stop)
        if not stop.cancelled() and (why := stop.exception()) is not None:
            logger.info("a producer did not stop as it should", extra={"why": repr(why)})


def _fail(batch: Sequence[_Request], error: Exception) -> None:
    for request in batch:
        if not request.done.done():
            request.done.set_exception(error)


def _refused(request: _Request, exc: Exception) -> ClientError:
    largest = max(len(event.value) for event in request.events)
    return ClientError(
        f"Kafka refuses what is for {request.topic!r}: {type(exc).__name__} (the largest value has {largest:,} bytes): "
        "send less at once, or raise `max.message.bytes` of the topic."
    )
