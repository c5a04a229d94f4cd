"""The engine of one pipeline in one worker: which partitions it has, and what runs on each.

Faust says which partitions are assigned and hands chunks to agents; the engine opens a lane for each partition and
closes it when it is taken away. `StageRuntime` is what an agent holds: ``await runtime.process(chunk)``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from faust.types import TP

from aimass.codec import decoder
from aimass.errors import WorldFault
from aimass.records import Delivery
from aimass.runtime.chunk import Chunk
from aimass.runtime.driver import App, make_app
from aimass.runtime.lane import Lane, Pace, Reader
from aimass.runtime.log import KafkaLog, Target
from aimass.runtime.metrics import Metrics
from aimass.runtime.observe import Observer
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import Partition, PartitionSpec
from aimass.runtime.store import RocksStore
from aimass.settings import Settings, kafka_options
from aimass.stages.base import SourceRecord, Stage

_LIVE_ENTRY_BYTES = 512


@dataclass(frozen=True, slots=True)
class Wiring:
    """What one stage of a pipeline reads and writes.

    Parameters
    ----------
    stage
        Makes a stage; each partition gets its own.
    inputs
        Input topics, by name, with the type of their records (``None``: bytes as they came).
    channels
        Outputs by name; the one under ``""`` is the stage's own.
    deadletters
        Where rejected records go.
    changelog
        The name of the changelog topic of an input topic.
    lateness_s
        How far behind the newest event others may still come.
    rest_s
        The least time between two commits, where nobody waits for what they bring.
    prepare
        Done before a chunk is taken: what its values need to be decoded is fetched. A `WorldFault` of it is one of the
        partition.
    """

    stage: Callable[[], Stage]
    inputs: Mapping[str, Any]
    channels: Mapping[str, Channel]
    deadletters: Channel
    changelog: Callable[[str], str]
    lateness_s: float = 0.0
    rest_s: float = 0.0
    prepare: Callable[[Chunk], Awaitable[None]] | None = None


@dataclass(slots=True)
class StageRuntime:
    """What an agent needs of the runtime.

    Examples
    --------
    >>> async def score(chunks, runtime):  # the body of an agent
    ...     async for chunk in chunks:
    ...         await runtime.process(chunk)
    """

    engine: Engine
    agent: str
    wiring: Wiring

    async def process(self, chunk: Chunk) -> None:
        """Run the stage over a chunk: outputs, state and offset commit together, soon, in the background."""
        lane = self.engine.lanes.get(chunk.tp)
        if lane is None:
            return
        if self.wiring.prepare is not None:
            try:
                await self.wiring.prepare(chunk)
            except WorldFault as exc:
                lane.fail(chunk, exc)
                return
        await lane.take(chunk)


class Engine:
    """The partitions of one pipeline in this worker.

    Parameters
    ----------
    pipeline
        Its name; the consumer group is ``aimass.<pipeline>``.
    settings
        The worker's settings.
    store
        The worker's RocksDB.
    metrics
        The worker's metrics.
    group
        Another consumer group, for a replay.
    writes_ticks
        Whether partitions that are idle get ticks; a replay finds them in the log.
    """

    def __init__(
        self,
        pipeline: str,
        settings: Settings,
        store: RocksStore,
        metrics: Metrics,
        *,
        group: str | None = None,
        writes_ticks: bool = True,
    ) -> None:
        self.pipeline = pipeline
        self.group = group or f"aimass.{pipeline}"
        self.settings = settings
        self.lanes: dict[TP, Lane] = {}
        self.stages: dict[str, StageRuntime] = {}
        self._store = store
        self._metrics = metrics
        self._writes_ticks = writes_ticks
        self._options = kafka_options(settings)
        self._log = KafkaLog(self._options, self.group, settings.transaction_timeout_ms)
        self._pace = Pace(
            interval_s=settings.commit_interval_ms / 1000,
            max_pending=settings.max_pending_outputs,
            max_buffered=settings.chunk_max_records * settings.buffer_chunks,
            slice_records=settings.chunk_max_records,
        )
        self.failure: asyncio.Future[BaseException]
        place = settings.home / "faust"
        self.app: App = make_app(
            self, self.group, self._options["bootstrap_servers"], settings.session_timeout_s, place
        )

    def add(self, agent: str, wiring: Wiring) -> StageRuntime:
        """Declare a stage; its agent is attached to the application by the caller."""
        runtime = self.stages[agent] = StageRuntime(self, agent, wiring)
        return runtime

    def consumer_options(self) -> dict[str, Any]:
        """Return the options of the group's consumer."""
        session_ms = self.settings.session_timeout_s * 1000
        return {
            **self._options,
            "group_id": self.group,
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "max_partition_fetch_bytes": 128 << 10,
            "fetch_max_wait_ms": 100,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": max(100, session_ms // 5),
            "rebalance_timeout_ms": max(30_000, 3 * session_ms),
            "max_poll_interval_ms": 3_600_000,
            "request_timeout_ms": max(40_000, 2 * session_ms),
            "metadata_max_age_ms": 60_000,
            "retry_backoff_ms": 20,
        }

    # -- what the driver calls ----------------------------------------------------------------------------------------

    def assigned(self, tps: set[TP]) -> None:
        """Open a lane for each partition that this worker has now; they restore in the background."""
        for tp in sorted(tps):
            runtime = next((r for r in self.stages.values() if tp.topic in r.wiring.inputs), None)
            if runtime is not None and tp not in self.lanes:
                self.lanes[tp] = self._lane(tp, runtime)

    def chunk(self, tp: TP, records: Sequence[SourceRecord], next_offset: int) -> Chunk | None:
        """Make a chunk of what was fetched, or ``None`` when its partition is not open."""
        lane = self.lanes.get(tp)
        return lane.admit(records, next_offset) if lane is not None else None

    async def release(self) -> None:
        """Commit what has been taken and let all partitions go."""
        lanes, self.lanes = self.lanes, {}
        deadline = max(2.0, self.settings.session_timeout_s * 0.4)
        await asyncio.gather(*(lane.close(deadline) for lane in lanes.values()))

    def delivered(self, delivery: Delivery) -> None:
        """Count an attempt to deliver a notification."""
        self._metrics.deliveries.labels(self.pipeline, delivery.receiver, delivery.outcome).inc()

    def fed(self, topic: str, rows: int) -> None:
        """Count rows that a feed brought."""
        self._metrics.fed.labels(self.pipeline, topic).inc(rows)

    def fail(self, exc: BaseException) -> None:
        """Stop the worker with this error."""
        if not self.failure.done():
            self.failure.set_result(exc)

    # -- partitions ---------------------------------------------------------------------------------------------------

    def _lane(self, tp: TP, runtime: StageRuntime) -> Lane:
        labels = (self.pipeline, runtime.agent)
        make = self._maker(tp, runtime)
        reader = cast(Reader, self.app.consumer)
        pace = replace(self._pace, rest_s=runtime.wiring.rest_s)
        return Lane(tp, labels, make, reader, pace, self._metrics, self.fail, self._writes_ticks)

    def _maker(self, tp: TP, runtime: StageRuntime) -> Callable[[], Partition]:
        wiring = runtime.wiring
        record = wiring.inputs[tp.topic]
        source = Target(tp.topic, tp.partition)
        name = f"{self.group}.{runtime.agent}.{tp.topic}.{tp.partition}"
        spec = PartitionSpec(
            name=name,
            source=source,
            changelog=Target(wiring.changelog(tp.topic), tp.partition),
            decode=None if record is None else decoder(record),
            slice_records=self._pace.slice_records,
            lateness_s=wiring.lateness_s,
        )
        channels = {**wiring.channels, "tick": Channel(tp.topic, 0)}
        tables = 4
        max_live = self.settings.state_cache_mb * (1 << 20) // _LIVE_ENTRY_BYTES // tables // self._max_partitions()

        told = [wiring.channels[side].topic for side in ("drifts", "evaluations") if side in wiring.channels]
        observe = Observer(self._metrics, self.pipeline, told)

        def make() -> Partition:
            stage = wiring.stage()
            outputs = OutputBuffer(stage.name, tp.partition, channels, wiring.deadletters)
            return Partition(
                spec, stage, self._store.partition(name), outputs, self._log, max(1_000, max_live), observe
            )

        return make

    def _max_partitions(self) -> int:
        return max(8, len(self.app.consumer.assignment()))


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a worker is well, and why not."""

    is_live: bool
    is_ready: bool
    problems: list[str] = field(default_factory=list)


def health(engines: Sequence[Engine], now: float, stall_s: float = 30.0) -> Health:
    """Judge a worker: unhealthy when offsets stand still while events wait; ready when every partition is open."""
    problems = []
    is_ready = True
    for engine in engines:
        for tp, lane in engine.lanes.items():
            is_ready = is_ready and (lane.is_ready or lane.is_stopped)
            waiting = not lane.is_ready or lane.lag() > 0
            if waiting and now - lane.last_progress > stall_s:
                what = f"{lane.lag()} events wait" if lane.is_ready else "it is not open"
                problems.append(f"{tp.topic}/{tp.partition}: no progress for {now - lane.last_progress:.0f} s, {what}")
    return Health(is_live=not problems, is_ready=is_ready and not problems, problems=problems)
