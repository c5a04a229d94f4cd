"""Rows of a database as JSON objects."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from aimass.errors import ConfigurationError
from aimass.rules.suggest import meant

_WHOLE = range(-(2**63), 2**64)


def place_of(cursor: str, names: Sequence[str]) -> int:
    """Return which column of a query's result is the cursor.

    Raises
    ------
    ConfigurationError
        When there is none of that name, or two columns have one name.
    """
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f'two columns of the query are named {twice!r}: rename one, with "as"')
    if cursor not in names:
        raise ConfigurationError(f"no column of the query is named {cursor!r}{meant(cursor, list(names))}")
    return list(names).index(cursor)


def to_json(names: Sequence[str], row: Sequence[Any]) -> bytes:
    """Return a row as a JSON object.

    Examples
    --------
    >>> to_json(["id", "price", "at", "photo"], [1, Decimal("0.10"), datetime(2026, 1, 2), b"x"])
    b'{"id":1,"price":0.1,"at":"2026-01-02T00:00:00","photo":"eA=="}'
    """
    return orjson.dumps({name: cell(value) for name, value in zip(names, row, strict=True)})


def cell(value: Any) -> Any:
    """Return a value as JSON has it: what no number can hold exactly is text.

    Examples
    --------
    >>> cell(Decimal("12.50")), cell(Decimal("0.1000000000000000000001")), cell(float("nan"))
    (12.5, '0.1000000000000000000001', 'NaN')
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int):
        return value if value in _WHOLE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(Decimal(value))
    return _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): cell(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [cell(one) for one in value]
    return str(value)


def _number(value: Decimal) -> Any:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value() and int(value) in _WHOLE:
        return int(value)
    number = float(value)
    return number if math.isfinite(number) and Decimal(repr(number)) == value else str(value)
