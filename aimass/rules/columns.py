"""Values of a batch, one for each event: as numbers, as truths, or as the JSON had them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aimass.models.features import MISSING
from aimass.models.kernel import Bools, Floats

#: 1 true, 0 false, −1 unknown.
Truths = npt.NDArray[np.int8]
_PLAIN = {float, int}
#: Beyond this, floats no longer tell whole numbers apart.
EXACT = 2**53


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

    __slots__ = ("_known", "_numbers", "_truths", "_values", "is_wide")

    def __init__(self) -> None:
        self._numbers: Floats | None = None
        self._known: Bools | None = None
        self._truths: Truths | None = None
        self._values: Sequence[Any] | None = None
        #: Whether it holds whole numbers that floats cannot tell apart: compare its `values` one by one.
        self.is_wide = False

    @classmethod
    def of_numbers(cls, numbers: Floats, known: Bools) -> Column:
        """Return a column of numbers; what is infinite or no number becomes unknown."""
        made = cls()
        made._known = known & np.isfinite(numbers)
        made._numbers = np.where(made._known, numbers, 0.0)
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

    def numbers(self) -> tuple[Floats, Bools]:
        """Return the numbers, and where they are known; 0 where not."""
        if self._numbers is None or self._known is None:
            self._numbers, self._known = self._as_numbers()
        return self._numbers, self._known

    def _as_numbers(self) -> tuple[Floats, Bools]:
        values = self._values
        if values is None:
            count = len(self)
            return np.zeros(count), np.zeros(count, np.bool_)
        if _PLAIN.issuperset(map(type, values)):
            numbers = np.array(values, np.float64)
            self.is_wide = bool((np.abs(numbers) >= EXACT).any())
            return numbers, np.ones(len(values), np.bool_)
        known = np.array([type(value) in _PLAIN for value in values], np.bool_)
        numbers = np.array([value if is_known else 0.0 for value, is_known in zip(values, known, strict=True)], float)
        self.is_wide = bool((np.abs(numbers) >= EXACT).any())
        return numbers, known

    def truths(self) -> Truths:
        """Return the truths: 1 true, 0 false, −1 unknown."""
        if self._truths is None:
            if self._values is None:
                self._truths = np.full(len(self), -1, np.int8)
            else:
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

    def __len__(self) -> int:
        for one in (self._numbers, self._truths, self._values):
            if one is not None:
                return len(one)
        return 0
