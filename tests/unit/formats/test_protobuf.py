"""Are messages read by their descriptors, into Protobuf's own JSON with whole numbers that stay numbers?"""

import math

import orjson
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats.book import SchemaBook
from aimass.formats.protobuf import Protobuf, ProtobufTypes, read_set
from tests.unit.formats.messages import classes, described, file, message, pump

TYPES = read_set(described(pump()))
CLASS = classes(pump())
Pump, Known = CLASS("t.Pump"), CLASS("t.Known")
EMPTY = {
    **{"name": "", "speed": 0.0, "count": 0, "total": 0, "is_on": False, "raw": "", "colour": "RED"},
    **{"parts": [], "numbers": [], "sizes": {}, "flags": {}},
}


def read(value, name="t.Pump", types=TYPES):
    return Protobuf(types, name).decode(value)


def refused(value, name="t.Pump", types=TYPES):
    with pytest.raises(BadEvent) as caught:
        read(value, name, types)
    return str(caught.value)


def test_bytes_made_by_hand():
    # Field 1 "p7"; field 3: -1 in ten bytes; field 7: 1; field 10, packed: 1 and 300.
    value = b"\x0a\x02p7" + b"\x18" + b"\xff" * 9 + b"\x01" + b"\x38\x01" + b"\x52\x03\x01\xac\x02"
    assert read(value) == EMPTY | {"name": "p7", "count": -1, "colour": "GREEN", "numbers": [1, 300]}


def test_fields_without_presence_are_always_there_and_others_only_when_they_were_written():
    assert read(b"") == EMPTY
    assert read(Pump(maybe=0.0, inner={}).SerializeToString()) == EMPTY | {"maybe": 0.0, "inner": EMPTY}


def test_whole_numbers_of_64_bits_stay_numbers_at_any_depth():
    one = Pump(count=-(2**63), total=2**64 - 1, numbers=[2**53 + 1], flags={True: 2**60, False: 1})
    said = read(Pump(inner=one).SerializeToString())["inner"]
    assert (said["count"], said["total"], said["numbers"]) == (-(2**63), 2**64 - 1, [2**53 + 1])
    assert said["flags"] == {"false": 1, "true": 2**60}


def test_maps_bytes_and_messages():
    one = Pump(raw=b"\x00\xff", sizes={"b": {"id": 2}, "a": {"id": 1}}, parts=[{"id": 7}])
    said = read(one.SerializeToString())
    assert (said["raw"], said["parts"]) == ("AP8=", [{"id": 7}])
    assert list(said["sizes"].items()) == [("a", {"id": 1}), ("b", {"id": 2})]


def test_what_is_no_number_is_a_text():
    assert read(Pump(speed=math.nan, maybe=-math.inf).SerializeToString()) == EMPTY | {
        "speed": "NaN",
        "maybe": "-Infinity",
    }


def test_a_number_that_no_name_stands_for_stays_a_number():
    assert read(b"\x38\x07")["colour"] == 7


def known():
    one = Known(big={"value": 2**60}, ratio={"value": 1.5}, blob={"value": b"x"}, mask={"paths": ["a.b_c"]}, empty={})
    one.at.FromJsonString("2023-11-14T22:13:20.000000007Z")
    one.took.FromJsonString("-1.5s")
    one.free.update({"a": [1, "x", None, True, {"b": 2.5}]})
    one.list.extend([1, {"c": []}])
    one.value.bool_value = True
    one.any.Pack(CLASS("t.Pump.Part")(id=3))
    return one


def test_well_known_types_are_as_protobufs_own_json_has_them():
    one = known()
    expected = MessageToDict(one, preserving_proto_field_name=True, descriptor_pool=Pump.DESCRIPTOR.file.pool)
    assert read(one.SerializeToString(), "t.Known") == expected | {"big": 2**60}
    assert expected["at"] == "2023-11-14T22:13:20.000000007Z"


def test_an_any_of_a_type_that_is_not_known_is_bytes():
    one = Known(any={"type_url": "type.example.com/other.Type", "value": b"x"})
    assert read(one.SerializeToString(), "t.Known")["any"] == {"@type": "type.example.com/other.Type", "value": "eA=="}


def test_an_any_of_a_well_known_type_has_a_value():
    one = Known()
    one.any.Pack(Known(took={"seconds": 2}).took)
    assert read(one.SerializeToString(), "t.Known")["any"]["value"] == "2s"


def nested(levels):
    value = b""
    for _ in range(levels - 1):
        value = b"\x6a" + varint(len(value)) + value
    return value


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def deep_any(levels):
    one = Known(value={"null_value": 0})
    for _ in range(levels):
        one, inner = Known(), one
        one.any.Pack(inner)
    return one.SerializeToString()


def test_what_is_nested_too_deep_is_refused():
    assert orjson.dumps(read(nested(90))).count(b'"inner"') == 89
    assert refused(nested(5_000)).startswith("not a message t.Pump")
    assert refused(deep_any(100), "t.Known") == "nested deeper than 128 levels"


@pytest.mark.parametrize(
    "value", [b"\x07", b"\x0a\x05p7", b"\x0a\x01\xff", b"\xff" * 20, b"\x0b", b"{}", b"\x18" + b"\xff" * 11]
)
def test_bytes_that_are_no_message_are_refused(value):
    assert refused(value).startswith("not a message t.Pump")


def test_times_out_of_range_are_refused():
    one = Known(at={"seconds": 10**15})
    assert refused(one.SerializeToString(), "t.Known").startswith("Timestamp out of range")


def old():
    made = file("old.proto", syntax="proto2")
    message(made, "Old", text="string", ok="bool", names="*.t.Old.NamesEntry")
    made.message_type[0].field[1].label = Field.LABEL_REQUIRED
    message(made.message_type[0], "NamesEntry", key="string", value="bool").options.map_entry = True
    return read_set(described(made))


def test_proto2_has_presence_and_required_fields():
    assert read(b"\x10\x01", None, old()) == {"ok": True, "names": {}}
    assert refused(b"\x0a\x01x", None, old()) == "not a message t.Old: required fields are missing"


@pytest.mark.parametrize("value", [b"\x10\x01\x0a\x01\xff", b"\x10\x01\x1a\x05\x0a\x01\xff\x10\x01"])
def test_proto2_lets_texts_pass_that_are_none(value):
    assert refused(value, None, old()) == "a text that is not UTF-8"


def test_a_message_must_be_named_unless_there_is_only_one():
    with pytest.raises(ValueError, match=r"`message` must name one of the messages: t\.Pump, t\.Known"):
        Protobuf(TYPES)
    with pytest.raises(ValueError, match=r"no message 't\.Pmup' in the schema; its messages: t\.Pump, t\.Known"):
        Protobuf(TYPES, "t.Pmup")
    assert read(b"\x08\x05", "t.Pump.Part") == {"id": 5}


def test_a_message_that_is_no_object_is_refused():
    assert refused(b"\x08\x05", "google.protobuf.Duration") == "not an object but text"


@pytest.mark.parametrize("raw", [b"", b"\xff", b"syntax = 'proto3';", described()])
def test_what_protoc_did_not_make_is_refused(raw):
    with pytest.raises(ValueError, match="no file that `protoc --descriptor_set_out` made"):
        read_set(raw)


def test_files_may_come_in_any_order_and_import_what_only_options_need():
    inner = file("in.proto", "a")
    message(inner, "In", x="int32")
    outer = file("out.proto", "b", imports=["else/options.proto", "in.proto"])
    outer.public_dependency.extend([0, 1])
    message(outer, "Out", one=".a.In")
    types = ProtobufTypes([outer, inner], "out.proto")
    assert types.messages() == ["b.Out"]
    assert types.message().decode(b"\x0a\x02\x08\x07") == {"one": {"x": 7}}


def test_files_that_lack_a_type_or_import_each_other_are_refused():
    outer = file("out.proto", "b", imports=["in.proto"])
    message(outer, "Out", one=".a.In")
    with pytest.raises(ValueError, match=r"no Protobuf descriptors: .*a\.In"):
        ProtobufTypes([outer])
    with pytest.raises(ValueError, match=r"import each other: in\.proto, out\.proto"):
        ProtobufTypes([outer, file("in.proto", imports=["out.proto"])])


def registered(message=None):
    book = SchemaBook()
    book.put(7, ProtobufTypes([pump()], "pump.proto"))
    book.put(8, object())
    return Protobuf(message=message, book=book)


FRAME = b"\x00\x00\x00\x00\x07"


@pytest.mark.parametrize(
    ("indexes", "body", "data"),
    [
        (b"\x00", b"\x0a\x01x", EMPTY | {"name": "x"}),
        (b"\x02\x00", b"\x0a\x01x", EMPTY | {"name": "x"}),
        (b"\x02\x02", b"", {}),
        (b"\x04\x00\x00", b"\x08\x05", {"id": 5}),
    ],
)
def test_indexes_lead_to_the_message(indexes, body, data):
    assert registered().decode(FRAME + indexes + body) == data


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (FRAME, "truncated in the message indexes"),
        (FRAME + b"\x04\x00", "truncated in the message indexes"),
        (FRAME + b"\x02\x06", "message index 3 of 2"),
        (FRAME + b"\x02\x01", "message index -1 of 2"),
        (FRAME + b"\x01", "-1 message indexes"),
        (FRAME + b"\x80\x80\x01", "8192 message indexes"),
        (FRAME + b"\xff" * 9, "a message index of more than 32 bits"),
        (b"\x00\x00\x00\x00\x08\x00", "schema 8 is none of Protobuf"),
    ],
)
def test_indexes_that_lead_nowhere_are_refused(value, why):
    with pytest.raises(BadEvent) as caught:
        registered().decode(value)
    assert str(caught.value) == why


def test_a_source_may_want_one_message_of_a_registry():
    assert registered("t.Known").decode(FRAME + b"\x02\x02") == {}
    with pytest.raises(BadEvent, match=r"a message t\.Pump, not t\.Known"):
        registered("t.Known").decode(FRAME + b"\x00")


WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(st.text(st.characters(codec="utf-8")), st.floats(), st.lists(WHOLE), st.dictionaries(st.booleans(), WHOLE))
def test_what_protobuf_writes_is_read(name, speed, numbers, flags):
    one = Pump(name=name, speed=speed, numbers=numbers, flags=flags)
    expected = MessageToDict(one, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    expected |= {"count": 0, "total": 0, "numbers": numbers}
    expected["flags"] = {str(key).lower(): value for key, value in flags.items()}
    assert read(one.SerializeToString()) == expected
