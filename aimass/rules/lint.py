"""What is odd about a rule: looked for when it is saved, before it is ever asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aimass.rules.document import Rule
from aimass.rules.memory import memory
from aimass.rules.syntax import Among, Any_, Binary, Call, Field, Node, Number, Pattern, Table, Text, Truth, Unary
from aimass.rules.walk import calls, walk
from aimass.rules.windows import ROOM
from aimass.rules.write import text

_MUCH = 8192
_LONG, _SHORT = 30 * 86_400.0, 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd: ``level`` is ``error`` for what cannot be meant, ``warning`` for what is worth a look."""

    level: str
    what: str
    hint: str = ""


def lint(rule: Rule) -> list[Finding]:
    """Return what is odd about a rule.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> [one.what for one in lint(Rule("x", condition("a > 5 and a < 3 or distinct(b, 1h) > 100")))]
    ['a > 5 and a < 3 can never be true', 'distinct(b, 1h) > 100 can never be true: distinct tells up to 64']
    """
    nodes = list(dict.fromkeys(walk(rule.when)))
    found = [one for node in nodes for one in _of(node)]
    held = state_bytes(rule)
    if held > _MUCH:
        found.append(Finding("warning", f"keeps about {held:,} bytes of each key", "fewer or shorter windows"))
    if rule.mode in ("live", "shadow") and not (rule.alert or rule.tag or rule.review or rule.emit or rule.notify):
        found.append(Finding("warning", "does nothing when it fires", "alert = true, or another action"))
    return found


def _of(node: Node) -> Iterator[Finding]:
    if isinstance(node, Binary):
        if node.op == "and":
            yield from _contradictions(node)
        elif node.op not in ("or", "+", "-", "*", "/"):
            yield from _comparison(node)
    elif isinstance(node, Unary) and node.op == "not" and isinstance(node.operand, Binary | Among | Field):
        field = next((one for one in walk(node.operand) if isinstance(one, Field)), None)
        if field is not None:
            hint = f"to mean that too: not ({text(node.operand)}) or not known({field.path})"
            yield Finding(
                "warning", f"{text(node)} is unknown where {field.path} is missing: it never fires there", hint
            )
    elif isinstance(node, Call) and node.window is not None and not _SHORT <= node.window.seconds <= _LONG:
        yield Finding("warning", f"{text(node)} has a window that is {'long' if node.window.seconds > 1 else 'short'}")
    elif isinstance(node, Table):
        yield from _shadowed(node)
    elif isinstance(node, Pattern) and node.within_s > _LONG:
        yield Finding("warning", "a pattern of more than 30 days keeps each key for so long")


def _comparison(node: Binary) -> Iterator[Finding]:
    if not any(isinstance(one, Field | Call) or type(one).__name__ in _KNOWN_LATER for one in walk(node)):
        yield Finding("error", f"{text(node)} does not depend on the event")
        return
    left, right = node.left, node.right
    if isinstance(left, Call) and left.name == "distinct" and isinstance(right, Number):
        over = right.value >= ROOM if node.op == ">" else right.value > ROOM
        if over and node.op in (">", ">=", "=="):
            yield Finding("error", f"{text(node)} can never be true: distinct tells up to {ROOM}")
    if isinstance(right, Text) and right.value.lower() in ("null", "none", "nan") and node.op in ("==", "!="):
        yield Finding("warning", f"{text(node)} compares with a text", f"for missing values: not known({text(left)})")
    is_part = isinstance(right, Number) and isinstance(right.value, float) and not right.value.is_integer()
    if is_part and node.op in ("==", "!="):
        yield Finding("warning", f"{text(node)} compares a measured number exactly", "compare with a range")
    if left == right:
        yield Finding("error", f"{text(node)} compares a value with itself")


_KNOWN_LATER = ("Judged", "Profile", "Captured", "Table")


def _contradictions(node: Binary) -> Iterator[Finding]:
    """Find bounds on one value that leave nothing."""
    low: dict[Any_, tuple[float, bool]] = {}  # the bound, and whether it is out itself
    high: dict[Any_, tuple[float, bool]] = {}  # the same, turned over: so that the greatest is the strictest
    for one in _conjuncts(node):
        if isinstance(one, Binary) and isinstance(one.right, Number):
            value, nothing = float(one.right.value), (-math.inf, False)
            if one.op in (">", ">=", "=="):
                low[one.left] = max((value, one.op == ">"), low.get(one.left, nothing))
            if one.op in ("<", "<=", "=="):
                high[one.left] = max((-value, one.op == "<"), high.get(one.left, nothing))
    both = [(low[value], high[value]) for value in low if value in high]
    if any(below[0] > -above[0] or (below[0] == -above[0] and (below[1] or above[1])) for below, above in both):
        yield Finding("error", f"{text(node)} can never be true")


def _conjuncts(node: Any_) -> Iterator[Any_]:
    if isinstance(node, Binary) and node.op == "and":
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _shadowed(table: Table) -> Iterator[Finding]:
    for number, row in enumerate(table.rows):
        wanted = set(_conjuncts(row.when))
        for before, other in enumerate(table.rows[:number]):
            if set(_conjuncts(other.when)) <= wanted or other.when == Truth(True):
                yield Finding(
                    "warning", f"table {table.name}: row {number + 1} never counts, row {before + 1} comes first"
                )
                break


def state_bytes(rule: Rule) -> int:
    """Return about how many bytes a rule keeps of each key: its windows, and its unfinished matches.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> state_bytes(Rule("x", condition("count(5m) > 3 and sum(a, 1h) > 9")))
    976
    """
    pattern = 200 * min(rule.partials, 4) if isinstance(rule.when, Pattern) else 0
    return pattern + sum(memory(call).row_bytes for call in calls(rule.when))


def cycles(tags: Mapping[str, tuple[tuple[str, ...], str | None]]) -> list[list[str]]:
    """Return the rules that wait for each other's tags: by name, the tags that each reads and the one it gives.

    Examples
    --------
    >>> cycles({"a": (("x",), "y"), "b": (("y",), "x"), "c": (("x",), None)})
    [['a', 'b']]
    """
    givers: dict[str, list[str]] = {}
    for name, (_, gives) in tags.items():
        if gives is not None:
            givers.setdefault(gives, []).append(name)
    after = {name: [giver for tag in reads for giver in givers.get(tag, ())] for name, (reads, _) in tags.items()}

    def reaches(start: str) -> set[str]:
        found: set[str] = set()
        todo = list(after[start])
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += after[name]
        return found

    reached = {name: reaches(name) for name in after}
    circles: list[list[str]] = []
    for name in after:
        circle = [other for other in after if other in reached[name] and name in reached[other]]
        if name in reached[name] and circle not in circles:
            circles.append(circle)
    return circles
