"""Subscribe to a topic: read committed records only, typed when the topic is one of aimass' own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from aimass.codec import dead_letter, decoder
from aimass.connection import Where, options_of, partitions_of, start
from aimass.errors import BadEvent, ClientError, WorldFault
from aimass.records import (
    Alert,
    Delivery,
    Drift,
    Evaluation,
    Gate,
    Judgement,
    Link,
    LogRecord,
    Notification,
    Observation,
    Outcome,
    Prediction,
    PredictionRecord,
    Recommendation,
    Redrive,
    Review,
    Series,
    Signal,
    Tick,
    Transition,
)

From = str | int | float | datetime

#: What the records of a pipeline's topics are, by the last part of the topic's name.
TYPES: dict[str, Any] = {
    "alerts": Alert | Tick,
    "anomalies": Prediction,
    "deliveries": Delivery,
    "drifts": Drift,
    "evaluations": Evaluation,
    "gates": Gate,
    "links": Link,
    "log": LogRecord,
    "observations": Observation,
    "outbox": Notification,
    "outcomes": Outcome,
    "predictions": PredictionRecord,
    "quality": Judgement,
    "recommendations": Recommendation,
    "redrive": Redrive,
    "reviews": Review,
    "series": Series | Tick,
    "shadow": Alert,
    "signals": Signal,
    "transitions": Transition,
}

_POLL_MS = 200
_COMMIT_S = 1.0


class Message(msgspec.Struct, frozen=True, gc=False):
    """A record with its position in Kafka, as it came.

    Examples
    --------
    >>> message = Message("sensors", 0, 7, 1_700_000_000_000, b"p1", b'{"pressure": 4.2}', ())
    >>> message.id, message.record
    ('sensors-0-7', {'pressure': 4.2})
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def id(self) -> str:
        """Its position, as a name."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def record(self) -> Any:
        """The value: a record of aimass on a pipeline's topics, else what the JSON says; ``None`` for a tombstone.

        Raises
        ------
        BadEvent
            When the value cannot be decoded.
        """
        try:
            return decode(self)
        except BadEvent as exc:
            raise BadEvent(f"{self.id}: {exc}") from exc


def decode(message: Message) -> Any:
    """Return what a message's value is, by its topic's name."""
    last = message.topic.rpartition(".")[2]
    if last == "deadletters" and any(name == "aimass.reason" for name, _ in message.headers):
        return dead_letter(message.key, message.value, list(message.headers))
    if message.value is None:
        return None
    return decoder(TYPES.get(last, Any))(message.value)


async def offsets_at(consumer: Any, partitions: Sequence[TopicPartition], where: From) -> dict[TopicPartition, int]:
    """Return the offset of each partition at a place, as :class:`Subscriber` takes it for ``from_``."""
    starts: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    if isinstance(where, str):
        return starts if where == "beginning" else ends
    if isinstance(where, int):
        return {at: min(max(where, starts[at]), ends[at]) for at in partitions}
    stamp = where.timestamp() if isinstance(where, datetime) else where
    found = await consumer.offsets_for_times({at: round(stamp * 1000) for at in partitions})
    return {at: ends[at] if found.get(at) is None else found[at].offset for at in partitions}


class Subscriber:
    """Yields the records of topics as they are committed: what a worker rolled back is never seen.

    Ticks, by which pipelines tell each other the time, are left out; :meth:`messages` has them.

    Parameters
    ----------
    topics
        One or more, such as ``"shuttle.alerts"``.
    where
        The cluster: ``"host:port"`` or :class:`aimass.settings.Settings`.
    from_
        ``"beginning"``, ``"end"``, an offset (an ``int``, of every partition) or a time (a ``datetime``, or a
        ``float`` in seconds since 1970).
    group
        Shares the topics with all subscribers of the same group, and goes on where the group stopped: each record is
        handed out at least once. ``from_`` then says where a new group starts.
    key
        Only records of this key.
    until_idle_s
        Ends when nothing came for this long; ``None`` never does.
    until_end
        Ends when all that was committed at the start has been handed out.

    Examples
    --------
    >>> async def example():  # doctest: +SKIP
    ...     async with Subscriber("shuttle.alerts", where="localhost:9092", from_="beginning") as alerts:
    ...         async for alert in alerts:
    ...             print(alert.severity, alert.key, alert.cause)
    """

    def __init__(
        self,
        *topics: str,
        where: Where,
        from_: From = "end",
        group: str | None = None,
        key: str | None = None,
        until_idle_s: float | None = None,
        until_end: bool = False,
    ) -> None:
        if not topics:
            raise ClientError("a Subscriber needs at least one topic, such as 'shuttle.alerts'.")
        if isinstance(from_, str) and from_ not in ("beginning", "end"):
            raise ClientError(f"from_ is {from_!r}; allowed: 'beginning', 'end', an offset or a time.")
        if group is not None and not isinstance(from_, str):
            raise ClientError("a group goes on where it stopped: from_ can only be 'beginning' or 'end' with it.")
        self._topics, self._options = topics, options_of(where)
        self._from, self._group = from_, group
        self._key = None if key is None else key.encode()
        self._until_idle_s, self._until_end = until_idle_s, until_end
        self._kafka: Any = None
        self._ends: dict[TopicPartition, int] = {}
        self._finished: dict[TopicPartition, int] = {}
        self._held: Message | None = None
        self._committed_at = 0.0

    async def __aenter__(self) -> Self:
        self._kafka = AIOKafkaConsumer(
            **self._options,
            client_id="aimass-subscriber",
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest" if self._from == "beginning" else "latest",
            max_partition_fetch_bytes=8 * 1024 * 1024,
            fetch_max_wait_ms=_POLL_MS,
        )
        await start(self._kafka, self._options)
        try:
            await self._begin()
        except BaseException:
            await self._kafka.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._group is not None:
                await self.commit()
        finally:
            await self._kafka.stop()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._records()

    async def _records(self) -> AsyncIterator[Any]:
        async for message in self.messages():
            record = message.record
            if not isinstance(record, Tick):
                yield record

    async def messages(self) -> AsyncIterator[Message]:
        """Yield each record with its position, undecoded; :attr:`Message.record` decodes it."""
        async for chunk in self.chunks():
            for message in chunk:
                self._finish(self._held)
                self._held = message
                yield message
            self._finish(self._held)
            self._held = None

    async def chunks(self) -> AsyncIterator[list[Message]]:
        """Yield what each fetch brought, for those who want many at a time; with a group, :meth:`commit` is theirs."""
        last = monotonic()
        while not (self._until_end and await self._at_end()):
            fetched = await self._fetch()
            chunk = [
                Message(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
                for records in fetched.values()
                for r in records
                if self._key is None or r.key == self._key
            ]
            if chunk:
                yield chunk
                last = monotonic()
                await self._commit_sometimes()
            elif self._until_idle_s is not None and monotonic() - last >= self._until_idle_s:
                return

    async def commit(self) -> None:
        """With a group: record that all messages handed out so far are done with."""
        self._finish(self._held)
        self._held = None
        finished, self._finished = self._finished, {}
        assigned = self._kafka.assignment()
        offsets = {at: offset for at, offset in finished.items() if at in assigned}
        if offsets:
            await self._ask(self._kafka.commit, offsets)
        self._committed_at = monotonic()

    async def _commit_sometimes(self) -> None:
        if self._group is not None and self._finished and monotonic() - self._committed_at >= _COMMIT_S:
            await self.commit()

    def _finish(self, message: Message | None) -> None:
        if message is not None and self._group is not None:
            self._finished[TopicPartition(message.topic, message.partition)] = message.offset + 1

    async def _fetch(self) -> dict[TopicPartition, list[Any]]:
        fetched: dict[TopicPartition, list[Any]] = await self._ask(self._kafka.getmany, timeout_ms=_POLL_MS)
        return fetched

    async def _at_end(self) -> bool:
        for at in self._kafka.assignment() & self._ends.keys():
            if self._ends[at] > 0 and await self._kafka.position(at) < self._ends[at]:
                return False
        return self._group is None or bool(self._kafka.assignment())

    async def _begin(self) -> None:
        partitions = await self._partitions()
        if self._until_end:
            self._ends = await self._ask(self._kafka.end_offsets, partitions)
        if self._group is not None:
            self._kafka.subscribe(topics=list(self._topics))
            return
        self._kafka.assign(partitions)
        for at, offset in (await self._ask(offsets_at, self._kafka, partitions, self._from)).items():
            self._kafka.seek(at, offset)

    async def _partitions(self) -> list[TopicPartition]:
        found = await partitions_of(self._options, self._topics)
        missing = set(self._topics) - {at.topic for at in found}
        if missing:
            raise ClientError(
                f"there is no topic {min(missing)!r} in this Kafka: `aimass topics list` shows those there are, "
                "`aimass topics create PIPELINE.toml` makes a pipeline's."
            )
        return found

    async def _ask(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return await call(*args, **options)
        except KafkaError as exc:
            raise WorldFault(f"Kafka failed while reading {', '.join(self._topics)}: {exc}") from exc
