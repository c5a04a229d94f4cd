"""The tables behind a stage's state: live objects and arrays over encoded rows.

A table decodes a row once and encodes it once a commit. It knows three moments: `flush` (what changed becomes bytes),
`forget` (what changed since the last flush never was) and `evict` (keep memory bounded; clean entries only).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from aimass.state import ObjectSpec, RowSpec

T = TypeVar("T")
_STAMP = struct.Struct("<d")
_GONE: Any = object()


class RowSource(Protocol):
    """Where a table finds its rows' bytes and the time: the partition's state."""

    @property
    def now(self) -> float: ...
    def load_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]: ...


class _Expiry:
    """Prefixes rows of a table with a time to live with the time they were last put; others are left alone."""

    __slots__ = ("ttl",)

    def __init__(self, ttl: float | None) -> None:
        self.ttl = ttl

    def wrap(self, row: bytes, touched: float) -> bytes:
        return row if self.ttl is None else _STAMP.pack(touched) + row

    def unwrap(self, row: bytes | None, now: float) -> tuple[bytes | None, float]:
        if row is None or self.ttl is None:
            return row, now
        (touched,) = _STAMP.unpack_from(row)
        return (None if self.expired(touched, now) else row[_STAMP.size :]), touched

    def expired(self, touched: float, now: float) -> bool:
        return self.ttl is not None and touched < now - self.ttl


class ObjectTable(Generic[T]):
    """Live objects by key: see `aimass.state.Objects`."""

    def __init__(self, spec: ObjectSpec[T], source: RowSource, max_live: int) -> None:
        self.prefix = _prefix(spec.name)
        self._spec = spec
        self._source = source
        self._max_live = max_live if spec.live is None else min(spec.live, max_live)
        self._kept = max_live // 2 if spec.live is None else self._max_live
        self._expiry = _Expiry(spec.ttl_s)
        self._live: dict[str, T] = {}
        self._touched: dict[str, float] = {}
        self._dirty: dict[str, None] = {}

    def get(self, key: str) -> T | None:
        """Return the live object of a key, or ``None``."""
        found = self._live.get(key)
        if found is None:
            found = self._load(key)
        elif self._spec.ttl_s is not None and self._expiry.expired(self._touched[key], self._source.now):
            found = _GONE
        if self._spec.live is not None and key in self._live:
            self._live[key] = self._live.pop(key)  # used last: the last to be let go
        return None if found is _GONE else found

    def _load(self, key: str) -> T:
        row, touched = self._expiry.unwrap(self._source.load_many([self.prefix + key.encode()])[0], self._source.now)
        if row is None:
            return _GONE  # type: ignore[no-any-return]
        value = self._live[key] = self._spec.decode(row)
        if self._spec.ttl_s is not None:
            self._touched[key] = touched
        return value

    def put(self, key: str, value: T) -> None:
        """Set the object of a key."""
        self._live[key] = value
        self._dirty[key] = None
        if self._spec.ttl_s is not None:
            self._touched[key] = self._source.now

    def delete(self, key: str) -> None:
        """Remove a key."""
        self.put(key, _GONE)

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every key and object, in the order of the keys' bytes."""
        keys = {raw[len(self.prefix) :].decode() for raw, _ in self._source.scan(self.prefix)} | set(self._dirty)
        for key in sorted(keys, key=str.encode):
            found = self.get(key)
            if found is not None:
                yield key, found

    def flush(self, into: dict[bytes, bytes | None]) -> None:
        """Encode what changed since the last flush."""
        prefix, encode, live, wrap = self.prefix, self._spec.encode, self._live, self._expiry.wrap
        for key in self._dirty:
            value = live[key]
            row = None if value is _GONE else wrap(encode(value), self._touched.get(key, 0.0))
            into[prefix + key.encode()] = row
        self._dirty.clear()

    def forget(self) -> None:
        """Drop every live object: what was not flushed never was."""
        self._live.clear()
        self._touched.clear()
        self._dirty.clear()

    def evict(self) -> None:
        """Let the oldest clean objects go when there are too many. Their rows must be readable elsewhere."""
        if len(self._live) <= self._max_live:
            return
        for key in list(self._live)[: len(self._live) - self._kept]:
            if key not in self._dirty:
                del self._live[key]
                self._touched.pop(key, None)

    def __len__(self) -> int:
        return len(self._live)


class RowTable:
    """Fixed-width rows of many keys in one array: see `aimass.state.Rows`."""

    def __init__(self, spec: RowSpec, source: RowSource, max_live: int) -> None:
        self.prefix = _prefix(spec.name)
        self._dtype = spec.dtype
        self._stamped = np.dtype([("touched", "<f8"), ("row", spec.dtype)])
        self._source = source
        self._max_live = max(max_live, 1)
        self._expiry = _Expiry(spec.ttl_s)
        self.forget()

    def forget(self) -> None:
        """Drop every row in memory: what was not flushed never was."""
        self._slots: dict[str, int] = {}
        self._keys: list[str] = []
        self._names: list[bytes] = []
        self._free: list[int] = []
        self._rows = np.zeros(1024, self._dtype)
        self._dirty = np.zeros(1024, bool)
        self._exists = np.zeros(1024, bool)
        self._touched = np.zeros(1024)

    def gather(self, keys: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        """Return the slots of the keys and a copy of their rows; new keys get rows of zeros."""
        slots = self._find(keys)
        rows = self._rows[slots]
        if self._expiry.ttl is not None:
            rows[self._touched[slots] < self._source.now - self._expiry.ttl] = np.zeros((), self._dtype)
        return slots, rows

    def _find(self, keys: Sequence[str]) -> npt.NDArray[np.intp]:
        slots = np.fromiter(map(self._slots.get, keys, repeat(-1)), np.intp, len(keys))
        missing = slots < 0
        if missing.any():
            self._load([keys[i] for i in np.flatnonzero(missing).tolist()])
            slots = np.fromiter(map(self._slots.__getitem__, keys), np.intp, len(keys))
        return slots

    @contextmanager
    def updating(self, keys: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]:
        """Lend the rows themselves: what the block changes at the slots of the keys is stored at the next commit."""
        slots = self._find(keys)
        if self._expiry.ttl is not None:
            expired = slots[self._touched[slots] < self._source.now - self._expiry.ttl]
            self._rows[expired] = np.zeros((), self._dtype)
        yield slots, self._rows
        self._changed(slots)

    def _load(self, keys: list[str]) -> None:
        fresh = list(dict.fromkeys(keys))
        found = self._source.load_many([self.prefix + key.encode() for key in fresh])
        now = self._source.now
        for key, raw in zip(fresh, found, strict=True):
            slot = self._slot(key)
            row, touched = self._expiry.unwrap(raw, now)
            self._exists[slot] = row is not None
            self._rows[slot] = np.zeros((), self._dtype) if row is None else np.frombuffer(row, self._dtype)[0]
            self._touched[slot] = touched

    def _slot(self, key: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._keys[slot] = key
            self._names[slot] = self.prefix + key.encode()
        else:
            slot = len(self._keys)
            self._keys.append(key)
            self._names.append(self.prefix + key.encode())
            if slot == len(self._rows):
                self._grow(2 * slot)
        self._slots[key] = slot
        return slot

    def _grow(self, size: int) -> None:
        for name in ("_rows", "_dirty", "_exists", "_touched"):
            old = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def scatter(self, slots: npt.NDArray[np.intp], rows: npt.NDArray[Any]) -> None:
        """Write rows back; of a repeated slot the last wins."""
        self._rows[slots] = rows
        self._changed(slots)

    def _changed(self, slots: npt.NDArray[np.intp]) -> None:
        self._dirty[slots] = True
        self._exists[slots] = True
        if self._expiry.ttl is not None:
            self._touched[slots] = self._source.now

    def get(self, key: str) -> np.void | None:
        """Return a copy of one key's row."""
        slots, rows = self.gather([key])
        found: np.void = rows[0]
        slot = slots[0]
        is_expired = self._expiry.expired(self._touched[slot], self._source.now)
        return found if self._exists[slot] and not is_expired else None

    def delete(self, key: str) -> None:
        """Remove a key."""
        slots, _ = self.gather([key])
        self._rows[slots] = np.zeros((), self._dtype)
        self._exists[slots] = False
        self._dirty[slots] = True

    def items(self) -> Iterator[tuple[str, np.void]]:
        """Yield every key and a copy of its row, in the order of the keys' bytes."""
        keys = {raw[len(self.prefix) :].decode() for raw, _ in self._source.scan(self.prefix)}
        keys |= {self._keys[slot] for slot in np.flatnonzero(self._dirty)}
        for key in sorted(keys, key=str.encode):
            row = self.get(key)
            if row is not None:
                yield key, row

    def flush(self, into: dict[bytes, bytes | None]) -> None:
        """Encode what changed since the last flush: one pass over the dirty slots."""
        slots = np.flatnonzero(self._dirty)
        if not len(slots):
            return
        names = self._names
        keys = [names[slot] for slot in slots.tolist()]
        if self._expiry.ttl is None:
            raw, width = self._rows[slots].tobytes(), self._dtype.itemsize
        else:  # stamps and rows side by side, as `_Expiry.wrap` has it
            block = np.empty(len(slots), self._stamped)
            block["touched"], block["row"] = self._touched[slots], self._rows[slots]
            raw, width = block.tobytes(), self._stamped.itemsize
        into.update(zip(keys, [raw[at : at + width] for at in range(0, len(raw), width)], strict=True))
        for i in np.flatnonzero(~self._exists[slots]).tolist():
            into[keys[i]] = None
        self._dirty[slots] = False

    def evict(self) -> None:
        """Let the oldest clean rows go when there are too many. Their rows must be readable elsewhere."""
        if len(self._slots) <= self._max_live:
            return
        for key in list(self._slots)[: len(self._slots) - self._max_live // 2]:
            slot = self._slots[key]
            if not self._dirty[slot]:
                del self._slots[key]
                self._free.append(slot)

    def __len__(self) -> int:
        return len(self._slots)


def expired_rows(table: str, ttl: float, at: float, source: RowSource) -> Iterator[bytes]:
    """Yield the keys of a table's rows that had outlived their time at a certain time."""
    for key, row in source.scan(_prefix(table)):
        if _STAMP.unpack_from(row)[0] < at - ttl:
            yield key


def _prefix(table: str) -> bytes:
    return table.encode() + b"\x00"
