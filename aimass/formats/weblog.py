"""The access logs of Apache and nginx: the common log format and the combined one."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.guard import line

_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_COMMON = (
    r"(\S+) (\S+) (.*?) \[(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-][01]\d)([0-5]\d)\] "
    + _QUOTED
    + r" (\d{3}|-) (\d{1,18}|-)"
)
_LINES = {
    "common": re.compile(_COMMON + "()()()", re.ASCII),
    "combined": re.compile(_COMMON + rf" {_QUOTED} {_QUOTED}(?: (.+))?", re.ASCII),
}
_REQUEST = re.compile(r"([A-Z][A-Z_-]*) (\S.*?)(?: (HTTP/\d(?:\.\d)?))?", re.ASCII)
_ESCAPE = re.compile(r'\\(["\\]|x[2-7][0-9A-Fa-f])')
_NAMES = "JanFebMarAprMayJunJulAugSepOctNovDec"
_MONTHS = {_NAMES[3 * i : 3 * i + 3]: i + 1 for i in range(12)}


class Weblog:
    """A line of an access log.

    Parameters
    ----------
    name
        ``common`` or ``combined``.

    Examples
    --------
    >>> text = b'::1 - ann [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326'
    >>> data = Weblog("common").decode(text)
    >>> data["user"], data["time"], data["path"], data["bytes"]
    ('ann', '2000-10-10T13:55:36-07:00', '/a.gif', 2326)
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._match = _LINES[name].fullmatch
        self._is_combined = name == "combined"

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return what the line says; see `aimass.formats.base.Format`."""
        text = line(value)
        found = self._match(text)
        if found is None:
            raise BadEvent(self._why(text))
        host, ident, user, *when, request, status, size, referer, agent, extra = found.groups()
        data = {"host": host, "ident": _said(ident), "user": _said(user), "time": _time(*when)}
        _request(data, _said(request))
        data["status"] = None if status == "-" else int(status)
        data["bytes"] = None if size == "-" else int(size)
        if self._is_combined:
            data["referer"], data["agent"] = _said(referer), _said(agent)
            if extra:
                data["extra"] = extra
        return data

    def _why(self, text: str) -> str:
        if not self._is_combined and _LINES["combined"].fullmatch(text):
            return 'not a line of the common log format but of the combined one: set format = "combined"'
        if self._is_combined and _LINES["common"].fullmatch(text):
            return 'no referer and no agent in the line: set format = "common"'
        return f"not a line of the {self.name} log format: {text[:60]!r}"


def _said(text: str) -> str | None:
    if text == "-":
        return None
    return _ESCAPE.sub(_sign, text) if "\\" in text else text


def _sign(found: re.Match[str]) -> str:
    name = found[1]
    return chr(int(name[1:], 16)) if len(name) > 1 else name


def _time(day: str, month: str, year: str, hour: str, minute: str, second: str, east: str, rest: str) -> str:
    number = _MONTHS.get(month)
    try:
        datetime(int(year), number or 0, int(day), int(hour), int(minute), int(second))
    except ValueError as exc:
        raise BadEvent(f"{day}/{month}/{year}:{hour}:{minute}:{second} is no time") from exc
    return f"{year}-{number:02d}-{day}T{hour}:{minute}:{second}{east}:{rest}"


def _request(data: dict[str, Any], request: str | None) -> None:
    """Take a request line apart; keep it whole when it is none, as clients send anything."""
    found = None if request is None else _REQUEST.fullmatch(request)
    if found is None:
        data["method"] = data["path"] = data["protocol"] = None
        data["request"] = request
    else:
        data["method"], data["path"], data["protocol"] = found.groups()
