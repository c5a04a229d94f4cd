"""Events that wait for their labels: kept with what was seen and said of them, until the label comes or time is up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from aimass.records import Source
from aimass.state import ObjectSpec, State

_CHUNK = 256  # ids that share a row: only the newest row is written again as more come
_PANES = 8
_encode = msgspec.msgpack.Encoder().encode


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An event that has been predicted but not learned.

    Parameters
    ----------
    id, key, time, source
        Of the event.
    segment
        Which segment's model predicted it.
    x
        The row that the model saw, float64.
    votes
        What the members and the whole said of it, float64.
    """

    id: str
    key: str
    time: float
    source: Source
    segment: str
    x: bytes
    votes: bytes


class WaitingRoom:
    """Events by id until their labels come, and labels by event's id until their events come.

    State: a row for each waiting event or label; it goes after ``wait_s`` of event time.

    Parameters
    ----------
    name
        The model's name.
    wait_s
        How long to wait, in seconds of event time since the event came.
    watched
        Whether those whose time is up are to be handed out by `expired` (else they just go).

    Examples
    --------
    >>> from aimass.records import Source
    >>> from aimass.testing import MemoryState
    >>> room, state = WaitingRoom("fraud", 60.0), MemoryState()
    >>> room.keep(state, Waiting("t-0-7", "ada", 1.7e9, Source("t", 0, 7), "", b"", b""))
    >>> room.claim(state, "t-0-7").key, room.claim(state, "t-0-7")
    ('ada', None)
    """

    def __init__(self, name: str, wait_s: float, watched: bool = False) -> None:
        self._pane = wait_s / _PANES
        self._wait = wait_s
        self._watched = watched
        keep = None if watched else wait_s  # those that are handed out must still be there, however far time leaps
        self._events: ObjectSpec[Waiting] = ObjectSpec(
            f"waiting.{name}", _encode, msgspec.msgpack.Decoder(Waiting).decode, keep
        )
        self._early: ObjectSpec[Any] = ObjectSpec(f"early.{name}", _encode, msgspec.msgpack.decode, wait_s)
        self._due: ObjectSpec[Any] = ObjectSpec(f"due.{name}", _encode, msgspec.msgpack.decode)

    @property
    def pane_s(self) -> float:
        """How often `expired` has to be asked, in seconds of event time."""
        return self._pane

    def keep(self, state: State, waiting: Waiting) -> None:
        """Let an event wait."""
        state.objects(self._events).put(waiting.id, waiting)
        if self._watched:
            self._note(state, waiting.id, state.now + self._wait)

    def claim(self, state: State, event: str) -> Waiting | None:
        """Return the event that a label speaks of, which waits no longer; ``None`` when it is not there."""
        table = state.objects(self._events)
        found = table.get(event)
        if found is not None:
            table.delete(event)
        return found

    def keep_early(self, state: State, event: str, value: Any) -> None:
        """Keep a label whose event has not come yet (they come by different topics)."""
        state.objects(self._early).put(event, value)

    def claim_early(self, state: State, event: str) -> Any:
        """Return the label that came before this event, or ``None``."""
        table = state.objects(self._early)
        found = table.get(event)
        if found is not None:
            table.delete(event)
        return found

    def expired(self, now: float, state: State) -> Iterator[Waiting]:
        """Yield the events whose time is up, in the order of their panes and arrival; they wait no longer."""
        table = state.objects(self._due)
        counts: dict[int, int] = table.get("") or {}
        up = [pane for pane in sorted(counts) if (pane + 1) * self._pane <= now]
        for pane in up:
            for chunk in range(-(-counts.pop(pane) // _CHUNK)):
                for event in table.get(f"{pane}.{chunk}") or ():
                    found = self.claim(state, event)
                    if found is not None:
                        yield found
                table.delete(f"{pane}.{chunk}")
        if up:
            table.put("", counts)

    def _note(self, state: State, event: str, due: float) -> None:
        table = state.objects(self._due)
        counts: dict[int, int] = table.get("") or {}
        pane = math.floor(due / self._pane)
        count = counts.get(pane, 0)
        name = f"{pane}.{count // _CHUNK}"
        table.put(name, [*(table.get(name) or ()), event])
        table.put("", {**counts, pane: count + 1})
