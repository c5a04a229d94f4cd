"""What Avro's logical types are in JSON: times as ISO 8601 text, decimals as numbers where these are exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

Convert = Callable[[Any], Any]
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_1970 = date(1970, 1, 1).toordinal()
_DAY_S = 86_400
#: So many digits any double holds; a decimal that may have more is text.
EXACT_DIGITS = 15
_MOST_DIGITS = 1_000


def _date(days: int) -> str:
    try:
        return date.fromordinal(_DAY_1970 + days).isoformat()
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"day {days} since 1970 is out of range") from exc


def _time(count: int, *, digits: int) -> str:
    seconds, rest = divmod(count, 10**digits)
    if not 0 <= seconds < _DAY_S:
        raise ValueError(f"{count} is no time of day")
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:0{digits}d}"


def _timestamp(count: int, *, digits: int, zone: str) -> str:
    seconds, rest = divmod(count, 10**digits)
    try:
        whole = (_1970 + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError as exc:
        raise ValueError(f"the timestamp {count} is out of range") from exc
    return f"{whole}.{rest:0{digits}d}{zone}"


def _decimal(schema: Mapping[str, Any]) -> Convert | None:
    """Return what makes a decimal of bytes; ``None`` when the schema is none of a decimal: then it is ignored."""
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision <= _MOST_DIGITS:
        return None
    return partial(_number if precision <= EXACT_DIGITS else _digits, scale=scale, limit=10**precision)


def _unscaled(raw: bytes, limit: int) -> int:
    number = int.from_bytes(raw, "big", signed=True)
    if not -limit < number < limit:
        raise ValueError("a decimal of more digits than its schema allows")
    return number


def _number(raw: bytes, *, scale: int, limit: int) -> int | float:
    number = _unscaled(raw, limit)
    return number / 10**scale if scale else number


def _digits(raw: bytes, *, scale: int, limit: int) -> str:
    number = _unscaled(raw, limit)
    digits = str(abs(number)).rjust(scale + 1, "0")
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else sign + digits


def _uuid(schema: Mapping[str, Any]) -> Convert | None:
    return (lambda raw: str(UUID(bytes=raw))) if schema["size"] == 16 else None


def _duration(schema: Mapping[str, Any]) -> Convert | None:
    return _span if schema["size"] == 12 else None


def _span(raw: bytes) -> str:
    months, days, millis = (int.from_bytes(raw[i : i + 4], "little") for i in (0, 4, 8))
    return f"P{months}M{days}DT{millis // 1000}.{millis % 1000:03d}S"


def _always(convert: Convert) -> Callable[[Mapping[str, Any]], Convert | None]:
    return lambda schema: convert


#: By Avro's type and the logical one: what makes, of a schema, what makes JSON of a value.
LOGICAL: dict[tuple[Any, Any], Callable[[Mapping[str, Any]], Convert | None]] = {
    ("int", "date"): _always(_date),
    ("int", "time-millis"): _always(partial(_time, digits=3)),
    ("long", "time-micros"): _always(partial(_time, digits=6)),
    ("bytes", "decimal"): _decimal,
    ("fixed", "decimal"): _decimal,
    ("fixed", "uuid"): _uuid,
    ("fixed", "duration"): _duration,
} | {
    ("long", f"{local}timestamp-{unit}"): _always(partial(_timestamp, digits=digits, zone=zone))
    for local, zone in (("", "Z"), ("local-", ""))
    for unit, digits in (("millis", 3), ("micros", 6), ("nanos", 9))
}
