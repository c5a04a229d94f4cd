"""A partition of a stage in memory: state, outputs, and time as the runtime lets it pass. For tests and trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from aimass import codec
from aimass.errors import BadEvent
from aimass.records import TIMELESS, Record
from aimass.stages.base import SourceRecord, Stage
from aimass.state import ObjectSpec, RowSpec

T = TypeVar("T")


class MemoryObjects(Generic[T]):
    """Live objects over encoded rows in a dictionary."""

    def __init__(self, spec: ObjectSpec[T], state: MemoryState) -> None:
        self._spec, self._state = spec, state
        self._stored = state.stored.setdefault(spec.name, {})
        self._live: dict[str, T] = {}

    def get(self, key: str) -> T | None:
        """Return the live object of a key."""
        if not self._state.keep(self._spec.name, key, self._spec.ttl_s):
            self.delete(key)
        if key not in self._live and key in self._stored:
            self._live[key] = self._spec.decode(self._stored[key])
        return self._live.get(key)

    def put(self, key: str, value: T) -> None:
        """Set the object of a key."""
        self._live[key] = value
        self._stored[key] = b""  # written when the state commits
        self._state.touch(self._spec.name, key)

    def delete(self, key: str) -> None:
        """Remove a key."""
        self._live.pop(key, None)
        self._stored.pop(key, None)

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every key and object, in the order of the keys' bytes."""
        for key in sorted(self._stored, key=str.encode):
            value = self.get(key)
            if value is not None:
                yield key, value

    def flush(self) -> None:
        """Encode every live object."""
        for key, value in self._live.items():
            self._stored[key] = self._spec.encode(value)


class MemoryRows:
    """Fixed-width rows in a dictionary."""

    def __init__(self, spec: RowSpec, state: MemoryState) -> None:
        self._spec, self._state = spec, state
        self._stored = state.stored.setdefault(spec.name, {})
        self._keys: list[str] = []

    def gather(self, keys: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        """Return slots and rows; new keys get rows of zeros."""
        slots = np.arange(len(self._keys), len(self._keys) + len(keys))
        self._keys.extend(keys)
        rows = np.zeros(len(keys), self._spec.dtype)
        for i, key in enumerate(keys):
            found = self.get(key)
            if found is not None:
                rows[i] = found
        return slots, rows

    def scatter(self, slots: npt.NDArray[np.intp], rows: npt.NDArray[Any]) -> None:
        """Write rows back."""
        for i, slot in enumerate(slots.tolist()):
            self._stored[self._keys[slot]] = rows[i].tobytes()
            self._state.touch(self._spec.name, self._keys[slot])

    @contextmanager
    def updating(self, keys: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]:
        """Lend the rows themselves: what the block changes is written back."""
        slots, rows = self.gather(keys)
        yield np.arange(len(keys)), rows
        self.scatter(slots, rows)

    def get(self, key: str) -> np.void | None:
        """Return a copy of one key's row."""
        if not self._state.keep(self._spec.name, key, self._spec.ttl_s):
            self.delete(key)
        raw = self._stored.get(key)
        return None if raw is None else np.frombuffer(raw, self._spec.dtype)[0].copy()

    def delete(self, key: str) -> None:
        """Remove a key."""
        self._stored.pop(key, None)

    def items(self) -> Iterator[tuple[str, np.void]]:
        """Yield every key and row, in the order of the keys' bytes."""
        for key in sorted(self._stored, key=str.encode):
            row = self.get(key)
            if row is not None:
                yield key, row

    def flush(self) -> None:
        """Forget the slots: they are good for one batch."""
        self._keys.clear()


class MemoryState:
    """A partition's state in memory (implements `aimass.state.State`).

    Examples
    --------
    >>> names = ObjectSpec("names", str.encode, bytes.decode)
    >>> state = MemoryState()
    >>> state.objects(names).put("a", "Ada")
    >>> state.restart().objects(names).get("a")
    'Ada'
    """

    def __init__(self) -> None:
        self.partition = 0
        self.now = -math.inf
        self.stored: dict[str, dict[str, bytes]] = {}
        self._touched: dict[tuple[str, str], float] = {}
        self._tables: dict[str, Any] = {}

    def objects(self, spec: ObjectSpec[T]) -> MemoryObjects[T]:
        """Return the table that a spec names."""
        table: MemoryObjects[T] = self._tables.get(spec.name) or MemoryObjects(spec, self)
        self._tables[spec.name] = table
        return table

    def rows(self, spec: RowSpec) -> MemoryRows:
        """Return the table that a spec names."""
        table: MemoryRows = self._tables.get(spec.name) or MemoryRows(spec, self)
        self._tables[spec.name] = table
        return table

    def touch(self, table: str, key: str) -> None:
        """Remember when a row was last put."""
        self._touched[table, key] = self.now

    def keep(self, table: str, key: str, ttl_s: float | None) -> bool:
        """Return whether a row has not outlived its time."""
        touched = self._touched.get((table, key), self.now)
        return ttl_s is None or not math.isfinite(touched) or self.now - touched <= ttl_s

    def advance(self, now: float) -> None:
        """Move event time on."""
        self.now = now

    def commit(self) -> dict[str, dict[str, bytes]]:
        """Encode everything that is live, and return all rows by table and key."""
        for table in self._tables.values():
            table.flush()
        return {name: dict(sorted(rows.items())) for name, rows in sorted(self.stored.items()) if rows}

    def restart(self) -> MemoryState:
        """Return what another process would read back: encoded rows, and nothing that was only alive."""
        fresh = MemoryState()
        fresh.stored = {name: dict(rows) for name, rows in self.commit().items()}
        fresh._touched, fresh.now = dict(self._touched), self.now
        return fresh


@dataclass(slots=True)
class MemoryOutputs:
    """Collects what a stage emits, as bytes (implements `aimass.stages.base.Outputs`).

    Parameters
    ----------
    topic
        The name of the stage's own topic.
    """

    topic: str = ""
    emitted: list[tuple[str, bytes | None, bytes]] = field(default_factory=list)
    rejected: list[tuple[SourceRecord, BadEvent]] = field(default_factory=list)

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None:
        """Emit one record."""
        self.emitted.append((to or self.topic, (record.key if key is None else key).encode(), codec.encode(record)))

    def emit_encoded(self, keys: Sequence[bytes | None], values: Sequence[bytes], *, to: str | None = None) -> None:
        """Emit records that are encoded already."""
        self.emitted.extend((to or self.topic, key, value) for key, value in zip(keys, values, strict=True))

    def reject(self, record: SourceRecord, error: BadEvent) -> None:
        """Send a source record to the dead letters."""
        self.rejected.append((record, error))

    def records(self, topic: str) -> list[Any]:
        """Return what was emitted to a topic, decoded."""
        decode = codec.decoder(Record)
        return [decode(value) for to, _, value in self.emitted if to == topic]

    def seen(self) -> tuple[Any, ...]:
        """Return everything, to compare two runs: each topic in its order, which is all that is promised."""
        topics: dict[str, list[tuple[bytes | None, bytes]]] = {}
        for topic, key, value in self.emitted:
            topics.setdefault(topic, []).append((key, value))
        return topics, [(record.topic, record.offset, str(error)) for record, error in self.rejected]


def run_stage(
    stage: Stage,
    events: Sequence[Any],
    cuts: Iterable[int] = (),
    restarts: Iterable[int] = (),
    until: float | None = None,
    after: Callable[[Sequence[Any], MemoryState], None] = lambda batch, state: None,
) -> tuple[MemoryOutputs, MemoryState]:
    """Run a stage over events, cut into batches before the numbered events and stopped before others.

    With ``tick_s`` event time advances as in the runtime: a batch ends where it passes a multiple; after the last
    event it goes on, tick by tick, to ``until``. ``after`` is told of each batch that was taken.
    """
    state, out = MemoryState(), MemoryOutputs()
    stops = set(restarts)
    pending: list[Any] = []

    def flush() -> None:
        if pending:
            batch = tuple(pending)
            stage.on_batch(batch, state, out)
            after(batch, state)
            pending.clear()

    borders = stops.union(cuts)
    for i, one in enumerate(events):
        if i in borders:
            flush()
        if i in stops:
            state = state.restart()
        moves = stage.tick_s and type(one) not in TIMELESS and hasattr(one, "time")
        tick = math.floor(one.time / stage.tick_s) * stage.tick_s if moves and stage.tick_s else -math.inf
        if tick > state.now:
            flush()
            state.now = tick
            stage.on_time(tick, state, out)
        pending.append(one)
    flush()
    if until is not None and stage.tick_s and state.now > -math.inf:
        while state.now + stage.tick_s <= until:
            state.now += stage.tick_s
            stage.on_time(state.now, state, out)
    return out, state
