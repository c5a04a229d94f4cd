"""Why a rule fired, or why not: each clause with its answer, its values, and what its windows held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from aimass.models.features import MISSING
from aimass.rules.functions import FUNCTIONS
from aimass.rules.plain import Given, evaluate
from aimass.rules.syntax import (
    Any_,
    Binary,
    Call,
    Captured,
    Field,
    Judged,
    Node,
    Number,
    Profile,
    Table,
    Text,
    Truth,
    Unary,
)
from aimass.rules.walk import children
from aimass.rules.write import text

_MARKS = {True: "✓", False: "✗", None: "?"}


class Clause(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a condition, and what came of it at one event.

    Parameters
    ----------
    text
        As it is written.
    truth
        Its answer; ``None`` is unknown.
    values
        What it compared, by what is written for it; ``None`` for what is missing.
    windows
        What the windows that it asked held.
    parts
        The clauses that it joins.
    """

    text: str
    truth: bool | None
    values: dict[str, Any] = {}
    windows: dict[str, dict[str, Any]] = {}
    parts: tuple[Clause, ...] = ()


def explain(node: Any_, known: Given, contents: Mapping[Call, dict[str, Any]] | None = None) -> Clause:
    """Explain a condition at an event.

    Parameters
    ----------
    node
        The condition.
    known
        All that is known at the event.
    contents
        What the windows of the key held then.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.rules.plain import given
    >>> from aimass.testing import prediction
    >>> clause = explain(condition("amount > 100 and country == 'NL'"), given(prediction({"amount": 80})))
    >>> print("\\n".join(lines(clause)))
    ✗ all of
      ✗ amount > 100: amount is 80
      ? country == "NL": country is missing
    """
    found = evaluate(node, known)
    truth = found if type(found) is bool else None
    if isinstance(node, Binary) and node.op in ("and", "or"):
        parts = tuple(explain(part, known, contents) for part in _joined(node, node.op))
        return Clause("all of" if node.op == "and" else "one of", truth, parts=parts)
    if isinstance(node, Unary) and node.op == "not" and isinstance(node.operand, Binary | Unary):
        return Clause("not", truth, parts=(explain(node.operand, known, contents),))
    values = {_name(part): _plain(evaluate(part, known)) for part in _looked_at(node)}
    windows = {_name(call): held for call, held in (contents or {}).items() if call in set(_looked_at(node))}
    return Clause(text(node), truth, values, windows)


def lines(clause: Clause, depth: int = 0) -> list[str]:
    """Return an explanation in lines: a mark, the clause, its values; what is joined stands further in."""
    said = ", ".join(f"{name} is {_shown(value)}" for name, value in clause.values.items())
    found = [f"{'  ' * depth}{_MARKS[clause.truth]} {clause.text}{': ' + said if said else ''}"]
    for name, held in clause.windows.items():
        inside = ", ".join(f"{what} {_shown(value)}" for what, value in held.items())
        found.append(f"{'  ' * depth}    {name} held: {inside}")
    for part in clause.parts:
        found += lines(part, depth + 1)
    return found


def nearest(clause: Clause) -> list[Clause]:
    """Return the clauses that stand between an event and the rule's firing.

    Of clauses that must all hold those that do not; of alternatives the one of which least is missing.

    Examples
    --------
    >>> yes, no, unsure = Clause("a", True), Clause("b", False), Clause("c", None)
    >>> [one.text for one in nearest(Clause("all of", False, parts=(yes, Clause("one of", False, parts=(no, unsure)))))]
    ['b']
    """
    if clause.truth is True:
        return []
    if clause.text == "all of":
        return [one for part in clause.parts for one in nearest(part)]
    if clause.text == "one of":
        return min((nearest(part) for part in clause.parts), key=len)
    return [clause]


def _joined(node: Any_, op: str) -> Iterator[Any_]:
    if isinstance(node, Binary) and node.op == op:
        yield from _joined(node.left, op)
        yield from _joined(node.right, op)
    else:
        yield node


def _looked_at(node: Node) -> Iterator[Any_]:
    """Yield the values that a clause looks at, not those that windows look at in turn."""
    if isinstance(node, Field | Judged | Profile | Captured | Table):
        yield node
        return
    if isinstance(node, Call) and (FUNCTIONS[node.name].group != "plain" or not node.arguments):
        yield node
        return
    for child in children(node):
        if not isinstance(child, Number | Text | Truth):
            yield from _looked_at(child)


def _name(node: Any_) -> str:
    return node.path if isinstance(node, Field) else text(node)


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.6g}"
    shown = value if isinstance(value, str) else orjson.dumps(value).decode()
    return shown if len(shown) <= 60 else shown[:57] + "..."
