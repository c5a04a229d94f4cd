"""How the values of arguments are read."""

from __future__ import annotations

import argparse

from aimass.commands.lines import parse_time
from aimass.settings import AGENTS


def start_of(text: str) -> str | int | float:
    """Return where to start reading, from how it was written.

    Examples
    --------
    >>> start_of("beginning"), start_of("1042"), start_of("2023-11-14T22:13:20")
    ('beginning', 1042, 1700000000.0)
    """
    if text in ("beginning", "end"):
        return text
    if text.isdecimal():
        return int(text)
    try:
        return parse_time(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is neither beginning, end, an offset nor a time") from exc


def agents(text: str) -> frozenset[str]:
    """Return the agents of a list such as ``score,decide``."""
    chosen = frozenset(text.split(","))
    unknown = chosen - set(AGENTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no agent {min(unknown)!r}; there are {', '.join(AGENTS)}")
    return chosen


def positive(text: str) -> float:
    """Return a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def port(text: str) -> int:
    """Return a port; 0 is one too."""
    if not text.isdecimal() or int(text) > 65_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65000")
    return int(text)
