"""Makes the format that a source names, with its options."""

from __future__ import annotations

from collections.abc import Sequence

from aimass.formats import FORMATS
from aimass.formats.avro import Avro, AvroSchema
from aimass.formats.base import Format
from aimass.formats.book import SchemaBook
from aimass.formats.csv import Csv
from aimass.formats.logfmt import Logfmt
from aimass.formats.msgpack import Msgpack
from aimass.formats.protobuf import Protobuf, read_set
from aimass.formats.syslog import Syslog
from aimass.formats.text import Pattern, Text
from aimass.formats.weblog import Weblog

#: Which formats take which option.
_OPTIONS = {
    "columns": ("csv",),
    "delimiter": ("csv",),
    "pattern": ("pattern",),
    "schema": ("avro", "protobuf"),
    "message": ("protobuf",),
    "registry": ("avro", "protobuf"),
}


def make_format(
    name: str,
    *,
    columns: Sequence[str] = (),
    delimiter: str = ",",
    pattern: str | None = None,
    schema: bytes | None = None,
    message: str | None = None,
    book: SchemaBook | None = None,
) -> Format | None:
    """Return a format; ``None`` for ``json``, which the reader of events decodes itself.

    Parameters
    ----------
    name
        One of `aimass.formats.FORMATS`.
    columns, delimiter
        Of ``csv``.
    pattern
        Of ``pattern``.
    schema
        Of ``avro`` and ``protobuf``: what stands in the schema's file.
    message
        Of ``protobuf``: the message's full name.
    book
        Of ``avro`` and ``protobuf``: what the registry said.

    Raises
    ------
    ValueError
        When an option is wrong, missing, or of another format.

    Examples
    --------
    >>> make_format("csv", columns=["pump", "speed"], delimiter=";").decode(b"p7;12")
    {'pump': 'p7', 'speed': '12'}
    >>> make_format("text", pattern=".")
    Traceback (most recent call last):
        ...
    ValueError: `pattern` is an option of format = "pattern", not of "text"
    """
    if name not in FORMATS:
        raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    given = {
        "columns": bool(columns),
        "delimiter": delimiter != ",",
        "pattern": pattern is not None,
        "schema": schema is not None,
        "message": message is not None,
        "registry": book is not None,
    }
    for option, is_given in given.items():
        if is_given and name not in _OPTIONS[option]:
            those = " or ".join(f'"{one}"' for one in _OPTIONS[option])
            raise ValueError(f'`{option}` is an option of format = {those}, not of "{name}"')
    if name == "csv":
        return Csv(columns, delimiter)
    if name == "pattern":
        if pattern is None:
            raise ValueError('format = "pattern" needs `pattern`: a regular expression with named groups')
        return Pattern(pattern)
    if name in ("avro", "protobuf"):
        return _with_schema(name, schema, message, book)
    return _plain(name)


def _plain(name: str) -> Format | None:
    if name in ("common", "combined"):
        return Weblog(name)
    kinds: dict[str, type[Format]] = {"text": Text, "msgpack": Msgpack, "logfmt": Logfmt, "syslog": Syslog}
    return kinds[name]() if name in kinds else None


def _with_schema(name: str, schema: bytes | None, message: str | None, book: SchemaBook | None) -> Format:
    if (schema is None) == (book is None):
        raise ValueError(f'format = "{name}" needs either `schema`, a file, or `registry`, a URL')
    try:
        if name == "avro":
            return Avro(None if schema is None else AvroSchema(schema), book)
        return Protobuf(None if schema is None else read_set(schema), message, book)
    except ValueError as exc:
        raise ValueError(f"`schema`: {exc}") from exc
