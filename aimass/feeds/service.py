"""The feeds of a pipeline at work: each of them in one worker, exactly once, whatever fails."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from aimass.connection import list_topics
from aimass.errors import ConfigurationError, Fenced, WorldFault
from aimass.feeds.base import Feed, Portion
from aimass.feeds.make import make_feed
from aimass.feeds.writer import FeedWriter, place_of, writing
from aimass.pipeline.definition import SourceDef
from aimass.settings import Settings, kafka_options

logger = logging.getLogger(__name__)
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_HOPELESS_S = 60.0
#: How long a transaction that has begun may take when its feed is to end; whoever comes next finds what became of it.
_GRACE_S = 5.0
#: After a run of so long, a failure counts as the first.
_STEADY_S = 60.0


@dataclass(slots=True)
class FeedState:
    """What is known of a feed that this worker runs.

    Parameters
    ----------
    topic, feed
        The topic that is fed, and the feed's name.
    is_here
        Whether it runs in this worker.
    rows
        How many rows it has brought in all.
    last
        When the last of them were written, in seconds since 1970.
    error
        Why it does not go on; empty when it does.
    """

    topic: str
    feed: str
    is_here: bool = False
    rows: int = 0
    last: float | None = None
    error: str = ""


class FeedService:
    """Brings what the feeds of a pipeline find into its source topics, each row once.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    sources
        Its sources; those without a feed are left alone.
    settings
        The cluster.
    environ
        Where secrets stand.
    observe
        Told of each portion: the topic, and how many rows.

    Raises
    ------
    ConfigurationError
        When a feed can never work, or a secret is missing.

    Examples
    --------
    >>> service = FeedService("shop", [SourceDef(topic="web", feed="logs/*.log")], Settings(bootstrap_servers="k:9092"))
    >>> service.states()
    [FeedState(topic='web', feed='files', is_here=False, rows=0, last=None, error='')]
    """

    def __init__(
        self,
        pipeline: str,
        sources: Sequence[SourceDef],
        settings: Settings,
        *,
        environ: Mapping[str, str] | None = None,
        observe: Callable[[str, int], None] = lambda topic, rows: None,
    ) -> None:
        environ = os.environ if environ is None else environ
        made = {source.topic: make_feed(source, environ) for source in sources}
        self._feeds: dict[str, Feed] = {topic: feed for topic, feed in made.items() if feed is not None}
        self._states = {topic: FeedState(topic, feed.name) for topic, feed in self._feeds.items()}
        self._pipeline, self._observe = pipeline, observe
        self._options = kafka_options(settings)
        self._positions = f"{pipeline}.positions"
        self._group = f"aimass.{pipeline}.feed"
        self._timeout_ms = settings.transaction_timeout_ms
        self._session_ms = settings.session_timeout_s * 1000
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def states(self) -> list[FeedState]:
        """Return what is known of each feed."""
        return list(self._states.values())

    async def run(self) -> None:
        """Run those feeds that the group gives this worker, until cancelled."""
        if not self._feeds:
            return
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._serve()
            except (KafkaError, OSError, WorldFault) as exc:
                failures = 0 if asyncio.get_running_loop().time() - began > _STEADY_S else failures
                pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                logger.warning("feeding begins again", extra={"why": repr(exc), "in_s": pause})
                failures += 1
                await asyncio.sleep(pause)

    async def run_alone(self) -> None:
        """Run all feeds, without a group, until cancelled or fenced; for a machine that only collects.

        Raises
        ------
        ConfigurationError
            When a feed can never work.
        Fenced
            When another worker has taken over a feed.
        """
        tasks = [asyncio.create_task(self._feed(topic, is_alone=True)) for topic in self._feeds]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    # -- whose feeds they are -----------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        partitions = (await list_topics(self._options)).get(self._positions, 0)
        if not partitions:
            raise WorldFault(f"there is no topic {self._positions} yet: `aimass topics create` makes it")
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._group,
            enable_auto_commit=False,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=max(100, self._session_ms // 5),
            max_poll_interval_ms=3_600_000,
        )
        try:
            consumer.subscribe([self._positions], listener=_Rebalances(self, consumer, partitions))
            await consumer.start()
            while True:
                await consumer.getmany(timeout_ms=500)
                for task in self._tasks.values():
                    if task.done() and not task.cancelled():
                        task.result()  # a fault of the program ends the worker
        finally:
            await self.let_go(self._feeds)
            await consumer.stop()

    def take(self, topics: Iterable[str]) -> None:
        """Run feeds here."""
        for topic in topics:
            if topic not in self._tasks:
                self._tasks[topic] = asyncio.create_task(self._feed(topic), name=f"feed-{topic}")

    async def let_go(self, topics: Iterable[str]) -> None:
        """End feeds, once what they are writing is written."""
        await _end([task for topic in topics if (task := self._tasks.pop(topic, None)) is not None])

    def topics_of(self, places: Iterable[TopicPartition], partitions: int) -> list[str]:
        """Return which topics are fed by whoever has these partitions."""
        here = {place.partition for place in places}
        return [topic for topic in self._feeds if place_of(topic, partitions) in here]

    # -- one feed -----------------------------------------------------------------------------------------------------

    async def _feed(self, topic: str, *, is_alone: bool = False) -> None:
        """Run a feed until cancelled; when the world fails, begin again from what Kafka holds."""
        state, failures = self._states[topic], 0
        while True:
            began = asyncio.get_running_loop().time()
            state.is_here, pause = True, _HOPELESS_S
            try:
                await self._copy(topic, state)
            except Fenced as exc:
                state.error = "another worker has taken over"
                logger.warning("a feed ends here: another worker has taken over", extra={"topic": topic})
                if is_alone:
                    raise Fenced(f"{exc}. Let one of them run.") from exc
                return
            except (WorldFault, KafkaError, OSError) as exc:
                failures = 0 if asyncio.get_running_loop().time() - began > _STEADY_S else failures
                pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
                failures += 1
                state.error = str(exc)
                logger.warning("a feed begins again", extra={"topic": topic, "why": str(exc), "in_s": pause})
            except ConfigurationError as exc:
                if is_alone:
                    raise
                state.error = str(exc)  # others go on; and what is wrong may be put right outside
                logger.error("a feed cannot work", extra={"topic": topic, "why": str(exc), "again_in_s": pause})
            finally:
                state.is_here = False
            await asyncio.sleep(pause)

    async def _copy(self, topic: str, state: FeedState) -> None:
        feed = self._feeds[topic]
        async with writing(self._options, self._pipeline, topic, feed.name, self._timeout_ms) as writer:
            state.rows = writer.rows
            logger.info("a feed begins", extra={"topic": topic, "feed": feed.name, "rows": writer.rows})
            async with aclosing(cast("Any", feed.portions(writer.position))) as portions:
                async for portion in portions:
                    await _whole(self._write(topic, writer, portion, state))

    async def _write(self, topic: str, writer: FeedWriter, portion: Portion, state: FeedState) -> None:
        await writer.write(portion)
        state.rows, state.error = writer.rows, ""
        if portion.rows:
            state.last = time.time()
        self._observe(topic, len(portion.rows))


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs the feeds whose partitions are here, and lets go of them before they are taken away."""

    def __init__(self, service: FeedService, consumer: Any, partitions: int) -> None:
        self._service, self._consumer, self._partitions = service, consumer, partitions

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._service.let_go(self._service.topics_of(revoked, self._partitions))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        if assigned:
            self._consumer.pause(*assigned)  # they say whose the feeds are; nobody reads them here
        self._service.take(self._service.topics_of(assigned, self._partitions))


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do something to its end, also when cancelled meanwhile; but not when it takes for ever."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_GRACE_S)
        await _end([task])
        raise


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
