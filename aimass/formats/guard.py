"""What every format holds to: sizes, depths, texts that are UTF-8, and numbers that JSON has."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aimass.errors import BadEvent

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 128
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_KINDS: dict[type[Any], str] = {
    **{list: "a list", str: "text", bytes: "bytes", bool: "true or false", type(None): "null", datetime: "a time"},
    **{int: "a number", float: "a number"},
}


def checked(value: bytes) -> bytes:
    """Return a value that is not too large.

    Raises
    ------
    BadEvent
        When it is.
    """
    if len(value) > MAX_BYTES:
        raise BadEvent(f"{len(value):,} bytes, more than {MAX_BYTES:,}")
    return value


def line(value: bytes) -> str:
    r"""Return a value as text, without the line break that it may end with.

    Raises
    ------
    BadEvent
        When it is empty, too large, or no UTF-8.

    Examples
    --------
    >>> line(b"GET /\r\n")
    'GET /'
    """
    try:
        text = checked(value).decode()
    except UnicodeDecodeError as exc:
        raise BadEvent(f"not UTF-8: byte {exc.start} is 0x{value[exc.start]:02x}") from exc
    if text.endswith("\n"):
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
    if not text:
        raise BadEvent("an empty value")
    return text


def finite(number: float) -> float | str:
    """Return a number, or the text that Protobuf's JSON has where JSON has no number.

    Examples
    --------
    >>> finite(1.5), finite(float("nan")), finite(float("-inf"))
    (1.5, 'NaN', '-Infinity')
    """
    if number - number == 0.0:
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def as_object(data: Any) -> dict[str, Any]:
    """Return what was decoded, when it is an object.

    Raises
    ------
    BadEvent
        When it is something else, naming it.

    Examples
    --------
    >>> as_object([1])
    Traceback (most recent call last):
        ...
    aimass.errors.BadEvent: not an object but a list
    """
    if type(data) is not dict:
        raise BadEvent(f"not an object but {_KINDS.get(type(data), 'something else')}")
    return data
