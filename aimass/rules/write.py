"""A condition as text: the shortest that reads back to an equal tree."""

from __future__ import annotations

import re

from aimass.rules.syntax import (
    Among,
    Binary,
    Call,
    Captured,
    Field,
    Judged,
    Node,
    Number,
    Pattern,
    Profile,
    Step,
    Table,
    Text,
    Truth,
    Unary,
    Window,
)
from aimass.rules.tokens import quoted, span

_RANKS = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6} | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), 4)
_NOT, _COMPARED, _MINUS, _LEAF = 3, 4, 7, 9
_PATH = re.compile(r"[^\W\d](?:-?\w)*(?:\.\w(?:-?\w)*)*")
RESERVED = frozenset(("and", "or", "not", "in", "true", "false", "then", "within", "gap", "each", "session"))


def text(node: Node) -> str:
    """Return a condition as text.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> text(condition("((a) > 1) and not (b == 'x' or c)"))
    'a > 1 and not (b == "x" or c)'
    """
    return _write(node)[0]


def _write(node: Node) -> tuple[str, int]:
    """Return a node's text, and how tightly it binds."""
    if type(node) is Binary:
        rank = _RANKS[node.op]
        left = _within(node.left, rank + (rank == _COMPARED))
        return f"{left} {node.op} {_within(node.right, rank + 1)}", rank
    if type(node) is Unary:
        return _unary(node)
    if type(node) is Among:
        return f"{_within(node.operand, _COMPARED + 1)} in ({', '.join(map(text, node.options))})", _COMPARED
    if type(node) is Call:
        return f"{node.name}({', '.join(_arguments(node))})", _LEAF
    if type(node) is Pattern:
        return _pattern(node), 0
    return _leaf(node), _LEAF


def _within(node: Node, rank: int) -> str:
    written, own = _write(node)
    return written if own >= rank else f"({written})"


def _unary(node: Unary) -> tuple[str, int]:
    if node.op == "not":
        if type(node.operand) is Among:
            inner = node.operand
            return f"{_within(inner.operand, _COMPARED + 1)} not in ({', '.join(map(text, inner.options))})", _COMPARED
        return f"not {_within(node.operand, _NOT)}", _NOT
    inner_text = f"({text(node.operand)})" if type(node.operand) is Number else _within(node.operand, _MINUS)
    return f"-{inner_text}", _MINUS


def _leaf(node: Node) -> str:
    if type(node) is Number:
        return repr(node.value)
    if type(node) is Text:
        return quoted(node.value)
    if type(node) is Truth:
        return "true" if node.value else "false"
    if type(node) is Field:
        return path(node.path)
    if type(node) is Captured:
        return f"{node.step}.{node.path}"
    if type(node) is Profile:
        return f"profile.{node.attribute}"
    if type(node) is Judged:
        return f"{node.name}.{node.attribute}"
    if type(node) is Table:
        return node.name
    raise TypeError(f"{type(node).__name__} is no part of a condition's text")


def path(name: str) -> str:
    """Return a field's path as it is written.

    Examples
    --------
    >>> path("pos.x"), path("user name"), path("and")
    ('event.pos.x', '`user name`', 'event.and')
    """
    if not _PATH.fullmatch(name):
        return f"`{name}`"
    return f"event.{name}" if "." in name or name in RESERVED else name


def _arguments(node: Call) -> list[str]:
    found = [text(argument) for argument in node.arguments]
    where = [] if node.where is None else [text(node.where)]
    if node.window is None:
        return found + where
    return [*where, _window(node.window)] if not found else [*found, _window(node.window), *where]


def _window(window: Window) -> str:
    lead = {"sliding": "", "tumbling": "each ", "session": "session "}[window.kind]
    return lead + span(window.seconds)


def _pattern(pattern: Pattern) -> str:
    steps = " then ".join(map(_step, pattern.steps))
    gap = f" gap {span(pattern.gap_s)}" if pattern.gap_s is not None else ""
    return f"{steps} within {span(pattern.within_s)}{gap}"


def _step(step: Step) -> str:
    lead = f"{step.name}: " if step.name else ""
    written = _within(step.when, 1)
    if step.is_absent:
        return f"not {_within(step.when, _LEAF)}"
    is_negative = not step.name and written.startswith("not ")
    return f"{lead}({written})" if is_negative else lead + written
