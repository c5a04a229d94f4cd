"""Finds regular expressions such as ``(a+)+``, which a short line can keep busy for years."""

from __future__ import annotations

import importlib
from typing import Any

# Python's own parser of regular expressions, which has no public name.
_PARSER: Any = importlib.import_module("re._parser")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")
_PLACES = ("AT", "ASSERT", "ASSERT_NOT")  # they have no width, and yet say where a round may end


def is_ambiguous(pattern: str) -> bool:
    r"""Return whether a repeat has a body in which a repeat is all that must be there.

    Such a body can be cut into rounds in as many ways as there are subsets, and all are tried before a line is refused.

    Examples
    --------
    >>> is_ambiguous(r"(?P<a>\w+ )*"), is_ambiguous(r"(?P<a>\w++)+")
    (False, False)
    >>> is_ambiguous(r"x(?P<a>(\w+\s?)*)y")
    True
    """
    return _has_ambiguous(_PARSER.parse(pattern))


def _has_ambiguous(parts: Any) -> bool:
    for op, value in parts:
        inside = _inside(str(op), value)
        if (_is_endless(str(op), value) and _is_loose(inside[0])) or any(map(_has_ambiguous, inside)):
            return True
    return False


def _inside(name: str, value: Any) -> list[Any]:
    """Return the sequences that a part consists of."""
    if name in (*_REPEATS, "POSSESSIVE_REPEAT"):
        return [value[2]]
    if name == "BRANCH":
        return list(value[1])
    if name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
        return [value[-1]]
    if name == "ATOMIC_GROUP":
        return [value]
    return [one for one in value[1:] if one is not None] if name == "GROUPREF_EXISTS" else []


def _is_endless(name: str, value: Any) -> bool:
    return name in _REPEATS and value[1] == _PARSER.MAXREPEAT


def _is_loose(sequence: Any) -> bool:
    parts = [(str(op), value) for op, value in sequence]
    return any(
        _can_be_repeat(*part) and all(_can_be_empty(*other) for j, other in enumerate(parts) if j != i)
        for i, part in enumerate(parts)
    )


def _can_be_repeat(name: str, value: Any) -> bool:
    is_transparent = name in (*_REPEATS, "SUBPATTERN", "BRANCH")
    return _is_endless(name, value) or (is_transparent and any(map(_is_loose, _inside(name, value))))


def _can_be_empty(name: str, value: Any) -> bool:
    if name in _PLACES:
        return False
    if name in (*_REPEATS, "POSSESSIVE_REPEAT"):
        return value[0] == 0 or _is_empty(value[2])
    if name in ("SUBPATTERN", "ATOMIC_GROUP"):
        return all(map(_is_empty, _inside(name, value)))
    return name == "BRANCH" and any(map(_is_empty, value[1]))


def _is_empty(sequence: Any) -> bool:
    return all(_can_be_empty(str(op), value) for op, value in sequence)
