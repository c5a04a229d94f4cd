"""The last step of compiling: instructions laid out in arrays, and what a batch may hold that they would do wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from aimass.models.kernel import Bools, Floats
from aimass.rules import machine
from aimass.rules.columns import Column, Truths
from aimass.rules.compiler import Compiler
from aimass.rules.index import Group
from aimass.rules.machine import Code
from aimass.rules.operators import ordered
from aimass.rules.steps import Order, Place, Run, Step


@dataclass(slots=True)
class Stretch:
    """Instructions from ``start`` to ``stop``, and those of them that put two values in order which may be odd."""

    start: int
    stop: int
    orders: list[tuple[int, Order]]
    columns: list[int] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        sides = [_columns(order) for _, order in self.orders]
        self.columns = sorted({row for rows in sides for row in rows})
        self.pairs = sorted({row for rows in sides for row in rows if len(rows) == 2})

    def odd(self, run: Run) -> list[tuple[int, Order]]:
        """Return the orders that must be found one by one in this batch: of wide numbers, and of texts."""
        columns = run.columns
        if not any(columns[row].is_wide for row in self.columns) and not any(
            str in columns[row].types for row in self.pairs
        ):
            return []
        return [(i, order) for i, order in self.orders if _is_odd(run, order)]


def _columns(order: Order) -> list[int]:
    """Return which of the two values are columns, and so may be of any type."""
    return [one[1] for one in order[1:] if isinstance(one, tuple) and one[0] == "columns"]


def _is_odd(run: Run, order: Order) -> bool:
    columns = [run.columns[row] for row in _columns(order)]
    if any(column.is_wide for column in columns):
        return True
    return len(columns) == 2 and all(str in column.types for column in columns)


def one_by_one(run: Run, order: Order) -> Truths:
    """Return the truths of an order, exact, and for texts, too."""
    op, left, right = order
    other = run.column(right) if isinstance(right, tuple) else Column.of_values([right.value] * len(run.sight))
    return ordered(op, run.column(left), other)


@dataclass(slots=True)
class Linked:
    """A program as arrays.

    Parameters
    ----------
    phases
        What is done for all events, in turns: calls, then instructions.
    grouped
        The instructions of all groups.
    groups, wanted, roots
        See `aimass.rules.machine.execute_groups`.
    """

    code: Code
    constants: Floats
    lookup: Truths
    skip: Bools
    phases: list[tuple[list[Callable[[Run], None]], Stretch]]
    grouped: Stretch
    groups: Code
    wanted: Code
    roots: Code


def linked(compiler: Compiler, common: Sequence[Step], groups: Sequence[Group]) -> Linked:
    """Lay out the steps that are for all events, then each group's."""
    linker = _Linker(compiler)
    phases: list[tuple[list[Callable[[Run], None]], Stretch]] = []
    calls: list[Callable[[Run], None]] = []
    for is_code, steps in groupby(common, lambda step: step.do is None):
        if is_code:
            phases.append((calls, linker.add(steps)))
            calls = []
        else:
            calls = [step.do for step in steps if step.do is not None]
    if calls:
        phases.append((calls, linker.add(())))
    rows: list[tuple[int, ...]] = []
    wanted: list[int] = []
    roots: list[tuple[int, int]] = []
    orders: list[tuple[int, Order]] = []
    start = len(linker.code)
    for group in groups:
        stretch = linker.add(group.steps)
        orders += stretch.orders
        bounds = len(wanted), len(wanted) + len(group.wanted), stretch.start, stretch.stop
        rows.append((group.codes, *bounds, len(roots), len(roots) + len(group.roots)))
        wanted += group.wanted
        roots += group.roots
    return Linked(
        np.array(linker.code, np.int32).reshape(-1, 4),
        np.array(linker.constants, np.float64),
        np.array(linker.lookup, np.int8),
        np.zeros(len(linker.code), np.bool_),
        phases,
        Stretch(start, len(linker.code), orders),
        np.array(rows, np.int32).reshape(-1, 7),
        np.array(wanted, np.int32),
        np.array(roots, np.int32).reshape(-1, 2),
    )


class _Linker:
    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._answers: dict[tuple[Place, tuple[int, ...]], int] = {}
        self.code: list[tuple[int, int, int, int]] = []
        self.constants: list[float] = []
        self.lookup: list[int] = []

    def add(self, steps: Iterable[Step]) -> Stretch:
        """Lay out instructions behind the last ones."""
        start = len(self.code)
        orders: list[tuple[int, Order]] = []
        for step in steps:
            op, out, left, right = step.code
            if op == machine.LOOKUP:
                right = self._looked_up(step.reads[0], tuple(self._compiler.lookups[right][1]))
            if step.order is not None:
                orders.append((len(self.code), step.order))
            self.code.append((op, out, left, right))
            self.constants.append(step.constant)
        return Stretch(start, len(self.code), orders)

    def _looked_up(self, codes: Place, wanted: tuple[int, ...]) -> int:
        """Return where the answers for each code stand: −1, then 0 for no literal, then those of the literals."""
        if (codes, wanted) not in self._answers:
            self._answers[codes, wanted] = len(self.lookup)
            count = len(self._compiler.coded[codes])
            self.lookup += [-1, *(int(code in wanted) for code in range(count + 1))]
        return self._answers[codes, wanted]
