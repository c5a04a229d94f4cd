"""Cleaning: declared steps that make of a field what it should have been, with what it was kept.

A step that cannot do its work (``number`` of ``"n/a"``) leaves the value as it is: the contract says what becomes of
it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aimass.models.features import MISSING
from aimass.rules.suggest import meant

Step = Callable[[Any], Any]
_TRUTHS = {
    **dict.fromkeys(("true", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "off", "0"), False),
}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
#: From one unit to another: multiply, then add.
CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("F", "C"): (5 / 9, -160 / 9),
    ("C", "F"): (1.8, 32.0),
    ("K", "C"): (1.0, -273.15),
    ("C", "K"): (1.0, 273.15),
    ("mi", "km"): (1.609344, 0.0),
    ("km", "mi"): (1 / 1.609344, 0.0),
    ("ft", "m"): (0.3048, 0.0),
    ("m", "ft"): (1 / 0.3048, 0.0),
    ("in", "cm"): (2.54, 0.0),
    ("lb", "kg"): (0.45359237, 0.0),
    ("kg", "lb"): (1 / 0.45359237, 0.0),
    ("g", "kg"): (0.001, 0.0),
    ("kn", "m/s"): (1852 / 3600, 0.0),
    ("mph", "m/s"): (0.44704, 0.0),
    ("km/h", "m/s"): (1 / 3.6, 0.0),
    ("psi", "bar"): (0.0689475729, 0.0),
    ("hPa", "bar"): (0.001, 0.0),
    ("kWh", "J"): (3.6e6, 0.0),
    ("ms", "s"): (0.001, 0.0),
    ("s", "ms"): (1000.0, 0.0),
    ("min", "s"): (60.0, 0.0),
    ("KiB", "B"): (1024.0, 0.0),
    ("MiB", "B"): (1048576.0, 0.0),
    ("percent", "share"): (0.01, 0.0),
}


def _number(value: Any) -> Any:
    if type(value) is not str:
        return value
    text = value.strip()
    if not _NUMBER.fullmatch(text) or len(text) > 64:
        return value
    found = float(text)
    return value if not math.isfinite(found) else int(text) if re.fullmatch(r"[+-]?\d{1,15}", text) else found


def _comma_number(value: Any) -> Any:
    if type(value) is not str:
        return value
    found = _number(value.replace(".", "").replace(" ", "").replace(",", "."))
    return found if type(found) is not str else value


def _truth(value: Any) -> Any:
    if type(value) is str:
        return _TRUTHS.get(value.strip().lower(), value)
    return bool(value) if type(value) in (int, float) and value in (0, 1) else value


def _text(value: Any) -> Any:
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) in (int, float) else value


def _of_text(change: Callable[[str], str]) -> Step:
    return lambda value: change(value) if type(value) is str else value


def _of_number(change: Callable[[float], float]) -> Step:
    return lambda value: change(value) if type(value) in (int, float) else value


_PLAIN: dict[str, Step] = {
    "trim": _of_text(str.strip),
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "squeeze": _of_text(lambda text: " ".join(text.split())),
    "number": _number,
    "comma-number": _comma_number,
    "truth": _truth,
    "text": _text,
    "drop": lambda value: MISSING,
}
#: How each step is written, and what it does.
STEPS = {
    "trim": "takes white space away at both ends",
    "squeeze": "makes one space of each run of white space",
    "lower": "small letters",
    "upper": "capital letters",
    "number": "reads a number from text",
    "comma-number": "reads a number with a decimal comma: `1.234,5`",
    "truth": "reads yes, no, true, false, on, off, 1, 0",
    "text": "writes a number or a truth as text",
    "none VALUE": "takes this value for none",
    "default VALUE": "gives a value where there is none, marked as imputed",
    "last": "gives the key's last value where there is none, marked as imputed",
    "clip LEAST MOST": "brings a number into the range",
    "scale FACTOR": "multiplies a number",
    "round DIGITS": "rounds a number",
    "convert FROM TO": "from one unit to another: " + ", ".join(f"{a} {b}" for a, b in CONVERSIONS),
    "drop": "takes the field away",
}


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done to one field, in this order."""

    path: str
    steps: tuple[tuple[str, Step], ...]
    takes_last: bool = False


def read_steps(path: str, text: str) -> Steps:
    """Read the steps of a field, separated by ``|``.

    Raises
    ------
    ValueError
        When a step is unknown or its values are wrong.

    Examples
    --------
    >>> [step(" 212 ") for _, step in read_steps("t", "number").steps]
    [212]
    >>> read_steps("t", "trimm")
    Traceback (most recent call last):
        ...
    ValueError: 'trimm' is no step; did you mean "trim"?
    """
    steps = []
    takes_last = False
    for part in text.split("|"):
        words = part.split()
        if words == ["last"]:
            takes_last = True
        else:
            steps.append((words[0] if words else "", _step(words)))
    if takes_last and any(name == "drop" for name, _ in steps):
        raise ValueError("a field that is dropped needs no last value")
    return Steps(path, tuple(steps), takes_last)


def _step(words: Sequence[str]) -> Step:
    if not words:
        raise ValueError("a step is empty; write them like: trim | number | clip 0 100")
    name, given = words[0], words[1:]
    makers: dict[str, tuple[int, Callable[..., Step]]] = {
        "none": (1, lambda value: _none(_value(value))),
        "default": (1, lambda value: _default(_value(value))),
        "clip": (2, lambda least, most: _clip(_amount(least), _amount(most))),
        "scale": (1, lambda factor: _scale(_amount(factor))),
        "round": (1, lambda digits: _round(int(digits))),
        "convert": (2, _convert),
    }
    if name in _PLAIN and not given:
        return _PLAIN[name]
    if name not in makers:
        raise ValueError(f"{name!r} is no step{meant(name, [*_PLAIN, *makers, 'last'])}")
    count, make = makers[name]
    if name in ("none", "default"):
        given = [" ".join(given)] if given else []
    if len(given) != count:
        written = next(one for one in STEPS if one.startswith(name))
        raise ValueError(f"{' '.join(words)!r}: write it as {written}")
    return make(*given)


def _value(word: str) -> Any:
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1]
    return {"true": True, "false": False}.get(word, _number(word))


def _amount(word: str) -> float:
    found = _number(word)
    if type(found) is str:
        raise ValueError(f"{word!r} is no number")
    return float(found)


def _none(wanted: Any) -> Step:
    return lambda value: MISSING if type(value) is type(wanted) and value == wanted else value


def _default(given: Any) -> Step:
    return lambda value: given if value is MISSING or value is None else value


def _clip(least: float, most: float) -> Step:
    if least > most:
        raise ValueError(f"clip {least:g} {most:g}: the first is larger")
    return _of_number(lambda number: number if least <= number <= most else least if number < least else most)


def _scale(factor: float) -> Step:
    return _of_number(lambda number: number * factor)


def _round(digits: int) -> Step:
    return _of_number(lambda number: round(number, digits))


def _convert(source: str, target: str) -> Step:
    if (source, target) not in CONVERSIONS:
        pairs = [f"{a} {b}" for a, b in CONVERSIONS]
        raise ValueError(f"no conversion from {source} to {target}{meant(f'{source} {target}', pairs)}")
    factor, offset = CONVERSIONS[source, target]
    return _of_number(lambda number: number * factor + offset)


class Place:
    """One path into a record, to read and to write."""

    __slots__ = ("_names", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._names = path.split(".")

    def get(self, data: Mapping[str, Any]) -> Any:
        """Return what stands there."""
        found: Any = data
        for name in self._names:
            if type(found) is not dict:
                return MISSING
            found = found.get(name, MISSING)
        return found

    def put(self, data: dict[str, Any], value: Any) -> None:
        """Put a value there (`MISSING`: take it away), in objects that are made where there are none."""
        for name in self._names[:-1]:
            inner = data.get(name)
            if type(inner) is not dict:
                if value is MISSING:
                    return
                inner = data[name] = {}
            data = inner
        if value is MISSING:
            data.pop(self._names[-1], None)
        else:
            data[self._names[-1]] = value


@dataclass(slots=True)
class Changes:
    """What was done to a record: what fields were, and which were given a value that had none."""

    was: dict[str, Any]
    imputed: list[str]
    added: list[str]

    def __bool__(self) -> bool:
        return bool(self.was or self.imputed or self.added)

    def put(self, data: dict[str, Any], path: str, value: Any) -> None:
        """Set a field by a person's word; null takes it away."""
        place = Place(path)
        before = place.get(data)
        place.put(data, MISSING if value is None else value)
        if before is MISSING:
            self.imputed.append(path)
        elif path not in self.imputed and path not in self.added:  # else it was not there as the record came
            self.was.setdefault(path, before)


class Cleaner:
    """Cleans records in place.

    Parameters
    ----------
    steps
        What is done to each field.
    lookups
        What is looked up: by which path, in which table, which columns become which fields.

    Examples
    --------
    >>> cleaner = Cleaner([read_steps("heat", "number | convert F C | round 1"), read_steps("site", "default A")])
    >>> data = {"heat": "212"}
    >>> cleaner.clean(data), data
    (Changes(was={'heat': '212'}, imputed=['site'], added=[]), {'heat': 100.0, 'site': 'A'})
    """

    def __init__(self, steps: Sequence[Steps], lookups: Sequence[Lookup] = ()) -> None:
        self._steps = [(Place(one.path), [step for _, step in one.steps]) for one in steps]
        self.lasts = [Place(one.path) for one in steps if one.takes_last]
        self._lookups = list(lookups)

    def __bool__(self) -> bool:
        return bool(self._steps or self._lookups)

    def clean(self, data: dict[str, Any]) -> Changes:
        """Clean one record, and return what was changed."""
        done = Changes({}, [], [])
        for place, steps in self._steps:
            value = before = place.get(data)
            was_none = False
            for step in steps:
                was_none = was_none or value is MISSING or value is None
                value = step(value)
            if value is not before and not _same(value, before):
                place.put(data, value)
                _note(done, place.path, before, was_none and value is not MISSING)
        for lookup in self._lookups:
            done.added += lookup.add(data)
        return done

    def impute(self, place: Place, data: dict[str, Any], value: Any, done: Changes) -> None:
        """Give a field the last value of its key."""
        before = place.get(data)
        place.put(data, value)
        _note(done, place.path, before, True)


def _note(done: Changes, path: str, before: Any, is_imputed: bool) -> None:
    if before is not MISSING:
        done.was.setdefault(path, before)
    if is_imputed:
        done.imputed.append(path)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


class Lookup:
    """Adds fields that stand in a table, by a field of the record.

    Parameters
    ----------
    by
        The path of the field that is looked up.
    table
        Rows by key.
    fields
        The columns that become fields.
    prefix
        What they are put under.

    Examples
    --------
    >>> data = {"site": "A"}
    >>> Lookup("site", {"A": {"city": "Delft", "floor": 2}}, ("city",), "place").add(data), data
    (['place.city'], {'site': 'A', 'place': {'city': 'Delft'}})
    """

    def __init__(self, by: str, table: Mapping[str, Mapping[str, Any]], fields: Sequence[str], prefix: str) -> None:
        self._by, self._table = Place(by), table
        self._places = [(name, Place(f"{prefix}.{name}")) for name in fields]

    def add(self, data: dict[str, Any]) -> list[str]:
        """Add what the table has; nothing, where it has nothing."""
        value = self._by.get(data)
        row = self._table.get(str(value)) if type(value) in (str, int) else None
        if row is None:
            return []
        added = []
        for name, place in self._places:
            if place.get(data) is MISSING and name in row:
                place.put(data, row[name])
                added.append(place.path)
        return added
