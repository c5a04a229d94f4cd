"""Avro: binary values by a schema, from a file or a registry."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from aimass.errors import BadEvent
from aimass.formats.avro_reader import Compiler, reason
from aimass.formats.base import Headers
from aimass.formats.book import BODY, SchemaBook
from aimass.formats.guard import as_object, checked

_WRONG = (SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class AvroSchema:
    r"""A schema, compiled to what reads its values.

    Parameters
    ----------
    text
        The schema, as JSON.
    references
        Schemas of the named types that it uses and does not define, each after those that it uses itself.

    Raises
    ------
    ValueError
        When it is no schema.

    Examples
    --------
    >>> schema = AvroSchema('{"type": "record", "name": "P", "fields": [{"name": "pump", "type": "string"}]}')
    >>> schema.decode(b"\4p7", 0)
    {'pump': 'p7'}
    """

    def __init__(self, text: str | bytes, references: Sequence[str | bytes] = ()) -> None:
        named: dict[str, Any] = {}
        try:
            parsed = [_parsed(one, named) for one in (*references, text)]
            self._read = Compiler(named).reader(parsed[-1])
        except _WRONG as exc:
            raise ValueError(f"no Avro schema: {_said(exc)}") from exc

    def decode(self, value: bytes, start: int) -> dict[str, Any]:
        """Return the object that a value holds from one of its bytes on.

        Raises
        ------
        BadEvent
            When it holds none.
        """
        try:
            data, end = self._read(value, start, 0)
        except (ValueError, IndexError, struct.error) as exc:
            raise BadEvent(reason(exc)) from exc
        if end != len(value):
            raise BadEvent(f"{len(value) - end:,} bytes are left over after the value: is it another schema's?")
        return as_object(data)


class Avro:
    """Values that are Avro: a schema's own, or those of the schemas that a registry knows.

    Parameters
    ----------
    schema
        The schema of all values.
    book
        What the registry said: each value names its schema.
    """

    name = "avro"

    def __init__(self, schema: AvroSchema | None = None, book: SchemaBook | None = None) -> None:
        self._schema, self._book = schema, book

    def decode(self, value: bytes, headers: Headers = ()) -> dict[str, Any]:
        """Return the object; see `aimass.formats.base.Format`."""
        checked(value)
        if self._schema is not None:
            return self._schema.decode(value, 0)
        if self._book is None:
            raise BadEvent("no schema to read it by: give `schema` or `registry`")
        id, schema = self._book.schema(value)
        if not isinstance(schema, AvroSchema):
            raise BadEvent(f"schema {id} is none of Avro")
        return schema.decode(value, BODY)


def _parsed(text: str | bytes, named: dict[str, Any]) -> Any:
    """Return a schema with full names; defaults are not looked at: they are for writers, and often wrong."""
    return fastavro.parse_schema(json.loads(text), named, _write_hint=False, _ignore_default_error=True)


def _said(exc: Exception) -> str:
    return "nested too deep" if isinstance(exc, RecursionError) else f"{type(exc).__name__}: {exc}"[:200]
