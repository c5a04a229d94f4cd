"""What Protobuf's messages are in JSON: its own mapping, except that all whole numbers stay numbers.

`google.protobuf.json_format` writes 64-bit numbers as texts, and looks at each field's descriptor for each value.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from aimass.errors import BadEvent
from aimass.formats.guard import MAX_DEPTH, TOO_DEEP, finite

#: Makes JSON of a message, or of a field's value, that stands within so many levels.
Read = Callable[[Any, int], Any]
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)


class Readers:
    """What makes JSON of messages, by their types; made when first asked for.

    Parameters
    ----------
    pool
        Where types are looked up that a value names (``google.protobuf.Any``).
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._made: dict[str, Read] = {}
        self._classes: dict[str, type[Message]] = {}  # a class that nobody holds would be made for each value

    def of(self, descriptor: Descriptor) -> Read:
        """Return what makes JSON of a type's messages."""
        name = descriptor.full_name
        if name not in self._made:
            # A type that uses itself finds its reader when it is read.
            self._made[name] = lambda message, depth: self._made[name](message, depth)
            self._made[name] = self._well_known(name) or _message([self._field(one) for one in descriptor.fields])
        return self._made[name]

    def _well_known(self, name: str) -> Read | None:
        if name == "google.protobuf.Any":
            return self._any
        if name.startswith("google.protobuf.") and name.endswith("Value") and name[16:-5] in _WRAPPED:
            return lambda message, depth: _WRAPPED[name[16:-5]](message.value)
        return _WELL_KNOWN.get(name)

    def _field(self, field: FieldDescriptor) -> tuple[str, bool, Read]:
        if not field.is_repeated:
            return field.name, field.has_presence, self._one(field)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return field.name, False, _map(self._one(entry.fields_by_name["value"]), entry)
        return field.name, False, _list(self._one(field))

    def _one(self, field: FieldDescriptor) -> Read:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        if field.cpp_type in _FLOATS:
            return lambda value, depth: finite(value)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return lambda value, depth: _base64(value)
        return _text if field.type == FieldDescriptor.TYPE_STRING else _same

    def _class(self, descriptor: Descriptor) -> type[Message]:
        name = descriptor.full_name
        if name not in self._classes:
            self._classes[name] = GetMessageClass(descriptor)
        return self._classes[name]

    def _any(self, message: Any, depth: int) -> dict[str, Any]:
        """Return a message of a type that is named: by its fields where the type is known, else its bytes."""
        _check(depth)
        url = message.type_url
        try:
            descriptor = self._pool.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError:
            return {"@type": url, "value": _base64(message.value)}
        try:
            inner = self._class(descriptor).FromString(message.value)
        except DecodeError as exc:
            raise BadEvent(f"not a message {descriptor.full_name}: {exc}"[:200]) from exc
        data = self.of(descriptor)(inner, depth + 1)
        return {"@type": url, **data} if type(data) is dict else {"@type": url, "value": data}


def _check(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise BadEvent(TOO_DEEP)


def _message(fields: list[tuple[str, bool, Read]]) -> Read:
    plan = [(name, may_lack, attrgetter(name), read) for name, may_lack, read in fields]

    def message_(message: Any, depth: int) -> dict[str, Any]:
        _check(depth)
        data = {}
        for name, may_lack, value, read in plan:
            if not may_lack or message.HasField(name):
                data[name] = read(value(message), depth + 1)
        return data

    return message_


def _list(read: Read) -> Read:
    def list_(values: Any, depth: int) -> list[Any]:
        _check(depth)
        return [read(one, depth + 1) for one in values]

    return list_


def _map(read: Read, entry: Descriptor) -> Read:
    kind = entry.fields_by_name["key"].type

    def map_(values: Any, depth: int) -> dict[str, Any]:
        _check(depth)
        keys = list(values)
        if kind == FieldDescriptor.TYPE_STRING:
            keys = [_text(key, depth) for key in keys]
        made = {str(key): read(values[key], depth + 1) for key in sorted(keys)}  # bytes have them in any order
        return {name.lower(): one for name, one in made.items()} if kind == FieldDescriptor.TYPE_BOOL else made

    return map_


def _enum(enum: EnumDescriptor) -> Read:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number, depth: names.get(number, number)


def _same(value: Any, depth: int) -> Any:
    return value


def _text(value: Any, depth: int) -> Any:
    if type(value) is not str:  # proto2 lets any bytes pass
        raise BadEvent("a text that is not UTF-8")
    return value


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _json_text(message: Any, depth: int) -> str:
    """Return a time, a duration or a field mask as text."""
    try:
        return str(message.ToJsonString())
    except (ValueError, OverflowError) as exc:
        raise BadEvent(f"{message.DESCRIPTOR.name} out of range: {exc}"[:200]) from exc


def _struct(message: Any, depth: int) -> dict[str, Any]:
    _check(depth)
    return {name: _value(message.fields[name], depth + 1) for name in sorted(message.fields)}


def _values(message: Any, depth: int) -> list[Any]:
    _check(depth)
    return [_value(one, depth + 1) for one in message.values]


def _value(message: Any, depth: int) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return _struct(message.struct_value, depth)
    if kind == "list_value":
        return _values(message.list_value, depth)
    if kind == "number_value":
        return finite(message.number_value)
    return None if kind is None or kind == "null_value" else getattr(message, kind)


_WRAPPED: dict[str, Callable[[Any], Any]] = {
    "Double": finite,
    "Float": finite,
    "Bytes": _base64,
    **dict.fromkeys(("Int64", "UInt64", "Int32", "UInt32", "Bool", "String"), lambda value: value),
}
_WELL_KNOWN: dict[str, Read] = {
    "google.protobuf.Timestamp": _json_text,
    "google.protobuf.Duration": _json_text,
    "google.protobuf.FieldMask": _json_text,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _values,
    "google.protobuf.Value": _value,
}
