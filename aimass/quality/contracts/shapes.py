"""What texts have in common: their format, or the shape of ids, as a regular expression."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from aimass.quality.contracts.looks import LOOKS

#: Formats that are told by their look; nearly every word is a hostname.
TOLD = ("uuid", "date-time", "date", "ipv4", "ipv6", "email", "uri")
_RUNS = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[^A-Za-z0-9]")
_ALPHABETS = ("[0-9a-f]", "[0-9A-F]", "[0-9a-z]", "[0-9A-Z]", "[0-9A-Za-z]")
_LEAST_DISTINCT = 20
_LONGEST = 64


def format_of(texts: Collection[str]) -> str | None:
    """Return the format that all texts have, or ``None``.

    Examples
    --------
    >>> format_of(["10.0.0.1", "127.0.0.1"]), format_of(["a", "b"])
    ('ipv4', None)
    """
    return next((name for name in TOLD if texts and all(map(LOOKS[name], texts))), None)


def shape_of(texts: Collection[str]) -> str | None:
    """Return a regular expression for ids of one shape; ``None`` when texts have none, or are too few to tell.

    Runs of letters have to be as long in all of them, runs of digits may differ (a number grows); letters and marks
    that are the same in all of them are taken literally, digits are not (a year passes).

    Examples
    --------
    >>> shape_of([f"ORD-{chr(65 + n % 26)}B-{n}" for n in range(100, 1200)])
    'ORD-[A-Z]{2}-[0-9]+'
    >>> shape_of([f"{n * 7919 % 65536:06x}" for n in range(40)])
    '[0-9a-f]{6}'
    """
    different = sorted(set(texts))
    if len(different) < _LEAST_DISTINCT or max(map(len, different)) > _LONGEST:
        return None
    split = [_RUNS.findall(text) for text in different]
    if len({len(runs) for runs in split}) == 1:
        parts = [_part(runs) for runs in zip(*split, strict=True)]
        if all(parts):
            return "".join(part or "" for part in parts)
    return _alphabet(different)


def _part(runs: Sequence[str]) -> str | None:
    """Return what the runs at one place have in common."""
    kinds = {
        "[0-9]"
        if run[0] in "0123456789"
        else "[A-Z]"
        if "A" <= run[0] <= "Z"
        else "[a-z]"
        if "a" <= run[0] <= "z"
        else run
        for run in runs
    }
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    lengths = {len(run) for run in runs}
    if kind == "[0-9]":
        return f"[0-9]{_times(lengths.pop())}" if len(lengths) == 1 else "[0-9]+"
    if len(set(runs)) == 1:
        return re.escape(runs[0]) if runs[0] not in " -" else runs[0]
    return f"{kind}{_times(lengths.pop())}" if len(lengths) == 1 else None


def _times(count: int) -> str:
    return f"{{{count}}}" if count > 1 else ""


def _alphabet(texts: Sequence[str]) -> str | None:
    """Return the smallest alphabet of codes that are all as long."""
    lengths = {len(text) for text in texts}
    if len(lengths) != 1 or min(lengths) < 6:
        return None
    found = next((one for one in _ALPHABETS if all(re.fullmatch(f"{one}+", text) for text in texts)), None)
    has_digits = any(character.isdigit() for text in texts for character in text)  # else they are words
    return f"{found}{{{lengths.pop()}}}" if found and has_digits else None
