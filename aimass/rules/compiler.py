"""From conditions to instructions: each different part of all conditions once, however many rules ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimass.models.features import MISSING
from aimass.rules import machine
from aimass.rules.calls import PLAIN, Memory
from aimass.rules.columns import EXACT, Column, Literals, Truths, as_float
from aimass.rules.functions import FUNCTIONS
from aimass.rules.operators import equal, ordered
from aimass.rules.sight import Sight
from aimass.rules.steps import Place, Run, Steps
from aimass.rules.syntax import (
    Among,
    Any_,
    Binary,
    Call,
    Field,
    Judged,
    Number,
    Profile,
    Table,
    Text,
    Truth,
    Unary,
)
from aimass.rules.vocabulary import PROFILE_VALUES, VALUE_KINDS
from aimass.rules.walk import children

_ARITHMETIC = {"+": machine.ADD, "-": machine.SUB, "*": machine.MUL, "/": machine.DIV}
_ORDER = {">": machine.GT, ">=": machine.GE, "<": machine.LT, "<=": machine.LE}
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_JOINED = {"and": machine.AND, "or": machine.OR}
_LITERAL = (Number, Text, Truth)


@dataclass(slots=True)
class Compiler:
    """Compiles conditions, one after the other, into common steps.

    Parameters
    ----------
    memory
        Makes what remembers, for each different call that does.
    """

    memory: Callable[[Call], Memory]
    steps: Steps = field(default_factory=Steps)
    #: For each instruction that looks an answer up: among which literals, and the codes that are true.
    lookups: list[tuple[Literals, list[int]]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    #: Where each part of a condition stands first.
    native: dict[Any_, Place] = field(default_factory=dict)
    #: What the codes in a row stand for.
    coded: dict[Place, Literals] = field(default_factory=dict)
    roots: list[Place] = field(default_factory=list)

    def condition(self, node: Any_) -> Place:
        """Compile a condition; return its row of truths."""
        for part in parts(node):
            if part not in self.native and not isinstance(part, _LITERAL):
                self.native[part] = self._compile(part)
        self.roots.append(self.truth(node))
        return self.roots[-1]

    # Where a value is wanted in some form.

    def number(self, node: Any_) -> Place:
        """Return the row of numbers of a value."""
        if isinstance(node, Number):
            return self.steps.instruction(machine.FILL, constant=as_float(node.value), to="numbers")
        place = self.native.get(node)
        if place is None or place[0] == "truths":
            return self.steps.instruction(machine.FILL, constant=np.nan, to="numbers")
        if place[0] == "numbers":
            return place

        def load(run: Run, row: int, column: int = place[1]) -> None:
            run.columns[column].pour(run.numbers[row])

        return self.steps.view("numbers", place, load)

    def truth(self, node: Any_) -> Place:
        """Return the row of truths of a value."""
        if isinstance(node, Truth):
            return self.steps.instruction(machine.SAY, right=int(node.value), to="truths")
        place = self.native.get(node)
        if place is None or place[0] == "numbers":
            return self.steps.instruction(machine.SAY, right=-1, to="truths")
        if place[0] == "truths":
            return place

        def load(run: Run, row: int, column: int = place[1]) -> None:
            run.truths[row] = run.columns[column].truths()

        return self.steps.view("truths", place, load)

    def column(self, node: Any_) -> Place:
        """Return the column of a value."""
        if isinstance(node, _LITERAL):
            value = node.value

            def fill(run: Run, row: int) -> None:
                run.columns[row] = Column.of_values([value] * len(run.sight))

            return self.steps.view("columns", node, fill)
        place = self.native[node]
        if place[0] == "columns":
            return place

        def load(run: Run, row: int) -> None:
            run.columns[row] = run.column(place)

        return self.steps.view("columns", place, load)

    def code(self, node: Any_) -> tuple[Place, Literals]:
        """Return the row of codes of a value that is compared with literals, and those."""
        column = self.column(node)
        literals = Literals()

        def load(run: Run, row: int) -> None:
            run.codes[row] = literals.codes(run.columns[column[1]])

        place = self.steps.view("codes", column, load)
        return place, self.coded.setdefault(place, literals)

    # What each kind of part means.

    def _compile(self, node: Any_) -> Place:
        if isinstance(node, Field):
            self.paths.append(node.path)
            return self._value(lambda sight: sight.field(node.path))
        if isinstance(node, Judged):
            return self._value(lambda sight: sight.judged(node.kind, node.name, node.attribute))
        if isinstance(node, Profile):
            return self._value(lambda sight: sight.profile.get(node.attribute) or _unknown(sight))
        if isinstance(node, Call):
            return self._compile_call(node)
        if isinstance(node, Unary):
            if node.op == "not":
                return self.steps.instruction(machine.NOT, self.truth(node.operand), to="truths")
            return self.steps.instruction(machine.MUL, self.number(node.operand), constant=-1.0, to="numbers")
        if isinstance(node, Binary):
            return self._compile_binary(node)
        if isinstance(node, Among):
            return self._among(node.operand, [one.value for one in node.options])
        if isinstance(node, Table):
            return self._table(node)
        return self._value(_unknown)  # of an earlier step's event, or of a template: nothing is known here

    def _value(self, find: Callable[[Sight], Column]) -> Place:
        def load(run: Run, row: int) -> None:
            run.columns[row] = find(run.sight)

        return self.steps.call("columns", (), load)

    def _compile_binary(self, node: Binary) -> Place:
        op, left, right = node.op, node.left, node.right
        if op in _JOINED:
            return self.steps.instruction(_JOINED[op], self.truth(left), self.truth(right), to="truths")
        if op in _ARITHMETIC:
            return self._arithmetic(_ARITHMETIC[op], left, right)
        if op == "==":
            return self._equal(left, right)
        if op == "!=":
            return self.steps.instruction(machine.NOT, self._equal(left, right), to="truths")
        return self._ordered(op, left, right)

    def _arithmetic(self, op: int, left: Any_, right: Any_) -> Place:
        if isinstance(left, Number) and op in (machine.ADD, machine.MUL):
            left, right = right, left
        if isinstance(right, Number):
            return self.steps.instruction(op, self.number(left), constant=as_float(right.value), to="numbers")
        return self.steps.instruction(op, self.number(left), self.number(right), to="numbers")

    def _ordered(self, op: str, left: Any_, right: Any_) -> Place:
        if isinstance(left, _LITERAL) and not isinstance(right, _LITERAL):
            op, left, right = _TURNED[op], right, left
        kinds = kind_of(left), kind_of(right)
        if not {"number", "any"}.issuperset(kinds) or _is_wide(left) or _is_wide(right):
            return self._compared(left, right, lambda one, other: ordered(op, one, other))
        order = None
        if "any" in kinds:
            order = op, self._side(left), right if isinstance(right, Number) else self._side(right)
        if isinstance(right, Number):
            value = as_float(right.value)
            return self.steps.instruction(_ORDER[op], self.number(left), constant=value, to="truths", order=order)
        if op in ("<", "<="):
            left, right, op = right, left, _TURNED[op]
        return self.steps.instruction(_ORDER[op], self.number(left), self.number(right), to="truths", order=order)

    def _side(self, node: Any_) -> Place:
        return self.native[node] if kind_of(node) == "any" else self.number(node)

    def _equal(self, left: Any_, right: Any_) -> Place:
        if isinstance(left, _LITERAL) and not isinstance(right, _LITERAL):
            left, right = right, left
        if kind_of(left) == kind_of(right) == "number" and not _is_wide(left) and not _is_wide(right):
            if isinstance(right, Number):
                constant = as_float(right.value)
                return self.steps.instruction(machine.EQ, self.number(left), constant=constant, to="truths")
            return self.steps.instruction(machine.EQ, self.number(left), self.number(right), to="truths")
        if isinstance(right, _LITERAL):
            codes, literals = self.code(left)
            return self.steps.instruction(machine.CODE, codes, literals.code(right.value), to="truths")
        return self._compared(left, right, equal)

    def _compared(self, left: Any_, right: Any_, compare: Callable[[Column, Column], Truths]) -> Place:
        one, other = self.column(left), self.column(right)

        def run_(run: Run, row: int) -> None:
            run.truths[row] = compare(run.columns[one[1]], run.columns[other[1]])

        return self.steps.call("truths", (one, other), run_)

    def _among(self, operand: Any_, options: Sequence[Any]) -> Place:
        codes, literals = self.code(operand)
        wanted = sorted({literals.code(option) for option in options})
        if len(wanted) == 1:
            return self.steps.instruction(machine.CODE, codes, wanted[0], to="truths")
        self.lookups.append((literals, wanted))
        return self.steps.instruction(machine.LOOKUP, codes, len(self.lookups) - 1, to="truths")

    def _table(self, node: Table) -> Place:
        tests = tuple(self.truth(row.when) for row in node.rows)
        outcomes = [row.then.value for row in node.rows]
        outcomes.append(MISSING if node.otherwise is None else node.otherwise.value)

        def run_(run: Run, row: int) -> None:
            first = np.full(len(run.sight), len(tests))
            for place in range(len(tests) - 1, -1, -1):
                first[run.truths[tests[place][1]] == 1] = place
            run.columns[row] = Column.of_values([outcomes[place] for place in first.tolist()])

        return self.steps.call("columns", tests, run_)

    def _compile_call(self, node: Call) -> Place:
        name = node.name
        if name == "abs":
            one = self.number(node.arguments[0])
            less = self.steps.instruction(machine.MUL, one, constant=-1.0, to="numbers")
            return self.steps.instruction(machine.GREATEST, one, less, to="numbers")
        if name in ("least", "greatest"):
            one, other = (self.number(argument) for argument in node.arguments)
            op = machine.LEAST if name == "least" else machine.GREATEST
            return self.steps.instruction(op, one, other, to="numbers")
        if name == "tagged":
            tag = str(getattr(node.arguments[0], "value", ""))
            return self._value(lambda sight: Column.of_truths(sight.tags.get(tag, np.zeros(len(sight), np.int8))))
        arguments = tuple(self.column(argument) for argument in node.arguments)
        if name in PLAIN:
            plain = PLAIN[name]

            def compute(run: Run, row: int) -> None:
                run.columns[row] = plain(run.sight, [run.columns[place[1]] for place in arguments])

            return self.steps.call("columns", arguments, compute)
        where = () if node.where is None else (self.truth(node.where),)
        memory = self.memory(node)

        def remember(run: Run, row: int) -> None:
            counted = run.truths[where[0][1]].copy() if where else None
            values = [run.columns[place[1]] for place in arguments]
            column = run.sight.remembered.get(node)  # rules of a later level may ask the same: events count once
            if column is None:
                column = run.sight.remembered[node] = memory.run(run.sight, values, counted, run.state)
            run.columns[row] = column

        return self.steps.call("columns", arguments + where, remember)


def _unknown(sight: Sight) -> Column:
    return Column.of_values([MISSING] * len(sight))


def _is_wide(node: Any_) -> bool:
    return isinstance(node, Number) and not abs(node.value) < EXACT


def kind_of(node: Any_) -> str:
    """Return what kind a value is, where it is always one: ``number``, ``text``, ``truth``; else ``any``."""
    if isinstance(node, Number):
        return "number"
    if isinstance(node, Text):
        return "text"
    if isinstance(node, Truth | Among):
        return "truth"
    if isinstance(node, Judged):
        return VALUE_KINDS.get(node.attribute, "any")
    if isinstance(node, Profile):
        return PROFILE_VALUES[node.attribute][0]
    if isinstance(node, Call):
        return FUNCTIONS[node.name].gives
    if isinstance(node, Unary):
        return "truth" if node.op == "not" else "number"
    if isinstance(node, Binary):
        return "number" if node.op in _ARITHMETIC else "truth"
    return "any"


def parts(node: Any_) -> Iterator[Any_]:
    """Yield all parts of a condition, each after those it is made of, itself last. (No recursion: chains are deep.)"""
    waiting: list[tuple[Any_, bool]] = [(node, False)]
    while waiting:
        one, is_open = waiting.pop()
        if is_open:
            yield one
        else:
            waiting.append((one, True))
            waiting.extend((child, False) for child in reversed(children(one)))
