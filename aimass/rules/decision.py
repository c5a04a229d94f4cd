"""Decision tables as people write them: a column for each input, a row for each case, the outcome last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import Any

from aimass.rules.read import NO_NAMES, Wrong, condition
from aimass.rules.syntax import Any_, Binary, Number, Pattern, Row, Table, Text, Truth
from aimass.rules.vocabulary import Vocabulary
from aimass.rules.write import text

_RANGE = re.compile(r"(-?\S+) to (-?\S+)")
_COMPARES = re.compile(r"(?:<=|>=|==|!=|<|>|in\b|not in\b)")


def table(
    name: str,
    inputs: Sequence[str],
    rows: Sequence[Sequence[Any]],
    otherwise: Any = None,
    hit: str = "first",
    order: Sequence[Any] = (),
    words: Vocabulary = NO_NAMES,
) -> Table:
    """Read a decision table.

    Parameters
    ----------
    name
        The table's name.
    inputs
        What the columns look at; without any, each row's cell is a whole condition.
    rows
        A cell for each input, then the outcome. A cell is ``-`` (anything), a value, a comparison like ``> 100`` or
        ``in ("NL", "BE")``, or a range like ``100 to 200``, both ends included.
    otherwise
        The outcome when no row matches.
    hit
        ``first``: the first row that matches counts; ``priority``: that with the outcome that is named first in
        ``order``.
    words
        The names that it may use.

    Raises
    ------
    Wrong
        Naming row and cell.

    Examples
    --------
    >>> risk = table("risk", ["amount", "country"], [["> 100", "NL", "low"], ["100 to 900", "-", "high"]], "none")
    >>> [row.then.value for row in risk.rows]
    ['low', 'high']
    >>> table("risk", ["amount"], [["> x >", "low"]])
    Traceback (most recent call last):
        ...
    aimass.rules.tokens.Wrong: row 1, amount: expected a value, found the end (column 13)
    """
    ranks = [literal(one) for one in order]
    found = []
    for number, row in enumerate(rows, 1):
        wanted = max(1, len(inputs)) + 1
        if len(row) != wanted:
            raise Wrong(f"row {number} has {len(row)} cells, not {wanted}: one for each input, then the outcome")
        found.append(Row(_when(number, inputs, row[:-1], words), literal(row[-1])))
    if hit == "priority":
        lost = [row.then.value for row in found if row.then not in ranks]
        if lost:
            raise Wrong(f"order does not name the outcome {lost[0]!r}")
        found.sort(key=lambda row: ranks.index(row.then))
    return Table(name, tuple(found), None if otherwise is None else literal(otherwise))


def literal(value: Any) -> Number | Text | Truth:
    """Return the node of a value that is written out."""
    if isinstance(value, bool):
        return Truth(value)
    return Text(value) if isinstance(value, str) else Number(value)


def _when(number: int, inputs: Sequence[str], cells: Sequence[Any], words: Vocabulary) -> Any_:
    parts = []
    for place, cell in enumerate(cells):
        if cell == "-":
            continue
        where = inputs[place] if inputs else "condition"
        try:
            made = condition(_text(inputs[place] if inputs else "", cell), words)
        except Wrong as exc:
            raise Wrong(f"row {number}, {where}: {exc}") from exc
        if isinstance(made, Pattern):
            raise Wrong(f"row {number}, {where}: a table looks at one event, not at a pattern")
        parts.append(made)
    return reduce(lambda left, right: Binary("and", left, right), parts) if parts else Truth(True)


def _text(value: str, cell: Any) -> str:
    """Return a cell as a condition on its input."""
    if not isinstance(cell, str):
        return f"{value} == {_written(cell)}"
    if not value:
        return cell
    span = _RANGE.fullmatch(cell)
    if span is not None:
        return f"{span[1]} <= {value} <= {span[2]}"
    return f"{value} {cell}" if _COMPARES.match(cell) else f"{value} == {_written(cell)}"


def _written(value: Any) -> str:
    return text(literal(value))
