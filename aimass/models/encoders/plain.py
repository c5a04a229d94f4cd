"""Numbers, truths, times and points on the globe: kinds that know nothing of their past."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from aimass.models.encoders.base import Out, finite
from aimass.models.space import FeatureSpace

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?", re.ASCII)
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))  # seconds, or parts of them, by how large they are
_DAY, _WEEK = 86400.0, 604800.0
_THURSDAY = 3.0 * _DAY  # 1970 began on one: weeks begin on Monday
_HALF_PI = 1.5707963267948966
_LONGEST = 40


def turn(share: float) -> tuple[float, float]:
    """Return sine and cosine of a share of a full turn, the same to the last bit on every machine.

    Examples
    --------
    >>> turn(0.0), turn(0.25), turn(-0.5)
    ((0.0, 1.0), (1.0, 0.0), (0.0, -1.0))
    """
    quarter = 4.0 * (share - share // 1.0)
    number = int(quarter + 0.5)
    x = (quarter - number) * _HALF_PI
    q = x * x
    # Taylor's series; the remainder is below 1e-16 where |x| <= pi / 4
    s = 1.0 - q / 156.0 * (1.0 - q / 210.0)
    s = 1.0 - q / 42.0 * (1.0 - q / 72.0 * (1.0 - q / 110.0 * s))
    s = x * (1.0 - q / 6.0 * (1.0 - q / 20.0 * s))
    c = 1.0 - q / 132.0 * (1.0 - q / 182.0 * (1.0 - q / 240.0))
    c = 1.0 - q / 30.0 * (1.0 - q / 56.0 * (1.0 - q / 90.0 * c))
    c = 1.0 - q / 2.0 * (1.0 - q / 12.0 * c)
    number %= 4
    if number == 0:
        return s, c
    if number == 1:
        return c, 0.0 - s
    return (0.0 - s, 0.0 - c) if number == 2 else (0.0 - c, s)


@lru_cache(maxsize=8192)
def iso_seconds(text: str) -> float | None:
    """Return the seconds since 1970 of ISO 8601 text (UTC where it names no zone), or ``None``.

    Examples
    --------
    >>> iso_seconds("1970-01-02T00:00:01Z"), iso_seconds("tomorrow")
    (86401.0, None)
    """
    if len(text) > _LONGEST or not _ISO.fullmatch(text):
        return None
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _seconds(value: Any) -> float | None:
    if type(value) is str:
        return iso_seconds(value)
    if type(value) is float or type(value) is int:
        for limit, unit in _UNITS:
            if -limit < value < limit:
                return value / unit
    return None


@lru_cache(maxsize=8192)
def _cycle(seconds: float) -> tuple[float, ...]:
    return (*turn(seconds / _DAY), *turn((seconds + _THURSDAY) / _WEEK))


def cycle(value: Any) -> tuple[float, ...] | None:
    """Return where in the day and in the week a time stands: sine and cosine of each."""
    seconds = _seconds(value)
    return None if seconds is None else _cycle(seconds)


def globe(value: Any) -> tuple[float, ...] | None:
    """Return the place of a latitude and a longitude on a globe of radius 1."""
    if type(value) is dict:
        value = [value.get("lat", value.get("latitude")), value.get("lon", value.get("lng", value.get("longitude")))]
    if type(value) is not list or len(value) != 2:
        return None
    lat, lon = finite(value[0]), finite(value[1])
    if lat is None or lon is None or not -90.0 <= lat <= 90.0 or not -360.0 <= lon <= 360.0:
        return None
    (up, flat), (east, ahead) = turn(lat / 360.0), turn(lon / 360.0)
    return flat * ahead, flat * east, up


def numeric(value: Any) -> float | None:
    """Return a number, also where it is written as text.

    Examples
    --------
    >>> numeric("3.5"), numeric(2), numeric("none")
    (3.5, 2.0, None)
    """
    if type(value) is str:
        try:
            value = float(value) if len(value) <= _LONGEST else None
        except ValueError:
            return None
    return finite(value)


def truth(value: Any) -> tuple[float, ...] | None:
    """Return 1 or 0 for true and false, as such, as text or as a number (all but 0 is true)."""
    if type(value) is str:
        value = {"true": True, "false": False}.get(value.lower())
    found = finite(value)
    return None if found is None else (float(found != 0.0),)


_KINDS: dict[str, tuple[Callable[[Any], tuple[float, ...] | None], Sequence[str]]] = {
    "bool": (truth, ("",)),
    "time": (cycle, (":hour.sin", ":hour.cos", ":day.sin", ":day.cos")),
    "geo": (globe, (":x", ":y", ":z")),
}


class Plain:
    """A field of one of these kinds.

    Examples
    --------
    >>> space, out = FeatureSpace(), Out()
    >>> _ = Plain(space, "at", "time").put("1970-01-01T06:00:00Z", out)
    >>> dict(zip([space.names[i] for i in out.columns], out.values))["at:hour.sin"]
    1.0
    """

    def __init__(self, space: FeatureSpace, path: str, kind: str) -> None:
        self._read, suffixes = _KINDS[kind]
        self._space, self._names = space, [path + suffix for suffix in suffixes]
        self._columns: list[int] = []

    def put(self, value: Any, out: Out) -> bool:
        """Write a value."""
        values = self._read(value)
        if values is None:
            return False
        if not self._columns:
            self._columns = [self._space.column(name) for name in self._names]
        out.add(self._columns, values)
        return False

    def state(self) -> Any:
        """Return nothing: what it is, is declared."""
        return None
