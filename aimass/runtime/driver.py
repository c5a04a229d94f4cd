"""The Faust transport that delivers chunks, and all that aimass overrides of Faust: here and nowhere else.

Faust keeps agents, topics, worker and assignment. What is replaced, and why (`docs/decisions/0001`):

=============================  =====================================================================================
``Consumer._drain_messages``   One message a chunk instead of four asyncio tasks an event.
``Consumer.ack``, ``_commit``  Offsets commit in our transactions; a later commit by Faust would move them back.
``Consumer.perform_seek``      A partition goes on where its state says, once it is restored.
``App.crash``                  Ends the worker; Faust's own worker class is not used.
``App._consumer_wait_empty``   Called when partitions are taken away: commits what is done and lets go of them.
``Consumer`` (no thread)       Heartbeats and fetches run in the worker's own loop: no hop between threads per fetch.
=============================  =====================================================================================

`tests/functional/test_faust_contract.py` fails when a new Faust changes any of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import aiokafka
import faust
import faust.transport.producer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.consumer import Consumer, ensure_TPset
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from aimass.errors import WorldFault
from aimass.runtime.chunk import Chunk
from aimass.stages.base import SourceRecord

SCHEME = "aimass"
_POLL_MS = 200


class Partitions(Protocol):
    """Who runs the partitions that the group gives this worker: `aimass.runtime.engine.Engine`."""

    def consumer_options(self) -> dict[str, Any]: ...
    def assigned(self, tps: set[TP]) -> None: ...
    def chunk(self, tp: TP, records: Sequence[SourceRecord], next_offset: int) -> Chunk | None: ...
    async def release(self) -> None: ...
    def fail(self, exc: BaseException) -> None: ...


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consumer: ChunkConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        self._consumer.app.on_rebalance_start()
        await self._consumer.on_partitions_revoked(ensure_TPset(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        consumer = self._consumer
        generation = consumer.kafka._coordinator.generation
        consumer.app.consumer_generation_id = generation
        consumer.kafka.pause(*assigned)  # until its state is restored
        tps = ensure_TPset(assigned)
        await consumer.on_partitions_assigned(tps, generation)
        cast("App", consumer.app).engine.assigned(tps)


class ChunkConsumer(Consumer):
    """A Faust consumer whose messages are chunks; reading is started and stopped partition by partition."""

    consumer_stopped_errors = (ConsumerStoppedError,)
    kafka: aiokafka.AIOKafkaConsumer

    async def on_start(self) -> None:
        """Connect."""
        app = cast("App", self.app)
        options = app.engine.consumer_options()
        self.kafka = aiokafka.AIOKafkaConsumer(**options, partition_assignment_strategy=[StickyPartitionAssignor])
        await self.kafka.start()
        await super().on_start()

    async def on_stop(self) -> None:
        """Leave the group."""
        await super().on_stop()
        await self.kafka.stop()

    # -- chunks -------------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow.wait())
                continue
            try:
                fetched = await self.kafka.getmany(timeout_ms=_POLL_MS)
            except ConsumerStoppedError:
                return
            except KafkaError as exc:
                self.log.warning("fetching failed, trying again: %r", exc)
                await self.sleep(1.0)
                continue
            chunks = [self._chunk(TP(*tp), records) for tp, records in fetched.items()]  # all, before anything waits
            for chunk in chunks:
                if chunk is not None:
                    await self.callback(self._to_message(chunk.tp, chunk))

    def _chunk(self, tp: TP, records: Sequence[SourceRecord]) -> Chunk | None:
        after = max(records[-1].offset + 1, self.read_position(tp) or 0)
        return cast("App", self.app).engine.chunk(tp, records, after)

    def _to_message(self, tp: TP, record: Chunk) -> ConsumerMessage:
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=record.records[-1].offset,
            timestamp=record.records[-1].timestamp / 1000.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=cast(Any, record),
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- reading, partition by partition ------------------------------------------------------------------------------

    def start_reading(self, tp: TP, offset: int | None = None) -> None:
        """Fetch a partition: from an offset, or on from where fetching stopped."""
        if offset is not None:
            self.kafka.seek(_aio(tp), offset)
        self.kafka.resume(_aio(tp))

    def stop_reading(self, tp: TP) -> None:
        """Fetch no more of a partition."""
        if self.kafka._subscription.is_assigned(_aio(tp)):
            self.kafka.pause(_aio(tp))

    def read_position(self, tp: TP) -> int | None:
        """Return where the next fetch of a partition begins: past transaction markers, which are no records."""
        if not self.kafka._subscription.is_assigned(_aio(tp)):
            return None
        state = self.kafka._subscription.subscription.assignment.state_value(_aio(tp))
        return cast(int, state.position) if state.has_valid_position else None

    def end_offset(self, tp: TP) -> int | None:
        """Return the end of a partition as the last fetch saw it (read committed), or ``None``."""
        if not self.kafka._subscription.is_assigned(_aio(tp)):
            return None
        return cast("int | None", self.kafka.last_stable_offset(_aio(tp)))

    async def first_offset(self, tp: TP) -> int:
        """Return the first offset that Kafka still has."""
        try:
            return cast(int, (await self.kafka.beginning_offsets([_aio(tp)]))[_aio(tp)])
        except KafkaError as exc:
            raise WorldFault(f"the first offset of {tp.topic}/{tp.partition} is not to be had: {exc!r}") from exc

    async def group_offset(self, tp: TP) -> int | None:
        """Return the offset that the group has committed, or ``None``."""
        try:
            return cast("int | None", await self.kafka.committed(_aio(tp)))
        except KafkaError as exc:
            raise WorldFault(f"the group's offset of {tp.topic}/{tp.partition} is not to be had: {exc!r}") from exc

    def is_assigned(self, tp: TP) -> bool:
        """Whether the group gives this partition to this worker now."""
        return cast(bool, self.kafka._subscription.is_assigned(_aio(tp)))

    # -- what Faust asks of a consumer --------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for these topics; an application without agents, which only delivers, has none."""
        if names := sorted(topics):
            self.kafka.subscribe(topics=names, listener=_Rebalances(self))
        else:
            await self.on_partitions_assigned(set())  # no group will say so

    def ack(self, message: Any) -> bool:
        """Nothing to acknowledge: the offset is in the transaction."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing to commit: the offset is in the transaction."""
        return True

    async def perform_seek(self) -> None:
        """Nothing to seek: a partition is positioned when its state is restored."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Nothing to seek: a partition is positioned when its state is restored."""
        return {}

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to create: topics are declared in `topics/` and made before a worker starts."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """`/health` watches progress by offsets, not by Faust's clocks."""

    def assignment(self) -> set[TP]:
        """Return the partitions that this worker has."""
        return ensure_TPset(self.kafka.assignment()) if hasattr(self, "kafka") else set()

    def highwater(self, tp: TP) -> int:
        """Return the end of a partition, read committed."""
        return self.end_offset(tp) or 0

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has."""
        found = self.kafka.partitions_for_topic(topic)
        return len(found) if found else None

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise NotImplementedError("chunks come from _drain_messages")

    async def _seek(self, partition: TP, offset: int) -> None:
        self.kafka.seek(_aio(partition), offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek partitions."""
        for tp, offset in partitions.items():
            self.kafka.seek(_aio(tp), offset)

    async def position(self, tp: TP) -> int | None:
        """Return the position of a partition."""
        return cast(int, await self.kafka.position(_aio(tp)))

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the first offsets of partitions."""
        return cast("Mapping[TP, int]", await self.kafka.beginning_offsets([_aio(tp) for tp in partitions]))

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the ends of partitions."""
        return cast("Mapping[TP, int]", await self.kafka.end_offsets([_aio(tp) for tp in partitions]))

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Faust never chooses a partition here: outputs do (`aimass.runtime.outputs`)."""
        return partition


def _aio(tp: TP) -> aiokafka.TopicPartition:
    return aiokafka.TopicPartition(tp.topic, tp.partition)


class Transport(stock.Transport):
    """Faust's Kafka transport with our consumer, and with a producer that never connects: outputs are ours."""

    Consumer = ChunkConsumer
    Producer = faust.transport.producer.Producer


TRANSPORTS.aliases[SCHEME] = "aimass.runtime.driver:Transport"


class App(faust.App):
    """A Faust application whose partitions are ours: `engine` opens, commits and closes them."""

    engine: Partitions

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        await self.engine.release()

    async def crash(self, reason: BaseException) -> None:
        """Stop the worker: whatever Faust itself cannot go on after ends here."""
        self.engine.fail(reason)
        await super().crash(reason)


def make_app(engine: Partitions, name: str, bootstrap: str, session_timeout_s: float, datadir: Path) -> App:
    """Return the Faust application of one pipeline; Faust makes a directory that nothing is kept in."""
    datadir.mkdir(parents=True, exist_ok=True)
    app = App(
        name,
        broker=";".join(f"{SCHEME}://{host}" for host in bootstrap.split(",")),
        store="memory://",
        datadir=str(datadir),
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=1024,
        web_enabled=False,
        broker_session_timeout=session_timeout_s,
        broker_request_timeout=max(40.0, session_timeout_s * 2),
        broker_commit_interval=3600.0,
        broker_commit_livelock_soft_timeout=1e9,
        value_serializer="raw",
        key_serializer="raw",
    )
    app.engine = engine
    return app
