"""The protocol of one input partition: events to effects, exactly once.

::

    open    writer (fences every earlier one) → changelog into the store, to its end → position
    take    chunk → decode → stage → outputs, dirty rows, position          no I/O, in memory
    commit  outputs + rows + progress + source offset in one transaction  → rows into the store
    fail    drop all that is not in the store; open again from the log

Taking goes on while a commit is under way: the commit has its own copy of what it commits.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aimass.errors import AimassError, BadEvent, ChangelogBehind, StageError, StateError, WorldFault
from aimass.records import TIMELESS, Tick
from aimass.runtime.log import OutRecord, Target, Writer, WriterFactory
from aimass.runtime.outputs import OutputBuffer
from aimass.runtime.state import PartitionState
from aimass.runtime.store import PartitionStore
from aimass.stages.base import SourceRecord, Stage

logger = logging.getLogger(__name__)
PROGRESS = b"\x00progress"
_RESTORE_ROWS = 50_000
_TIMELESS = (*TIMELESS, BadEvent)


class Progress(msgspec.Struct, frozen=True):
    """How far a partition has come: the last row of each commit, and the truth about the source offset.

    ``watermark`` is the greatest event time seen, ``now`` the last tick that it has passed, ``ttls`` the tables whose
    rows do not live for ever: they are swept whether or not they are used again.
    """

    position: int
    watermark: float | None = None
    now: float | None = None
    ttls: dict[str, float] = {}
    version: int = 1


@dataclass(frozen=True, slots=True)
class PartitionSpec:
    """What a partition of a stage is wired to.

    Parameters
    ----------
    name
        The transactional id, unique in the cluster: application, stage, topic and partition.
    source
        The input topic and partition.
    changelog
        Where rows go; ``None`` for a stage that keeps none.
    decode
        Bytes to an event; ``None`` hands the stage the records as Kafka delivered them.
    slice_records
        How many records a stage sees at once at the most.
    lateness_s
        How far behind the newest event others may still come: ticks pass that much later.
    """

    name: str
    source: Target
    changelog: Target
    decode: Callable[[bytes], Any] | None
    slice_records: int = 1000
    lateness_s: float = 0.0


class Partition:
    """One input partition of one stage: its state, its outputs and its commits.

    Parameters
    ----------
    spec
        What it is wired to.
    stage
        What to do with the events.
    store
        Its committed rows.
    outputs
        Where the stage's outputs gather.
    log
        Opens the writer and reads the changelog.
    observe
        Told of the records of each commit, once they are final.
    """

    def __init__(
        self,
        spec: PartitionSpec,
        stage: Stage,
        store: PartitionStore,
        outputs: OutputBuffer,
        log: WriterFactory,
        max_live: int = 100_000,
        observe: Callable[[Mapping[Target, list[Any]]], None] = lambda committed: None,
    ) -> None:
        self.spec = spec
        self.stage = stage
        self.state = PartitionState(store, spec.source.partition, max_live)
        self.position: int | None = None
        self.committed: int | None = None
        self._outputs = outputs
        self._log = log
        self._observe = observe
        self._writer: Writer | None = None
        self._watermark = -math.inf
        self._since: list[SourceRecord] = []
        self._mark: tuple[int | None, float, float] = (None, -math.inf, -math.inf)
        self._is_broken = False
        self._on_idle: Callable[[PartitionState, OutputBuffer], None] | None = getattr(stage, "on_idle", None)
        self.restored_rows = 0

    # -- open ---------------------------------------------------------------------------------------------------------

    async def open(self, on_restore: Callable[[int, int], None] = lambda done, total: None) -> int | None:
        """Fence earlier writers, bring the store up to the changelog's end, and return where to read on.

        ``None`` means that nothing was ever committed here. ``on_restore(done, total)`` reports changelog offsets.
        """
        self._writer = await self._log.open(self.spec.name)
        try:
            await self._restore(on_restore)
        except ChangelogBehind as exc:
            logger.error("state on disk is not of this changelog, building it anew", extra={"why": str(exc)})
            self.state.store.clear()
            await self._restore(on_restore)
        raw = self.state.store.get_many([PROGRESS])[0]
        if raw is not None:
            self._resume(raw)
        self.committed = self.position
        self._set_mark()
        return self.position

    def begin_at(self, offset: int) -> None:
        """Begin at an offset of the source, when nothing was committed yet."""
        if self.position is None:
            self.position = self.committed = offset
            self._set_mark()

    async def _restore(self, on_restore: Callable[[int, int], None]) -> None:
        store = self.state.store
        start = store.changelog_offset()
        rows: dict[bytes, bytes | None] = {}
        async for position, end, changes in self._log.changelog(self.spec.changelog, start):
            rows.update(changes)
            self.restored_rows += len(changes)
            if len(rows) >= _RESTORE_ROWS or position >= end:
                store.write(rows, position)
                rows = {}
            on_restore(position - start, end - start)

    def _resume(self, raw: bytes) -> None:
        progress = msgspec.json.decode(raw, type=Progress)
        if progress.version != 1:
            raise StateError(f"{self.spec.name}: progress of version {progress.version} needs a newer aimass")
        self.position = progress.position
        self._watermark = -math.inf if progress.watermark is None else progress.watermark
        self.state.resume(-math.inf if progress.now is None else progress.now, progress.ttls)

    # -- take ---------------------------------------------------------------------------------------------------------

    def take(self, records: Sequence[SourceRecord], next_offset: int) -> None:
        """Process records in memory; ``next_offset`` is where the source goes on after them.

        Records before the position are skipped: they had their effect. An event whose stage raises goes to the dead
        letters, and every other event has its effect as if the bad one had never been there.
        """
        if self.position is not None and records and records[0].offset < self.position:
            records = [record for record in records if record.offset >= self.position]
        try:
            for start in range(0, len(records), self.spec.slice_records):
                self._take_slice(records[start : start + self.spec.slice_records])
        except BaseException:
            self._is_broken = True  # what was taken in part must never be committed
            raise
        self.position = max(next_offset, self.position or 0)

    def _take_slice(self, records: Sequence[SourceRecord]) -> None:
        if self._failure(records) is None:
            self._since.extend(records)
            self.position = records[-1].offset + 1
        else:
            self._isolate(records)

    def _failure(self, records: Sequence[SourceRecord]) -> Exception | None:
        """Apply records; return what an event among them raised.

        Returned, not handled on the spot: what is raised inside a handler drags the earlier error along in its
        traceback, and so a dead letter would tell how the stream was cut.
        """
        try:
            self._apply(records)
        except AimassError as exc:
            if exc.disposition != "dead_letter":
                raise
            return exc
        except Exception as exc:
            return exc
        return None

    def _isolate(self, records: Sequence[SourceRecord]) -> None:
        """Find the events that raise, by halves; each good part ends in a savepoint."""
        self._revert()
        if self._since:
            good, self._since = self._since, []
            self._apply(good)
            self.position = good[-1].offset + 1
            self._savepoint()
        self._halve(records)

    def _halve(self, records: Sequence[SourceRecord]) -> None:
        error = self._failure(records)
        if error is not None:
            self._split(records, error)
        else:
            self.position = records[-1].offset + 1
            self._savepoint()

    def _split(self, records: Sequence[SourceRecord], error: Exception) -> None:
        self._revert()
        if len(records) == 1:
            self._outputs.reject(records[0], error)
            self.position = records[0].offset + 1
            self._savepoint()
            return
        middle = len(records) // 2
        self._halve(records[:middle])
        self._halve(records[middle:])

    def _apply(self, records: Sequence[SourceRecord]) -> None:
        decode = self.spec.decode
        if decode is None:
            self.stage.on_batch(records, self.state, self._outputs)
            return
        try:
            events = [decode(record.value) for record in records]  # type: ignore[arg-type]
        except BadEvent:
            events = [_decoded(record, decode) for record in records]
        if self.stage.tick_s is None:
            self._run(records, events)
        else:
            self._apply_in_time(records, events, self.stage.tick_s)

    def _apply_in_time(self, records: Sequence[SourceRecord], events: Sequence[Any], tick_s: float) -> None:
        """Cut the batch where event time passes a tick: at the event, not at the batch, so that cuts never show.

        Not everything moves it: see `aimass.records.TIMELESS`.
        """
        start = 0
        for i, event in enumerate(events):
            if type(event) in _TIMELESS or event.time <= self._watermark:
                continue
            tick = math.floor((event.time - self.spec.lateness_s) / tick_s) * tick_s
            if tick > self.state.now:
                self._run(records[start:i], events[start:i])
                start = i
                self._pass(tick)
            self._watermark = event.time
        self._run(records[start:], events[start:])

    def _pass(self, tick: float) -> None:
        first = self.state.now == -math.inf
        self.state.advance(tick)
        if first:
            return
        try:
            self.stage.on_time(tick, self.state, self._outputs)
        except Exception as exc:
            raise StageError(f"{self.spec.name}: on_time({tick}) failed: {exc!r}; no event is to blame") from exc

    def _run(self, records: Sequence[SourceRecord], events: Sequence[Any]) -> None:
        for record, event in zip(records, events, strict=True):
            if type(event) is BadEvent:
                self._outputs.reject(record, event)
        real = [event for event in events if type(event) is not Tick and type(event) is not BadEvent]
        if real:
            self.stage.on_batch(real, self.state, self._outputs)

    def _set_mark(self) -> None:
        self._mark = (self.position, self._watermark, self.state.now)

    def _savepoint(self) -> None:
        self.state.savepoint()
        self._outputs.savepoint()
        self._since = []
        self._set_mark()

    def _revert(self) -> None:
        self.state.revert()
        self._outputs.revert()
        self.position, self._watermark, self.state.now = self._mark

    def tick(self, seconds_idle: float) -> None:
        """Write a tick of time into the partition's own log: its reader alone knows that it is idle."""
        if self.stage.tick_s is None or self._watermark == -math.inf:
            return
        self._outputs.emit(Tick(self._watermark + seconds_idle), key="", to="tick")

    def idle(self) -> None:
        """Tell a stage that reads bytes, and so has no ticks, that nothing more comes for now."""
        if self._on_idle is not None and not self._is_broken:
            self._on_idle(self.state, self._outputs)

    # -- commit -------------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many outputs wait for a commit."""
        return self._outputs.pending

    @property
    def rejected(self) -> int:
        """How many of them are dead letters."""
        return self._outputs.rejected

    @property
    def is_dirty(self) -> bool:
        """Whether anything has happened since the last commit began."""
        if self._is_broken:
            return False
        return self.position != self.committed or self._outputs.pending > 0

    async def commit(self, *, with_offset: bool = True) -> int:
        """Make all that has been taken final; return how many outputs that were.

        The position commits with the state, always; the group's offset, which nothing here depends on, when asked for.

        Raises
        ------
        WorldFault
            When it failed, or nobody knows: :meth:`abandon` the partition and open it again.
        """
        position = self.position
        if self._writer is None or position is None or self._is_broken:
            raise WorldFault(f"{self.spec.name} is not open, or failed while taking")
        records, rows, count = self._cut()
        ends = await self._writer.commit(records, self.spec.source, position if with_offset else None)
        self.state.store.write(rows, ends[self.spec.changelog])
        self.state.landed()
        self.committed = position
        self._observe(records)
        return count

    def _cut(self) -> tuple[dict[Target, list[Any]], dict[bytes, bytes | None], int]:
        """Copy what is to be committed; taking may go on at once."""
        count = self._outputs.pending
        rows = self.state.take()
        records = self._outputs.take()
        self._since = []
        self._set_mark()
        rows[PROGRESS] = msgspec.json.encode(
            Progress(
                position=self.position or 0,
                watermark=_finite(self._watermark),
                now=_finite(self.state.now),
                ttls=self.state.ttls(),
            )
        )
        records[self.spec.changelog] = [OutRecord(key, row) for key, row in rows.items()]
        return records, rows, count

    async def close(self) -> None:
        """Close the writer; what is not committed never was."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()


def _decoded(record: SourceRecord, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(record.value or b"")
    except BadEvent as exc:
        return exc


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
