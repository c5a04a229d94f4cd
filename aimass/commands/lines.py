"""A file's lines as records to produce: JSON lines and CSV, keys and times by path, and when each is due."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from aimass.errors import ClientError

Format = Literal["jsonl", "csv"]

#: Numbers above this are milliseconds: as seconds they would be in the year 5138.
_MILLISECONDS_ABOVE = 1e11


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be produced: its number in the file, its value and its key and time when asked for."""

    number: int
    value: bytes
    key: str | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be produced, and why."""

    number: int
    reason: str


def format_of(filename: str) -> Format:
    """Return the format that a file's name says; ``-`` is JSON lines.

    Raises
    ------
    ClientError
        When the name says nothing that is known.

    Examples
    --------
    >>> format_of("events.jsonl"), format_of("events.csv"), format_of("-")
    ('jsonl', 'csv', 'jsonl')
    """
    ending = filename.rpartition(".")[2].lower()
    if filename == "-" or ending in ("jsonl", "ndjson", "json"):
        return "jsonl"
    if ending == "csv":
        return "csv"
    raise ClientError(f"the format of {filename!r} is not known by its name: add --format jsonl or --format csv.")


def read_lines(
    stream: Iterable[bytes], form: Format, *, key: str | None = None, time: str | None = None
) -> Iterator[Line | BadLine]:
    """Yield each line of a file, those that are wrong among them; empty lines are skipped.

    Parameters
    ----------
    stream
        The file's lines, as bytes.
    form
        Its format. JSON goes on byte for byte; a row of CSV becomes an object, its numbers as numbers.
    key, time
        Dotted paths to a line's key and time.

    Examples
    --------
    >>> list(read_lines([b'{"k": {"id": 7}}\\n', b"{"], "jsonl", key="k.id"))[0]
    Line(number=1, value=b'{"k": {"id": 7}}', key='7', time=None)
    """
    for number, value, decoded in _csv_rows(stream) if form == "csv" else _json_lines(stream):
        if isinstance(decoded, _Wrong):
            yield BadLine(number, decoded.reason)
            continue
        try:
            found = None if key is None else _key(lookup(decoded, key))
            yield Line(number, value, found, None if time is None else parse_time(lookup(decoded, time)))
        except ValueError as exc:
            yield BadLine(number, str(exc))


@dataclass(frozen=True, slots=True)
class _Wrong:
    reason: str


def _json_lines(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes, Any]]:
    for number, line in enumerate(stream, 1):
        value = line.strip()
        if not value:
            continue
        try:
            yield number, value, orjson.loads(value)
        except orjson.JSONDecodeError as exc:
            yield number, value, _Wrong(f"not JSON: {exc}")


def _csv_rows(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes, Any]]:
    texts = (line.decode("utf-8-sig" if first else "utf-8", "surrogateescape") for first, line in _firsts(stream))
    reader = csv.reader(texts)
    names: list[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as exc:
            yield reader.line_num, b"", _Wrong(f"not CSV: {exc}")
            continue
        if row is None:
            return
        if names is None:
            names = row
        elif row:
            yield reader.line_num, *_csv_row(names, row)


def _csv_row(names: list[str], row: list[str]) -> tuple[bytes, Any]:
    if len(row) != len(names):
        return b"", _Wrong(f"{len(row)} fields, but the header has {len(names)}")
    decoded = {name: _number(cell) for name, cell in zip(names, row, strict=True)}
    try:
        return orjson.dumps(decoded), decoded
    except TypeError:
        return b"", _Wrong("not UTF-8")


def _firsts(stream: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    for number, line in enumerate(stream):
        yield number == 0, line


def _number(cell: str) -> Any:
    """Return a cell's number, or ``None`` when it is empty, or its text (so is what JSON has no number for)."""
    if not cell:
        return None
    try:
        return orjson.loads(cell) if cell[0] in "-0123456789" else cell
    except orjson.JSONDecodeError:
        return cell


def lookup(decoded: Any, path: str) -> Any:
    """Return what stands at a dotted path.

    Raises
    ------
    ValueError
        When there is nothing.

    Examples
    --------
    >>> lookup({"a": {"b": 3}, "c.d": 4}, "a.b"), lookup({"c.d": 4}, "c.d")
    (3, 4)
    """
    if isinstance(decoded, dict) and path in decoded:
        return decoded[path]
    for name in path.split("."):
        if not isinstance(decoded, dict) or name not in decoded:
            raise ValueError(f"no field {path!r}")
        decoded = decoded[name]
    return decoded


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        raise ValueError(f"the key is {orjson.dumps(value).decode()[:40]}, not a text or a number")
    return orjson.dumps(value).decode()


def parse_time(value: Any) -> float:
    """Return a time in seconds since 1970: from seconds, milliseconds or ISO 8601 (UTC unless it says otherwise).

    Raises
    ------
    ValueError
        When it is none of these.

    Examples
    --------
    >>> parse_time(1_700_000_000_500), parse_time("2023-11-14T22:13:20Z")
    (1700000000.5, 1700000000.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000 if abs(value) > _MILLISECONDS_ABOVE else float(value)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise ValueError(f"the time is {value!r}, neither seconds nor ISO 8601") from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(slots=True)
class Pace:
    """When each record is due, in seconds after the start.

    Parameters
    ----------
    rate
        Records a second.
    speed
        How many times faster than the events' own times; ``None`` ignores these.

    Examples
    --------
    >>> pace = Pace(speed=2.0)
    >>> [pace.due(time) for time in (100.0, 103.0, 102.0)]
    [0.0, 1.5, 1.0]
    """

    rate: float | None = None
    speed: float | None = None
    _count: int = 0
    _first: float | None = None

    def due(self, time: float | None) -> float:
        """Return when the next record, with this event time, is due."""
        by_rate = self._count / self.rate if self.rate else 0.0
        self._count += 1
        if self.speed is None or time is None:
            return by_rate
        if self._first is None:
            self._first = time
        return max(by_rate, (time - self._first) / self.speed)
