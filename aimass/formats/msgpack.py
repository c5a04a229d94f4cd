"""MessagePack: JSON's values and a few more, in bytes."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.guard import MAX_DEPTH, TOO_DEEP, as_object, checked, finite

_DECODER = msgspec.msgpack.Decoder()
_PLAIN = frozenset((str, int, bool, type(None)))


class Msgpack:
    r"""An object; bytes become base64, timestamps ISO 8601, and NaN a text.

    Examples
    --------
    >>> Msgpack().decode(b"\x82\xa4pump\x07\xa3raw\xc4\x02\x00\xff")
    {'pump': 7, 'raw': 'AP8='}
    """

    name = "msgpack"

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the object; see `aimass.formats.base.Format`."""
        try:
            data = _DECODER.decode(checked(value))
        except msgspec.DecodeError as exc:
            raise BadEvent(f"not MessagePack: {exc}") from exc
        except RecursionError as exc:
            raise BadEvent(TOO_DEEP) from exc
        made = as_object(data)
        _make_plain(made, 1)
        return made


def _make_plain(data: dict[Any, Any], depth: int) -> None:
    """Replace what JSON does not have; most objects hold nothing of the kind, and are only looked at."""
    for name, value in data.items():
        if type(name) is not str:
            raise BadEvent(f"an object with {_short(name)} as a key: keys are texts")
        kind = type(value)
        if kind not in _PLAIN and (kind is not float or value - value != 0.0):
            data[name] = _plain(value, depth)  # replacing values is safe while iterating: no key is added


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is float:
        return finite(value)
    if kind is dict or kind is list:
        if depth >= MAX_DEPTH:
            raise BadEvent(TOO_DEEP)
        if kind is dict:
            _make_plain(value, depth + 1)
            return value
        return [one if type(one) in _PLAIN else _plain(one, depth + 1) for one in value]
    if kind is bytes:
        return base64.b64encode(value).decode("ascii")
    if kind is datetime:
        return value.isoformat().replace("+00:00", "Z")
    raise BadEvent(f"a value of extension type {value.code}: its meaning is not known")


def _short(key: Any) -> str:
    return repr(key)[:40] if isinstance(key, int | float | bytes | bool) else type(key).__name__
