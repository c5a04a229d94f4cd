"""What values of one field let expect of those to come.

Ranges have head-room. Beyond a high threshold the excess of most distributions is about exponential (Pickands,
"Statistical inference using extreme order statistics", Annals of Statistics 3, 1975): with a mean excess β over the
upper tenth, a value passes the greatest of n by h with a chance of about exp(−h / β) / n. So the head-room is
β · ln 100: what comes passes the bound once in 100 n records. Heavy tails pass it more often; that shows when the bound
is tried on later records. All values are held in memory anyway, so quantiles are exact: a sketch would add its error.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aimass.models.features import MISSING
from aimass.quality.contracts.contract import Expectation
from aimass.quality.contracts.shapes import format_of, shape_of
from aimass.quality.times import seconds

#: How many records must all have a field for it to be required; how many values must differ for them to be unique.
MANY = 100
#: Values are a list when there are so few, and each was seen so often.
FEW, OFTEN = 20, 5
_FEW_NUMBERS = 10
_NONE_AT_ALL = frozenset(("", "-", "--", "?", "N/A", "n/a", "NA", "null", "NULL", "None", "nan", "NaN", "unknown"))
_RARE = 0.2
_TIME_NAME = re.compile(
    r"(?:^|[._-])(?:at|ts|time|timestamp|date|when|since|until)(?:_?ms)?$|[a-z](?:At|Time|Timestamp)$"
)


def learn(path: str, values: Sequence[Any]) -> Expectation:
    """Return what to expect of a field, from its value in each record; `MISSING` where it has none.

    Examples
    --------
    >>> learn("n", [3, 4, 5, 4] * 50)
    Expectation(path='n', type='integer', required=True, ..., values=(3, 4, 5), ...)
    """
    there = [value for value in values if value is not MISSING]
    nulls = sum(value is None for value in there)
    present = [value for value in there if value is not None]
    missing, present = _set_apart(present)
    is_always = len(there) == len(values) >= MANY and not missing
    one: dict[str, Any] = {
        "path": path,
        "required": is_always,
        "nullable": nulls > 0,
        "missing": missing,
        "type": _type(path, present),
    }
    if present:
        one |= _OF_TYPE[one["type"]](present) if one["type"] in _OF_TYPE else {}
    return Expectation(**one)


def _set_apart(values: list[Any]) -> tuple[tuple[str, ...], list[Any]]:
    """Return the texts that say there is none, and the other values: they stand out by their type or their shape."""
    odd = [value for value in values if type(value) is str and value in _NONE_AT_ALL]
    rest = [value for value in values if not (type(value) is str and value in _NONE_AT_ALL)]
    if not odd or len(odd) > _RARE * len(values):
        return (), values
    kinds = set(map(type, rest))
    texts = rest if kinds == {str} else []
    if kinds <= {int, float} or (texts and (format_of(texts) or shape_of(texts))):
        return tuple(sorted(set(odd))), rest
    return (), values


def _type(path: str, values: Sequence[Any]) -> str:
    kinds = set(map(type, values))
    if kinds == {str}:
        return "time" if format_of(set(values)) == "date-time" else "text"
    if kinds and kinds <= {int, float}:
        if _TIME_NAME.search(path) and all(_is_epoch(value) for value in values):
            return "time"
        return "integer" if kinds == {int} else "number"
    return {bool: "truth", dict: "object", list: "list"}.get(kinds.pop(), "any") if len(kinds) == 1 else "any"


def _is_epoch(value: float) -> bool:
    """Return whether a number is a time of 2001 to 2096, in whatever unit."""
    found = seconds(value)
    return found is not None and 1e9 <= found < 4e9


def _text(values: Sequence[str]) -> dict[str, Any]:
    few = _listed(values, FEW)
    if few is not None:
        return {"values": few}
    one: dict[str, Any] = {"unique": len(set(values)) == len(values) >= MANY}
    found = format_of(set(values))
    if found is not None:
        return {**one, "format": found}
    shape = shape_of(values)
    if shape is not None:
        return {**one, "pattern": shape}
    return {**one, **_lengths(values)}


def _number(values: Sequence[float]) -> dict[str, Any]:
    few = _listed(values, _FEW_NUMBERS) if all(type(value) is int for value in values) else None
    if few is not None:
        return {"values": few}
    if all(type(value) is int for value in values) and len(set(values)) == len(values) >= MANY:
        return {"unique": True}  # a number that names something: the next ones are others
    ordered = sorted(values)
    return {"least": -_most([-value for value in reversed(ordered)]) or 0, "most": _most(ordered)}


def _lengths(values: Sequence[Any]) -> dict[str, Any]:
    lengths = [len(value) for value in values]
    return {"min_length": 1 if min(lengths) else None, "max_length": _rounded_up(max(16, 2 * max(lengths)))}


_OF_TYPE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "text": _text,
    "number": _number,
    "integer": _number,
    "list": _lengths,
}


def _listed(values: Sequence[Any], most: int) -> tuple[Any, ...] | None:
    """Return the only values that there are, if they are few and each was seen often: then others are unlikely."""
    counts = Counter(values)
    if len(values) < MANY or len(counts) > most or min(counts.values()) < OFTEN:
        return None
    return tuple(sorted(counts))


def head_room(ordered: Sequence[float]) -> float:
    """Return how much above the greatest of some values, in rising order, the next ones may be.

    Examples
    --------
    >>> round(head_room(range(1001)), 1)
    232.6
    """
    count = min(len(ordered) - 1, max(5, len(ordered) // 10))
    if count < 1:
        return 0.0
    threshold = ordered[-count - 1]
    return sum(value - threshold for value in ordered[-count:]) / count * math.log(100)


def _most(ordered: Sequence[float]) -> float:
    """Return the bound above values in rising order: with head-room, rounded outwards, not past zero."""
    greatest, room = ordered[-1], head_room(ordered)
    bound = greatest + room
    if greatest <= 0 < bound:
        return 0
    if room <= 0 or not math.isfinite(bound):
        return greatest
    digits = -math.floor(math.log10(room))
    step = 10.0**-digits
    if all(type(value) is int for value in ordered):
        whole = max(1, round(step))
        return -int(-bound // whole) * whole
    return round(math.ceil(bound / step) * step, max(0, digits))


def _rounded_up(count: int) -> int:
    """Return a whole number rounded up to two digits."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // step) * step


def order_of(pairs: Sequence[tuple[float, float]]) -> str | None:
    """Return the order that values keep, from pairs of one and the next of its key; ``None`` where they keep none.

    Examples
    --------
    >>> order_of([(n, n + 1) for n in range(200)]), order_of([(n // 5, (n + 1) // 5) for n in range(200)])
    ('rising', 'not-falling')
    """
    ups, downs = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    if len(pairs) < MANY or (ups and downs) or ups + downs < len(pairs) / 10:
        return None
    if ups:
        return "rising" if ups == len(pairs) else "not-falling"
    return "falling" if downs == len(pairs) else "not-rising"


def keeps(order: str, before: float, after: float) -> bool:
    """Return whether a value follows the one before it as an order says.

    Examples
    --------
    >>> keeps("rising", 1, 1), keeps("not-falling", 1, 1)
    (False, True)
    """
    return {
        "rising": after > before,
        "not-falling": after >= before,
        "falling": after < before,
        "not-rising": after <= before,
    }[order]
