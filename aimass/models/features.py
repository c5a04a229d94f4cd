"""From an event's JSON to numbers: paths into it, and its numeric fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

Getter = Callable[[Any], Any]

#: What a path leads to when it leads nowhere.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__bool__": lambda self: False})()

_LIMIT = 1e100
_NUMBERS = {float, int}


def getter(path: str) -> Getter:
    """Compile a path into an event: names of fields and indices of lists, between dots.

    A field whose own name is the whole path goes before: joined values are called so.

    Examples
    --------
    >>> getter("readings.1.heat")({"readings": [0, {"heat": 7}]})
    7
    >>> getter("readings.1.heat")({"readings": 3})
    MISSING
    >>> getter("weather.temp")({"weather.temp": 21, "weather": {"temp": 5}})
    21
    """
    steps = path.split(".")
    if len(steps) == 1 or path[0] == "@":
        return lambda data: data.get(path, MISSING)

    def follow(data: Any) -> Any:
        if path in data:
            return data[path]
        for step in steps:
            if type(data) is dict:
                data = data.get(step, MISSING)
            elif type(data) is list and step.isdecimal() and len(step) < 10 and int(step) < len(data):
                data = data[int(step)]
            else:
                return MISSING
        return data

    return follow


def number(value: Any) -> float | None:
    """Return a JSON number as a float within ±1e100, or ``None`` for anything else (booleans too).

    Examples
    --------
    >>> number(3), number(True), number("3"), number(1e300)
    (3.0, None, None, 1e+100)
    """
    kind = type(value)
    if kind is not float and kind is not int:
        return None
    if -_LIMIT <= value <= _LIMIT:
        return float(value)
    return _LIMIT if value > 0 else -_LIMIT


class Numbers:
    """Finds the numeric fields of events: those that are named, or all at the top level but the excluded ones.

    Examples
    --------
    >>> Numbers(None, exclude=["label"])({"b": 2, "a": 1.5, "label": 1, "ok": True})
    {'a': 1.5, 'b': 2.0}
    >>> Numbers(["pos.x", "b"])({"b": 2, "pos": {"x": 1}})
    {'pos.x': 1.0, 'b': 2.0}
    """

    def __init__(self, fields: Iterable[str] | None, exclude: Iterable[str] = ()) -> None:
        self.fields = None if fields is None else tuple(fields)
        self._exclude = frozenset(exclude)
        self._getters = [(field, getter(field)) for field in self.fields or ()]
        self._orders: dict[tuple[str, ...], list[str]] = {}
        plain = self.fields is not None and len(self.fields) > 1 and not any("." in field for field in self.fields)
        self._pick = itemgetter(*self.fields) if plain and self.fields else None

    def __call__(self, data: dict[str, Any]) -> dict[str, float]:
        """Return the numeric fields, always in the same order however the event has them."""
        found: dict[str, float] = {}
        if self.fields is None:
            shape = tuple(data)
            for name in self._orders.get(shape) or self._order(shape):
                value = data[name]
                kind = type(value)
                if kind is float or kind is int:
                    found[name] = float(value) if -_LIMIT <= value <= _LIMIT else number(value) or 0.0
            return found
        if self._pick is not None:
            try:
                values = self._pick(data)
            except KeyError:
                values = ()
            if _NUMBERS.issuperset(map(type, values)) and values and -_LIMIT <= min(values) <= max(values) <= _LIMIT:
                return dict(zip(self.fields, map(float, values), strict=True))
        for name, get in self._getters:
            one = number(get(data))
            if one is not None:
                found[name] = one
        return found

    def _order(self, shape: tuple[str, ...]) -> list[str]:
        order = sorted(name for name in shape if name not in self._exclude)
        if len(shape) <= 256:
            if len(self._orders) >= 1024:  # a cache, rebuilt at will
                self._orders.clear()
            self._orders[shape] = order
        return order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and (self.fields, self._exclude) == (other.fields, other._exclude)

    def __hash__(self) -> int:
        return hash((self.fields, self._exclude))
