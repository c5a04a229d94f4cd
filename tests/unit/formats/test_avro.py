"""Are Avro's values read as the specification says, and as two other libraries write them?"""

import io
import json
import math
import struct
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal

import avro.io
import avro.schema
import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats.avro import Avro, AvroSchema
from aimass.formats.book import SchemaBook


def record(*fields, **named):
    return {
        "type": "record",
        "name": "R",
        "fields": [{"name": name, "type": kind} for name, kind in (*fields, *named.items())],
    }


def read(schema, value):
    return AvroSchema(json.dumps(schema)).decode(value, 0)


def refused(schema, value):
    with pytest.raises(BadEvent) as caught:
        read(schema, value)
    return str(caught.value)


def by_apache(schema, data):
    out = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(schema))).write(data, avro.io.BinaryEncoder(out))
    return out.getvalue()


def by_fastavro(schema, data):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), data)
    return out.getvalue()


def test_the_examples_of_the_specification():
    assert read(record(a="long", b="string"), b"\x36\x06\x66\x6f\x6f") == {"a": 27, "b": "foo"}
    assert read(record(a={"type": "array", "items": "long"}), b"\x04\x06\x36\x00") == {"a": [3, 27]}
    assert read(record(a=["null", "string"]), b"\x00") == {"a": None}
    assert read(record(a=["null", "string"]), b"\x02\x02\x61") == {"a": "a"}


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b"\x00", 0),
        (b"\x01", -1),
        (b"\x02", 1),
        (b"\x7f", -64),
        (b"\x80\x01", 64),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 2**63 - 1),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -(2**63)),
    ],
)
def test_whole_numbers_are_zigzag_varints(raw, number):
    assert read(record(a="long"), raw) == {"a": number}


def test_blocks_may_announce_their_size_in_bytes():
    # Two items in three bytes (a negative count), then one item, then the end.
    assert read(record(a={"type": "array", "items": "int"}), b"\x03\x06\x02\x80\x01\x02\x04\x00") == {"a": [1, 64, 2]}
    assert read({"type": "map", "values": "int"}, b"\x01\x06\x02\x61\x02\x00") == {"a": 1}


DEEP = record(
    ("flag", "boolean"),
    ("ratio", "double"),
    ("raw", "bytes"),
    ("hash", {"type": "fixed", "name": "Hash", "size": 2}),
    ("again", "Hash"),
    ("colour", {"type": "enum", "name": "Colour", "symbols": ["red", "green"]}),
    (
        "maybe",
        ["null", "long", "string", {"type": "record", "name": "In", "fields": [{"name": "x", "type": "Colour"}]}],
    ),
    ("tags", {"type": "map", "values": {"type": "array", "items": ["null", "string"]}}),
)
DATA = {
    "flag": True,
    "ratio": 0.1,
    "raw": b"\x00\xff",
    "hash": b"ab",
    "again": b"cd",
    "colour": "green",
    "maybe": {"x": "red"},
    "tags": {"a": ["x", None], "b": []},
}


@pytest.mark.parametrize("write", [by_apache, by_fastavro])
def test_what_others_write_is_read(write):
    assert read(DEEP, write(DEEP, DATA)) == DATA | {"raw": "AP8=", "hash": "YWI=", "again": "Y2Q="}


LOGICAL = record(
    ("day", {"type": "int", "logicalType": "date"}),
    ("clock", {"type": "int", "logicalType": "time-millis"}),
    ("clock6", {"type": "long", "logicalType": "time-micros"}),
    ("at", {"type": "long", "logicalType": "timestamp-millis"}),
    ("at6", ["null", {"type": "long", "logicalType": "timestamp-micros"}]),
    ("price", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
    ("wide", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}),
    ("fixed", {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 6, "scale": 0}),
    ("id", {"type": "string", "logicalType": "uuid"}),
)
WHEN = datetime(1969, 12, 31, 23, 59, 58, 750000, UTC)
SAID = {
    "day": date(2024, 2, 29),
    "clock": time(23, 59, 59, 7000),
    "clock6": time(0, 0, 1, 5),
    "at": WHEN,
    "at6": datetime(2023, 11, 14, 22, 13, 20, 123456, UTC),
    "price": Decimal("-12.50"),
    "wide": Decimal("-0.0500"),
    "fixed": Decimal("-42"),
    "id": str(uuid.UUID(int=7)),
}


@pytest.mark.parametrize("write", [by_apache, by_fastavro])
def test_logical_types_are_iso_8601_and_numbers_where_these_are_exact(write):
    assert read(LOGICAL, write(LOGICAL, SAID)) == {
        "day": "2024-02-29",
        "clock": "23:59:59.007",
        "clock6": "00:00:01.000005",
        "at": "1969-12-31T23:59:58.750Z",
        "at6": "2023-11-14T22:13:20.123456Z",
        "price": -12.5,
        "wide": "-0.0500",
        "fixed": -42,
        "id": "00000000-0000-0000-0000-000000000007",
    }


@pytest.mark.parametrize(
    ("schema", "raw", "value"),
    [
        ({"type": "long", "logicalType": "timestamp-nanos"}, b"\x05", "1969-12-31T23:59:59.999999997Z"),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, b"\x02", "1970-01-01T00:00:00.001"),
        (
            {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"},
            struct.pack("<3I", 1, 2, 3004),
            "P1M2DT3.004S",
        ),
        ({"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}, bytes(16), str(uuid.UUID(int=0))),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 400, "scale": 399},
            b"\x02\x07",
            "0." + "0" * 398 + "7",
        ),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4}, b"\x00", 0),
        ({"type": "bytes", "logicalType": "big-decimal"}, b"\x02\x07", "Bw=="),
        ({"type": "string", "logicalType": "own"}, b"\x02a", "a"),
    ],
)
def test_logical_types_that_others_do_not_write(schema, raw, value):
    assert read(record(a=schema), raw) == {"a": value}


def test_floats_that_are_no_numbers_are_texts():
    schema = record(a="float", b="double", c="double", d="float")
    value = by_fastavro(schema, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.5})
    assert read(schema, value) == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 0.5}


LIST = record(a="int", b=["null", "R"])
TREE = {"type": "map", "values": ["null", {"type": "array", "items": record(a=["null", "R"])}]}


def test_a_schema_may_use_itself():
    assert read(LIST, b"\x02\x02\x04\x00") == {"a": 1, "b": {"a": 2, "b": None}}


@pytest.mark.parametrize("levels", [128, 129, 4_000_000])
def test_128_levels_are_read_and_no_more(levels):
    value = b"\x02\x02" * (levels - 1) + b"\x02\x00"
    if levels == 128:
        assert orjson.dumps(read(LIST, value)).count(b"{") == 128
    else:
        assert refused(LIST, value) == "nested deeper than 128 levels"


def test_a_record_of_itself_alone_has_no_values():
    assert refused(record(a="R"), b"") == "nested deeper than 128 levels"


@pytest.mark.parametrize(
    ("schema", "raw", "why"),
    [
        (record(a="long"), b"", "in field 'a': truncated"),
        (record(a="long"), b"\x80", "in field 'a': truncated"),
        (record(a="long"), b"\xff" * 9 + b"\x02", "in field 'a': a whole number of more than 64 bits"),
        (record(a="long"), b"\x80" * 20, "in field 'a': a whole number of more than 64 bits"),
        (record(a="double"), b"\x00" * 7, "in field 'a': truncated"),
        (record(a="boolean"), b"\x02", "in field 'a': 0x02 is neither true nor false"),
        (record(a="string"), b"\x06ab", "in field 'a': truncated: 3 bytes are announced, and there are 2"),
        (record(a="string"), b"\x01", "in field 'a': truncated: -1 bytes are announced, and there are 0"),
        (record(a="string"), b"\x02\xff", "in field 'a': a text that is not UTF-8"),
        (record(a=["null", "int"]), b"\x04", "in field 'a': branch 2 of a union of 2"),
        (record(a=["null", "int"]), b"\x01", "in field 'a': branch -1 of a union of 2"),
        (record(a={"type": "enum", "name": "E", "symbols": ["x"]}), b"\x02", "in field 'a': symbol 1 of 1"),
        (record(a={"type": "fixed", "name": "F", "size": 2}), b"x", "in field 'a': truncated"),
        (record(a="int"), b"\x02\x02\x02", "2 bytes are left over after the value: is it another schema's?"),
        (
            record(a={"type": "array", "items": "null"}),
            b"\x02" * 9,
            "in field 'a': an array of items that take no bytes",
        ),
        (
            record(a={"type": "array", "items": "null"}),
            b"\xfe\xff\xff\xff\x0f\x00",
            "in field 'a': truncated: 2,147,483,647 items are announced in 1 bytes",
        ),
        (
            record(a={"type": "bytes", "logicalType": "decimal", "precision": 2}),
            b"\x02\x64",
            "in field 'a': a decimal of more digits than its schema allows",
        ),
        (
            record(a={"type": "int", "logicalType": "date"}),
            b"\xfe\xff\xff\xff\x0f",
            "in field 'a': day 2147483647 since 1970 is out of range",
        ),
        (
            record(a={"type": "long", "logicalType": "timestamp-millis"}),
            b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "in field 'a': the timestamp 9223372036854775807 is out of range",
        ),
        (
            record(a={"type": "int", "logicalType": "time-millis"}),
            b"\x01",
            "in field 'a': -1 is no time of day",
        ),
        ("string", b"\x02a", "not an object but text"),
        ({"type": "map", "values": "int"}, b"\x02\x02a", "truncated"),
    ],
)
def test_bytes_that_are_no_value_are_refused_with_their_reason(schema, raw, why):
    assert refused(schema, raw) == why


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "null",
        '"nothing"',
        "{}",
        '{"type": "record"}',
        '{"type": "array"}',
        "[" * 100_000,
        "\ud800",
        b"\xff",
    ],
)
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(ValueError, match="no Avro schema"):
        AvroSchema(text)


def test_a_wrong_default_harms_no_reader():
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["string", "null"], "default": None}]}
    assert read(schema, b"\x02") == {"a": None}


def test_named_types_may_stand_in_other_schemas():
    inner = '{"type": "record", "name": "a.In", "fields": [{"name": "x", "type": "int"}]}'
    middle = '{"type": "record", "name": "a.Mid", "fields": [{"name": "in", "type": "In"}]}'
    outer = json.dumps({"type": "record", "name": "b.Out", "fields": [{"name": "mid", "type": "a.Mid"}]})
    assert AvroSchema(outer, [inner, middle]).decode(b"\x0e", 0) == {"mid": {"in": {"x": 7}}}


def test_a_value_names_its_schema():
    book = SchemaBook()
    book.put(258, AvroSchema(json.dumps(record(a="int"))))
    book.put(1, object())
    book.put_missing(9, "the registry does not know it")
    read = Avro(book=book).decode
    assert read(b"\x00\x00\x00\x01\x02\x0e") == {"a": 7}
    for value, why in [
        (b"", "it is empty"),
        (b"{}", "it begins with 0x7b"),
        (b"\x00\x00\x00\x01", "it begins with 0x00"),
        (b"\x00\x00\x00\x00\x01\x00", "schema 1 is none of Avro"),
        (b"\x00\x00\x00\x00\x09\x00", "schema 9: the registry does not know it"),
        (b"\x00\x00\x00\x00\x08\x00", "schema 8: the registry was not asked for it"),
    ]:
        with pytest.raises(BadEvent) as caught:
            read(value)
        assert str(caught.value).endswith(why)


def test_the_book_says_what_it_needs_and_forgets_what_it_never_found():
    book = SchemaBook()
    assert [book.needs(value) for value in (None, b"", b"{}", b"\x00\x00\x00\x00", b"\x01" * 9)] == [None] * 5
    frame = lambda id: b"\x00" + id.to_bytes(4, "big")  # noqa: E731
    assert book.needs(frame(7)) == 7
    for id in range(10_001):
        book.put_missing(id, "no")
    assert (book.needs(frame(0)), book.needs(frame(1)), book.needs(frame(10_000))) == (0, None, None)


PLAIN = {
    "null": st.none(),
    "boolean": st.booleans(),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(st.characters(codec="utf-8")),
}
TYPES = st.recursive(
    st.sampled_from(["boolean", "long", "double", "string"]),
    lambda inner: (
        st.builds(lambda one: {"type": "array", "items": one}, inner)
        | st.builds(lambda one: {"type": "map", "values": one}, inner)
        | st.just(["null", "boolean", "long", "double", "string"])
    ),
    max_leaves=3,
)


def values(kind):
    if isinstance(kind, list):
        return st.one_of([PLAIN[one] for one in kind])
    if isinstance(kind, str):
        return PLAIN[kind]
    if kind["type"] == "array":
        return st.lists(values(kind["items"]), max_size=3)
    return st.dictionaries(PLAIN["string"], values(kind["values"]), max_size=3)


@given(st.data(), st.lists(TYPES, max_size=4))
def test_any_value_of_any_schema_is_read_as_it_was_written(data, kinds):
    schema = record(*((f"f{i}", kind) for i, kind in enumerate(kinds)))
    said = {f"f{i}": data.draw(values(kind)) for i, kind in enumerate(kinds)}
    assert read(schema, by_fastavro(schema, said)) == said
