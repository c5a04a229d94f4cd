"""Reads Avro's binary encoding straight into what JSON has, as the specification 1.12 says.

fastavro reads faster, but a value of ten kilobytes can have it overflow the C stack (a list that is nested by its
schema) or allocate for ever (an array of nulls). Here depth is bounded, and what takes no bytes is refused.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping
from typing import Any

from aimass.errors import BadEvent
from aimass.formats.avro_logical import LOGICAL
from aimass.formats.guard import MAX_DEPTH, TOO_DEEP, finite

#: Reads a value at a position, within so many levels; returns it, and the position after it.
Read = Callable[[bytes, int, int], tuple[Any, int]]
_FLOAT, _DOUBLE = struct.Struct("<f").unpack_from, struct.Struct("<d").unpack_from


class Compiler:
    """Makes what reads a schema's values.

    Parameters
    ----------
    named
        The named types, as `fastavro.parse_schema` leaves them: by full names.
    """

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named, self._readers = named, dict[str, Read]()

    def reader(self, schema: Any) -> Read:
        """Return what reads values of a parsed schema."""
        if isinstance(schema, list):
            return _union([self.reader(one) for one in schema])
        if isinstance(schema, str):
            return _PRIMITIVES.get(schema) or self._by_name(schema)
        made = self._plain(schema)
        logical = LOGICAL.get((schema["type"], str(schema.get("logicalType"))))
        convert = None if logical is None else logical(schema)
        return made if convert is None else _converted(_raw(schema) or made, convert)

    def _plain(self, schema: Mapping[str, Any]) -> Read:
        kind = schema["type"]
        if kind == "array":
            return _array(self.reader(schema["items"]))
        if kind == "map":
            return _map(self.reader(schema["values"]))
        if kind in ("record", "error"):
            return self._record(schema)
        if kind == "enum":
            return _enum(schema["symbols"])
        if kind == "fixed":
            return _converted(_fixed(schema["size"]), _base64)
        return self.reader(kind)

    def _record(self, schema: Mapping[str, Any]) -> Read:
        # A type that uses itself finds its reader when it is read.
        self._readers[schema["name"]] = lambda data, at, depth: self._readers[schema["name"]](data, at, depth)
        made = _record([(one["name"], self.reader(one["type"])) for one in schema["fields"]])
        self._readers[schema["name"]] = made
        return made

    def _by_name(self, name: str) -> Read:
        found = self._readers.get(name)
        return self.reader(self._named[name]) if found is None else found


def reason(exc: Exception) -> str:
    """Return why bytes are no value, in words."""
    if isinstance(exc, UnicodeDecodeError):
        return "a text that is not UTF-8"
    return str(exc) if isinstance(exc, ValueError) else "truncated"


def _long(data: bytes, at: int, depth: int) -> tuple[int, int]:
    byte = data[at]
    at += 1
    number, shift = byte & 127, 7
    while byte > 127:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if number >> 64 or shift > 70:
            raise ValueError("a whole number of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def _null(data: bytes, at: int, depth: int) -> tuple[None, int]:
    return None, at


def _boolean(data: bytes, at: int, depth: int) -> tuple[bool, int]:
    byte = data[at]
    if byte > 1:
        raise ValueError(f"0x{byte:02x} is neither true nor false")
    return byte == 1, at + 1


def _float(data: bytes, at: int, depth: int) -> tuple[float | str, int]:
    return finite(_FLOAT(data, at)[0]), at + 4


def _double(data: bytes, at: int, depth: int) -> tuple[float | str, int]:
    return finite(_DOUBLE(data, at)[0]), at + 8


def _bytes(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
    size, at = _long(data, at, depth)
    end = at + size
    if size < 0 or end > len(data):
        raise ValueError(f"truncated: {size:,} bytes are announced, and there are {len(data) - at:,}")
    return data[at:end], end


def _string(data: bytes, at: int, depth: int) -> tuple[str, int]:
    raw, at = _bytes(data, at, depth)
    return raw.decode(), at


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _converted(read: Read, convert: Callable[[Any], Any]) -> Read:
    def converted(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        value, at = read(data, at, depth)
        return convert(value), at

    return converted


def _raw(schema: Mapping[str, Any]) -> Read | None:
    """Return what reads bytes as they are, for logical types that are made of them."""
    if schema["type"] == "fixed":
        return _fixed(schema["size"])
    return _bytes if schema["type"] == "bytes" else None


def _fixed(size: int) -> Read:
    def fixed(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
        end = at + size
        if end > len(data):
            raise IndexError
        return data[at:end], end

    return fixed


def _enum(symbols: list[str]) -> Read:
    def enum(data: bytes, at: int, depth: int) -> tuple[str, int]:
        index, at = _long(data, at, depth)
        if not 0 <= index < len(symbols):
            raise ValueError(f"symbol {index} of {len(symbols)}")
        return symbols[index], at

    return enum


def _union(branches: list[Read]) -> Read:
    def union(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        index, at = _long(data, at, depth)
        if not 0 <= index < len(branches):
            raise ValueError(f"branch {index} of a union of {len(branches)}")
        return branches[index](data, at, depth)

    return union


def _record(fields: list[tuple[str, Read]]) -> Read:
    def record(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
        if depth >= MAX_DEPTH:
            raise BadEvent(TOO_DEEP)
        depth += 1
        made: dict[str, Any] = {}
        name = ""
        try:
            for name, read in fields:
                made[name], at = read(data, at, depth)
        except (ValueError, IndexError, struct.error) as exc:
            raise BadEvent(f"in field {name!r}: {reason(exc)}") from exc
        return made, at

    return record


def _blocks(data: bytes, at: int) -> tuple[int, int]:
    """Return how many items the next block has, and where they begin."""
    count, at = _long(data, at, 0)
    if count < 0:
        count = -count
        _, at = _long(data, at, 0)
    if count > len(data) - at:
        raise ValueError(f"truncated: {count:,} items are announced in {len(data) - at:,} bytes")
    return count, at


def _array(read: Read) -> Read:
    def array(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
        if depth >= MAX_DEPTH:
            raise BadEvent(TOO_DEEP)
        items: list[Any] = []
        while True:
            count, at = _blocks(data, at)
            if not count:
                return items, at
            for _ in range(count):
                item, end = read(data, at, depth + 1)
                if end == at:
                    raise ValueError("an array of items that take no bytes")
                at = end
                items.append(item)

    return array


def _map(read: Read) -> Read:
    def map_(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
        if depth >= MAX_DEPTH:
            raise BadEvent(TOO_DEEP)
        made: dict[str, Any] = {}
        while True:
            count, at = _blocks(data, at)
            if not count:
                return made, at
            for _ in range(count):
                name, at = _string(data, at, depth)
                made[name], at = read(data, at, depth + 1)

    return map_


_PRIMITIVES: dict[str, Read] = {
    "null": _null,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "float": _float,
    "double": _double,
    "bytes": _converted(_bytes, _base64),
    "string": _string,
}
