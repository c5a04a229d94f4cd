"""Deadlines of keys, kept so that those that are due are found without looking at the others."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from aimass.state import ObjectSpec, State

_CHUNK = 256  # keys that share a row: only the newest row of a pane is written again as more come
_encode = msgspec.msgpack.Encoder().encode


class Timers:
    """One deadline a key, in event time.

    State: a row a key, and rows of 256 keys by pane of time, which may hold keys whose deadline has moved since.
    Nothing here runs out by itself: what is due is found however far time leaps.

    Parameters
    ----------
    name
        Of the tables.
    pane_s
        How finely deadlines are sorted; they are exact however coarse it is.

    Examples
    --------
    >>> from aimass.testing import MemoryState
    >>> timers, state = Timers("calls", 60.0), MemoryState()
    >>> timers.set("ada", 100.0, state)
    >>> timers.set("bob", 90.0, state)
    >>> timers.due(99.0, state), timers.due(100.0, state), timers.due(999.0, state)
    ([('bob', 90.0)], [('ada', 100.0)], [])
    """

    def __init__(self, name: str, pane_s: float) -> None:
        self._pane = pane_s
        self._deadlines: ObjectSpec[float] = ObjectSpec(f"deadlines.{name}", _encode, msgspec.msgpack.decode)
        self._panes: ObjectSpec[Any] = ObjectSpec(f"panes.{name}", _encode, msgspec.msgpack.decode)

    def set(self, key: str, deadline: float, state: State) -> None:
        """Set the deadline of a key, in place of the one it has."""
        table = state.objects(self._deadlines)
        before = table.get(key)
        table.put(key, deadline)
        pane = math.floor(deadline / self._pane)
        if before is None or math.floor(before / self._pane) != pane:
            self._note(pane, key, state)

    def clear(self, key: str, state: State) -> None:
        """Forget the deadline of a key."""
        state.objects(self._deadlines).delete(key)

    def deadline(self, key: str, state: State) -> float | None:
        """Return the deadline of a key, if it has one."""
        return state.objects(self._deadlines).get(key)

    def due(self, now: float, state: State) -> list[tuple[str, float]]:
        """Return the keys whose deadline has come, with it, the earliest first; they have none any more."""
        index = state.objects(self._panes)
        counts: dict[int, int] = index.get("") or {}
        last = math.floor(now / self._pane)
        up = sorted(pane for pane in counts if pane <= last)
        if not up:
            return []
        table, found, left = state.objects(self._deadlines), [], dict(counts)
        for pane in up:
            keys = self._taken(pane, left.pop(pane), state)
            waiting = []
            for key in dict.fromkeys(keys):
                deadline = table.get(key)
                if deadline is None or math.floor(deadline / self._pane) != pane:
                    continue
                if deadline <= now:
                    table.delete(key)
                    found.append((key, deadline))
                else:
                    waiting.append(key)
            for start in range(0, len(waiting), _CHUNK):
                index.put(f"{pane}.{start // _CHUNK}", waiting[start : start + _CHUNK])
            if waiting:
                left[pane] = len(waiting)
        if left:
            index.put("", left)
        else:
            index.delete("")
        return sorted(found, key=lambda one: (one[1], one[0].encode()))

    def _taken(self, pane: int, count: int, state: State) -> list[str]:
        index, keys = state.objects(self._panes), list[str]()
        for chunk in range(-(-count // _CHUNK)):
            keys += index.get(f"{pane}.{chunk}") or ()
            index.delete(f"{pane}.{chunk}")
        return keys

    def _note(self, pane: int, key: str, state: State) -> None:
        index = state.objects(self._panes)
        counts: dict[int, int] = index.get("") or {}
        count = counts.get(pane, 0)
        name = f"{pane}.{count // _CHUNK}"
        index.put(name, [*(index.get(name) or ()), key])
        index.put("", {**counts, pane: count + 1})
