"""Lists: vectors of one length, lists of numbers, and sets of texts."""

from __future__ import annotations

import math
from typing import Any

from aimass.models.encoders.base import Out, finite, log_count
from aimass.models.encoders.words import Category
from aimass.models.space import FeatureSpace

#: The longest list that is taken as a vector, and how much of a list is read.
LONGEST, READ = 64, 1024
_SUMMARY = (":mean", ":min", ":max", ":last")


class List:
    """A field of lists.

    Numbers, at most 64 and always as many, are a vector: a column each. Once a list of another length comes, the field
    is summed up for good: log(1 + length), mean, least, greatest and last number. Texts are a set: a column for each of
    the first 16, and four that the others share. Of anything else only the length is seen.

    Parameters
    ----------
    space, path, state
        As of a `Category`.
    kind
        ``vector`` or ``list`` where it is declared.

    Examples
    --------
    >>> space, out = FeatureSpace(), Out()
    >>> _ = List(space, "axis").put([3, 4], out)
    >>> space.names, out.values
    (['axis:0', 'axis:1'], [3.0, 4.0])
    >>> _ = List(space, "tags").put(["hot", "new"], out)
    >>> space.names[2:]
    ['tags:length', 'tags=hot', 'tags=new']
    """

    def __init__(self, space: FeatureSpace, path: str, state: Any = None, kind: str | None = None) -> None:
        self._space, self._path = space, path
        length, words = state or (-1 if kind == "list" else 0, None)
        self._length: int = length
        self._is_declared = kind == "vector"
        self._words = None if words is None else Category(space, path, words)
        self._place()

    def _place(self) -> None:
        column = self._space.column
        is_vector = 0 < self._length <= LONGEST
        self._vector = [column(f"{self._path}:{i}") for i in range(self._length)] if is_vector else []

    def put(self, value: Any, out: Out) -> bool:
        """Write a list."""
        if type(value) is not list:
            return False
        read = value[:READ]
        numbers = [None if type(one) is bool else finite(one) for one in read]
        if self._is_declared:
            return self._put_vector(numbers, out)
        whole = [one for one in numbers if one is not None]
        is_numeric = len(whole) == len(read) > 0
        changed = is_numeric and self._settle(len(value))
        if is_numeric and self._length > 0:
            out.add(self._vector, whole)
            return changed
        return self._sum_up(value, whole if is_numeric else [], out) or changed

    def _put_vector(self, numbers: list[float | None], out: Out) -> bool:
        for i, one in enumerate(numbers[:LONGEST]):
            if one is not None:
                out.add((self._space.column(f"{self._path}:{i}"),), (one,))
        return False

    def _settle(self, length: int) -> bool:
        """Note the length of a vector; return whether that is news."""
        if self._length == length or self._length < 0:
            return False
        self._length = length if self._length == 0 and length <= LONGEST else -1
        self._place()
        return True

    def _sum_up(self, value: list[Any], numbers: list[float], out: Out) -> bool:
        column = self._space.column
        out.add((column(f"{self._path}:length"),), (log_count(len(value)),))
        if numbers:
            mean = math.fsum(numbers) / len(numbers)
            out.add([column(self._path + one) for one in _SUMMARY], (mean, min(numbers), max(numbers), numbers[-1]))
            return False
        texts = [one for one in value[:READ] if type(one) is str]
        if not texts:
            return False
        fresh = self._words is None
        self._words = self._words or Category(self._space, self._path)
        return self._words.put_all(texts, out) or fresh

    def state(self) -> Any:
        """Return the length of its vectors (0: not known yet, −1: it differs) and the texts that have columns."""
        return self._length, None if self._words is None else self._words.state()
