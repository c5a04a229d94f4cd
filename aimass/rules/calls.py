"""The functions of values alone: each total, so that what it cannot work with gives unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from aimass.models.features import MISSING
from aimass.models.kernel import Bools, Floats, kernel
from aimass.rules.columns import Column, Truths
from aimass.rules.operators import same
from aimass.rules.sight import Sight
from aimass.state import State

_EARTH_KM = 6371.0088
_NOTHING = frozenset((type(None), type(MISSING)))
_TEXT = frozenset((str,))
_DAY_S, _HOUR_S = 86_400.0, 3_600.0


class Memory(Protocol):
    """A call that remembers the key's earlier events; there is one for each different call of all rules."""

    def run(self, sight: Sight, values: Sequence[Column], where: Truths | None, state: State) -> Column:
        """Return the call's value at each event, and learn the events, in their order.

        Called once for each batch, whatever the rest of the condition says. ``values`` are the call's arguments, its
        constants too; where ``where`` is not 1, an event does not count.
        """


Plain = Callable[[Sight, Sequence[Column]], Column]


def _each(function: Callable[..., Any]) -> Plain:
    """Return a function of columns from one of values."""

    def run(sight: Sight, values: Sequence[Column]) -> Column:
        return Column.of_values(list(map(function, *(column.values() for column in values))))

    return run


def lower(value: Any) -> Any:
    """Return a text in small letters."""
    return value.lower() if type(value) is str else MISSING


def length(value: Any) -> Any:
    """Return how many characters or members there are."""
    return float(len(value)) if type(value) in (str, list, dict) else MISSING


def contains(whole: Any, part: Any) -> Any:
    """Return whether a text has a text in it, or a list a value.

    Examples
    --------
    >>> contains("abc", "b"), contains([1, True], 1.0), contains([1], True), contains("abc", 1), contains([], None)
    (True, True, False, MISSING, MISSING)
    """
    if type(whole) is str:
        return part in whole if type(part) is str else MISSING
    if type(whole) is not list or part is None or part is MISSING:
        return MISSING
    return any(same(one, part) == 1 for one in whole)


def starts(whole: Any, part: Any) -> Any:
    """Return whether a text begins with another."""
    return whole.startswith(part) if type(whole) is str and type(part) is str else MISSING


def ends(whole: Any, part: Any) -> Any:
    """Return whether a text ends with another."""
    return whole.endswith(part) if type(whole) is str and type(part) is str else MISSING


def like(value: Any, pattern: Any) -> Any:
    """Return whether a text as a whole matches a pattern: ``*`` stands for any characters, ``?`` for one.

    Examples
    --------
    >>> like("card-7781", "card-*"), like("a\\nb", "a?b"), like("x.y", "x?z"), like(7, "*")
    (True, True, False, MISSING)
    """
    if type(value) is not str or type(pattern) is not str:
        return MISSING
    return _glob(pattern).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    first, *rest = ("".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*"))
    # A part is taken where it first fits, and never looked for again: so the time is bounded.
    between = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(first + between + (f".*{rest[-1]}" if rest else ""), re.DOTALL)


def either(first: Any, second: Any) -> Any:
    """Return the first value if it is known, else the second."""
    return second if first is None or first is MISSING else first


def known(sight: Sight, values: Sequence[Column]) -> Column:
    """Return whether there is a value."""
    (column,) = values
    if _NOTHING.isdisjoint(column.types):
        return Column.of_truths(np.ones(len(column), np.int8))
    said = [value is not None and value is not MISSING for value in column.values()]
    return Column.of_truths(np.array(said, np.int8))


@kernel
def _haversine(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats, known: Bools, out: Floats) -> None:
    for i in range(len(out)):
        if not known[i]:
            continue
        a, b = math.radians(lat1[i]), math.radians(lat2[i])
        down, over = math.sin((b - a) / 2.0), math.sin((math.radians(lon2[i]) - math.radians(lon1[i])) / 2.0)
        part = down * down + math.cos(a) * math.cos(b) * over * over
        out[i] = 2.0 * _EARTH_KM * math.asin(math.sqrt(min(1.0, max(0.0, part))))


def distance(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the kilometres between two places, on a sphere (haversine; Sinnott, Sky and Telescope 68, 1984)."""
    places = [column.numbers() for column in values]
    every = np.logical_and.reduce([known for _, known in places])
    out = np.zeros(len(every))
    lat1, lon1, lat2, lon2 = (np.ascontiguousarray(numbers) for numbers, _ in places)
    _haversine(lat1, lon1, lat2, lon2, every, out)
    return Column.of_numbers(out, every)


def _numbers(numbers: Floats) -> Column:
    return Column.of_numbers(numbers, np.ones(len(numbers), np.bool_))


def time(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the events' times."""
    return _numbers(sight.times)


def hour(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the hour of the day, UTC."""
    return _numbers(np.floor(sight.times / _HOUR_S) % 24.0)


def weekday(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the day of the week, UTC, Monday is 1: 1970 began on a Thursday."""
    return _numbers((np.floor(sight.times / _DAY_S) + 3.0) % 7.0 + 1.0)


def key(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the events' keys."""
    return Column.of_values([one.key for one in sight.predictions])


def topic(sight: Sight, values: Sequence[Column]) -> Column:
    """Return the topics that the events came from."""
    return Column.of_values([one.source.topic for one in sight.predictions])


#: By name; ``abs``, ``least`` and ``greatest`` are instructions of the machine.
PLAIN: dict[str, Plain] = {
    "known": known,
    "either": _each(either),
    "distance": distance,
    "lower": _each(lower),
    "length": _each(length),
    "contains": _each(contains),
    "starts": _each(starts),
    "ends": _each(ends),
    "like": _each(like),
    "key": key,
    "topic": topic,
    "time": time,
    "hour": hour,
    "weekday": weekday,
}
