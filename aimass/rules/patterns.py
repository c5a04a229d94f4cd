"""Patterns: events of one key, one after the other, and what must not come between or after them.

What a match is, for the events of a key in their order (by time where events may be late, else as they came):

- A *partial* is a match that is not whole yet. An event that meets the first step begins one.
- An event concerns a partial that it does not precede, and that is in time (``within``, ``gap``). If it meets a step
  that must be absent now, the partial ends. Else, of all partials whose next step it meets, it extends the oldest.
- Whole is a partial whose steps have all come; where the last must be absent, when its time is up.
- After a match every partial of the key that had begun by then is dropped, and an event that made a match whole begins
  none (FlinkCEP's ``SKIP_PAST_LAST_EVENT``): one problem is one match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as fixed
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from aimass.codec import decoder, encode
from aimass.models.features import MISSING, getter
from aimass.records import Prediction, Source
from aimass.rules import plain
from aimass.rules.columns import Truths
from aimass.rules.plain import Given
from aimass.rules.sight import Sight
from aimass.rules.syntax import Any_, Binary, Captured, Pattern
from aimass.rules.timers import Timers
from aimass.rules.walk import calls, walk
from aimass.rules.write import text
from aimass.state import ObjectSpec, State

_WAITING = 1024
_prediction = decoder(Prediction)


class Ref(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that a pattern has matched: which step, where it stood, and what later steps look at of it."""

    step: str
    id: str
    time: float
    source: Source
    data: dict[str, Any]


class Partial(msgspec.Struct, frozen=True, array_like=True):
    """A match that is not whole yet: its events so far."""

    events: tuple[Ref, ...]


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """An event that waits until no earlier one can come: what it may meet, and all that its conditions need."""

    ref: Ref
    order: int
    masks: tuple[int, ...]
    raw: bytes = b""
    memory: tuple[Any, ...] = ()
    data: dict[str, Any] = {}


class _Key(msgspec.Struct, array_like=True):
    partials: list[Partial] = []
    waiting: list[Candidate] = []
    order: int = 0
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern that is whole.

    Parameters
    ----------
    key, time
        Whose, and when: the time of its last event, or when the absence was certain.
    row
        The event of the batch that made it whole; ``None`` when time did.
    events
        What it consists of.
    seen_at
        The event of the batch at which it was noticed; ``None`` as time passed.
    """

    key: str
    time: float
    row: int | None
    events: tuple[Ref, ...]
    seen_at: int | None = None

    def words(self) -> str:
        """Return what was looked at of its events, in words; empty when nothing was."""
        return ", ".join(
            f"{one.step}.{path} is {value}" for one in self.events for path, value in one.data.items() if one.step
        )

    def evidence(self) -> dict[str, Any]:
        """Return its events for an alert: by step, the event's id, its time, and what was looked at."""
        return {
            one.step or f"step {i}": {"id": one.id, "time": one.time, **one.data}
            for i, one in enumerate(self.events, 1)
        }


class Matcher:
    """Finds a pattern in the events of each key.

    State: an object a key with at most ``partials`` partials (the oldest goes) and, where events may be late, at most
    1,024 that wait (the oldest is taken early); a timer a key. Both go when nothing is open.

    Parameters
    ----------
    pattern
        The pattern.
    name
        Of its tables.
    lateness_s
        How late events may come: so long they wait, and are taken by their time.
    partials
        How many partials a key may have.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import MemoryState, prediction
    >>> pattern = condition("a: add then not pay within 10m")
    >>> matcher, state = Matcher(pattern, "cart"), MemoryState()
    >>> sight = Sight([prediction({"add": True}, time=100.0)])
    >>> masks = [np.array([1], np.int8), np.array([-1], np.int8)]
    >>> matcher.run(sight, masks, lambda row: plain.given(sight.predictions[row]), state)
    []
    >>> [(match.key, match.time) for match in matcher.on_time(1000.0, state)]
    [('k', 700.0)]
    """

    def __init__(self, pattern: Pattern, name: str, *, lateness_s: float = 0.0, partials: int = 16) -> None:
        self._pattern, self._lateness, self._room = pattern, lateness_s, max(1, partials)
        self._positive = [i for i, step in enumerate(pattern.steps) if not step.is_absent]
        borders = [*self._positive, len(pattern.steps)]
        #: The steps that must be absent while a partial waits for its n-th event.
        self._absent = [list(range(low + 1, high)) for low, high in pairwise(borders)]
        self._looks_back = [any(type(node) is Captured for node in walk(step.when)) for step in pattern.steps]
        self._kept = _captured(pattern)
        paths = dict.fromkeys(path for kept in self._kept.values() for path in kept)
        self._getters = [(path, getter(path)) for path in paths]
        self._calls = calls(pattern)
        decode = msgspec.msgpack.Decoder(_Key).decode
        self._spec: ObjectSpec[_Key] = ObjectSpec(f"pattern.{name}", msgspec.msgpack.Encoder().encode, decode)
        self._timers = Timers(f"pattern.{name}", max(1.0, pattern.within_s / 64))

    def run(self, sight: Sight, masks: Sequence[Truths], given: Callable[[int], Given], state: State) -> list[Match]:
        """Take the events of a batch that any step may concern; return what becomes whole by them.

        Parameters
        ----------
        masks
            For each step, whether an event can meet it: its `without_captures` condition.
        given
            Returns all that is known at an event.
        """
        may = [_may(mask, back) for mask, back in zip(masks, self._looks_back, strict=True)]
        found: list[Match] = []
        for row in np.flatnonzero(np.logical_or.reduce(may)).tolist():
            event = sight.predictions[row]
            meets = tuple(int(mask[row]) for mask in may)
            data = sight.data[row]
            captured = {path: value for path, get in self._getters if (value := get(data)) is not MISSING}
            one = Candidate(Ref("", event.id, event.time, event.source, captured), 0, meets)
            if self._lateness > 0 and event.time > state.now:
                found += self._wait(event, one, given, row, state)
            else:
                found += self._take(event.key, one, fixed(given, row), row, state, row)
        return found

    def open(self, key: str, state: State) -> list[dict[str, Any]]:
        """Return the unfinished matches of a key, for people: what is matched, what is waited for, until when."""
        kept = state.objects(self._spec).get(key)
        found = []
        for partial in [] if kept is None else kept.partials:
            at = len(partial.events)
            waits = self._positive[at] if at < len(self._positive) else self._absent[at - 1][0]
            step = self._pattern.steps[waits]
            found.append(
                {
                    "matched": [one.id for one in partial.events],
                    "waits_for": ("no " if step.is_absent else "") + text(step.when),
                    "until": self._deadline(partial),
                }
            )
        return found

    def on_time(self, now: float, state: State) -> list[Match]:
        """Take what has waited long enough, and find what was absent for its whole time; the earliest first."""
        found: list[Match] = []
        for key, _ in self._timers.due(now, state):
            kept = state.objects(self._spec).get(key)
            if kept is None:
                continue
            ready = sorted((one for one in kept.waiting if one.ref.time <= now), key=_by_time)
            if ready:
                kept.waiting = [one for one in kept.waiting if one.ref.time > now]
                state.objects(self._spec).put(key, kept)
            for one in ready:
                found += self._take(key, one, self._restored(one), None, state)
            found += self._advance(key, now, state, None)
            self._rest(key, state)
        return sorted(found, key=lambda match: (match.time, match.key.encode()))

    # -- late events --------------------------------------------------------------------------------------------------

    def _wait(
        self, event: Prediction, one: Candidate, given: Callable[[int], Given], row: int, state: State
    ) -> list[Match]:
        key, table = event.key, state.objects(self._spec)
        kept = table.get(key) or _Key([], [])
        if any(self._looks_back):
            known = given(row)
            memory = tuple(_kept(known.memory.get(call, MISSING)) for call in self._calls)
            rest = {"profile": dict(known.profile), "tags": list(known.tags)}
            one = msgspec.structs.replace(one, raw=encode(event), memory=memory, data=rest)
        kept.order += 1
        kept.waiting = [*kept.waiting, msgspec.structs.replace(one, order=kept.order)]
        table.put(key, kept)
        self._wake(key, event.time, state)
        if len(kept.waiting) <= _WAITING:
            return []
        first = min(kept.waiting, key=_by_time)
        kept.waiting = [other for other in kept.waiting if other is not first]
        kept.evicted += 1
        return self._take(key, first, self._restored(first), None, state, row)

    def _restored(self, one: Candidate) -> Callable[[], Given]:
        def known() -> Given:
            memory = {
                call: MISSING if value is None else value for call, value in zip(self._calls, one.memory, strict=True)
            }
            return plain.given(_prediction(one.raw), memory=memory, **one.data)

        return known

    # -- partials -----------------------------------------------------------------------------------------------------

    def _take(
        self,
        key: str,
        one: Candidate,
        known: Callable[[], Given],
        row: int | None,
        state: State,
        seen_at: int | None = None,
    ) -> list[Match]:
        table = state.objects(self._spec)
        if table.get(key) is None and not one.masks[0]:
            return []
        found = self._advance(key, one.ref.time, state, seen_at)
        kept = table.get(key)
        partials = [] if kept is None else kept.partials
        left, is_extended = [], False
        for partial in partials:
            if not self._concerns(partial, one.ref.time):
                left.append(partial)
                continue
            at = len(partial.events)
            if any(self._meets(step, partial, one, known) for step in self._absent[at - 1]):
                continue
            if is_extended or at == len(self._positive) or not self._meets(self._positive[at], partial, one, known):
                left.append(partial)
                continue
            is_extended = True
            longer = Partial((*partial.events, self._ref(at, one.ref)))
            if at + 1 == len(self._positive) and not self._absent[at]:
                self._keep(key, kept, [], state)
                return [*found, Match(key, one.ref.time, row, longer.events, seen_at)]
            left.append(longer)
        if self._meets(self._positive[0], Partial(()), one, known):
            first = Partial((self._ref(0, one.ref),))
            if len(self._positive) == 1 and not self._absent[0]:
                self._keep(key, kept, [], state)
                return [*found, Match(key, one.ref.time, row, first.events, seen_at)]
            left.append(first)
        if left or kept is not None:
            self._keep(key, kept, left, state)
        return found

    def _concerns(self, partial: Partial, time: float) -> bool:
        return partial.events[-1].time <= time <= self._deadline(partial)

    def _deadline(self, partial: Partial) -> float:
        """Return until when a partial can go on; for one that waits for an absence, when that is certain."""
        whole = partial.events[0].time + self._pattern.within_s
        return whole if self._pattern.gap_s is None else min(whole, partial.events[-1].time + self._pattern.gap_s)

    def _meets(self, step: int, partial: Partial, one: Candidate, known: Callable[[], Given]) -> bool:
        if not one.masks[step]:
            return False
        if not self._looks_back[step]:
            return True
        captured = {ref.step: ref.data for ref in partial.events if ref.step}
        now = known()
        full = Given(now.prediction, now.data, captured, now.memory, now.profile, now.tags)
        return plain.truth(self._pattern.steps[step].when, full) is True

    def _ref(self, at: int, ref: Ref) -> Ref:
        step = self._pattern.steps[self._positive[at]].name
        data = {path: value for path, value in ref.data.items() if path in self._kept.get(step, ())}
        return Ref(step, ref.id, ref.time, ref.source, data)

    def _advance(self, key: str, now: float, state: State, seen_at: int | None) -> list[Match]:
        """Find the absences that are certain before ``now``, and drop what is out of time."""
        kept = state.objects(self._spec).get(key)
        if kept is None:
            return []
        found, partials = [], kept.partials
        for partial in sorted(partials, key=self._deadline):
            deadline = self._deadline(partial)
            if deadline < now and partial in partials:  # at ``now`` itself, an event may still come
                if len(partial.events) == len(self._positive):
                    found.append(Match(key, deadline, None, partial.events, seen_at))
                    partials = [one for one in partials if one.events[0].time > deadline]
                else:
                    partials = [one for one in partials if one is not partial]
        if len(partials) != len(kept.partials):
            self._keep(key, kept, partials, state)
        return found

    def _rest(self, key: str, state: State) -> None:
        """Set the timer again that has rung."""
        kept = state.objects(self._spec).get(key)
        if kept is not None:
            self._keep(key, kept, kept.partials, state)

    def _keep(self, key: str, kept: _Key | None, partials: list[Partial], state: State) -> None:
        """Write a key's partials, as many as there is room for, and the next time at which to look at it."""
        table = state.objects(self._spec)
        kept = kept or _Key([], [])
        kept.evicted += max(0, len(partials) - self._room)
        kept.partials = partials[-self._room :]
        if not kept.partials and not kept.waiting:
            table.delete(key)
            self._timers.clear(key, state)
            return
        table.put(key, kept)
        times = [one.ref.time for one in kept.waiting]
        self._wake(key, min([self._deadline(one) for one in kept.partials] + times), state)

    def _wake(self, key: str, time: float, state: State) -> None:
        """Look at a key at a time, or earlier: timers that ring too early are cheaper than moving them each time."""
        current = self._timers.deadline(key, state)
        if current is None or time < current:
            self._timers.set(key, time, state)


def _by_time(one: Candidate) -> tuple[float, int]:
    return one.ref.time, one.order


def _kept(value: Any) -> Any:
    return None if value is MISSING else value


def _may(mask: Truths, looks_back: bool) -> Any:
    return (mask != 0) if looks_back else (mask == 1)


def _captured(pattern: Pattern) -> Mapping[str, tuple[str, ...]]:
    """Return which fields of each step's event later steps look at."""
    found: dict[str, dict[str, None]] = {}
    for node in (node for step in pattern.steps for node in walk(step.when)):
        if type(node) is Captured:
            found.setdefault(node.step, {})[node.path] = None
    return {step: tuple(paths) for step, paths in found.items()}


def without_captures(node: Any_) -> Any_ | None:
    """Return what must hold of an event for a condition to be true whatever earlier steps captured; ``None``: nothing.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.rules.write import text
    >>> step = condition("a: x then y == 1 and z != a.z within 1m").steps[1]
    >>> text(without_captures(step.when))
    'y == 1'
    """
    if not any(type(part) is Captured for part in walk(node)):
        return node
    if type(node) is Binary and node.op in ("and", "or"):
        left, right = without_captures(node.left), without_captures(node.right)
        if node.op == "and":
            return left if right is None else right if left is None else Binary("and", left, right)
        return None if left is None or right is None else Binary("or", left, right)
    return None
