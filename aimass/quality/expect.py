"""One expectation, held against the values that a field had in a batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from aimass.models.features import MISSING
from aimass.quality.contracts.contract import Expectation
from aimass.quality.contracts.looks import looks
from aimass.quality.contracts.plain import equal
from aimass.quality.times import seconds
from aimass.rules.columns import NUMERIC, Column

_ABSENT = frozenset((type(None), type(MISSING)))
_TYPES: dict[str, frozenset[type]] = {
    "text": frozenset((str,)),
    "number": NUMERIC,
    "integer": frozenset((int,)),
    "truth": frozenset((bool,)),
    "object": frozenset((dict,)),
    "list": frozenset((list,)),
}
_HASHABLE = frozenset((str, int, float))
#: Positions among the values that were looked at.
_Bad = Iterable[int]


@dataclass(slots=True)
class Look:
    """What a field was in a batch.

    Parameters
    ----------
    column
        The values that there are.
    there
        Where in the batch they stand; ``None``: everywhere.
    missing
        How many values had to be there, and were not.
    nulls
        Where in the batch null stands.
    breaches
        Where what was broken, by kind.
    """

    column: Column
    there: Sequence[int] | None
    missing: int
    nulls: list[int]
    breaches: list[tuple[int, str]]

    @property
    def present(self) -> int:
        """How many values there are."""
        return len(self.column) if self.there is None else len(self.there)


def plain_look(column: Column) -> Look:
    """Look at a field that nothing is expected of."""
    if _ABSENT.isdisjoint(column.types):
        return Look(column, None, 0, [], [])
    values = column.values()
    there = [i for i, value in enumerate(values) if value is not None and value is not MISSING]
    nulls = [i for i, value in enumerate(values) if value is None]
    return Look(Column.of_values([values[i] for i in there]), there, 0, nulls, [])


class FieldCheck:
    """Holds an expectation against values: what each breaks is named by a kind, like ``type`` or ``most``.

    Examples
    --------
    >>> check = FieldCheck(Expectation(path="a", type="number", required=True, least=0))
    >>> check.look(Column.of_values([1, -1, "x", None])).breaches
    [(3, 'required'), (2, 'type'), (1, 'least')]
    """

    def __init__(self, expectation: Expectation) -> None:
        self.expectation = one = expectation
        self.path = one.path
        self._missing = frozenset(value for value in one.missing if type(value) in _HASHABLE)
        self._checks: list[tuple[str, Callable[[Column], _Bad]]] = []
        if one.type != "any":
            self._checks.append(("type", _typed(one.type)))
        for kind in ("least", "most"):
            if getattr(one, kind) is not None:
                self._checks.append((kind, _ranged(one.type, kind, getattr(one, kind))))
        for kind in ("min_length", "max_length"):
            if getattr(one, kind) is not None:
                self._checks.append((kind, _long(kind == "min_length", getattr(one, kind))))
        if one.pattern is not None:
            matches = re.compile(one.pattern).fullmatch
            self._checks.append(("pattern", _texts(lambda text: matches(text) is not None)))
        if one.format is not None:
            self._checks.append(("format", _texts(partial(looks, format=one.format))))
        if one.values is not None:
            self._checks.append(("values", _listed(one.values)))

    def look(self, column: Column) -> Look:
        """Look at the values of a batch."""
        found = Look(column, None, 0, [], [])
        if self._missing or not _ABSENT.isdisjoint(column.types):
            self._part(found)
        if len(found.column):
            for kind, check in self._checks:
                self._note(found, kind, check(found.column))
        return found

    def _part(self, found: Look) -> None:
        """Set apart what is absent, null, or said to be missing."""
        one, values, missing = self.expectation, found.column.values(), self._missing
        there = []
        for i, value in enumerate(values):
            if value is None:
                found.nulls.append(i)
                if one.nullable:
                    continue
            elif value is not MISSING and not (missing and type(value) in _HASHABLE and value in missing):
                there.append(i)
                continue
            if one.required:
                found.missing += 1
                found.breaches.append((i, "required"))
        found.there = there
        found.column = Column.of_values([values[i] for i in there])

    def _note(self, found: Look, kind: str, bad: _Bad) -> None:
        there = found.there
        found.breaches += [(i if there is None else there[i], kind) for i in bad]


def _typed(kind: str) -> Callable[[Column], _Bad]:
    if kind == "time":
        return lambda column: [i for i, value in enumerate(column.values()) if seconds(value) is None]
    allowed = _TYPES[kind]

    def check(column: Column) -> _Bad:
        if column.types <= allowed:
            return ()
        if kind == "integer":
            return [i for i, value in enumerate(column.values()) if not _is_whole(value)]
        return [i for i, value in enumerate(column.values()) if type(value) not in allowed]

    return check


def _is_whole(value: Any) -> bool:
    return type(value) is int or (type(value) is float and value.is_integer())


def _ranged(kind: str, which: str, border: float) -> Callable[[Column], _Bad]:
    def check(column: Column) -> _Bad:
        if kind == "time":
            column = Column.of_values([seconds(value) for value in column.values()])
        numbers, known = column.numbers()
        bad = numbers < border if which == "least" else numbers > border
        bad &= known
        return np.flatnonzero(bad).tolist() if bad.any() else ()

    return check


def _long(is_least: bool, border: int) -> Callable[[Column], _Bad]:
    def check(column: Column) -> _Bad:
        values = column.values()
        if column.types <= {str, list}:
            lengths = list(map(len, values))
            if (min(lengths) >= border) if is_least else (max(lengths) <= border):
                return ()
        return [
            i
            for i, value in enumerate(values)
            if type(value) in (str, list) and ((len(value) < border) if is_least else (len(value) > border))
        ]

    return check


def _texts(is_good: Callable[[str], bool]) -> Callable[[Column], _Bad]:
    def check(column: Column) -> _Bad:
        values = column.values()
        different = {value for value in values if type(value) is str} if column.types != {str} else set(values)
        bad = {text for text in different if not is_good(text)}
        return [i for i, value in enumerate(values) if type(value) is str and value in bad] if bad else ()

    return check


def _listed(allowed: Sequence[Any]) -> Callable[[Column], _Bad]:
    plain = {value for value in allowed if type(value) in _HASHABLE}
    others = [value for value in allowed if type(value) not in _HASHABLE]

    def is_good(value: Any) -> bool:
        return value in plain if type(value) in _HASHABLE else any(equal(one, value) for one in others)

    def check(column: Column) -> _Bad:
        values = column.values()
        if column.types <= _HASHABLE and set(values) <= plain:
            return ()
        return [i for i, value in enumerate(values) if not is_good(value)]

    return check
