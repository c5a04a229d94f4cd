"""What a program does once a batch: instructions of the machine and calls, each once, in an order that they can go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimass.models.kernel import Floats
from aimass.rules import machine
from aimass.rules.columns import Codes, Column, Truths
from aimass.rules.sight import Sight
from aimass.rules.syntax import Number
from aimass.state import State

#: Where a value stands: in a row of ``numbers``, ``truths`` or ``codes``, or in ``columns``.
Place = tuple[str, int]
#: An order of two values, the right one maybe a literal.
Order = tuple[str, Place, Place | Number]


@dataclass(slots=True)
class Run:
    """A batch while it is looked at."""

    sight: Sight
    state: State
    columns: list[Column]
    numbers: Floats
    truths: Truths
    codes: Codes

    def column(self, place: Place) -> Column:
        """Return what stands at a place as a column of its own."""
        where, row = place
        if where == "columns":
            return self.columns[row]
        if where == "truths":
            return Column.of_truths(self.truths[row].copy())
        numbers = self.numbers[row].copy()
        return Column.of_numbers(numbers, ~np.isnan(numbers))


@dataclass(slots=True)
class Step:
    """Something to be done once a batch: an instruction of the machine, or, where ``do`` is, a call of it.

    ``when`` orders them: even for calls, odd for instructions, later than what it ``reads``.
    """

    when: int
    reads: tuple[Place, ...]
    writes: Place
    code: tuple[int, int, int, int] = (0, 0, 0, 0)
    constant: float = 0.0
    do: Callable[[Run], None] | None = None
    #: For an order of two values that may be texts or wide: how it is done one by one.
    order: Order | None = None


@dataclass(slots=True)
class Steps:
    """The steps of a program, while it is made.

    Examples
    --------
    >>> steps = Steps()
    >>> one = steps.instruction(machine.FILL, constant=1.0, to="numbers")
    >>> one == steps.instruction(machine.FILL, constant=1.0, to="numbers"), len(steps.made)
    (True, 1)
    """

    made: list[Step] = field(default_factory=list)
    #: The step that fills each place.
    writer: dict[Place, Step] = field(default_factory=dict)
    #: How many places there are of each sort.
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("numbers", "truths", "codes", "columns"), 0))
    _views: dict[Any, Place] = field(default_factory=dict)

    def _new(self, where: str) -> Place:
        self.counts[where] += 1
        return where, self.counts[where] - 1

    def _add(self, step: Step) -> Place:
        self.made.append(step)
        self.writer[step.writes] = step
        return step.writes

    def call(self, to: str, reads: tuple[Place, ...], do: Callable[[Run, int], None]) -> Place:
        """Add a call; ``do`` gets the batch, and the row or the column that it is to fill."""
        when = max((self.writer[one].when for one in reads), default=0)
        place = self._new(to)
        row = place[1]
        return self._add(Step(when + when % 2, reads, place, do=lambda run: do(run, row)))

    def view(self, to: str, source: Any, do: Callable[[Run, int], None]) -> Place:
        """Add a call that shows a value in another form, unless there is one."""
        found = self._views.get((to, source))
        if found is None:
            reads = (source,) if isinstance(source, tuple) else ()
            found = self._views[to, source] = self.call(to, reads, do)
        return found

    def instruction(
        self,
        op: int,
        left: Place | None = None,
        right: Place | int | None = None,
        constant: float | None = None,
        *,
        to: str,
        order: Order | None = None,
    ) -> Place:
        """Add an instruction, unless there is the same."""
        known = (op, left, right, str(constant), order)
        found = self._views.get(known)
        if found is not None:
            return found
        reads = tuple(one for one in (left, right) if isinstance(one, tuple))
        when = max((self.writer[one].when for one in reads), default=1)
        rows = [one[1] if isinstance(one, tuple) else one or 0 for one in (left, right)]
        place = self._views[known] = self._new(to)
        if constant is not None and left is not None:
            op += machine.CONSTANT
        code = op, place[1], rows[0], rows[1]
        return self._add(Step(when | 1, reads, place, code, constant or 0.0, order=order))
