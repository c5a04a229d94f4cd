"""Protocol Buffers: messages by a descriptor, from a file that protoc made or from a registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from aimass.errors import BadEvent
from aimass.formats.base import Headers
from aimass.formats.book import BODY, SchemaBook
from aimass.formats.guard import as_object, checked
from aimass.formats.protobuf_json import Read, Readers

_WELL_KNOWN = (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
_MOST_INDEXES = 32
_MOST_PATHS = 1_024


class ProtobufTypes:
    """Message types, of some files, and what makes JSON of each.

    Parameters
    ----------
    files
        Descriptors of the files, in any order. What comes with protoc need not be among them; of what else is missing
        only the import is left out, as most such imports bear nothing but options.
    main
        The file whose messages are meant; without it, all files' that do not come with protoc.

    Raises
    ------
    ValueError
        When they do not fit together.

    Examples
    --------
    >>> file = FileDescriptorProto(name="pump.proto", syntax="proto3")
    >>> file.message_type.add(name="Pump").field.add(name="speed", number=1, type=1, label=1)  # doctest: +ELLIPSIS
    name: "speed"...
    >>> ProtobufTypes([file]).messages()
    ['Pump']
    """

    def __init__(self, files: Iterable[FileDescriptorProto], main: str | None = None) -> None:
        known = {one.name: one for one in files}
        mine = [main] if main is not None else [name for name in known if not name.startswith("google/protobuf/")]
        for module in _WELL_KNOWN:
            known.setdefault(module.DESCRIPTOR.name, FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
        pool = DescriptorPool()
        for one in _in_order(known):
            try:
                pool.AddSerializedFile(one.SerializeToString())
            except TypeError as exc:
                raise ValueError(f"no Protobuf descriptors: {exc}"[:300]) from exc
        self._pool, self._readers = pool, Readers(pool)
        self._roots = [root for name in mine for root in pool.FindFileByName(name).message_types_by_name.values()]

    def messages(self) -> list[str]:
        """Return the full names of all messages at the top of their files."""
        return [one.full_name for one in self._roots]

    def message(self, name: str | None = None) -> ProtobufMessage:
        """Return the message of this name; without one, the only message that there is.

        Raises
        ------
        ValueError
            When there is no such message.
        """
        if name is None:
            if len(self._roots) == 1:
                return self._made(self._roots[0])
            listed = ", ".join(self.messages()[:8]) or "none"
            raise ValueError(f"`message` must name one of the messages: {listed}")
        try:
            return self._made(self._pool.FindMessageTypeByName(name))
        except KeyError as exc:
            listed = ", ".join(self.messages()[:8]) or "none"
            raise ValueError(f"no message {name!r} in the schema; its messages: {listed}") from exc

    def at(self, indexes: Iterable[int]) -> ProtobufMessage:
        """Return the message that a path of indexes leads to: into the file, then into each message.

        Raises
        ------
        BadEvent
            When it leads nowhere.
        """
        within: list[Descriptor] = self._roots
        found: Descriptor | None = None
        for index in indexes:
            if not 0 <= index < len(within):
                raise BadEvent(f"message index {index} of {len(within)}")
            found = within[index]
            within = list(found.nested_types)
        if found is None:
            raise BadEvent("no message index")
        return self._made(found)

    def _made(self, descriptor: Descriptor) -> ProtobufMessage:
        return ProtobufMessage(descriptor, self._readers.of(descriptor))


class ProtobufMessage:
    """A type of messages: makes JSON of their bytes."""

    __slots__ = ("_class", "_read", "name")

    def __init__(self, descriptor: Descriptor, read: Read) -> None:
        self.name = descriptor.full_name
        self._class: type[Message] = GetMessageClass(descriptor)
        self._read = read

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return the object.

        Raises
        ------
        BadEvent
            When the bytes are no such message.
        """
        try:
            message = self._class.FromString(body)
        except DecodeError as exc:
            raise BadEvent(f"not a message {self.name}: {exc}"[:200]) from exc
        if not message.IsInitialized():
            raise BadEvent(f"not a message {self.name}: required fields are missing")
        return as_object(self._read(message, 0))


class Protobuf:
    """Values that are messages: of one type, or of those that a registry knows.

    Parameters
    ----------
    types
        The messages of a file: values are one of them and nothing else.
    message
        The full name of the one; of a registry's, all others are refused.
    book
        What the registry said: each value names its schema, and the message in it.

    Raises
    ------
    ValueError
        When there is no such message.
    """

    name = "protobuf"

    def __init__(
        self, types: ProtobufTypes | None = None, message: str | None = None, book: SchemaBook | None = None
    ) -> None:
        self._only = None if types is None else types.message(message)
        self._wanted, self._book = message, book
        self._found: dict[tuple[int, bytes], ProtobufMessage] = {}

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the object; see `aimass.formats.base.Format`."""
        checked(value)
        if self._only is not None:
            return self._only.decode(value)
        if self._book is None:
            raise BadEvent("no descriptor to read it by: give `schema` or `registry`")
        id, types = self._book.schema(value)
        if not isinstance(types, ProtobufTypes):
            raise BadEvent(f"schema {id} is none of Protobuf")
        indexes, start = _indexes(value)
        path = (id, value[BODY:start])
        message = self._found.get(path)
        if message is None:
            if len(self._found) >= _MOST_PATHS:  # a path can be written in more ways than one
                self._found.clear()
            message = self._found[path] = self._check(types.at(indexes))
        return message.decode(value[start:])

    def _check(self, message: ProtobufMessage) -> ProtobufMessage:
        if self._wanted is not None and message.name != self._wanted:
            raise BadEvent(f"a message {message.name}, not {self._wanted}")
        return message


def read_set(raw: bytes) -> ProtobufTypes:
    """Return the types of a file that ``protoc --include_imports --descriptor_set_out`` made.

    Raises
    ------
    ValueError
        When it is none.
    """
    try:
        files = FileDescriptorSet.FromString(raw).file
    except DecodeError as exc:
        raise ValueError("no file that `protoc --descriptor_set_out` made") from exc
    if not files:
        raise ValueError("no file that `protoc --descriptor_set_out` made: it holds no descriptors")
    return ProtobufTypes(files)


def _in_order(known: dict[str, FileDescriptorProto]) -> list[FileDescriptorProto]:
    """Return files after those that they import, without the imports of what is not there."""
    done: dict[str, FileDescriptorProto] = {}
    left = dict(known)
    while left:
        ready = [name for name, one in left.items() if not any(other in left for other in one.dependency)]
        if not ready:
            raise ValueError(f"no Protobuf descriptors: files that import each other: {', '.join(sorted(left))[:200]}")
        for name in ready:
            done[name] = _without_missing(left.pop(name), known)
    return list(done.values())


def _without_missing(file: FileDescriptorProto, known: dict[str, FileDescriptorProto]) -> FileDescriptorProto:
    if all(name in known for name in file.dependency):
        return file
    made = FileDescriptorProto()
    made.CopyFrom(file)
    kept = [i for i, name in enumerate(file.dependency) if name in known]
    for field, numbers in (("public_dependency", file.public_dependency), ("weak_dependency", file.weak_dependency)):
        made.ClearField(field)  # type: ignore[arg-type]
        getattr(made, field).extend(kept.index(i) for i in numbers if i in kept)
    del made.dependency[:]
    made.dependency.extend(file.dependency[i] for i in kept)
    return made


def _indexes(value: bytes) -> tuple[list[int], int]:
    """Return the path of indexes that stands before the message, and where the message begins."""
    try:
        count, at = _zigzag(value, BODY)
        if count == 0:  # the first message of the file, in short
            return [0], at
        if not 0 < count <= _MOST_INDEXES:
            raise BadEvent(f"{count} message indexes")
        indexes = []
        for _ in range(count):
            index, at = _zigzag(value, at)
            indexes.append(index)
        return indexes, at
    except IndexError as exc:
        raise BadEvent("truncated in the message indexes") from exc


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (number >> 1) ^ -(number & 1), at
        if shift > 35:
            raise BadEvent("a message index of more than 32 bits")
