"""Through the tree of a condition: its parts, what it looks at, and what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aimass.rules.functions import FUNCTIONS
from aimass.rules.syntax import (
    Among,
    Any_,
    Binary,
    Call,
    Condition,
    Field,
    Judged,
    Node,
    Pattern,
    Profile,
    Table,
    Text,
    Unary,
)


def children(node: Node) -> tuple[Any_, ...]:
    """Return the parts of a node, in the order in which they are written."""
    kind = type(node)
    if kind is Binary:
        return node.left, node.right  # type: ignore[attr-defined]
    if kind is Unary or kind is Among:
        return (node.operand,)  # type: ignore[attr-defined]
    if kind is Call:
        where = () if node.where is None else (node.where,)  # type: ignore[attr-defined]
        return (*node.arguments, *where)  # type: ignore[attr-defined]
    if kind is Table:
        return tuple(row.when for row in node.rows)  # type: ignore[attr-defined]
    if kind is Pattern:
        return tuple(step.when for step in node.steps)  # type: ignore[attr-defined]
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it: parts after what they are part of.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> [type(node).__name__ for node in walk(condition("a > 1"))]
    ['Binary', 'Field', 'Number']
    """
    yield node
    for child in children(node):
        yield from walk(child)


def calls(node: Condition) -> list[Call]:
    """Return the calls that remember something, each once, those within others first.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> [call.name for call in calls(condition("count(changed(ip), 5m) > 3 and abs(a) > last(a)"))]
    ['changed', 'count', 'last']
    """
    found: dict[Call, None] = {}

    def visit(one: Node) -> None:
        for child in children(one):
            visit(child)
        if type(one) is Call and FUNCTIONS[one.name].group != "plain" and one.name != "tagged":
            found[one] = None

    visit(node)
    return list(found)


@dataclass(frozen=True, slots=True)
class References:
    """What a condition looks at, each once, in the order of its text."""

    fields: tuple[str, ...]
    judged: tuple[Judged, ...]
    profile: tuple[str, ...]
    tags: tuple[str, ...]


def references(node: Condition) -> References:
    """Return what a condition looks at.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> references(condition('amount > 3 and tagged("vip") and profile.events > 9')).tags
    ('vip',)
    """
    nodes = list(dict.fromkeys(walk(node)))
    tags = [one.arguments[0] for one in nodes if type(one) is Call and one.name == "tagged" and one.arguments]
    return References(
        tuple(one.path for one in nodes if type(one) is Field),
        tuple(one for one in nodes if type(one) is Judged),
        tuple(one.attribute for one in nodes if type(one) is Profile),
        tuple(tag.value for tag in tags if type(tag) is Text),
    )
