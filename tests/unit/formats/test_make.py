"""Does each format take its own options, and any bytes?"""

import json
import re

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats import FORMATS
from aimass.formats.avro import AvroSchema
from aimass.formats.book import SchemaBook
from aimass.formats.guard import MAX_BYTES
from aimass.formats.make import make_format
from aimass.formats.protobuf import ProtobufTypes
from tests.unit.formats.messages import described, pump

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "a", "type": ["null", "R", "long", "string", "bytes", {"type": "map", "values": "double"}]},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 3}},
        {"name": "l", "type": {"type": "array", "items": ["R", "float"]}},
    ],
}
AVRO = json.dumps(SCHEMA).encode()
BOOK = SchemaBook()
BOOK.put(1, AvroSchema(AVRO))
BOOK.put(2, ProtobufTypes([pump()], "pump.proto"))
MADE = {
    "csv": make_format("csv", columns=["a", "b"]),
    "csv by header": make_format("csv"),
    "msgpack": make_format("msgpack"),
    "avro": make_format("avro", schema=AVRO),
    "avro of a registry": make_format("avro", book=BOOK),
    "protobuf": make_format("protobuf", schema=described(pump()), message="t.Pump"),
    "well-known": make_format("protobuf", schema=described(pump()), message="t.Known"),
    "protobuf of a registry": make_format("protobuf", book=BOOK),
    "text": make_format("text"),
    "common": make_format("common"),
    "combined": make_format("combined"),
    "syslog": make_format("syslog"),
    "logfmt": make_format("logfmt"),
    "pattern": make_format("pattern", pattern=r"(?P<a>\S+)( (?P<b>.*))?"),
}
STARTS = (
    *(b"", b"\x00\x00\x00\x00\x01", b"\x00\x00\x00\x00\x02\x00", b"\x00\x00\x00\x00\x02\x02\x02", b"\x81\xa1a", b'a="'),
    *(b"<34>1 2003-10-11T22:14:15.003Z h a - - [x ", b"<34>Oct 11 22:14:15 h ", b"\x6a", b"\x4a", b"\x32"),
    b'h - - [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326',
)


def test_every_format_can_be_made():
    assert {made.name for made in MADE.values()} | {"json"} == set(FORMATS)


def test_json_is_left_to_the_reader_of_events():
    assert make_format("json") is None


@pytest.mark.parametrize("name", MADE)
@given(st.sampled_from(STARTS), st.binary(max_size=60) | st.text(st.characters(codec="utf-8")).map(str.encode))
@example(b"", b"")
@example(b"", b"\xff" * 30)
@example(b"", b"\x00" * 30)
def test_any_bytes_are_an_object_that_json_has_or_a_bad_event(name, start, rest):
    format, value = MADE[name], start + rest
    headers = [("aimass.columns", rest)] if name == "csv by header" else ()
    try:
        data = format.decode(value, headers)
    except BadEvent as exc:
        data = {"why": str(exc)}
        with pytest.raises(BadEvent, match=re.escape(data["why"])):
            format.decode(value, headers)
        return
    assert type(data) is dict
    assert orjson.loads(orjson.dumps(data)) == data
    assert orjson.dumps(format.decode(value, headers)) == orjson.dumps(data)


@pytest.mark.parametrize("name", MADE)
def test_values_of_more_than_8_mib_are_refused(name):
    headers = [("aimass.columns", b'["a"]')]
    with pytest.raises(BadEvent, match="8,388,609 bytes, more than 8,388,608"):
        MADE[name].decode(b"=" * (MAX_BYTES + 1), headers)


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("xml", {}, "no format 'xml'; there are json, csv"),
        ("json", {"pattern": "x"}, '`pattern` is an option of format = "pattern", not of "json"'),
        ("text", {"columns": ["a"]}, '`columns` is an option of format = "csv", not of "text"'),
        ("text", {"delimiter": ";"}, '`delimiter` is an option of format = "csv", not of "text"'),
        ("csv", {"schema": b""}, '`schema` is an option of format = "avro" or "protobuf", not of "csv"'),
        ("avro", {"schema": b"", "message": "x"}, '`message` is an option of format = "protobuf", not of "avro"'),
        ("syslog", {"book": SchemaBook()}, '`registry` is an option of format = "avro" or "protobuf", not of "syslog"'),
        ("pattern", {}, 'format = "pattern" needs `pattern`'),
        ("avro", {}, 'format = "avro" needs either `schema`, a file, or `registry`, a URL'),
        ("protobuf", {"schema": b"", "book": SchemaBook()}, 'format = "protobuf" needs either `schema`'),
        ("avro", {"schema": b"{"}, "`schema`: no Avro schema"),
        ("protobuf", {"schema": b"{"}, "`schema`: no file that `protoc"),
        ("protobuf", {"schema": described(pump())}, "`message` must name one"),
    ],
)
def test_options_that_are_wrong_say_so(name, options, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        make_format(name, **options)
