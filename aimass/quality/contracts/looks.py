"""What texts may have to look like: the formats of contracts, as JSON Schema names them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*").fullmatch
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+").fullmatch
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch
_DAY = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)").fullmatch


def _tried(make: Callable[[str], object]) -> Callable[[str], bool]:
    def is_such(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return is_such


_is_date, _is_time = _tried(date.fromisoformat), _tried(datetime.fromisoformat)
_is_ipv6 = _tried(IPv6Address)

#: By format: whether a text looks like that.
LOOKS: dict[str, Callable[[str], bool]] = {
    "date": lambda text: _DAY(text) is not None and _is_date(text),
    "date-time": lambda text: _MOMENT(text) is not None and _is_time(text.upper()),
    "email": lambda text: _EMAIL(text) is not None,
    "hostname": lambda text: _HOST.fullmatch(text) is not None,
    "ipv4": _tried(IPv4Address),
    "ipv6": lambda text: "%" not in text and _is_ipv6(text),
    "uri": lambda text: _URI(text) is not None,
    "uuid": lambda text: _UUID(text) is not None,
}


def looks(text: str, format: str) -> bool:
    """Return whether a text looks as a format says.

    Examples
    --------
    >>> looks("2026-05-01", "date"), looks("10.0.0.256", "ipv4")
    (True, False)
    """
    return LOOKS[format](text)
