"""Numbers for values, the same in every process: what kernels compare where values are texts."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from aimass.models.features import MISSING
from aimass.models.kernel import Bools, Ints
from aimass.rules.columns import Column

_MAX = 65_536
_TEXTS: dict[str, int] = {}
_NUMBERS: dict[float, int] = {}


def name_of(value: Any) -> int:
    """Return a number for a JSON value: equal values have equal ones, as rules understand equality.

    Examples
    --------
    >>> name_of(1) == name_of(1.0), name_of(1) == name_of(True), name_of("1") == name_of(1)
    (True, False, False)
    """
    if type(value) is int and -(2**53) < value < 2**53:
        value = float(value)
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if type(value) is not int else b"int %d" % value
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "little", signed=True)


def names(column: Column) -> tuple[Ints, Bools]:
    """Return a number for each value of a column, and where there is a value."""
    found = list(map(_name, column.values()))
    known = np.array([one is not None for one in found], np.bool_)
    return np.array([one or 0 for one in found], np.int64), known


def _name(value: Any) -> int | None:
    kind = type(value)
    if kind is not str and kind is not float:
        return None if value is None or value is MISSING else name_of(value)
    cache: dict[Any, int] = _TEXTS if kind is str else _NUMBERS
    found = cache.get(value)
    if found is None:
        if len(cache) >= _MAX:  # a cache, rebuilt at will
            cache.clear()
        found = cache[value] = name_of(value)
    return found
