"""What the encoder of a field is, and what it writes into."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

from aimass.models.members.numerics import log

_LIMIT = 1e100


class Out:
    """The columns and values of an event, as they are found."""

    __slots__ = ("columns", "values")

    def __init__(self) -> None:
        self.columns: list[int] = []
        self.values: list[float] = []

    def add(self, columns: Iterable[int], values: Iterable[float]) -> None:
        """Add values, each in its column."""
        self.columns.extend(columns)
        self.values.extend(values)


class Field(Protocol):
    """Encodes one field."""

    def put(self, value: Any, out: Out) -> bool:
        """Write a value (never null); nothing when it is of another kind. Return whether the state changed."""

    def state(self) -> Any:
        """Return what it knows, as JSON; it is made again from that."""


@lru_cache(maxsize=4096)
def log_count(count: int) -> float:
    """Return log(1 + count), the same on every machine."""
    return log(1.0 + count)


def code(text: str) -> int:
    """Return the number that stands for a text, the same in every process."""
    return zlib.crc32(text.encode("utf-8", "replace"))


def finite(value: Any) -> float | None:
    """Return a JSON number within ±1e100, true and false as 1 and 0; ``None`` for anything else."""
    if type(value) is float or type(value) is int or type(value) is bool:
        if -_LIMIT <= value <= _LIMIT:
            return float(value)
        return None if value != value else math.copysign(_LIMIT, 1 if value > 0 else -1)
    return None


def as_text(value: Any) -> str | None:
    """Return text, a number, or true or false as text; ``None`` for anything else."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    return repr(value) if type(value) is int or type(value) is float else None
