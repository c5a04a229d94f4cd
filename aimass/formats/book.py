"""What a schema registry said, by the ids that values name: the wire format of Confluent."""

from __future__ import annotations

from typing import Any

from aimass.errors import BadEvent

#: A value: a zero, the schema's id in four bytes, and the body.
BODY = 5
_MOST_MISSING = 10_000


class SchemaBook:
    r"""Schemas by id. What it says of an id never changes, so it may be shared by sources and partitions.

    Who reads a topic has it learn first (`aimass.runtime.schemas.Registry.learn`), and decodes then.

    Examples
    --------
    >>> from aimass.formats.avro import AvroSchema
    >>> book = SchemaBook()
    >>> book.needs(b"\0\0\0\0\7\4hi")
    7
    >>> book.put(7, AvroSchema('"string"'))
    >>> book.needs(b"\0\0\0\0\7\4hi") is None
    True
    """

    def __init__(self) -> None:
        self._schemas: dict[int, Any] = {}
        self._missing: dict[int, str] = {}

    def needs(self, value: bytes | None) -> int | None:
        """Return the id of the schema that a value names and the book does not know of; ``None``: nothing is needed."""
        if value is None or len(value) < BODY or value[0] != 0:
            return None
        id = int.from_bytes(value[1:BODY], "big")
        return None if id in self._schemas or id in self._missing else id

    def put(self, id: int, schema: Any) -> None:
        """Write down a schema: an `AvroSchema` or a `ProtobufTypes`."""
        self._missing.pop(id, None)
        self._schemas[id] = schema

    def put_missing(self, id: int, why: str) -> None:
        """Write down why there is no schema to read values of this id by: they are refused for that."""
        if len(self._missing) >= _MOST_MISSING:  # garbage names any id; what is forgotten is asked for again
            del self._missing[next(iter(self._missing))]
        self._missing[id] = why

    def schema(self, value: bytes) -> tuple[int, Any]:
        """Return the schema that a value names, and its id.

        Raises
        ------
        BadEvent
            When it names none, or none that is known.
        """
        if len(value) < BODY or value[0] != 0:
            what = f"it begins with 0x{value[0]:02x}" if value else "it is empty"
            raise BadEvent(f"not in the wire format of a schema registry (a zero, an id in four bytes, a body): {what}")
        id = int.from_bytes(value[1:BODY], "big")
        schema = self._schemas.get(id)
        if schema is None:
            raise BadEvent(f"schema {id}: {self._missing.get(id, 'the registry was not asked for it')}")
        return id, schema
