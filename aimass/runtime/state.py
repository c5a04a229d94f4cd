"""A partition's state: tables over rows that are saved, in flight or committed.

::

    tables (live objects, arrays)        what the running batch sees
      └ saved      encoded, since the last commit began        `savepoint` / `revert` move this line
          └ in flight   in the transaction that is being committed
              └ store   committed: RocksDB

Nothing below the first line is ever wrong: a batch that raises is reverted to the last savepoint, a commit that fails
is thrown away with everything above the store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aimass.runtime.store import PartitionStore
from aimass.runtime.tables import ObjectTable, RowTable, expired_rows
from aimass.state import ObjectSpec, RowSpec

T = TypeVar("T")
_SWEEPS_PER_TTL = 4


class PartitionState:
    """The state of one partition of one stage (implements `aimass.state.State`).

    Parameters
    ----------
    store
        The committed rows.
    partition
        The number of the input partition.
    max_live
        How many entries each table keeps in memory.

    Examples
    --------
    >>> from aimass.runtime.store import MemoryPartition
    >>> state = PartitionState(MemoryPartition(), partition=0)
    >>> names = ObjectSpec("names", str.encode, bytes.decode)
    >>> state.objects(names).put("a", "Ada")
    >>> state.savepoint()
    >>> state.objects(names).put("a", "Bob")
    >>> state.revert()
    >>> state.objects(names).get("a")
    'Ada'
    """

    def __init__(self, store: PartitionStore, partition: int, max_live: int = 100_000) -> None:
        self.store = store
        self.partition = partition
        self.now = -math.inf
        self._max_live = max_live
        self._tables: dict[str, ObjectTable[Any] | RowTable] = {}
        self._saved: dict[bytes, bytes | None] = {}
        self._in_flight: dict[bytes, bytes | None] = {}
        self._ttls: dict[str, float] = {}
        self._swept = -math.inf

    def resume(self, now: float, ttls: Mapping[str, float]) -> None:
        """Go on from what an earlier state of the partition committed: its time, and its tables with a time to live."""
        self.now = self._swept = now
        self._ttls.update(ttls)

    def ttls(self) -> dict[str, float]:
        """Return the time to live of each table that has one and was ever used."""
        return dict(sorted(self._ttls.items()))

    def objects(self, spec: ObjectSpec[T]) -> ObjectTable[T]:
        """Return the table of live objects that a spec names; made at its first use."""
        table = self._tables.get(spec.name)
        if table is None:
            table = self._tables[spec.name] = ObjectTable(spec, self, self._max_live)
            self._note(spec)
        return table  # type: ignore[return-value]

    def rows(self, spec: RowSpec) -> RowTable:
        """Return the table of fixed-width rows that a spec names; made at its first use."""
        table = self._tables.get(spec.name)
        if table is None:
            table = self._tables[spec.name] = RowTable(spec, self, self._max_live)
            self._note(spec)
        return table  # type: ignore[return-value]

    def _note(self, spec: ObjectSpec[Any] | RowSpec) -> None:
        if spec.ttl_s is not None:
            self._ttls[spec.name] = spec.ttl_s
        else:
            self._ttls.pop(spec.name, None)

    def load_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the encoded rows of the keys, the newest of each."""
        saved, in_flight = self._saved, self._in_flight
        if not saved and not in_flight:
            return self.store.get_many(keys)
        stored = iter(self.store.get_many([key for key in keys if key not in saved and key not in in_flight]))
        return [saved[key] if key in saved else in_flight[key] if key in in_flight else next(stored) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the newest encoded rows under a prefix, in the order of the keys."""
        newest: dict[bytes, bytes | None] = dict(self.store.scan(prefix))
        for layer in (self._in_flight, self._saved):
            newest.update((key, row) for key, row in layer.items() if key.startswith(prefix))
        yield from ((key, row) for key, row in sorted(newest.items()) if row is not None)

    def advance(self, now: float) -> None:
        """Move event time to the next tick: rows that have outlived their time can no longer be seen."""
        self.now = now

    def savepoint(self) -> None:
        """Encode what the tables changed: from here on `revert` comes back to this point."""
        for table in self._tables.values():
            table.flush(self._saved)
        if self.now != self._swept:
            self._sweep()

    def _sweep(self) -> None:
        """Delete the rows that were out of time when the present pane began: the same ones however often this runs."""
        before, self._swept = self._swept, self.now
        for name, ttl in self._ttls.items():
            pane = ttl / _SWEEPS_PER_TTL
            start = math.floor(self.now / pane) * pane
            if start > before:
                self._saved.update(dict.fromkeys(expired_rows(name, ttl, start, self)))

    def revert(self) -> None:
        """Undo everything since the last savepoint; the caller knows what time it was then."""
        for table in self._tables.values():
            table.forget()

    def take(self) -> dict[bytes, bytes | None]:
        """Begin a commit: return the rows that changed since the last one began."""
        self.savepoint()
        self._in_flight, self._saved = self._saved, {}
        return self._in_flight

    def landed(self) -> None:
        """End a commit: its rows are in the store now, and memory may be made free."""
        self._in_flight = {}
        for table in self._tables.values():
            table.evict()

    def live_entries(self) -> int:
        """Return how many entries the tables hold in memory."""
        return sum(len(table) for table in self._tables.values())
