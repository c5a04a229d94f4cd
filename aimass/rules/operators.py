"""Comparisons of any values, one by one and exact: for texts, and for what machine code cannot tell apart."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from aimass.models.features import MISSING
from aimass.rules.columns import NUMERIC, Column, Truths

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXT = frozenset((str,))


def sort_of(value: Any) -> str:
    """Return what a value can be compared with: ``number``, ``text``, ``truth``, or ``""`` for anything else.

    Examples
    --------
    >>> sort_of(1), sort_of("1"), sort_of(True), sort_of([1])
    ('number', 'text', 'truth', '')
    """
    kind = type(value)
    return "number" if kind is float or kind is int else "text" if kind is str else "truth" if kind is bool else ""


def same(left: Any, right: Any) -> int:
    """Return whether two values are equal: 1, 0, or −1 where one is missing or null. Of different sorts, they are not.

    Examples
    --------
    >>> same(1, 1.0), same(1, True), same("1", 1), same([1], [1]), same(None, 1)
    (1, 0, 0, 1, -1)
    """
    if left is None or right is None or left is MISSING or right is MISSING:
        return -1
    return int(sort_of(left) == sort_of(right) and bool(left == right))


def before(op: str, left: Any, right: Any) -> int:
    """Return whether two values are in this order: 1, 0, or −1 where they are not both numbers or both texts.

    Examples
    --------
    >>> before("<", 1, 2.5), before("<", "b", "a"), before("<", 1, "a"), before("<", False, True)
    (1, 0, -1, -1)
    """
    sort = sort_of(left)
    if sort != sort_of(right) or sort not in ("number", "text"):
        return -1
    if sort == "number" and not (_is_finite(left) and _is_finite(right)):
        return -1
    return int(ORDER[op](left, right))


def _is_finite(value: Any) -> bool:
    return type(value) is int or math.isfinite(value)


def equal(left: Column, right: Column) -> Truths:
    """Return whether the values of two columns are equal, event by event; see `same`.

    Examples
    --------
    >>> equal(Column.of_values([1, "x", None]), Column.of_values([1.0, "y", 2])).tolist()
    [1, 0, -1]
    """
    if left.types == _TEXT == right.types:
        return np.fromiter(map(operator.eq, left.values(), right.values()), np.int8, len(left))
    if left.types <= NUMERIC and right.types <= NUMERIC and not left.is_wide and not right.is_wide:
        return np.equal(left.numbers()[0], right.numbers()[0]).astype(np.int8)
    return np.fromiter(map(same, left.values(), right.values()), np.int8, len(left))


def ordered(op: str, left: Column, right: Column) -> Truths:
    """Return whether the values of two columns are in this order, event by event; see `before`.

    Examples
    --------
    >>> ordered(">", Column.of_values([2**53 + 1, "x", 1]), Column.of_values([2**53, "y", "z"])).tolist()
    [1, 0, -1]
    """
    if left.types == _TEXT == right.types:
        return np.fromiter(map(ORDER[op], left.values(), right.values()), np.int8, len(left))
    pairs = zip(left.values(), right.values(), strict=True)
    return np.fromiter((before(op, one, other) for one, other in pairs), np.int8, len(left))
