"""A lane: the life of one assigned partition in a worker: open, take, commit, recover from faults, let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP

from aimass.errors import AimassError, Fenced, SourceStopped, WorldFault
from aimass.runtime.chunk import Chunk
from aimass.runtime.metrics import Metrics
from aimass.runtime.partition import Partition
from aimass.stages.base import SourceRecord

logger = logging.getLogger(__name__)
#: How long a slice of records may hold the event loop, the fewest records in one, and the turns that others get after.
_SLICE_S = 0.005
_SLICE_LEAST = 16
_TURNS = 3
#: So often the group's offset is committed too, markers included, for those who watch lag; the state has the position.
_SETTLE_S = 1.0
_STAND_S = 1.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Reader(Protocol):
    """How a lane steers what is fetched: the driver's consumer."""

    def start_reading(self, tp: TP, offset: int | None = None) -> None: ...
    def stop_reading(self, tp: TP) -> None: ...
    def read_position(self, tp: TP) -> int | None: ...
    def end_offset(self, tp: TP) -> int | None: ...
    def is_assigned(self, tp: TP) -> bool: ...
    async def first_offset(self, tp: TP) -> int: ...
    async def group_offset(self, tp: TP) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When to commit and how much to hold.

    Parameters
    ----------
    interval_s
        Under load, the time between two commits. A partition that is caught up commits at once, but rests after a
        commit for as long as that took: on a busy machine fewer commits leave more of it for events.
    max_pending
        So many uncommitted outputs commit at once.
    max_buffered
        Fetched records at which fetching pauses; it goes on at half of it.
    slice_records
        The most records taken before other tasks get a turn; heavy stages take fewer.
    rest_s
        The least time between two commits, where nobody waits for what they bring.
    """

    interval_s: float = 0.1
    max_pending: int = 20_000
    max_buffered: int = 16_000
    slice_records: int = 1_000
    rest_s: float = 0.0


class Lane:
    """One assigned partition of one stage.

    Parameters
    ----------
    tp
        The input topic and partition.
    make
        Makes the partition afresh, at the start and after every fault.
    crash
        Called with an error that must stop the worker.
    """

    def __init__(
        self,
        tp: TP,
        labels: tuple[str, str],
        make: Callable[[], Partition],
        reader: Reader,
        pace: Pace,
        metrics: Metrics,
        crash: Callable[[BaseException], object],
        writes_ticks: bool = True,
    ) -> None:
        self.tp = tp
        self.labels = labels
        self.epoch = 0
        self.buffered = 0
        self.is_ready = False
        self.is_stopped = False
        self.last_progress = time.monotonic()
        self.partition: Partition | None = None
        self._make = make
        self._reader = reader
        self._pace = pace
        self._metrics = metrics
        self._crash = crash
        self._writes_ticks = writes_ticks
        self._closing = False
        self._paused = False
        self._gauges: dict[str, Any] = {}
        self._wake = asyncio.Event()
        self._last_commit = 0.0
        self._last_offset = 0.0
        self._offset_owed = False
        self._commit_s = 0.0
        self._last_take = time.monotonic()
        self._oldest_ms = 0
        self._slice = _SLICE_LEAST * 8
        self._admitted = 0
        self._taken = 0
        self._failure: AimassError | None = None
        self._task = asyncio.create_task(self._run(), name=f"lane-{labels[0]}-{labels[1]}-{tp.topic}-{tp.partition}")

    # -- taking -------------------------------------------------------------------------------------------------------

    def admit(self, records: Sequence[SourceRecord], next_offset: int) -> Chunk | None:
        """Make a chunk of records that were fetched, or ``None`` when the lane wants none.

        Must come before anything else runs after the fetch: by then the reader's position is past the records.
        """
        if not self.is_ready or self._closing:
            return None
        chunk = Chunk(self.tp, records, self._admitted, next_offset, self.epoch)
        self._admitted = next_offset
        self.buffered += len(records)
        self._metrics.chunk_records.labels(*self.labels).observe(len(records))
        if self.buffered > self._pace.max_buffered and not self._paused:
            self._paused = True
            self._reader.stop_reading(self.tp)
        return chunk

    async def take(self, chunk: Chunk) -> None:
        """Process a chunk, slice by slice; the rest is dropped when the partition is being taken away."""
        records, start = chunk.records, 0
        while start < len(records):
            if chunk.epoch != self.epoch or not self.is_ready or self._closing or self.partition is None:
                return
            if not start and chunk.start > (self.partition.position or 0):
                self._fault(WorldFault(f"a chunk before offset {chunk.start} was lost on its way"))
                return
            part = records[start : start + self._slice]
            start += len(part)
            self._take_slice(self.partition, part, chunk.next_offset if start >= len(records) else part[-1].offset + 1)
            self._wake.set()
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def fail(self, chunk: Chunk, exc: AimassError) -> None:
        """Begin again before a chunk that cannot be taken for now."""
        if chunk.epoch == self.epoch and self.is_ready and not self._closing:
            self._fault(exc)

    def _take_slice(self, partition: Partition, records: Sequence[SourceRecord], next_offset: int) -> None:
        started = time.perf_counter()
        try:
            partition.take(records, next_offset)
        except AimassError as exc:
            self._fault(exc)
            return
        except Exception as exc:
            self.is_ready = False
            self._crash(exc)
            return
        each = (time.perf_counter() - started) / len(records)
        self._slice = min(self._pace.slice_records, max(_SLICE_LEAST, int((self._slice + _SLICE_S / each) / 2)))
        if not self._taken:
            self._oldest_ms = records[0].timestamp
        self.is_stopped = False
        self._taken += len(records)
        self._last_take = time.monotonic()
        self.buffered -= len(records)
        if self._paused and self.buffered <= self._pace.max_buffered // 2:
            self._paused = False
            self._reader.start_reading(self.tp)

    def _fault(self, exc: AimassError) -> None:
        self.is_ready = False
        if exc.disposition == "crash":
            self._crash(exc)
        else:
            self._failure = exc
            self._wake.set()

    # -- living -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while not self._closing:
            try:
                await self._open()
                failures = 0
                await self._serve()
            except SourceStopped as exc:
                await self._stand(str(exc))
            except WorldFault as exc:
                self._metrics.faults.labels(*self.labels).inc()
                logger.warning(
                    "partition dropped, opening it again",
                    extra={"topic": self.tp.topic, "partition": self.tp.partition, "why": str(exc)},
                )
                await self._drop()
                if isinstance(exc, Fenced) and not self._reader.is_assigned(self.tp):
                    return
                await self._pause(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
            except asyncio.CancelledError:
                raise
            except BaseException as exc:
                self._crash(exc)
                return
        await self._drop()

    async def _stand(self, why: str) -> None:
        """Wait while a gate has stopped the source: that is how it is to be, no fault."""
        if not self.is_stopped:
            logger.warning("source stopped", extra={"topic": self.tp.topic, "partition": self.tp.partition, "why": why})
        await self._drop()
        self.is_stopped, self.last_progress = True, time.monotonic()
        await self._pause(_STAND_S)

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closing and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def _open(self) -> None:
        started = time.monotonic()
        self._failure = None
        self.epoch += 1
        self.buffered = self._taken = 0
        self._paused = False
        partition = self.partition = self._make()
        first = await self._reader.first_offset(self.tp)
        offset = await partition.open(self._on_restore)
        if offset is None:  # never "where the reader stands": it may have read what a fault then dropped
            offset = await self._reader.group_offset(self.tp)
        if offset is None:
            offset = first
        partition.begin_at(offset)
        self._admitted = offset
        if offset < first:
            self._metrics.overtaken.labels(*self.labels).inc()
            logger.error(
                "Kafka deleted records before they were read: raise the topic's retention",
                extra={"topic": self.tp.topic, "partition": self.tp.partition, "from": offset, "to": first},
            )
        if self._closing:
            return
        self._metrics.restore_seconds.labels(*self.labels).observe(time.monotonic() - started)
        self._metrics.restored_rows.labels(*self.labels).inc(partition.restored_rows)
        self._gauge("restore_ratio", 1.0)
        self.is_ready = True
        self.last_progress = self._last_take = time.monotonic()
        self._reader.start_reading(self.tp, offset)

    def _on_restore(self, done: int, total: int) -> None:
        self.last_progress = time.monotonic()
        self._gauge("restore_ratio", done / total if total else 1.0)

    async def _serve(self) -> None:
        while not self._closing:
            if isinstance(self._failure, SourceStopped):
                raise self._failure
            if self._failure is not None:
                raise WorldFault(str(self._failure)) from self._failure
            due = self._due()
            if due <= 0:
                await self._commit()
                continue
            self._wake.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), due)
            self._tick()
        if self.partition is not None and (self.partition.is_dirty or self._offset_owed):
            await self._commit()

    def _due(self) -> float:
        """Return in how many seconds a commit is due, or, when there is nothing to commit, to look again."""
        partition = self.partition
        assert partition is not None
        if not partition.is_dirty:
            if self._offset_owed or self._markers_left():
                return self._last_offset + _SETTLE_S - time.monotonic()
            return min(_SETTLE_S, partition.stage.tick_s or math.inf)
        if partition.pending >= self._pace.max_pending:
            return 0.0
        rest = min(self._commit_s, self._pace.interval_s) if self._caught_up() else self._pace.interval_s
        return self._last_commit + max(rest, self._pace.rest_s) - time.monotonic()

    def _caught_up(self) -> bool:
        """Whether everything that Kafka had at the last fetch has been taken."""
        if self.buffered > 0:
            return False
        end, position = self._reader.end_offset(self.tp), self._reader.read_position(self.tp)
        return end is None or position is None or position >= end

    def _markers_left(self) -> bool:
        """Whether only transaction markers lie between what is committed and what was read: no events, but lag."""
        partition = self.partition
        if partition is None or partition.position is None or not self._caught_up():
            return False
        return (self._reader.read_position(self.tp) or 0) > partition.position

    def has_reached(self, end: int) -> bool:
        """Whether everything before an offset of the source is committed."""
        partition = self.partition
        if not self.is_ready or partition is None or partition.is_dirty or self.buffered:
            return False
        return end <= max(partition.committed or 0, self._reader.read_position(self.tp) or 0)

    def _tick(self) -> None:
        partition = self.partition
        if partition is None or not self._writes_ticks or partition.is_dirty or not self._caught_up():
            return
        idle = time.monotonic() - self._last_take
        if partition.stage.tick_s is None:
            if idle >= _SETTLE_S:
                partition.idle()
        elif idle >= partition.stage.tick_s:
            partition.tick(idle)
            self._last_take = time.monotonic()

    async def _commit(self) -> None:
        partition = self.partition
        assert partition is not None
        started = time.monotonic()
        oldest, taken, dead = self._oldest_ms, self._taken, partition.rejected
        self._taken = 0
        if self.is_ready and not self._closing and self._markers_left():  # else the reader may be past refused records
            partition.position = self._reader.read_position(self.tp)
        with_offset = self._closing or started - self._last_offset >= _SETTLE_S
        count = await partition.commit(with_offset=with_offset)
        now = time.monotonic()
        self._offset_owed = not with_offset
        if with_offset:
            self._last_offset = now
        self._last_commit = self.last_progress = now
        self._commit_s = now - started
        metrics, labels = self._metrics, self.labels
        metrics.commit_seconds.labels(*labels).observe(now - started)
        metrics.events_in.labels(*labels).inc(taken)
        metrics.events_out.labels(*labels).inc(count - dead)
        metrics.dead_letters.labels(*labels).inc(dead)
        if taken:
            metrics.latency_seconds.labels(*labels).observe(max(0.0, time.time() - oldest / 1000))
        self._gauge("last_commit", time.time())

    def report(self) -> None:
        """Bring the partition's gauges up to date."""
        if self.partition is None:
            return
        self._gauge("lag_records", float(self.lag()))
        self._gauge("buffered_records", self.buffered)
        self._gauge("live_entries", self.partition.state.live_entries())

    def lag(self) -> int:
        """Return how many records wait between what is committed and the partition's end, as last fetched."""
        end = self._reader.end_offset(self.tp)
        if end is None or self.partition is None or self.has_reached(end):
            return self.buffered
        return max(self.buffered, end - (self.partition.committed or 0))

    def _gauge(self, name: str, value: float) -> None:
        gauge = self._gauges.get(name)
        if gauge is None:
            labels = (*self.labels, self.tp.topic, str(self.tp.partition))
            gauge = self._gauges[name] = getattr(self._metrics, name).labels(*labels)
        gauge.set(value)

    # -- letting go ---------------------------------------------------------------------------------------------------

    async def _drop(self) -> None:
        self.is_ready = False
        self._reader.stop_reading(self.tp)
        partition, self.partition = self.partition, None
        if partition is not None:
            await partition.close()

    async def close(self, timeout_s: float) -> None:
        """Commit what has been taken and let the partition go; past the timeout, let it go as it is."""
        self._closing = True
        self._wake.set()
        done, _ = await asyncio.wait([self._task], timeout=timeout_s)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
            await self._drop()
        self._metrics.forget(*self.labels, self.tp.topic, self.tp.partition)
