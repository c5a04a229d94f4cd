"""Large learned objects, kept exactly: a snapshot now and then, and between snapshots a journal of what was learned.

::

    snapshot.<name>   key                the object at event c, a multiple of `every`
    journal.<name>    key ⟨1f⟩ group     what events 64·group … 64·group + 63 of the key brought: 64 at most

The live object moves on without being written. Whoever has to restore it (another worker, the same one after a batch
that failed or an eviction) decodes the snapshot and runs the journal. So an object must be an exact automaton: the same
snapshot and the same inputs give the same bits. A row of the journal is a function of its events alone, however they
were cut into batches and commits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Floats, Ints
from aimass.stages.journal import VERSION, Inputs, mismatch, pack, resized, unpack
from aimass.state import Objects, ObjectSpec, State

GROUP = 64
_SNAPSHOT = struct.Struct("<BHQ")  # version, width, events
_NARROWEST = 8


class Automaton(Protocol):
    """A learned object: what it answers and becomes depends on its state and its inputs, to the last bit."""

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats) -> Any:
        """Take the next events; how they are cut into calls does not show. ``x`` may be wider than before."""

    def encode(self) -> bytes:
        """Return its state."""


T = TypeVar("T", bound=Automaton)


class _Live(Generic[T]):
    """A live object, where it is, and the last snapshot of it: the only thing of it that its row holds."""

    __slots__ = ("model", "row", "seen", "width")

    def __init__(self, row: bytes, model: T, width: int, seen: int) -> None:
        self.row, self.model, self.width, self.seen = row, model, width, seen


class Learned(Generic[T]):
    """A table of large learned objects in a stage's state.

    State: for each key one snapshot, and at most ``every / 64`` journal rows of at most 64 events' inputs.

    Parameters
    ----------
    name
        The tables' name, unique in the stage.
    make
        Makes a fresh object.
    decode
        Makes an object of what its ``encode`` returned.
    every
        Events between snapshots: a multiple of 64. More is less to write, and more to run when restoring.
    live
        How many objects stay in memory between commits; of others the snapshot and the journal are read again.

    Examples
    --------
    >>> from aimass.stages.journal import inputs
    >>> from aimass.testing import MemoryState
    >>> class Total:
    ...     def __init__(self, total=0.0):
    ...         self.total = total
    ...     def run(self, x, y, ops, votes):
    ...         self.total += float(x[:, 0].sum())
    ...         return self.total
    ...     def encode(self):
    ...         return repr(self.total).encode()
    >>> totals = Learned("totals", Total, lambda raw: Total(float(raw)))
    >>> state = MemoryState()
    >>> totals.take(state, "a").run(inputs(np.ones((5, 1))))
    [5.0]
    >>> totals.take(state.restart(), "a").run(inputs(np.ones((1, 1))))
    [6.0]
    """

    def __init__(
        self, name: str, make: Callable[[], T], decode: Callable[[bytes], T], every: int = 4096, live: int = 256
    ) -> None:
        if every % GROUP or every <= 0:
            raise ValueError(f"{name}: snapshots are made every multiple of {GROUP} events, not every {every}")
        self.name, self.every = name, every
        self._make, self._decode = make, decode
        self._snapshots: ObjectSpec[_Live[T]] = ObjectSpec(f"snapshot.{name}", _row_of, self._of_row, live=live)
        self._journal: ObjectSpec[list[Inputs]] = ObjectSpec(f"journal.{name}", pack, unpack, live=2 * live)

    def take(self, state: State, key: str) -> Handle[T]:
        """Return a handle on the object of a key, fresh or as its last event left it; good until the batch ends."""
        table = state.objects(self._snapshots)
        journal = state.objects(self._journal)
        live = table.get(key)
        if live is None:
            live = _Live(_SNAPSHOT.pack(VERSION, 0, 0), self._make(), 0, 0)
            table.put(key, live)
        handle = Handle(key, live, table, journal, self.every)
        if live.seen % self.every == 0:
            handle.catch_up()
        return handle

    def look(self, state: State, key: str) -> T:
        """Return the object of a key, to look at: nothing in the state changes, not even where there is none yet."""
        return self._make() if state.objects(self._snapshots).get(key) is None else self.take(state, key).model

    def keys(self, state: State) -> Iterator[str]:
        """Yield the keys that have an object, in the order of their bytes."""
        return (key for key, _ in state.objects(self._snapshots).items())

    def drop(self, state: State, key: str) -> None:
        """Forget the object of a key: the next one is fresh."""
        table, journal = state.objects(self._snapshots), state.objects(self._journal)
        live = table.get(key)
        if live is not None:
            Handle(key, live, table, journal, self.every).clear()
            table.delete(key)

    def _of_row(self, row: bytes) -> _Live[T]:
        version, width, seen = _SNAPSHOT.unpack_from(row) if len(row) >= _SNAPSHOT.size else (0, 0, 0)
        if version != VERSION:
            raise mismatch(f"snapshot.{self.name}", version)
        model = self._decode(row[_SNAPSHOT.size :]) if seen else self._make()
        return _Live(row, model, width, seen)


class Handle(Generic[T]):
    """The object of one key, within a batch: see `Learned.take`."""

    __slots__ = ("_every", "_journal", "_key", "_live", "_table")

    def __init__(
        self, key: str, live: _Live[T], table: Objects[_Live[T]], journal: Objects[list[Inputs]], every: int
    ) -> None:
        self._key, self._live, self._table, self._journal, self._every = key, live, table, journal, every

    @property
    def model(self) -> T:
        """The object, to look at: whatever changes it goes through `run`."""
        return self._live.model

    @property
    def seen(self) -> int:
        """How many events it has taken."""
        return self._live.seen

    def run(self, given: Inputs) -> list[Any]:
        """Run the object on the next events and write them into the journal.

        Returns
        -------
        What the object's ``run`` returned, of one call after the other. There is more than one where a snapshot falls
        between two events, or where a row is the first to need more columns: what an object sees is as wide (8, 16, 32
        … columns) as the events so far made it, not as the batch is.
        """
        answers = []
        for part, width in self._parts(given):
            self._write(part)
            answers.append(self._advance(part, width))
            if self._live.seen % self._every == 0:
                self._snapshot()
        return answers

    def _parts(self, given: Inputs) -> Iterator[tuple[Inputs, int]]:
        """Cut inputs where a snapshot falls and where the object becomes wider."""
        at, widths = 0, _widths(given.x, self._live.width)
        while at < len(given):
            until = at + self._every - self._live.seen % self._every
            until = at + int(np.searchsorted(widths[at:until], widths[at], "right"))
            yield given[at:until], int(widths[at])
            at = until

    def _advance(self, piece: Inputs, width: int) -> Any:
        live = self._live
        live.width = width
        live.seen += len(piece)
        return live.model.run(resized(piece.x, width), piece.y, piece.ops, piece.votes)

    def _write(self, piece: Inputs) -> None:
        at = 0
        while at < len(piece):
            row, filled = divmod(self._live.seen + at, GROUP)
            until = min(len(piece), at + GROUP - filled)
            key = self._row(row)
            group = [*(self._journal.get(key) or ()), _copy(piece[at:until])]
            self._journal.put(key, group)
            at = until

    def _snapshot(self) -> None:
        live = self._live
        self.clear()
        live.row = _SNAPSHOT.pack(VERSION, live.width, live.seen) + live.model.encode()
        self._table.put(self._key, live)

    def clear(self) -> None:
        """Delete the journal since the last snapshot."""
        group = _SNAPSHOT.unpack_from(self._live.row)[2] // GROUP
        while self._journal.get(self._row(group)) is not None:
            self._journal.delete(self._row(group))
            group += 1

    def catch_up(self) -> None:
        """Run what the journal has beyond the snapshot; nobody hears the answers."""
        while group := self._journal.get(self._row(self._live.seen // GROUP)):
            for piece in group:
                for part, width in self._parts(piece):
                    self._advance(part, width)
            if self._live.seen % GROUP:
                break

    def _row(self, group: int) -> str:
        return f"{self._key}\x1f{group:012d}"


def _row_of(live: _Live[Any]) -> bytes:
    return live.row


def _widths(x: Floats, width: int) -> npt.NDArray[np.intp]:
    """Return how wide the object is once it has seen each row: 8, 16, 32 …, never less than before."""
    present = x == x
    last = np.where(present.any(axis=1), x.shape[1] - np.argmax(present[:, ::-1], axis=1), 0) if x.size else 0
    needed = np.maximum(np.broadcast_to(last, (len(x),)), max(width, _NARROWEST))
    steps = _NARROWEST * 2 ** np.arange(16)
    found: npt.NDArray[np.intp] = np.maximum.accumulate(steps[np.searchsorted(steps, needed)])
    return found


def _copy(piece: Inputs) -> Inputs:
    return Inputs(piece.x.copy(), piece.y.copy(), piece.ops.copy(), piece.votes.copy())
