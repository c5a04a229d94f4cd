"""logfmt: ``level=info msg="it stopped" retry``."""

from __future__ import annotations

import re
from typing import Any

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.guard import line

_PAIR = re.compile(r'\s*+([^\s="]++)(=)?(?:(?<==)(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]\S*+)?))?(?=\s|\Z)', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class Logfmt:
    r"""Pairs of key and value, as texts; a bare key is true, and nothing after the sign is null.

    Examples
    --------
    >>> Logfmt().decode(b'level=warn msg="says \\"no\\"" took=12ms user= retry')
    {'level': 'warn', 'msg': 'says "no"', 'took': '12ms', 'user': None, 'retry': True}
    """

    name = "logfmt"

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the pairs; see `aimass.formats.base.Format`."""
        text = line(value).rstrip()
        if "=" not in text:
            raise BadEvent("no `key=value` in the line")
        data: dict[str, Any] = {}
        at, end, match = 0, len(text), _PAIR.match
        while at < end:
            found = match(text, at)
            if found is None:
                raise BadEvent(f"no `key=value` at character {at}: {text[at : at + 20]!r}")
            key, sign, quoted, plain = found.groups()
            if quoted is not None:
                data[key] = _unescaped(quoted) if "\\" in quoted else quoted
            else:
                data[key] = plain if sign else True
            at = found.end()
        return data


def _unescaped(text: str) -> str:
    try:
        whole = _ESCAPE.sub(_sign, text)
        return whole.encode("utf-16", "surrogatepass").decode("utf-16")  # two halves of a pair become one
    except (ValueError, OverflowError) as exc:
        raise BadEvent(f"an escape that is no character in {text[:40]!r}") from exc


def _sign(found: re.Match[str]) -> str:
    name = found[1]
    if len(name) > 1:
        return chr(int(name[1:], 16))
    return _SIGNS.get(name, found[0])
