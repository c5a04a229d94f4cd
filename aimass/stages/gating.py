"""Gates in SCORE: which of them are closed at each place in the log, and how events are judged but leave no trace."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

import msgspec
import numpy as np
import numpy.typing as npt

from aimass.records import Gate
from aimass.state import Objects, ObjectSpec, Rows, RowSpec, State

T = TypeVar("T")
PAUSE = "pause-learning"
#: By source, what its closed gates do.
Closed = Mapping[str, tuple[str, ...]]
_OPEN: Closed = MappingProxyType({})
_Names = dict[str, dict[str, str]]  # by source and gate: what it does


class Gates:
    """Remembers which gates are closed, as the log says it.

    State: a name for each gate that is closed.

    Parameters
    ----------
    known
        Source and name of each gate that there is; what was said of others is not heeded, so that one that is taken out
        of the pipeline's file while it is closed does not stay closed.

    Examples
    --------
    >>> from aimass.records import Source
    >>> from aimass.testing import MemoryState
    >>> gates, state = Gates([("t", "bad")]), MemoryState()
    >>> gates.take(Gate("1", "t", 0.0, "p", Source("", 0, 0), "bad", "tag", "fail", True), state)
    >>> gates.closed(state)
    {'t': ('tag',)}
    """

    def __init__(self, known: Collection[tuple[str, str]] = ()) -> None:
        self._known = frozenset(known)
        self._table: ObjectSpec[_Names] = ObjectSpec(
            "gates", msgspec.json.Encoder(order="sorted").encode, msgspec.json.Decoder(_Names).decode
        )

    def take(self, gate: Gate, state: State) -> None:
        """Note how a gate stands from here on."""
        if (gate.key, gate.gate) not in self._known:
            return
        table = state.objects(self._table)
        closed = table.get("") or {}
        own = closed.pop(gate.key, {})
        own.pop(gate.gate, None)
        if gate.is_closed:
            own[gate.gate] = gate.action
        if own:
            closed[gate.key] = own
        table.put("", closed)

    def closed(self, state: State) -> Closed:
        """Return by source what its closed gates do: nothing where all are open."""
        if not self._known:
            return _OPEN
        found: dict[str, tuple[str, ...]] = {}
        for source, gates in (state.objects(self._table).get("") or {}).items():
            actions = {action for gate, action in gates.items() if (source, gate) in self._known}
            if actions:
                found[source] = tuple(sorted(actions))
        return found


class View:
    """A state of which nothing is kept: what is changed in it can be seen in it, until that is dropped.

    Implements `aimass.state.State` over another state that stays as it is. What is looked up is copied by encoding
    and decoding it, once until it is changed: so the tables of large learned objects are not to be looked at this way
    (see `Learned.look`). Good for as long as the other state does not change.

    Examples
    --------
    >>> from aimass.testing import MemoryState
    >>> names = ObjectSpec("names", str.encode, bytes.decode)
    >>> state = MemoryState()
    >>> state.objects(names).put("a", "Ada")
    >>> view = View(state)
    >>> view.objects(names).put("a", "Bob")
    >>> view.objects(names).get("a"), state.objects(names).get("a")
    ('Bob', 'Ada')
    >>> view.drop()
    >>> view.objects(names).get("a")
    'Ada'
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._tables: dict[str, _Objects[Any] | _Rows] = {}

    @property
    def partition(self) -> int:
        """The partition's number."""
        return self._state.partition

    @property
    def now(self) -> float:
        """Event time."""
        return self._state.now

    def advance(self, now: float) -> None:
        """Refuse: time moves on in the state itself."""
        raise RuntimeError("time does not move on in a view of a state: tell the state itself")

    def objects(self, spec: ObjectSpec[T]) -> Objects[T]:
        """Return the table that a spec names."""
        table = self._tables.get(spec.name)
        if table is None:
            table = self._tables[spec.name] = _Objects(spec, self._state.objects(spec))
        return cast("_Objects[T]", table)

    def rows(self, spec: RowSpec) -> Rows:
        """Return the table that a spec names."""
        table = self._tables.get(spec.name)
        if table is None:
            table = self._tables[spec.name] = _Rows(spec, self._state.rows(spec))
        return cast(_Rows, table)

    def drop(self) -> None:
        """Forget all that was changed."""
        for table in self._tables.values():
            table.drop()


class _Objects(Generic[T]):
    """Objects that are copied when they are looked at."""

    def __init__(self, spec: ObjectSpec[T], table: Objects[T]) -> None:
        self._spec, self._table = spec, table
        self._copies: dict[str, T] = {}
        self._changed: dict[str, T | None] = {}

    def get(self, key: str) -> T | None:
        if key in self._changed:
            return self._changed[key]
        found = self._copies.get(key)
        if found is None and (own := self._table.get(key)) is not None:
            found = self._copies[key] = self._spec.decode(self._spec.encode(own))
        return found

    def put(self, key: str, value: T) -> None:
        self._copies.pop(key, None)  # it may be this very object, changed
        self._changed[key] = value

    def delete(self, key: str) -> None:
        self._changed[key] = None

    def items(self) -> Iterator[tuple[str, T]]:
        keys = {key for key, _ in self._table.items()} | self._changed.keys()
        for key in sorted(keys, key=str.encode):
            found = self.get(key)
            if found is not None:
                yield key, found

    def drop(self) -> None:
        self._changed.clear()


class _Rows:
    """Rows that are written beside those of a table."""

    def __init__(self, spec: RowSpec, table: Rows) -> None:
        self._spec, self._table = spec, table
        self._keys: list[str] = []
        self._changed: dict[str, np.void | None] = {}

    def gather(self, keys: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        first = len(self._keys)
        self._keys += keys
        _, rows = self._table.gather(keys)
        for i, key in enumerate(keys):
            if key in self._changed:
                row = self._changed[key]
                rows[i] = np.zeros((), self._spec.dtype) if row is None else row
        return np.arange(first, len(self._keys)), rows

    def scatter(self, slots: npt.NDArray[np.intp], rows: npt.NDArray[Any]) -> None:
        for slot, row in zip(slots.tolist(), rows, strict=True):
            self._changed[self._keys[slot]] = row.copy()

    @contextmanager
    def updating(self, keys: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]:
        slots, rows = self.gather(keys)
        yield np.arange(len(keys)), rows
        self.scatter(slots, rows)

    def get(self, key: str) -> np.void | None:
        return self._changed[key] if key in self._changed else self._table.get(key)

    def delete(self, key: str) -> None:
        self._changed[key] = None

    def items(self) -> Iterator[tuple[str, np.void]]:
        keys = {key for key, _ in self._table.items()} | self._changed.keys()
        for key in sorted(keys, key=str.encode):
            row = self.get(key)
            if row is not None:
                yield key, row

    def drop(self) -> None:
        self._keys.clear()
        self._changed.clear()
