"""What numeric fields of a record have to do with each other: one at most another, a sum, a product.

A relation is proposed when it holds in every one of many records, and would not hold anyway: with the values of one
side moved to other records it has to fail often. Of relations that follow from others, those are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aimass.models.kernel import Floats, Ints
from aimass.quality.contracts.conditions import record_condition
from aimass.quality.contracts.contract import Check
from aimass.quality.contracts.read_schema import slug
from aimass.rules.syntax import Any_, Binary, Call, Field, Number
from aimass.rules.tokens import Wrong
from aimass.rules.write import text

#: How many records a relation must hold in; how many fields and relations are looked at.
ENOUGH, MOST_FIELDS, MOST_CHECKS = 200, 24, 20
_FIRST = 32
_DECIMALS = 6


def relations(columns: Mapping[str, Sequence[Any]]) -> list[Check]:
    """Return the checks that numeric fields keep in all records, from the values of each field.

    Examples
    --------
    >>> price, count = [n % 17 + 1 for n in range(300)], [n % 5 + 1 for n in range(300)]
    >>> total = [a * b for a, b in zip(price, count)]
    >>> [one.that for one in relations({"price": price, "count": count, "total": total})]
    ['price * count == total']
    """
    numbers = {path: found for path, values in columns.items() if (found := _numeric(values)) is not None}
    names = sorted(numbers, key=list(columns).index)[:MOST_FIELDS]
    if len(names) < 2:
        return []
    table = np.column_stack([numbers[name] for name in names])
    decimals = [_decimals(columns[name]) for name in names]
    made: list[tuple[Any_, str]] = []
    covered: set[tuple[int, int]] = set()
    for op, first, second, whole in _computed(table, decimals):
        made.append(_said(op, names, (first, second, whole), table, decimals))
        covered |= {(first, whole), (second, whole)}
    pairs = _at_most(table)
    for one, other in pairs:
        follows = any((one, middle) in pairs and (middle, other) in pairs for middle in range(len(names)))
        if not follows and (one, other) not in covered:
            made.append((Binary("<=", Field(names[one]), Field(names[other])), f"{names[one]}-at-most-{names[other]}"))
    return _checks(made)


def _numeric(values: Sequence[Any]) -> Floats | None:
    if len(values) < ENOUGH or not all(type(value) in (int, float) and abs(value) < 2**53 for value in values):
        return None
    found = np.array(values, np.float64)
    return found if len(np.unique(found[: 10 * ENOUGH])) >= 3 else None


def _decimals(values: Sequence[float]) -> int:
    """Return how many decimals the values have, up to `_DECIMALS`."""
    shown = (f"{value:.{_DECIMALS}f}".rstrip("0").partition(".")[2] for value in values[: 5 * ENOUGH])
    return max(map(len, shown), default=0)


def _tolerances(decimals: Sequence[int]) -> Floats:
    """Return by how much a computed number may miss each field: half a unit of its last decimal."""
    return np.array([0.5 * 10.0**-count for count in decimals]) * (1 + 1e-9)


def _elsewhere(count: int) -> Ints:
    """Return an order of records that has nothing to do with theirs: by a hash of their numbers (Knuth's)."""
    return np.argsort(np.arange(count, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(2**32), kind="stable")


def _computed(table: Floats, decimals: Sequence[int]) -> list[tuple[str, int, int, int]]:
    """Return which field is the sum or the product of which two others: (op, first, second, whole)."""
    count, allowed = table.shape[1], _tolerances(decimals)
    found: list[tuple[str, int, int, int]] = []
    for op, compute in (("*", np.multiply), ("+", np.add)):
        for first, second in itertools.combinations(range(count), 2):
            made = compute(table[:, first], table[:, second])
            near = np.abs(made[:_FIRST, None] - table[:_FIRST]) <= allowed
            for whole in np.flatnonzero(near.all(axis=0)).tolist():
                if whole in (first, second) or not _holds(made, table[:, whole], allowed[whole]):
                    continue
                moved = table[_elsewhere(len(table)), second]
                by_chance = np.abs(compute(table[:, first], moved) - table[:, whole]) <= allowed[whole]
                if by_chance.mean() < 0.5:
                    found.append((op, first, second, whole))
    return found


def _holds(made: Floats, whole: Floats, allowed: float) -> bool:
    return bool((np.abs(made - whole) <= allowed).all())


def _at_most(table: Floats) -> dict[tuple[int, int], None]:
    """Return which fields are at most which others, though their ranges overlap, and not by chance."""
    found: dict[tuple[int, int], None] = {}
    for one, other in itertools.permutations(range(table.shape[1]), 2):
        low, high = table[:, one], table[:, other]
        if not (low <= high).all() or (low == high).all() or low.max() <= high.min():
            continue
        if (low <= high[_elsewhere(len(table))]).mean() < 0.9:
            found[one, other] = None
    return found


def _said(
    op: str, names: Sequence[str], places: tuple[int, int, int], table: Floats, decimals: Sequence[int]
) -> tuple[Any_, str]:
    """Return a computed relation as a condition, exact if it is, and its name."""
    first, second, whole = places
    left = Binary(op, Field(names[first]), Field(names[second]))
    made = table[:, first] + table[:, second] if op == "+" else table[:, first] * table[:, second]
    name = f"{names[whole]}-is-{names[first]}-{'plus' if op == '+' else 'times'}-{names[second]}"
    if (made == table[:, whole]).all():
        return Binary("==", left, Field(names[whole])), name
    most = round(10.0 ** -decimals[whole], _DECIMALS)  # of rounding, in whichever direction
    return Binary("<=", Call("abs", (Binary("-", left, Field(names[whole])),)), Number(most)), name


def _checks(made: Sequence[tuple[Any_, str]]) -> list[Check]:
    found: dict[str, Check] = {}
    for node, name in made[:MOST_CHECKS]:
        short = slug(name)[:90]
        short = short if short[0].isalpha() else f"check-{short}"
        while short in found:
            short += "-2"
        try:
            record_condition(text(node))
        except Wrong:
            continue  # the language has no word for such a name
        found[short] = Check(name=short, that=text(node))
    return list(found.values())
