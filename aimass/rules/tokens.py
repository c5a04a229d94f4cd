"""The words of a condition: numbers, durations, texts, paths and marks, each with the column where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 2000
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_TOKEN = re.compile(
    r"""(?P<duration>[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d)(?![\w.]))"""
    r"""|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<path>[^\W\d](?:-?\w)*(?:\.\w(?:-?\w)*)*|`[^`]+`)"""
    r"""|(?P<mark><=|>=|==|!=|[<>()+\-*/,:])""",
    re.DOTALL,
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SPACE = re.compile(r"\s*")
_HABITS = {
    "=": "write == to compare",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    '"': "the text is not closed",
    "'": "the text is not closed",
    "`": "the path is not closed",
    "[": "write a list in round brackets",
    "$": "only templates have parameters",
}


class Wrong(ValueError):
    """A condition that cannot be understood.

    Parameters
    ----------
    problem
        What is wrong with it, and what may have been meant.
    column
        Where, from 1; ``None``: the whole of it.
    """

    def __init__(self, problem: str, column: int | None = None) -> None:
        super().__init__(problem if column is None else f"{problem} (column {column})")
        self.column = column


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a condition: a ``duration``, ``number``, ``text``, ``path`` or ``mark``; or its end, of kind ``""``."""

    kind: str
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """Return the words of a condition, and one that says it ends.

    Raises
    ------
    Wrong
        Where something stands that is no word.

    Examples
    --------
    >>> [token.text for token in tokens("a.b-c >= 1.5 - d")]
    ['a.b-c', '>=', '1.5', '-', 'd', '']
    """
    if len(text) > MAX_LENGTH:
        raise Wrong(f"longer than {MAX_LENGTH:,} characters")
    found: list[Token] = []
    at = _end_of_space(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].split()[0]
            hint = _HABITS.get(rest[0], "")
            raise Wrong(f"cannot read {rest[:20]!r}{'; ' + hint if hint else ''}", at + 1)
        found.append(Token(match.lastgroup or "", match[0], at + 1))
        at = _end_of_space(text, match.end())
    return [*found, Token("", "", len(text) + 1)]


def _end_of_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def seconds(duration: str) -> float:
    """Return a duration in seconds.

    Examples
    --------
    >>> seconds("1.5h"), seconds("250ms")
    (5400.0, 0.25)
    """
    unit = duration.lstrip("0123456789.")
    return float(duration[: -len(unit)]) * UNITS[unit]


def duration(value: Any) -> float:
    """Read ``"5m"`` as seconds.

    Examples
    --------
    >>> duration("5m"), duration("250ms")
    (300.0, 0.25)
    """
    found = _DURATION.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ValueError('is no duration; write a number and a unit, ms s m h d, like "10s" or "5m"')
    return float(found[1]) * UNITS[found[2]]


def span(value: float) -> str:
    """Return seconds as a duration, in the largest unit that leaves a whole number.

    Examples
    --------
    >>> span(5400), span(86400), span(0.25), span(1.5)
    ('90m', '1d', '250ms', '1500ms')
    """
    for unit in ("d", "h", "m", "s", "ms"):
        size = UNITS[unit]
        count = round(value / size)
        if count > 0 and count * size == value:
            return f"{count}{unit}"
    return f"{value!r}s" if "e" not in repr(value) else f"{value:.9f}s"


def unquoted(text: str) -> str:
    """Return what a quoted text says: ``\\\\"`` and ``\\\\\\\\`` are a quote and a backslash."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def quoted(text: str) -> str:
    """Return a text in double quotes, so that it is read back the same."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
