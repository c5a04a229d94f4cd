"""Values of a batch, one for each event: as numbers, as truths, or as the JSON had them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from aimass.models.features import MISSING
from aimass.models.kernel import Bools, Floats, Ints, kernel

#: 1 true, 0 false, −1 unknown.
Truths = npt.NDArray[np.int8]
Codes = npt.NDArray[np.int32]
#: Types of JSON's numbers; a truth is none.
NUMERIC = frozenset((float, int))
#: Beyond this, floats no longer tell whole numbers apart.
EXACT = 2**53
_LARGEST = float(np.finfo(np.float64).max)
_UNHASHABLE = frozenset((list, dict))


@kernel
def _pour(numbers: Floats, known: Bools, into: Floats) -> None:
    for i in range(len(into)):
        is_number = known[i] and abs(numbers[i]) <= _LARGEST
        into[i] = numbers[i] if is_number else np.nan


@kernel
def _is_narrow(numbers: Floats) -> bool:
    count = 0
    for one in numbers:
        count += abs(one) < EXACT
    return count == len(numbers)


class Column:
    """One value for each event of a batch.

    Made by `of_numbers`, `of_truths` or `of_values`, and seen as whichever is asked for: what is no number is unknown
    as a number, and so on. JSON's null is unknown.

    Examples
    --------
    >>> column = Column.of_values([3, "x", None, True])
    >>> column.numbers()[1].tolist(), column.truths().tolist()
    ([True, False, False, False], [-1, -1, -1, 1])
    """

    __slots__ = ("_is_complete", "_is_raw", "_known", "_numbers", "_truths", "_types", "_values", "_wide")

    def __init__(self) -> None:
        self._numbers: Floats | None = None
        self._known: Bools | None = None
        self._truths: Truths | None = None
        self._values: Sequence[Any] | None = None
        self._types: frozenset[type] | None = None
        self._wide = False
        self._is_raw = False  # whether its numbers may be infinite, and are not yet 0 where they are unknown
        self._is_complete = False  # whether all are known to be numbers, without a look at each

    @classmethod
    def of_numbers(cls, numbers: Floats, known: Bools) -> Column:
        """Return a column of numbers; what is infinite or no number becomes unknown.

        The arrays are the column's from then on: do not write into them.
        """
        made = cls()
        made._numbers = np.ascontiguousarray(numbers, np.float64)
        made._known = np.ascontiguousarray(known, np.bool_)
        made._is_raw = True
        return made

    @classmethod
    def of_truths(cls, truths: Truths) -> Column:
        """Return a column of truths."""
        made = cls()
        made._truths = truths
        return made

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> Column:
        """Return a column of whatever JSON may hold; `MISSING` where there is nothing."""
        made = cls()
        made._values = values
        return made

    @property
    def types(self) -> frozenset[type]:
        """The Python types that occur among its values."""
        if self._types is None:
            self._types = frozenset(map(type, self.values()))
        return self._types

    @property
    def is_wide(self) -> bool:
        """Whether it holds whole numbers that floats cannot tell apart: compare its `values` one by one."""
        if self._is_raw:
            return False
        self.numbers()
        return self._wide

    def numbers(self) -> tuple[Floats, Bools]:
        """Return the numbers, and where they are known; 0 where not."""
        if self._numbers is None or self._known is None:
            self._numbers, self._known = self._as_numbers()
        elif self._is_raw:
            self._known = self._known & np.isfinite(self._numbers)
            self._numbers = np.where(self._known, self._numbers, 0.0)
            self._is_raw = False
        return self._numbers, self._known

    def pour(self, into: Floats) -> None:
        """Write the numbers into a row; NaN where unknown."""
        if self._is_raw and self._numbers is not None and self._known is not None:
            _pour(self._numbers, self._known, into)
            return
        numbers, known = self.numbers()
        if self._is_complete:
            into[:] = numbers
        else:
            _pour(numbers, known, into)

    def _as_numbers(self) -> tuple[Floats, Bools]:
        values, count = self._values, len(self)
        if values is None or not self.types & NUMERIC:
            return np.zeros(count), np.zeros(count, np.bool_)
        if self.types <= NUMERIC:
            self._is_complete = True
            known = np.ones(count, np.bool_)
        else:
            known = np.fromiter(map(NUMERIC.__contains__, map(type, values)), np.bool_, count)
            values = [value if is_known else 0.0 for value, is_known in zip(values, known.tolist(), strict=True)]
        try:
            numbers = np.fromiter(values, np.float64, count)
        except OverflowError:
            numbers = np.fromiter(map(as_float, values), np.float64, count)
        if _is_narrow(numbers):
            return numbers, known
        self._wide = int in self.types
        known = known & np.isfinite(numbers)
        self._is_complete = False
        return np.where(known, numbers, 0.0), known

    def truths(self) -> Truths:
        """Return the truths: 1 true, 0 false, −1 unknown."""
        if self._truths is None:
            if self._values is None or bool not in self.types:
                return np.full(len(self), -1, np.int8)
            self._truths = np.array([1 if v is True else 0 if v is False else -1 for v in self._values], np.int8)
        return self._truths

    def values(self) -> Sequence[Any]:
        """Return the values as Python has them; `MISSING` where unknown."""
        if self._values is None:
            if self._truths is not None:
                self._values = [MISSING if one < 0 else one == 1 for one in self._truths.tolist()]
            else:
                numbers, known = self.numbers()
                pairs = zip(numbers.tolist(), known.tolist(), strict=True)
                self._values = [number if is_known else MISSING for number, is_known in pairs]
        return self._values

    def take(self, indices: Ints) -> Column:
        """Return the column of some of the events."""
        made = Column()
        if self._numbers is not None and self._known is not None:
            made._numbers, made._known = self._numbers[indices], self._known[indices]
            made._wide, made._is_raw = self._wide, self._is_raw
        if self._truths is not None:
            made._truths = self._truths[indices]
        if self._values is not None:
            made._values = [self._values[i] for i in indices.tolist()]
        return made

    def __len__(self) -> int:
        for one in (self._numbers, self._truths, self._values):
            if one is not None:
                return len(one)
        return 0


def as_float(value: float) -> float:
    """Return a number as a float; NaN where no float is as large."""
    try:
        return float(value)
    except OverflowError:
        return math.nan


class Literals:
    """The literals that one value is compared with for equality, each with a code; so that codes are compared.

    Python takes ``True`` for 1, the language does not: truths are kept apart.

    Examples
    --------
    >>> literals = Literals()
    >>> literals.code("NL"), literals.code(1), literals.code(True), literals.code("NL")
    (1, 2, 3, 1)
    >>> literals.codes(Column.of_values(["NL", "x", None, 1.0, True, []])).tolist()
    [1, 0, -1, 2, 3, 0]
    """

    def __init__(self) -> None:
        self._codes: dict[Any, int] = {None: -1, MISSING: -1}
        self._truths: dict[bool, int] = {}

    def __len__(self) -> int:
        return len(self._codes) - 2 + len(self._truths)

    def code(self, literal: float | str | bool) -> int:
        """Return the code of a literal, from 1."""
        codes: dict[Any, int] = self._truths if type(literal) is bool else self._codes
        return codes.setdefault(literal, len(self) + 1)

    def codes(self, column: Column) -> Codes:
        """Return the code of each value: 0 for one that is none of the literals, −1 where unknown."""
        values, codes = column.values(), self._codes
        if bool in column.types or not _UNHASHABLE.isdisjoint(column.types):
            return np.array([self._one(value) for value in values], np.int32)
        return np.fromiter(map(codes.get, values, repeat(0)), np.int32, len(values))

    def _one(self, value: Any) -> int:
        kind = type(value)
        if kind is bool:
            return self._truths.get(value, 0)
        return 0 if kind in _UNHASHABLE else self._codes.get(value, 0)
