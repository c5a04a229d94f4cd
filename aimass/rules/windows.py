"""Functions of windows: how many, how much, how different, among the key's events of the last hour or session."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints
from aimass.rules import windows_kernel as kernels
from aimass.rules.columns import Column, Truths
from aimass.rules.document import digest
from aimass.rules.hashing import names
from aimass.rules.sight import Sight
from aimass.rules.syntax import Call, Window
from aimass.state import RowSpec, State

OPS = {
    "count": kernels.COUNT,
    "rate": kernels.RATE,
    "sum": kernels.SUM,
    "avg": kernels.AVG,
    "min": kernels.MIN,
    "max": kernels.MAX,
    "stddev": kernels.STDDEV,
    "trend": kernels.TREND,
}
_HOUR = 3600.0
_NONE = np.zeros((0, 0))
#: How many different values a row can tell apart.
ROOM = 64


class Windowed:
    """A function of a window, as one event after the other sees it: among its key's events, itself included.

    A sliding window has sixty panes. Let T be the time of the key's newest event that counted, or of this event if that
    is later: the window is the panes from that of T back to the 59th before it, so that it covers between 59 and 60
    sixtieths of its length. An event that comes late counts in its own pane while the window has it. A tumbling
    window is one pane. A session lasts until there is a gap.

    State: a row a key: 4 bytes a pane for a count, 12 for a sum or an extreme, 20 for a deviation; a key that is quiet
    for twice the window and an hour is forgotten.

    Parameters
    ----------
    call
        The call: which function, of which window.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import MemoryState, prediction
    >>> sight = Sight([prediction({}, time=1e9 + t) for t in (0, 30, 70)])
    >>> Windowed(condition("count(1m) > 0").left).run(sight, [], None, MemoryState()).numbers()[0].tolist()
    [1.0, 2.0, 2.0]
    """

    def __init__(self, call: Call) -> None:
        assert call.window is not None
        self._op, self._window = OPS[call.name], call.window
        self._panes = kernels.PANES if call.window.kind == "sliding" else 1
        fields: list[Any] = (
            [("start", "<f8"), ("last", "<f8")] if call.window.kind == "session" else [("newest", "<i8")]
        )
        fields.append(("n", "<u4", (self._panes,)))
        if self._op >= kernels.SUM:
            fields.append(("a", "<f8", (self._panes,)))
        if self._op == kernels.STDDEV:
            fields.append(("b", "<f8", (self._panes,)))
        self.spec = RowSpec(f"{call.name}.{digest(call)}", np.dtype(fields), 2 * call.window.seconds + _HOUR)

    @property
    def row_bytes(self) -> int:
        """How much it keeps of a key."""
        return self.spec.dtype.itemsize

    def run(self, sight: Sight, values: Sequence[Column], where: Truths | None, state: State) -> Column:
        """Return the window's value at each event, and take the events in."""
        x, counts = np.zeros(len(sight)), np.ones(len(sight), np.bool_)
        if values:
            x, counts = values[0].numbers()
        counts = _counting(counts, where)
        out = np.empty(len(sight))
        for part, slots, rows in parts(self.spec, sight, counts, state):
            found = np.empty(len(part))
            self._take(slots, rows, sight.times[part], counts[part], x[part], found)
            out[part] = found
        return Column.of_numbers(out, ~np.isnan(out))

    def _take(self, slots: Ints, rows: Any, times: Floats, counts: Bools, x: Floats, out: Floats) -> None:
        fields = rows.dtype.names
        a = rows["a"] if "a" in fields else _NONE  # a count never looks at them
        b = rows["b"] if "b" in fields else _NONE
        window: Window = self._window
        if window.kind == "session":
            kernels.session(
                self._op, window.seconds, slots, rows["start"], rows["last"], rows["n"], a, b, times, counts, x, out
            )
            return
        kernels.slide(
            self._op, self._panes, window.seconds, slots, rows["newest"], rows["n"], a, b, times, counts, x, out
        )

    def content(self, key: str, state: State, now: float) -> dict[str, Any]:
        """Return what the window of a key holds at a time, for people: how many events, and their sum if kept."""
        row = state.rows(self.spec).get(key)
        if row is None:
            return {"events": 0}
        if self._window.kind == "session":
            inside = np.array([now - row["last"] < self._window.seconds])
        else:
            newest, panes = int(row["newest"]) - 1, np.arange(self._panes)
            top = max(newest, math.floor(now * self._panes / self._window.seconds))
            inside = newest - (newest - panes) % self._panes > top - self._panes
        found: dict[str, Any] = {"events": int(row["n"][inside].sum())}
        if self._op in (kernels.SUM, kernels.AVG, kernels.TREND):
            found["sum"] = float(row["a"][inside].sum())
        return found


class Distinct:
    """How many different values there are in a window, up to 64: of more, a row keeps those that were seen last.

    State: a row of 1,032 bytes a key, which goes as those of `Windowed` do.

    Parameters
    ----------
    call
        The call.
    """

    def __init__(self, call: Call) -> None:
        assert call.window is not None
        self._seconds = call.window.seconds
        self._panes = kernels.PANES if call.window.kind == "sliding" else 1
        dtype = np.dtype([("newest", "<i8"), ("names", "<i8", (ROOM,)), ("seen", "<i8", (ROOM,))])
        self.spec = RowSpec(f"{call.name}.{digest(call)}", dtype, 2 * self._seconds + _HOUR)

    @property
    def row_bytes(self) -> int:
        """How much it keeps of a key."""
        return self.spec.dtype.itemsize

    def run(self, sight: Sight, values: Sequence[Column], where: Truths | None, state: State) -> Column:
        """Return how many different values there are at each event, and take the events in."""
        x, known = names(values[0])
        counts, out = _counting(known, where), np.empty(len(sight))
        for part, slots, rows in parts(self.spec, sight, counts, state):
            found = np.empty(len(part))
            place = rows["newest"], rows["names"], rows["seen"]
            kernels.distinct(self._panes, self._seconds, slots, *place, sight.times[part], counts[part], x[part], found)
            out[part] = found
        return Column.of_numbers(out, np.ones(len(out), np.bool_))

    def content(self, key: str, state: State, now: float) -> dict[str, Any]:
        """Return what the window of a key holds at a time, for people."""
        row = state.rows(self.spec).get(key)
        if row is None:
            return {"values": 0}
        top = max(int(row["newest"]), math.floor(now * self._panes / self._seconds) + 1)
        return {"values": int((row["seen"] > max(0, top - self._panes)).sum())}


def _counting(known: Bools, where: Truths | None) -> Bools:
    counts: Bools = known if where is None else known & (where == 1)
    return counts


def parts(spec: RowSpec, sight: Sight, counts: Bools, state: State) -> Iterator[tuple[Ints, Ints, Any]]:
    """Yield the events of keys whose rows change and those of keys that are only read, each with slots and rows.

    A row that only is looked at is not written again at the next commit.
    """
    table = state.rows(spec)
    every = np.arange(len(counts))
    if counts.all():
        with table.updating(sight.keys) as (slots, rows):
            yield every, slots[sight.rows], rows
        return
    if not counts.any():
        _, rows = table.gather(sight.keys)
        yield every, sight.rows, rows
        return
    changes = np.zeros(len(sight.keys), np.bool_)
    changes[sight.rows[counts]] = True
    place = np.zeros(len(sight.keys), np.int64)
    changing, others = (np.flatnonzero(changes == is_changed) for is_changed in (True, False))
    part = np.flatnonzero(changes[sight.rows])
    with table.updating([sight.keys[i] for i in changing.tolist()]) as (slots, rows):
        place[changing] = slots
        yield part, place[sight.rows[part]], rows
    if len(others):
        part = np.flatnonzero(~changes[sight.rows])
        _, rows = table.gather([sight.keys[i] for i in others.tolist()])
        place[others] = np.arange(len(others))
        yield part, place[sight.rows[part]], rows
