"""Values as moments: seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))  # whole: Python divides exactly


def unit(value: float) -> float | None:
    """Return a number as seconds since 1970: by its size it is seconds, milli-, micro- or nanoseconds.

    Examples
    --------
    >>> unit(1700000000123), unit(-1)
    (1700000000.123, None)
    """
    if value >= 0:
        for limit, parts in _UNITS:
            if value < limit:
                return value / parts
    return None


def moment(text: str) -> float | None:
    """Return the moment that ISO 8601 text names; UTC where it has no offset.

    Examples
    --------
    >>> moment("2023-11-14T22:13:20Z"), moment("soon")
    (1700000000.0, None)
    """
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def seconds(value: Any) -> float | None:
    """Return a JSON value as seconds since 1970, or ``None``."""
    if type(value) is str:
        found = moment(value)
        return None if found is None else unit(found)
    return unit(value) if type(value) in (int, float) else None
