"""The courier at work on a Kafka: the outbox in, deliveries out, in one worker at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from aimass.codec import decoder, encode
from aimass.connection import partitions_of
from aimass.delivery.channels import Channels
from aimass.delivery.courier import Courier
from aimass.delivery.receivers import Receiver, Secrets, check
from aimass.errors import BadEvent
from aimass.records import Delivery, Notification
from aimass.settings import Settings, kafka_options

logger = logging.getLogger(__name__)
_notification = decoder(Notification)
_delivery = decoder(Delivery)
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_SETTLE_S = 1.0


class _Book:
    """Writes deliveries to their topic (implements `aimass.delivery.courier.Book`)."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic
        self._pending: set[asyncio.Task[None]] = set()

    async def write(self, delivery: Delivery) -> None:
        """Write down, for good."""
        await self._producer.send_and_wait(self._topic, encode(delivery), key=delivery.key.encode())

    def note(self, delivery: Delivery) -> None:
        """Write down, and do not wait for it."""
        task = asyncio.create_task(self._noted(delivery))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _noted(self, delivery: Delivery) -> None:
        with contextlib.suppress(KafkaError):  # what comes of the attempt is written for good
            await self.write(delivery)


class DeliveryService:
    """Delivers what a pipeline's outbox holds, for as long as its partition belongs to this worker.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    receivers
        Its receivers.
    settings
        The cluster.
    environ
        Where secrets stand.
    observe
        Told of each attempt.

    Raises
    ------
    ConfigurationError
        When a secret is missing or wrong.
    """

    def __init__(
        self,
        pipeline: str,
        receivers: Sequence[Receiver],
        settings: Settings,
        *,
        environ: Mapping[str, str] | None = None,
        observe: Callable[[Delivery], None] = lambda delivery: None,
    ) -> None:
        self._pipeline, self._receivers, self._observe = pipeline, receivers, observe
        self._secrets: dict[str, Secrets] = check(receivers, os.environ if environ is None else environ)
        self._options = kafka_options(settings)
        self._group = f"aimass.{pipeline}.deliver"
        self._session_ms = settings.session_timeout_s * 1000
        self.outbox, self.deliveries = f"{pipeline}.outbox", f"{pipeline}.deliveries"

    async def run(self) -> None:
        """Deliver until cancelled; when Kafka fails, begin again from what it holds."""
        failures = 0
        while True:
            try:
                await self._serve()
            except (KafkaError, OSError, TimeoutError) as exc:
                pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                logger.warning("delivery begins again", extra={"why": repr(exc), "in_s": pause})
                failures += 1
                await asyncio.sleep(pause)

    async def _serve(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=max(100, self._session_ms // 5),
        )
        producer = AIOKafkaProducer(**self._options, acks="all", enable_idempotence=True, linger_ms=0)
        listener = _Assigned()
        try:
            await producer.start()
            consumer.subscribe([self.outbox], listener=listener)
            await consumer.start()
            while True:
                listener.changed.clear()
                if not consumer.assignment():
                    await consumer.getmany(timeout_ms=200)
                    continue
                await self._deliver(consumer, _Book(producer, self.deliveries), listener)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _deliver(self, consumer: Any, book: _Book, listener: _Assigned) -> None:
        """Deliver while the assignment stands."""
        channels = Channels()
        courier = Courier(self._pipeline, self._receivers, self._secrets, book, channels, observe=self._observe)
        tail = AIOKafkaConsumer(**self._options, auto_offset_reset="earliest", enable_auto_commit=False)
        try:
            await tail.start()
            await self._recall(tail, courier)
            (place,) = consumer.assignment()
            courier.start()
            await self._loop(consumer, place, tail, courier, listener)
        finally:
            await courier.stop()
            await tail.stop()
            await channels.close()

    async def _loop(
        self, consumer: Any, place: TopicPartition, tail: Any, courier: Courier, listener: _Assigned
    ) -> None:
        loop = asyncio.get_running_loop()
        committed, settled = -1, loop.time()
        while not listener.changed.is_set():
            failure = courier.failure()
            if failure is not None:
                raise failure
            if courier.is_full:
                await asyncio.sleep(0.05)
            else:
                for record in (await consumer.getmany(place, timeout_ms=100)).get(place, ()):
                    self._take(courier, record)
            for records in (await tail.getmany(timeout_ms=0)).values():
                await self._asked(courier, records)
            done = courier.done_before(await consumer.position(place))
            if done > committed and loop.time() - settled >= _SETTLE_S:
                await consumer.commit({place: done})
                committed, settled = done, loop.time()
        with contextlib.suppress(KafkaError):
            await consumer.commit({place: courier.done_before(committed)})

    def _take(self, courier: Courier, record: Any) -> None:
        try:
            courier.take(record.offset, _notification(record.value or b""))
        except BadEvent as exc:
            logger.error("no notification in the outbox", extra={"offset": record.offset, "why": str(exc)})

    async def _asked(self, courier: Courier, records: Sequence[Any]) -> None:
        """Look for deliveries that people ask for again, and find what they were of."""
        asked = []
        for record in records:
            delivery = _read(record)
            if delivery is not None and delivery.outcome == "requested":
                courier.recall(delivery)
                asked.append(delivery)
        if asked:
            wanted = {(one.receiver, one.id) for one in asked}
            async for offset, one in self._history():
                if (one.receiver, one.id) in wanted:
                    courier.take(offset, one)

    async def _history(self) -> Any:
        """Yield all that the outbox ever held and still holds."""
        reader = AIOKafkaConsumer(**self._options, isolation_level="read_committed", enable_auto_commit=False)
        await reader.start()
        try:
            async for record in _to_end(reader, await partitions_of(self._options, [self.outbox])):
                with contextlib.suppress(BadEvent):
                    yield record.offset, _notification(record.value or b"")
        finally:
            await reader.stop()

    async def _recall(self, tail: Any, courier: Courier) -> None:
        async for record in _to_end(tail, await partitions_of(self._options, [self.deliveries])):
            delivery = _read(record)
            if delivery is not None:
                courier.recall(delivery)


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that the assignment changed."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.changed.set()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.changed.set()


async def _to_end(reader: Any, places: Sequence[TopicPartition]) -> Any:
    """Yield the records of partitions, from the beginning to where they end now; reading goes on from there."""
    reader.assign(list(places))
    ends = await reader.end_offsets(list(places))
    await reader.seek_to_beginning(*places)
    for place in places:
        while await reader.position(place) < ends[place]:
            for record in (await reader.getmany(place, timeout_ms=500)).get(place, ()):
                yield record


def _read(record: Any) -> Delivery | None:
    try:
        found: Delivery = _delivery(record.value or b"")
    except BadEvent:
        return None
    return found
