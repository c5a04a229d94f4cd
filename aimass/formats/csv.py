"""Comma-separated values after RFC 4180: one row a record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.guard import line

#: The header of a record that names the columns: a JSON list of texts. The file feed adds it.
COLUMNS_HEADER = "aimass.columns"
_MOST_HEADERS = 256


class Csv:
    r"""A row of cells; an empty cell is null, and a quoted one is text.

    Parameters
    ----------
    columns
        The names of the columns; without them, each record's header `COLUMNS_HEADER` names them.
    delimiter
        What stands between cells: one character.

    Raises
    ------
    ValueError
        When a name comes twice or is empty, or the delimiter is no such character.

    Examples
    --------
    >>> Csv(["pump", "note", "at"]).decode(b'p7,"says ""hm"", and stops",\r\n')
    {'pump': 'p7', 'note': 'says "hm", and stops', 'at': None}
    >>> Csv(["pump", "note"]).decode(b"p7")
    Traceback (most recent call last):
        ...
    aimass.errors.BadEvent: 1 cell in the row, and 2 columns
    """

    name = "csv"

    def __init__(self, columns: Sequence[str] = (), delimiter: str = ",") -> None:
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError(f"`delimiter` is one character, and no quote or line break; not {delimiter!r}")
        if why := _wrong(columns):
            raise ValueError(f"`columns`: {why}")
        self._columns = tuple(columns)
        self._delimiter = delimiter
        mark = re.escape(delimiter)
        self._cell = re.compile(rf'(?:"((?:[^"]++|"")*+)"|((?!")[^{mark}\r\n]*+))({mark}|\Z)')
        self._named: dict[bytes, tuple[str, ...]] = {}

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the cells by their columns' names; see `aimass.formats.base.Format`."""
        columns = self._columns or self._from(headers)
        text = line(value)
        cells = self._quoted(text) if '"' in text else self._plain(text)
        if len(cells) != len(columns):
            raise BadEvent(f"{_count(len(cells), 'cell')} in the row, and {_count(len(columns), 'column')}")
        return dict(zip(columns, cells, strict=True))

    def _plain(self, text: str) -> list[str | None]:
        if "\n" in text or "\r" in text:
            raise BadEvent("a line break outside of quotes: a record is one row")
        return [cell or None for cell in text.split(self._delimiter)]

    def _quoted(self, text: str) -> list[str | None]:
        cells: list[str | None] = []
        at, match = 0, self._cell.match
        while True:
            found = match(text, at)
            if found is None:
                raise BadEvent(self._why(text, at))
            quoted, plain, mark = found.groups()
            cells.append(quoted.replace('""', '"') if quoted is not None else plain or None)
            if not mark:
                return cells
            at = found.end()

    def _why(self, text: str, at: int) -> str:
        if text[at] != '"':
            return "a line break outside of quotes: a record is one row"
        if re.compile(r'"(?:[^"]++|"")*+"').match(text, at) is None:
            return f"the quote at character {at} does not end"
        return f"the quoted cell at character {at} is followed by neither {self._delimiter!r} nor the end"

    def _from(self, headers: Headers) -> tuple[str, ...]:
        for name, value in headers:
            if name == COLUMNS_HEADER:
                return self._named.get(value) or self._learn(value)
        raise BadEvent(f"no columns: give `columns` in [[source]], or the record a header {COLUMNS_HEADER!r}")

    def _learn(self, value: bytes) -> tuple[str, ...]:
        try:
            names = orjson.loads(value)
        except orjson.JSONDecodeError as exc:
            raise BadEvent(f"the header {COLUMNS_HEADER!r} is no JSON") from exc
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise BadEvent(f"the header {COLUMNS_HEADER!r} is no list of names")
        if why := _wrong(names):
            raise BadEvent(f"the header {COLUMNS_HEADER!r}: {why}")
        if len(self._named) >= _MOST_HEADERS:
            self._named.clear()
        return self._named.setdefault(value, tuple(names))


def _wrong(names: Sequence[str]) -> str | None:
    if "" in names:
        return "a column without a name"
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    return None if twice is None else f"two columns named {twice!r}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
