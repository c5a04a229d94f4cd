"""All rules' conditions as one program over batches: each different part is computed once, each memory asked once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aimass.models.kernel import Ints
from aimass.rules import machine
from aimass.rules.calls import Memory
from aimass.rules.columns import Column, Truths
from aimass.rules.compiler import Compiler
from aimass.rules.index import grouped
from aimass.rules.linker import Stretch, linked, one_by_one
from aimass.rules.sight import Sight
from aimass.rules.steps import Run
from aimass.rules.syntax import Any_, Call, Number, Text, Truth
from aimass.state import State


class Program:
    """Conditions, ready to be asked of batches.

    Where many ask for literals of a field, they are indexed (see `aimass.rules.index`). What earlier steps of a pattern
    captured is unknown here: a step that asks for it may be true where its condition says −1.

    Parameters
    ----------
    conditions
        The conditions.
    memory
        Makes what remembers for a call that does; called once for each different one, in the order of the conditions.

    Examples
    --------
    >>> from aimass.rules.syntax import Binary, Field
    >>> from aimass.testing import MemoryState, prediction
    >>> large = Binary(">", Field("amount"), Number(100))
    >>> home = Binary("==", Field("country"), Text("NL"))
    >>> program = Program([large, Binary("and", large, home)], memory=lambda call: None)
    >>> sight = Sight([prediction({"amount": 300, "country": "NL"}), prediction({"amount": 7}), prediction({})])
    >>> [truths.tolist() for truths in program.run(sight, MemoryState())]
    [[1, 0, -1], [1, 0, -1]]
    >>> [found.tolist() for found in program.hits()], program.value(Field("country")).values()
    ([[0, 1], [0, 0]], ['NL', MISSING, MISSING])
    """

    def __init__(self, conditions: Sequence[Any_], memory: Callable[[Call], Memory]) -> None:
        compiler = self._compiler = Compiler(memory)
        for condition in conditions:
            compiler.condition(condition)
        common, self._groups = grouped(compiler)
        self._linked = linked(compiler, common, self._groups)
        self._group_of = {step.writes: group for group in self._groups for step in group.steps}
        self._paths = list(dict.fromkeys(compiler.paths))
        self._roots = np.array([row for _, row in compiler.roots], np.int64)
        indexed = [answer for group in self._groups for _, answer in group.roots]
        self._scanned = np.setdiff1d(np.arange(len(conditions)), indexed)
        self._room: dict[str, Any] = {}
        self._run: Run | None = None
        self._shown: dict[Any_, Column] = {}
        self._answers: Truths = np.zeros((len(conditions), 0), np.int8)

    def run(self, sight: Sight, state: State) -> list[Truths]:
        """Ask every condition of every event, and let every memory learn them: 1 true, 0 false, −1 unknown."""
        count, counts = len(sight), self._compiler.steps.counts
        self._shown.clear()
        sight.find(self._paths)
        run = self._run = Run(
            sight,
            state,
            [_NOTHING] * counts["columns"],
            self._buffer("numbers", count, np.float64),
            self._buffer("truths", count, np.int8),
            self._buffer("codes", count, np.int32),
        )
        for calls, stretch in self._linked.phases:
            for call in calls:
                call(run)
            self._execute(run, stretch)
        if self._groups and count:
            answers = np.zeros((len(self._roots), count), np.int8)
            answers[self._scanned] = run.truths[self._roots[self._scanned]]
            self._execute_groups(run, answers)
        else:
            answers = run.truths[self._roots]
        self._answers = answers
        return list(answers)

    def hits(self) -> tuple[Ints, Ints]:
        """Return where conditions were true in the last run: their places, and beside them those of the events."""
        return machine.hits(self._answers)

    def value(self, node: Any_) -> Column:
        """Return the values that a part of a condition had in the last run.

        What only indexed conditions ask for is known where their literals occurred.
        """
        found = self._shown.get(node)
        if found is None:
            found = self._shown[node] = self._value(node)
        return found

    def _value(self, node: Any_) -> Column:
        run = self._run
        if run is None or isinstance(node, Number | Text | Truth):
            return Column.of_values([getattr(node, "value", None)] * self._answers.shape[1])
        place = self._compiler.native[node]
        column = run.column(place)
        group = self._group_of.get(place)
        if group is None:
            return column
        occurred = np.isin(run.codes[group.codes], (-1, *group.wanted))
        if place[0] == "truths":
            return Column.of_truths(np.where(occurred, column.truths(), np.int8(-1)))
        numbers, known = column.numbers()
        return Column.of_numbers(numbers, known & occurred)

    def _buffer(self, name: str, count: int, kind: Any) -> Any:
        """Return room for the rows of a batch; the same as long as it is large enough, for fresh memory is slow."""
        rows = max(1, self._compiler.steps.counts[name])
        room = self._room.get(name)
        if room is None or len(room) < rows * count:
            room = self._room[name] = np.zeros(rows * count, kind)
        return room[: rows * count].reshape(rows, count)

    def _execute(self, run: Run, stretch: Stretch) -> None:
        """Carry out instructions; those that machine code would do wrong in this batch are done one by one."""
        start = stretch.start
        for i, order in stretch.odd(run):
            self._machine(run, start, i)
            run.truths[self._linked.code[i, 1]] = one_by_one(run, order)
            start = i + 1
        self._machine(run, start, stretch.stop)

    def _machine(self, run: Run, start: int, stop: int) -> None:
        own = self._linked
        if start < stop:
            machine.execute(
                own.code, own.constants, start, stop, own.skip, run.numbers, run.truths, run.codes, own.lookup
            )

    def _execute_groups(self, run: Run, answers: Truths) -> None:
        own, skip = self._linked, self._linked.skip
        odd = own.grouped.odd(run)
        if odd:
            skip = skip.copy()
        for i, order in odd:
            run.truths[own.code[i, 1]] = one_by_one(run, order)
            skip[i] = True
        arrays = run.numbers, run.truths, run.codes, own.lookup
        machine.execute_groups(own.code, own.constants, skip, *arrays, own.groups, own.wanted, own.roots, answers)


_NOTHING = Column.of_values(())
