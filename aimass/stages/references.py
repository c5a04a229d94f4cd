"""Checks between sources: that every value of a field was seen before in another source, of the same key."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec
import orjson

from aimass.models.features import MISSING, Getter, getter
from aimass.quality.contracts.contract import Reference
from aimass.quality.panes import HOUR, PaneKeeper
from aimass.records import Event
from aimass.rules.hashing import name_of
from aimass.stages.base import Outputs
from aimass.stages.batch import Batch
from aimass.stages.detecting import MONTH
from aimass.stages.silent import Wheel
from aimass.state import ObjectSpec, State

_STEPS = 8  # into which the time is cut within which a value must have been seen
_SLOTS = 64  # over how many moments what is remembered is forgotten

#: When a value was seen: for each stretch of time its number, and the first and the last time in it.
_Times = list[tuple[int, float, float]]


class Seen:
    """When values were seen in a field of a source, by key.

    Of each stretch of time the first and the last moment are kept: that is enough to say exactly whether there was any
    between two moments that are further apart than a stretch.

    State: for each key and value that was seen within ``keep_s`` of now, two moments a stretch.

    Parameters
    ----------
    source, field
        What is remembered.
    step_s
        How long a stretch is.
    keep_s
        How long before now what was seen still matters.

    Examples
    --------
    >>> from aimass.testing import MemoryState
    >>> seen, state = Seen("orders", "id", step_s=10.0, keep_s=100.0), MemoryState()
    >>> seen.remember([("ada", 7, 21.0), ("ada", 7, 29.0)], state)
    >>> [seen.was_seen(key, 7, 25.0, 50.0, state) for key in ("ada", "bob")], seen.was_seen("ada", 7, 30.0, 50.0, state)
    ([True, False], False)
    """

    def __init__(self, source: str, field: str, step_s: float, keep_s: float) -> None:
        self.source, self.get = source, getter(field)
        self._step, self._keep, self._slot = step_s, keep_s, max(keep_s / _SLOTS, 1.0)
        name = f"seen.{source}.{field}.{step_s:g}"
        decode = msgspec.msgpack.Decoder(_Times).decode
        unused = max(MONTH, 4.0 * keep_s)  # where the contract asks no longer
        self._table: ObjectSpec[_Times] = ObjectSpec(name, msgspec.msgpack.Encoder().encode, decode, unused)
        self._wheel = Wheel(name)

    def remember(self, found: Sequence[tuple[str, int, float]], state: State) -> None:
        """Note that keys had values at some times."""
        table, oldest = state.objects(self._table), _whole(state.now) - self._keep
        fresh: list[tuple[float, str]] = []
        for key, value, time in found:
            if time < oldest:
                continue
            row = f"{value:x}\x1f{key}"
            times = table.get(row)
            if times is None:
                times = []
                fresh.append((self._forgotten_at(time), row))
            table.put(row, self._with([one for one in times if one[2] >= oldest], time))
        self._wheel.put(fresh, state)

    def _with(self, times: _Times, time: float) -> _Times:
        number = math.floor(time / self._step)
        at = bisect_left(times, number, key=itemgetter(0))
        if at < len(times) and times[at][0] == number:
            _, first, last = times[at]
            times[at] = number, min(first, time), max(last, time)
        else:
            times.insert(at, (number, time, time))
        return times

    def _forgotten_at(self, time: float) -> float:
        return (math.floor((time + self._keep) / self._slot) + 1) * self._slot + 1.0

    def was_seen(self, key: str, value: int, since: float, until: float, state: State) -> bool:
        """Return whether a key had a value at any time from one moment to another."""
        times = state.objects(self._table).get(f"{value:x}\x1f{key}") or []
        return any(since <= moment <= until for _, first, last in times for moment in (first, last))

    def forget(self, now: float, state: State) -> None:
        """Let go of values that matter no longer."""
        table, oldest = state.objects(self._table), _whole(now) - self._keep
        again: list[tuple[float, str]] = []
        for _, row in self._wheel.take(now, state):
            times = table.get(row)
            if times is None or times[-1][2] < oldest:
                table.delete(row)
            else:
                again.append((self._forgotten_at(times[-1][2]), row))
        self._wheel.put(again, state)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reference of a source: where its value stands, where it must have been seen, and how late it may be asked."""

    topic: str
    reference: Reference
    get: Getter
    seen: Seen
    late_s: float

    @classmethod
    def of(cls, topic: str, one: Reference, keep_s: float) -> _Asked:
        within, late = max(one.within_s, 0.001), min(one.within_s, keep_s)
        return cls(topic, one, getter(one.path), Seen(one.source, one.field, within / _STEPS, within + late), late)


class References:
    """Asks of events whether what they refer to was there, and counts the answers into panes.

    An event is answered when event time has passed it, the pipeline's lateness included. What came in the log until
    then counts as seen, in whatever order it came, if its time is at most the event's and at most ``within_s`` before.
    An event that comes later than that is answered at the next tick; one that is late by more than ``within_s``, or by
    more than panes are kept, is not asked. Nor is one without a value.

    State: the values seen in each field that is referred to (see `Seen`); the events that wait for event time to pass
    them; the panes.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    references
        What is asked of each source's events.
    pane_s, keep_s
        How long a pane is, and how late it may be revised.

    Examples
    --------
    >>> from aimass.records import Event, Source
    >>> from aimass.testing import MemoryOutputs, MemoryState
    >>> asked = References("shop", {"payments": [Reference(name="paid", path="of", source="orders", field="id")]})
    >>> state, out = MemoryState(), MemoryOutputs()
    >>> def event(topic, time, data):
    ...     return Event("1", "ada", time, "shop", Source(topic, 0, 1), msgspec.Raw(data))
    >>> payments = [event("payments", 5.0, b'{"of": 1}'), event("payments", 6.0, b'{"of": 2}')]
    >>> asked.take(Batch([*payments, event("orders", 4.0, b'{"id": 1}')]), state)
    >>> asked.on_time(10.0, state, out)
    >>> [pane] = out.records("observations")
    >>> pane.key, pane.part, pane.checks
    ('payments', 'shop.log-0', {'paid': [2, 1]})
    """

    def __init__(
        self, pipeline: str, references: Mapping[str, Sequence[Reference]], pane_s: float = 60.0, keep_s: float = HOUR
    ) -> None:
        self._log = f"{pipeline}.log"
        self._panes = {topic: PaneKeeper(pipeline, topic, pane_s, keep_s) for topic, own in references.items() if own}
        self._asked = {
            (topic, one.name): _Asked.of(topic, one, keep_s) for topic, own in references.items() for one in own
        }
        asked = self._asked.values()
        self._seen = {(one.reference.source, one.reference.field, one.reference.within_s): one.seen for one in asked}
        self._wheel = Wheel("references")

    def __bool__(self) -> bool:
        return bool(self._asked)

    def take(self, batch: Batch, state: State) -> None:
        """Remember what events say, and note what is to be asked of them."""
        events = list(zip(batch.events, batch.data, strict=True))
        for seen in self._seen.values():
            found = [
                (one.key, name_of(value), one.time)
                for one, data in events
                if one.source.topic == seen.source and _is_value(value := seen.get(data))
            ]
            seen.remember(found, state)
        self._wheel.put([entry for one, data in events for entry in self._questions(one, data, state)], state)

    def _questions(self, event: Event, data: dict[str, Any], state: State) -> Iterator[tuple[float, str]]:
        """Yield what is to be asked of an event, and from when on."""
        for (topic, name), asked in self._asked.items():
            if event.source.topic == topic and event.time >= _whole(state.now) - asked.late_s:
                value = asked.get(data)
                if _is_value(value):
                    entry = orjson.dumps([topic, name, event.time, event.key, f"{name_of(value):x}"])
                    yield math.floor(event.time) + 1.0, entry.decode()

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Answer the events that time has passed, write the panes that changed, and forget what is too old."""
        answers: dict[tuple[str, str], tuple[list[float], list[bool]]] = {}
        for topic, name, time, key, value in sorted(orjson.loads(entry) for _, entry in self._wheel.take(now, state)):
            asked = self._asked.get((topic, name))
            if asked is not None:  # else the contract asks no longer
                times, kept = answers.setdefault((topic, name), ([], []))
                times.append(time)
                kept.append(asked.seen.was_seen(key, int(value, 16), time - asked.reference.within_s, time, state))
        part = f"{self._log}-{state.partition}"
        for (topic, name), (times, kept) in answers.items():
            self._panes[topic].check_between(part, name, times, kept, state)
        for panes in self._panes.values():
            if panes.has_news(state):
                for pane in panes.write(state):
                    out.emit(pane, to="observations")
        for seen in self._seen.values():
            seen.forget(now, state)


def _is_value(value: Any) -> bool:
    return value is not None and value is not MISSING


def _whole(now: float) -> float:
    """Return the second that has passed, as slots of a wheel count."""
    return float(math.floor(now)) if math.isfinite(now) else now
