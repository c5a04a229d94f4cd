"""Joins of streams in event time: what another topic last said of an event's key, as of the event's time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from aimass.models.features import getter
from aimass.stages.batch import Batch
from aimass.state import ObjectSpec, State

_HOUR = 3600.0
_PLAIN = frozenset({str, int, float, bool})
_time = attrgetter("time")


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What an event of the source said: its time, and its values by field."""

    time: float
    values: dict[str, str | int | float | bool]


_Past = list[Said]  # by time; of the same time, by arrival


class Join:
    """Gives each event the values that the newest event of another topic had, of the same key, up to its time.

    An event of the source counts for what arrives after it: earlier in the log, in any batch. Among those, time
    decides, so events that are late or out of order get what was true then.

    State: for each key its newest ``history`` events of the source, by time; gone after four times ``within_s``
    without another (an hour at least).

    Parameters
    ----------
    source
        The topic joined to the others. Its own events stay as they are.
    fields
        Paths into its events: texts, numbers and booleans; anything else there is as if absent.
    prefix
        What the values are called: ``prefix.path``, at the top level of an event's data. Unique in the stage.
    within_s
        How much older than the event the source's may be, in seconds.
    history
        How many events of the source are remembered for a key: more is needed the later events come.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> join = Join("t", ["wind.speed"], "weather", within_s=60.0, history=4)
    >>> readings = [event({"wind": {"speed": speed}}, time=float(at)) for at, speed in ((10, 3), (20, 7))]
    >>> late = msgspec.structs.replace(event({"power": 5}, time=15.0), source=msgspec.structs.replace(
    ...     readings[0].source, topic="turbines"))
    >>> batch = Batch([*readings, late])
    >>> join.apply(batch, MemoryState())
    >>> batch.data[2]
    {'power': 5, 'weather.wind.speed': 3}
    """

    def __init__(self, source: str, fields: Sequence[str], prefix: str, within_s: float, history: int) -> None:
        if history < 1 or not within_s >= 0.0:
            raise ValueError(
                f"join {prefix}: nothing can be joined within {within_s} s from {history} remembered events"
            )
        self.source, self.prefix = source, prefix
        self._fields = [(field, getter(field)) for field in fields]
        self._names = {field: f"{prefix}.{field}" for field in fields}
        self._within, self._history = within_s, history
        decode = msgspec.msgpack.Decoder(_Past).decode
        self._table: ObjectSpec[_Past] = ObjectSpec(
            f"join.{prefix}", msgspec.msgpack.Encoder().encode, decode, max(4.0 * within_s, _HOUR)
        )

    def apply(self, batch: Batch, state: State) -> None:
        """Remember the source's events and join them to the others, in the order of arrival.

        To be called before anything asks the batch for its numbers. The data of an event that gets values is
        replaced; the event itself is not changed.
        """
        table = state.objects(self._table)
        pasts: dict[int, _Past] = {}
        changed: dict[int, None] = {}
        for i, (event, row) in enumerate(zip(batch.events, batch.rows.tolist(), strict=True)):
            past = pasts.get(row)
            if past is None:
                past = pasts[row] = table.get(event.key) or []
            if event.source.topic == self.source:
                self._remember(past, event.time, batch.data[i])
                changed[row] = None
            else:
                found = self._as_of(past, event.time)
                if found:
                    batch.data[i] = {**batch.data[i], **found}
        for row in changed:
            table.put(batch.keys[row], pasts[row])

    def _remember(self, past: _Past, time: float, data: dict[str, Any]) -> None:
        found = ((field, get(data)) for field, get in self._fields)
        said = Said(time, {field: value for field, value in found if type(value) in _PLAIN})
        past.insert(bisect_right(past, time, key=_time), said)
        if len(past) > self._history:
            del past[: -self._history]

    def _as_of(self, past: _Past, time: float) -> dict[str, Any]:
        at = bisect_right(past, time, key=_time) - 1
        if at < 0 or past[at].time < time - self._within:
            return {}
        return {self._names[field]: value for field, value in past[at].values.items() if field in self._names}
