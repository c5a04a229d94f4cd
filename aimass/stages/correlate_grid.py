"""The common grid of a group's series: open blocks of bins, and the series' names and places."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from aimass.models.kernel import Floats, Ints
from aimass.models.links import MAX_SERIES
from aimass.models.links_kernel import BLOCK
from aimass.models.members.base import pack, unpack, widened
from aimass.records import Source

_NOWHERE = -(1 << 40)
_CACHED = 65_536


class Grid:
    """The blocks of a group that are not closed: the sums and counts of the values in each bin of each series.

    Attributes
    ----------
    next
        The block that the finder sees next; ``born`` is the first that it saw.
    closed
        Blocks before this one take no more values.
    strays
        How many events in a row were late by days.
    newest
        The time of the newest event, in seconds; ``source`` and ``pipeline`` are that event's.
    patience
        How much longer than the lateness blocks stay open, in seconds: as late as values came lately.
    open
        By number: sums and counts, series × bins.

    Examples
    --------
    >>> grid = Grid()
    >>> grid.add(7, [0, 0, 9], [1.0, 2.0, 5.0])
    >>> grid.flush(2)
    >>> grid.pop(7)[:, :2]
    array([[1.5, nan],
           [nan, 5. ]])
    """

    def __init__(self) -> None:
        self.next = self.closed = self.born = self.strays = 0
        self.newest, self.patience = -math.inf, 0.0
        self.source: Source | None = None
        self.pipeline = ""
        self.open: dict[int, tuple[Floats, Floats]] = {}
        self.width = 0
        self._waiting: dict[int, tuple[list[int], list[float]]] = {}

    def add(self, number: int, places: Sequence[int], values: Collection[float]) -> None:
        """Put values into a block; a place is series × `BLOCK` + bin."""
        found = self._waiting.get(number)
        if found is None:
            found = self._waiting[number] = ([], [])
        found[0].extend(places)
        found[1].extend(values)

    def flush(self, width: int) -> None:
        """Add up what was put since the last time, in the order in which it came; there are ``width`` series now."""
        self.width = max(self.width, width)
        for number, (places, values) in self._waiting.items():
            at, numbers = np.array(places, np.int64), np.array(values)
            at, numbers = at[at >= 0], numbers[at >= 0]
            sums, counts = self._wide(number)
            np.add.at(sums.reshape(-1), at, numbers)
            np.add.at(counts.reshape(-1), at, 1.0)
            self.open[number] = sums, counts
        self._waiting.clear()

    def _wide(self, number: int) -> tuple[Floats, Floats]:
        """Return a block with a row for every series."""
        found = self.open.get(number)
        if found is not None and len(found[0]) == self.width:
            return found
        none = np.zeros((0, BLOCK))
        sums, counts = found or (none, none)
        return widened(sums, self.width, BLOCK), widened(counts, self.width, BLOCK)

    def pop(self, number: int) -> Floats:
        """Take a block out: the mean of each bin, NaN where there is none."""
        sums, counts = self._wide(number)
        del self.open[number]
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0.0)

    def holds(self, series: int) -> bool:
        """Return whether an open block has a value of a series."""
        return any(bool(counts[series].any()) for _, counts in self.open.values() if series < len(counts))

    def encode(self) -> bytes:
        """Return the grid as bytes."""
        numbers: Ints = np.array(sorted(self.open), np.int64)
        wide = [self._wide(number) for number in numbers.tolist()]
        source = None if self.source is None else [self.source.topic, self.source.partition, self.source.offset]
        facts: dict[str, Any] = {"next": self.next, "closed": self.closed, "newest": self.newest, "width": self.width}
        facts |= {"source": source, "pipeline": self.pipeline, "patience": self.patience}
        facts |= {"born": self.born, "strays": self.strays}
        sums = np.array([one for one, _ in wide]).reshape(len(wide), self.width, BLOCK)
        counts = np.array([one for _, one in wide]).reshape(len(wide), self.width, BLOCK)
        return pack("grid", 1, facts, [numbers, sums, counts])

    @classmethod
    def decode(cls, raw: bytes) -> Grid:
        """Return the grid that these bytes are."""
        facts, (numbers, sums, counts) = unpack(raw, "grid", 1)
        made = cls()
        made.next, made.closed, made.newest = facts["next"], facts["closed"], facts["newest"]
        made.born, made.strays = facts["born"], facts["strays"]
        made.width, made.pipeline, made.patience = facts["width"], facts["pipeline"], facts["patience"]
        made.source = None if facts["source"] is None else Source(*facts["source"])
        for n, number in enumerate(numbers.tolist()):
            made.open[number] = sums[n].copy(), counts[n].copy()
        return made


class Columns:
    """The series of a group by name, each with a number that is its row in every block.

    A series is named ``topic/field``, and ``topic/field@key`` where the event's key is not the group's name.

    Examples
    --------
    >>> columns = Columns()
    >>> columns.offsets("pumps", "p1", "plant", {"flow": 1.0, "heat": 2.0})
    [0, 8]
    >>> columns.names
    ['pumps/flow@p1', 'pumps/heat@p1']
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = list(names)
        self.is_changed = False
        self._number = {name: i for i, name in enumerate(self.names) if name}
        self._known: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}

    def offsets(self, topic: str, entity: str, group: str, values: Mapping[str, float]) -> list[int]:
        """Return where in a block each value's series begins; new ones get a place while there is one."""
        shape = (topic, entity, tuple(values))
        found = self._known.get(shape)
        if found is None:
            at = "" if entity == group else f"@{entity}"
            found = [self._place(f"{topic}/{field}{at}") for field in values]
            if len(self._known) >= _CACHED:  # a cache, rebuilt at will
                self._known.clear()
            self._known[shape] = found
        return found

    def _place(self, name: str) -> int:
        number = self._number.get(name)
        if number is None:
            number = self.names.index("") if "" in self.names else len(self.names)
            if number >= MAX_SERIES:
                return _NOWHERE
            self.names[number : number + 1] = [name]
            self._number[name], self.is_changed = number, True
        return number * BLOCK

    def free(self, numbers: Sequence[int]) -> None:
        """Give up the places of series."""
        for number in numbers:
            del self._number[self.names[number]]
            self.names[number] = ""
        self._known.clear()
        self.is_changed = True

    def encode(self) -> bytes:
        """Return the names as bytes."""
        return pack("series", 1, {"names": self.names}, [])

    @classmethod
    def decode(cls, raw: bytes) -> Columns:
        """Return the columns that these bytes are."""
        return cls(unpack(raw, "series", 1)[0]["names"])


class Row:
    """A closed block of whitened values, series × bins: what a restored finder reads its history from."""

    def __init__(self, number: int, values: Floats) -> None:
        self.number, self.values = number, values

    def encode(self) -> bytes:
        """Return the row as bytes."""
        return pack("bins", 1, {"number": self.number}, [self.values])

    @classmethod
    def decode(cls, raw: bytes) -> Row:
        """Return the row that these bytes are."""
        facts, (values,) = unpack(raw, "bins", 1)
        return cls(facts["number"], values)
