"""An in-memory Kafka, good enough for the protocol of a partition: see `aimass.runtime.log` for what it implements.

Every step of a commit, an opening and a restore is named. A step pauses (so that a test can let other things happen
there) and calls `MemoryLog.hook`, which may raise: `Crash` kills the process, a `WorldFault` is a fault of the world.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aimass.errors import Fenced, WorldFault
from aimass.runtime.log import OutRecord, Target
from aimass.runtime.store import MemoryPartition, PartitionStore

T = TypeVar("T")
Hook = Callable[[str], None]


class Crash(BaseException):
    """The process dies here: nothing of its memory is left, and no handler runs."""


class Frozen(BaseException):
    """The process stops here, as with SIGSTOP: ``coro`` goes on from there when it is driven again."""

    coro: Coroutine[Any, Any, Any]


class _Pause:
    def __init__(self, step: str) -> None:
        self._step = step

    def __await__(self) -> Generator[str, None, None]:
        yield self._step


def no_hook(step: str) -> None:
    """Nothing happens."""


def drive(coro: Coroutine[Any, Any, T], between: Hook = no_hook) -> T:
    """Run a coroutine without an event loop; ``between(step)`` is what other tasks do while it waits."""
    while True:
        try:
            step = coro.send(None)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        try:
            between(step)
        except Frozen as frozen:
            frozen.coro = coro
            raise


@dataclass(slots=True)
class Transaction:
    """What one writer has written since it began."""

    state: str = "open"
    targets: dict[Target, None] = field(default_factory=dict)
    offsets: dict[Target, int] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """One offset of a partition: a record, or (``txn`` is ``None``) a control marker."""

    offset: int
    record: OutRecord | None
    txn: Transaction | None


class MemoryLog:
    """Topics, transactions, fencing, group offsets and compaction (implements `aimass.runtime.log.WriterFactory`).

    Parameters
    ----------
    hook
        Called with the name of each step.
    fetch_records
        How many offsets one read of a changelog brings.
    send_records
        How many records one send carries.
    """

    max_record_bytes = 1 << 20

    def __init__(self, hook: Hook = no_hook, fetch_records: int = 5, send_records: int = 8) -> None:
        self.hook = hook
        self.offsets: dict[Target, int] = {}
        self._fetch = fetch_records
        self._send = send_records
        self._entries: dict[Target, list[Entry]] = {}
        self._ends: dict[Target, int] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}

    async def step(self, name: str) -> None:
        await _Pause(name)
        self.hook(name)

    # -- writing ------------------------------------------------------------------------------------------------------

    async def open(self, name: str) -> MemoryWriter:
        await self.step("open: before fencing")
        dead = self._open.pop(name, None)
        if dead is not None:
            self._finish(dead, "aborted")
        epoch = self._epochs[name] = self._epochs.get(name, 0) + 1
        await self.step("open: after fencing")
        return MemoryWriter(self, name, epoch)

    def check(self, name: str, epoch: int) -> None:
        if self._epochs[name] != epoch:
            raise Fenced(f"{name}: epoch {epoch} is not {self._epochs[name]}")

    def begin(self, name: str) -> Transaction:
        if name in self._open:
            raise WorldFault(f"{name} has a transaction already")
        txn = self._open[name] = Transaction()
        return txn

    def append(self, target: Target, records: Sequence[OutRecord], txn: Transaction) -> int:
        entries = self._entries.setdefault(target, [])
        end = self._ends.get(target, 0)
        for record in records:
            entries.append(Entry(end, OutRecord(*record), txn))
            end += 1
        self._ends[target] = end
        txn.targets[target] = None
        return end

    def end(self, name: str) -> None:
        txn = self._open.pop(name)
        self.offsets.update(txn.offsets)
        self._finish(txn, "committed")

    def _finish(self, txn: Transaction, state: str) -> None:
        txn.state = state
        for target in txn.targets:
            self._marker(target)

    def _marker(self, target: Target) -> None:
        end = self._ends.get(target, 0)
        self._entries.setdefault(target, []).append(Entry(end, None, None))
        self._ends[target] = end + 1

    def write(self, target: Target, records: Sequence[OutRecord], state: str = "committed") -> None:
        """Write records in a transaction of their own, for a test to set the scene."""
        txn = Transaction()
        self.append(target, records, txn)
        self._finish(txn, state)

    # -- reading ------------------------------------------------------------------------------------------------------

    def stable_end(self, target: Target) -> int:
        """The last stable offset: read committed ends here."""
        is_open = (e.offset for e in self._entries.get(target, ()) if e.txn is not None and e.txn.state == "open")
        return next(is_open, self._ends.get(target, 0))

    def committed(self, target: Target) -> list[tuple[int, OutRecord]]:
        """What a read-committed consumer sees of a partition."""
        end = self.stable_end(target)
        return [
            (entry.offset, entry.record)
            for entry in self._entries.get(target, ())
            if entry.offset < end and entry.record is not None and entry.txn and entry.txn.state == "committed"
        ]

    def targets(self) -> list[Target]:
        return sorted(self._entries)

    def fold(self, target: Target) -> dict[bytes, bytes]:
        """The rows that a changelog stands for."""
        rows: dict[bytes, bytes] = {}
        for _, record in self.committed(target):
            assert record.key is not None
            if record.value is None:
                rows.pop(record.key, None)
            else:
                rows[record.key] = record.value
        return rows

    async def changelog(
        self, source: Target, start: int
    ) -> AsyncIterator[tuple[int, int, list[tuple[bytes, bytes | None]]]]:
        await self.step("restore: before")
        end = self.stable_end(source)
        if start > end:
            raise WorldFault(f"{source} ends at {end}, before {start}")
        position = start
        while position < end:
            upto = min(position + self._fetch, end)
            rows = [(r.key, r.value) for offset, r in self.committed(source) if position <= offset < upto]
            position = upto
            yield position, end, rows  # type: ignore[misc]
            await self.step("restore: after a chunk")

    # -- what a broker does by itself ---------------------------------------------------------------------------------

    def compact(self, target: Target, *, drop_tombstones: bool = False, drop_markers: bool = False) -> None:
        """Keep the last record of each key; offsets keep their holes, and the end stays where it is."""
        end = self.stable_end(target)
        last = {record.key: offset for offset, record in self.committed(target)}
        kept = []
        for entry in self._entries.get(target, ()):
            if entry.offset >= end:
                kept.append(entry)
            elif entry.record is None:
                if not drop_markers:
                    kept.append(entry)
            elif last.get(entry.record.key) == entry.offset and not (drop_tombstones and entry.record.value is None):
                kept.append(entry)
        self._entries[target] = kept


class MemoryWriter:
    """A writer with an epoch (implements `aimass.runtime.log.Writer`)."""

    def __init__(self, log: MemoryLog, name: str, epoch: int) -> None:
        self._log = log
        self._name = name
        self._epoch = epoch

    async def _step(self, name: str) -> None:
        await self._log.step(name)
        self._log.check(self._name, self._epoch)

    async def commit(
        self, records: Mapping[Target, Sequence[OutRecord]], source: Target, next_offset: int
    ) -> Mapping[Target, int]:
        await self._step("commit: before begin")
        txn = self._log.begin(self._name)
        await self._step("commit: after begin")
        ends: dict[Target, int] = {}
        size = self._log._send
        for target, batch in records.items():
            for start in range(0, len(batch), size):
                ends[target] = self._log.append(target, batch[start : start + size], txn)
                await self._step("commit: after a send")
        await self._step("commit: before offsets")
        txn.offsets[source] = next_offset
        await self._step("commit: before end")
        self._log.end(self._name)
        await self._log.step("commit: after end")
        return ends

    async def close(self) -> None:
        """Nothing: an open transaction stays open until the next writer."""


class HookedStore:
    """A store whose writes are steps too."""

    def __init__(self, store: PartitionStore, hook: Hook) -> None:
        self.store = store
        self._hook = hook

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.store.get_many(keys)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self.store.scan(prefix)

    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        self._hook("store: before")
        self.store.write(rows, changelog_offset)
        self._hook("store: after")

    def changelog_offset(self) -> int:
        return self.store.changelog_offset()

    def clear(self) -> None:
        self.store.clear()


def copy_store(store: PartitionStore, into: PartitionStore | None = None) -> PartitionStore:
    """What an older copy of a store holds: the same rows, as far as they reach now."""
    into = into if into is not None else MemoryPartition()
    into.write(dict(rows_of(store)), store.changelog_offset())
    return into


def rows_of(store: PartitionStore) -> dict[bytes, bytes]:
    """All rows of a store, without its own notes."""
    return {key: row for key, row in store.scan(b"") if key != b"\x00changelog"}
