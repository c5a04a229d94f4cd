"""The courier at work on a Kafka: the outbox in, deliveries out, in one worker at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from aimass.codec import decoder, encode
from aimass.delivery.channels import Channels, trust
from aimass.delivery.courier import Courier
from aimass.delivery.outbox import Rereader, read_notification
from aimass.delivery.positions import commit, committed
from aimass.delivery.receivers import Receiver, Secrets, check
from aimass.errors import BadEvent
from aimass.records import Delivery
from aimass.settings import Settings, kafka_options

logger = logging.getLogger(__name__)
_delivery: Callable[[bytes], Delivery] = decoder(Delivery)
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_SETTLE_S = 1.0


class _Book:
    """Writes deliveries to their topic (implements `aimass.delivery.courier.Book`)."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def write(self, delivery: Delivery) -> None:
        """Write down, for good."""
        await self._producer.send_and_wait(self._topic, encode(delivery), key=delivery.key.encode())


class _Partition(ConsumerRebalanceListener):  # type: ignore[misc]
    """Says whether the partition is here, and lets go of it before it is taken away."""

    def __init__(self, place: TopicPartition) -> None:
        self._place = place
        self.is_here = False
        self.epoch = 0
        self.let_go: Callable[[], Awaitable[None]] | None = None

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.is_here = False
        self.epoch += 1  # it may be back before anybody looks
        let_go, self.let_go = self.let_go, None
        if let_go is not None:
            await let_go()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.is_here = self._place in assigned


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
        Where secrets stand, and whom to trust (``SSL_CERT_FILE``).
    observe
        Told of each attempt.

    Raises
    ------
    ConfigurationError
        When a secret is missing or wrong, or ``SSL_CERT_FILE`` is no file.
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
        environ = os.environ if environ is None else environ
        self._secrets: dict[str, Secrets] = check(receivers, environ)
        self._context = trust(environ)
        self._options = kafka_options(settings)
        self._group = f"aimass.{pipeline}.deliver"
        self._session_ms = settings.session_timeout_s * 1000
        self._grace_s = min(5.0, settings.session_timeout_s / 4)
        self._outbox = TopicPartition(f"{pipeline}.outbox", 0)
        self._deliveries = TopicPartition(f"{pipeline}.deliveries", 0)

    async def run(self) -> None:
        """Deliver until cancelled; when Kafka fails, begin again from what it holds."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._serve()
            except (KafkaError, OSError) as exc:
                failures = 0 if asyncio.get_running_loop().time() - began > 60.0 else failures
                pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                logger.warning("delivery begins again", extra={"why": repr(exc), "in_s": pause})
                failures += 1
                await asyncio.sleep(pause)

    async def _serve(self) -> None:
        """Wait for the partition, deliver while it is here, and wait again."""
        partition = _Partition(self._outbox)
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=max(100, self._session_ms // 5),
            max_poll_interval_ms=3_600_000,
        )
        producer = AIOKafkaProducer(**self._options, acks="all", enable_idempotence=True, linger_ms=0)
        try:
            await producer.start()
            consumer.subscribe([self._outbox.topic], listener=partition)
            await consumer.start()
            while True:
                if partition.is_here:
                    await self._deliver(consumer, _Book(producer, self._deliveries.topic), partition)
                else:
                    await consumer.getmany(timeout_ms=200)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _deliver(self, consumer: Any, book: _Book, partition: _Partition) -> None:
        """Deliver while the partition is here."""
        channels, epoch = Channels(context=self._context), partition.epoch
        names = [receiver.name for receiver in self._receivers]
        try:
            async with self._reader("read_uncommitted") as tail, self._reader("read_committed") as reader:
                starts = await committed(self._options, self._group, self._outbox, names)
                courier = Courier(
                    self._pipeline,
                    self._receivers,
                    self._secrets,
                    book,
                    channels,
                    starts=starts,
                    observe=self._observe,
                )
                await self._recall(tail, courier)
                rereader = Rereader(reader, self._outbox, courier)
                rereader.find(await courier.unfinished())
                if partition.epoch == epoch:
                    consumer.seek(self._outbox, courier.seen)
                    await self._work(consumer, tail, courier, rereader, partition)
        finally:
            await channels.close()

    async def _work(
        self, consumer: Any, tail: Any, courier: Courier, rereader: Rereader, partition: _Partition
    ) -> None:
        async def let_go() -> None:
            await courier.stop(self._grace_s)
            with contextlib.suppress(KafkaError):
                await commit(consumer, self._outbox, courier.positions())

        partition.let_go, epoch = let_go, partition.epoch
        rereading = asyncio.create_task(rereader.run())
        courier.start()
        try:
            await self._loop(consumer, tail, courier, rereader, rereading, lambda: partition.epoch == epoch)
        finally:
            rereading.cancel()
            await asyncio.gather(rereading, return_exceptions=True)
            let, partition.let_go = partition.let_go, None
            if let is not None:
                await let()
            await courier.stop()

    async def _loop(
        self,
        consumer: Any,
        tail: Any,
        courier: Courier,
        rereader: Rereader,
        rereading: asyncio.Task[None],
        is_ours: Callable[[], bool],
    ) -> None:
        now = asyncio.get_running_loop().time
        done, settled = courier.positions(), now()
        while is_ours():
            if rereading.done():
                rereading.result()
            failure = courier.failure()
            if failure is not None:
                raise failure
            for record in (await consumer.getmany(self._outbox, timeout_ms=100)).get(self._outbox, ()):
                one = read_notification(record)
                if one is None:
                    logger.error("no notification in the outbox", extra={"offset": record.offset})
                else:
                    await courier.take(record.offset, one)
            if not is_ours():
                return
            courier.seen = max(courier.seen, await consumer.position(self._outbox))
            await self._asked(tail, courier, rereader)
            if now() - settled >= _SETTLE_S and courier.positions() != done:
                done, settled = courier.positions(), now()
                await commit(consumer, self._outbox, done)

    async def _asked(self, tail: Any, courier: Courier, rereader: Rereader) -> None:
        """Look for deliveries that people ask for again; what was done since is not."""
        found = await tail.getmany(self._deliveries, timeout_ms=0)
        last = {one.key: one for record in found.get(self._deliveries, ()) if (one := _read(record)) is not None}
        requests = [one for one in last.values() if one.outcome == "requested"]
        rereader.find([one for one in requests if await courier.ask(one)])

    async def _recall(self, tail: Any, courier: Courier) -> None:
        """Learn what was written down, up to now; `tail` goes on from there."""
        place = self._deliveries
        tail.assign([place])
        end = (await tail.end_offsets([place]))[place]
        await tail.seek_to_beginning(place)
        while await tail.position(place) < end:
            for record in (await tail.getmany(place, timeout_ms=500)).get(place, ()):
                delivery = _read(record)
                if delivery is not None:
                    courier.recall(delivery)

    @asynccontextmanager
    async def _reader(self, isolation: str) -> AsyncIterator[Any]:
        """Yield a consumer without a group."""
        reader = AIOKafkaConsumer(
            **self._options,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()


def _read(record: Any) -> Delivery | None:
    try:
        return _delivery(record.value or b"")
    except BadEvent:
        return None
