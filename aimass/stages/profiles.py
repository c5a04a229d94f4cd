"""What is known of each key: its profile, the tags that rules gave it, and the items that rules pinned for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from aimass.models.profile_kernel import (
    BEGAN,
    DAYS,
    FIRST,
    FOUND,
    GAP,
    GAPS,
    IN_SESSION,
    LAST,
    ROW,
    SESSIONS,
    SHORT,
    N,
    follow,
    usual_hour,
)
from aimass.rules.columns import Column, Truths
from aimass.rules.sight import Sight
from aimass.rules.vocabulary import PROFILE_VALUES
from aimass.state import ObjectSpec, RowSpec, State

QUARTER = 90 * 86_400.0


class Profiles:
    """Follows each key: how often it comes, in which sessions, and when.

    State: one row of 104 bytes a key; a key that is quiet for ``forget_s`` is forgotten.

    Parameters
    ----------
    forget_s
        How long after its last event, in seconds of event time; ``None``: never.

    Examples
    --------
    >>> from aimass.testing import MemoryState, prediction
    >>> sight = Sight([prediction(time=t) for t in (1.7e9, 1.7e9 + 60, 1.7e9 + 7200)])
    >>> found = Profiles().run(sight, MemoryState())
    >>> found["events"].numbers()[0].tolist(), found["sessions"].numbers()[0].tolist()
    ([0.0, 1.0, 2.0], [1.0, 1.0, 2.0])
    """

    def __init__(self, forget_s: float | None = QUARTER) -> None:
        self.spec = RowSpec("profile", ROW, forget_s)

    def run(self, sight: Sight, state: State) -> dict[str, Column]:
        """Return the values of `PROFILE_VALUES`, as they were before each event, and count the events."""
        found = np.empty((len(sight), FOUND))
        with state.rows(self.spec).updating(sight.keys) as (slots, rows):
            follow(rows["row"], rows["hours"], slots[sight.rows], sight.times, found)
        everywhere = np.ones(len(sight), np.bool_)
        return {name: Column.of_numbers(found[:, i], everywhere) for i, name in enumerate(PROFILE_VALUES)}


def describe(row: np.void) -> dict[str, Any]:
    """Return a key's profile as it is now, its last event included; for people.

    Examples
    --------
    >>> from aimass.testing import MemoryState, prediction
    >>> profiles, state = Profiles(), MemoryState()
    >>> _ = profiles.run(Sight([prediction(time=t) for t in (1.7e9, 1.7e9 + 60)]), state)
    >>> known = describe(state.rows(profiles.spec).get("k"))
    >>> known["events"], known["session_s"], round(known["gap_s"], 3), known["hour"]
    (2, 60.0, 60.0, 22)
    """
    values = row["row"].tolist()
    return {
        "events": int(values[N]),
        "first_seen": values[FIRST],
        "last_seen": values[LAST],
        "days": int(values[DAYS]),
        "sessions": int(values[SESSIONS]),
        "session_events": int(values[IN_SESSION]),
        "session_s": values[LAST] - values[BEGAN],
        "gap_s": math.exp(values[GAP]) - SHORT if values[GAPS] else None,
        "hour": int(usual_hour(row["hours"])),
    }


class Given(NamedTuple):
    """What a rule gave a key at an event of a batch: a tag or an item, until when, and which rule did.

    ``at`` is the event's place in the batch.
    """

    at: int
    name: str
    until: float
    rule: str = ""


class Known(msgspec.Struct, array_like=True):
    """A key's tags and pinned items: by name, until when; and the rule, for items."""

    tags: dict[str, float] = {}
    pins: dict[str, tuple[float, str]] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Known).decode


class Tags:
    """What rules gave keys: tags, and items to recommend, each until a time.

    A batch is asked first (`truths`, `Pins`), with what was given within it, and written last (`take`): so it does not
    show how events were cut. At an event holds what was given at *earlier* events and lasts beyond its time (and beyond
    the last tick, where the event is late).

    State: an object for each key that has any; it goes ``keep_s`` after the last was given, and what has run out goes
    when something new is given. A key has at most as many as the rules name.

    Parameters
    ----------
    keep_s
        The longest that a tag can last.

    Examples
    --------
    >>> from aimass.testing import MemoryState, prediction
    >>> tags, state = Tags(), MemoryState()
    >>> sight = Sight([prediction(time=float(t)) for t in (0, 5, 20)])
    >>> given = [Given(0, "keen", 10.0)]
    >>> tags.truths(sight, "keen", given, state).tolist()
    [0, 1, 0]
    >>> tags.take(sight, given, [], state)
    >>> tags.truths(Sight([prediction(time=9.0)]), "keen", [], state).tolist()
    [1]
    """

    def __init__(self, keep_s: float | None = QUARTER) -> None:
        self.spec: ObjectSpec[Known] = ObjectSpec("tags", _encode, _decode, keep_s)

    def truths(self, sight: Sight, name: str, given: Sequence[Given], state: State) -> Truths:
        """Return for each event whether its key has a tag, given at an earlier event; never unknown.

        ``given`` are tags given within the batch, of any name and in any order.
        """
        table = state.objects(self.spec)
        known = map(table.get, sight.keys)
        until = np.array([-math.inf if one is None else one.tags.get(name, -math.inf) for one in known], np.float64)
        times, rows, begin = np.maximum(sight.times, state.now), sight.rows, 0
        found = np.empty(len(sight), np.int8)
        for index, lasts in sorted((one.at, one.until) for one in given if one.name == name):
            here = slice(begin, index + 1)
            found[here] = until[rows[here]] > times[here]
            until[rows[index]] = max(until[rows[index]], lasts)
            begin = max(begin, index + 1)
        found[begin:] = until[rows[begin:]] > times[begin:]
        return found

    def take(self, sight: Sight, tags: Sequence[Given], pins: Sequence[Given], state: State) -> None:
        """Write what was given within a batch, when all that asks has asked."""
        keys = [one.key for one in sight.predictions] if tags or pins else []
        for one in tags:
            self.give(keys[one.at], one.name, one.until, state)
        for one in pins:
            self.pin(keys[one.at], one.name, one.until, one.rule, state)

    def give(self, key: str, name: str, until: float, state: State) -> None:
        """Give a key a tag; one that it has already lasts as long as the longer of both."""
        known = self._known(key, state)
        known.tags[name] = max(float(until), known.tags.get(name, -math.inf))
        state.objects(self.spec).put(key, known)

    def pin(self, key: str, item: str, until: float, rule: str, state: State) -> None:
        """Pin an item for a key; of two rules that pin it, that which lasts longer is said to be why."""
        known = self._known(key, state)
        known.pins[item] = max((float(until), rule), known.pins.get(item, (-math.inf, "")))
        state.objects(self.spec).put(key, known)

    def _known(self, key: str, state: State) -> Known:
        known, now = state.objects(self.spec).get(key) or Known(), state.now
        known.tags = {name: until for name, until in known.tags.items() if until > now}
        known.pins = {item: pinned for item, pinned in known.pins.items() if pinned[0] > now}
        return known


class Pins:
    """The items that rules pinned for keys, as seen from each event of a batch, this event's rules included.

    Parameters
    ----------
    tags
        Where those of earlier batches are.
    sight, given
        The batch, and what was pinned within it, in any order.
    state
        The partition's state.

    Examples
    --------
    >>> from aimass.testing import MemoryState, prediction
    >>> sight = Sight([prediction(time=0.0), prediction(time=5.0), prediction(time=20.0)])
    >>> pins = Pins(Tags(), sight, [Given(1, "kettle", 10.0, "cart")], MemoryState())
    >>> pins.at(0), pins.at(1), pins.at(2)
    ({}, {'kettle': 'cart'}, {})
    """

    def __init__(self, tags: Tags, sight: Sight, given: Sequence[Given], state: State) -> None:
        self._table, self._sight, self._now = state.objects(tags.spec), sight, state.now
        self._given: dict[str, list[Given]] = {}
        for one in sorted(given):
            self._given.setdefault(sight.predictions[one.at].key, []).append(one)

    def at(self, index: int) -> dict[str, str]:
        """Return the items that are pinned for an event's key, each with the rule that did it, by item."""
        event = self._sight.predictions[index]
        known = self._table.get(event.key)
        found = {} if known is None else dict(known.pins)
        for one in self._given.get(event.key, ()):
            if one.at <= index:
                found[one.name] = max((one.until, one.rule), found.get(one.name, (-math.inf, "")))
        now = max(event.time, self._now)
        return {item: found[item][1] for item in sorted(found) if found[item][0] > now}
