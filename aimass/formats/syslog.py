"""Syslog, as RFC 5424 has it and as RFC 3164 found it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.guard import line

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock"),
    *(f"local{i}" for i in range(8)),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_PRI = re.compile(r"<(\d{1,3})>")
_NEW = re.compile(r"1 (\S++) (\S++) (\S++) (\S++) (\S++) (-|(?=\[))", re.ASCII)
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
_STAMP = re.compile(_ISO, re.ASCII)
_OLD = re.compile(
    rf"((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d|{_ISO}) "
    r"(\S++) (?:([^\s:\[\]]++)(?:\[([^\]]*+)\])?: ?)?(.*)",
    re.ASCII | re.DOTALL,
)
_ELEMENT = re.compile(r'\[([^\s=\]"]++)((?: [^\s=\]"]++="(?:[^"\\]++|\\.)*+")*+)\]', re.DOTALL)
_PARAMETER = re.compile(r' ([^=]++)="((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\\]])')


class Syslog:
    """A line of syslog; which of the two it is, it says itself.

    Examples
    --------
    >>> data = Syslog().decode(b"<34>1 2003-10-11T22:14:15.003Z web1 su - ID47 - 'su root' failed")
    >>> data["severity_name"], data["time"], data["app"], data["message"]
    ('crit', '2003-10-11T22:14:15.003Z', 'su', "'su root' failed")
    >>> Syslog().decode(b"<34>Oct 11 22:14:15 web1 su[230]: failed")["pid"]
    '230'
    """

    name = "syslog"

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return what the line says; see `aimass.formats.base.Format`."""
        text = line(value)
        found = _PRI.match(text)
        number = None if found is None else int(found[1])
        if number is not None and number > 191:
            raise BadEvent(f"the priority <{number}> is more than 191")
        rest = text if found is None else text[found.end() :]
        new = None if found is None else _NEW.match(rest)
        return _old(rest, number) if new is None else _new(rest, number, new)


def _new(text: str, number: int | None, found: re.Match[str]) -> dict[str, Any]:
    """Return what a line of RFC 5424 says."""
    time, host, app, pid, id, nothing = found.groups()
    if time != "-":
        _check_time(time)
    at = found.end()
    elements: dict[str, dict[str, Any]] | None = None
    if not nothing:
        elements, at = _elements(text, at)
    if at < len(text) and text[at] != " ":
        raise BadEvent("no space after the structured data")
    message = text[at + 1 :].removeprefix("\ufeff") if at < len(text) else None
    return _record(number, _said(time), _said(host), _said(app), _said(pid), _said(id), message, elements)


def _elements(text: str, at: int) -> tuple[dict[str, dict[str, Any]], int]:
    elements: dict[str, dict[str, Any]] = {}
    while at < len(text) and text[at] == "[":
        found = _ELEMENT.match(text, at)
        if found is None:
            raise BadEvent(f"the structured data at character {at} of the header is broken")
        if found[1] in elements:
            raise BadEvent(f"two structured data elements named {found[1]!r}")
        elements[found[1]] = _parameters(found[2])
        at = found.end()
    return elements, at


def _parameters(text: str) -> dict[str, Any]:
    """Return parameters by name; one that comes several times is a list."""
    parameters: dict[str, Any] = {}
    for name, raw in _PARAMETER.findall(text):
        value = _ESCAPE.sub(r"\1", raw) if "\\" in raw else raw
        before = parameters.get(name)
        if before is None:
            parameters[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            parameters[name] = [before, value]
    return parameters


def _old(text: str, number: int | None) -> dict[str, Any]:
    """Return what a line of RFC 3164 says; after a priority alone, all is message, as it rules."""
    found = _OLD.fullmatch(text)
    if found is not None:
        time, host, app, pid, message = found.groups()
        if time[0].isdigit():
            _check_time(time)
        return _record(number, time, host, app, pid, None, message, None)
    if number is None:
        raise BadEvent(f"not a line of syslog: it begins with neither a priority nor a time: {text[:40]!r}")
    return _record(number, None, None, None, None, None, text, None)


def _check_time(text: str) -> None:
    try:
        if _STAMP.fullmatch(text):
            datetime.fromisoformat(text)
            return
    except ValueError:
        pass
    raise BadEvent(f"the time {text[:40]!r} is none of RFC 5424")


def _record(
    number: int | None,
    time: str | None,
    host: str | None,
    app: str | None,
    pid: str | None,
    id: str | None,
    message: str | None,
    elements: dict[str, dict[str, Any]] | None,
) -> dict[str, Any]:
    return {
        "facility": None if number is None else number >> 3,
        "facility_name": None if number is None else FACILITIES[number >> 3],
        "severity": None if number is None else number & 7,
        "severity_name": None if number is None else SEVERITIES[number & 7],
        "time": time,
        "host": host,
        "app": app,
        "pid": pid,
        "message_id": id,
        "message": message,
        "data": elements,
    }


def _said(text: str) -> str | None:
    return None if text == "-" else text
