"""Does MessagePack become JSON, and nothing that is none?"""

import math
from datetime import UTC, datetime

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats.msgpack import Msgpack

decode, encode = Msgpack().decode, msgspec.msgpack.encode


def refused(value):
    with pytest.raises(BadEvent) as caught:
        decode(value)
    return str(caught.value)


def test_an_example_of_the_specification():
    assert decode(b"\x82\xa7compact\xc3\xa6schema\x00") == {"compact": True, "schema": 0}


def test_bytes_at_any_depth_are_base64():
    assert decode(encode({"a": b"\x00\xff", "b": [[b"x"]], "c": {"d": b""}})) == {
        "a": "AP8=",
        "b": [["eA=="]],
        "c": {"d": ""},
    }


def test_timestamps_are_iso_8601():
    # Seconds in 32 bits; nanoseconds in 30 and seconds in 34.
    assert decode(b"\x81\xa1t\xd6\xff\x65\x53\xf1\x00") == {"t": "2023-11-14T22:13:20Z"}
    value = encode({"t": [datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)]})
    assert decode(value) == {"t": ["2023-11-14T22:13:20.123456Z"]}


def test_what_is_no_number_in_json_is_a_text():
    value = encode({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}})
    assert decode(value) == {"a": "NaN", "b": ["Infinity", 1.5], "c": {"d": "-Infinity"}}


def test_whole_numbers_of_64_bits_stay_whole():
    assert decode(encode({"a": 2**64 - 1, "b": -(2**63)})) == {"a": 2**64 - 1, "b": -(2**63)}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "not MessagePack: Input data was truncated"),
        (b"\x07", "not an object but a number"),
        (b"\x90", "not an object but a list"),
        (b"\xd6\xff\x65\x53\xf1\x00", "not an object but a time"),
        (b"\xd4\x05\x01", "not an object but something else"),
        (b"\x81\x01\x02", "an object with 1 as a key: keys are texts"),
        (b"\x81\xa1a\x81\xc4\x01x\x01", "an object with b'x' as a key: keys are texts"),
        (b"\x81\xc0\x01", "an object with NoneType as a key: keys are texts"),
        (b"\x81\xa1a\xd4\x05\x01", "a value of extension type 5: its meaning is not known"),
        (b"\x81\xa1a\xa1\xff", "not MessagePack: Invalid UTF-8 encoded string"),
        (b"\xdf\xff\xff\xff\xff", "not MessagePack: Input data was truncated"),
        (b"\x80\x80", "not MessagePack: MessagePack data is malformed: trailing characters (byte 1)"),
    ],
)
def test_what_is_no_object_is_refused_with_its_reason(value, why):
    assert refused(value) == why


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"])
@pytest.mark.parametrize("levels", [127, 128, 5_000, 1_000_000])
def test_128_levels_are_read_and_no_more(opening, levels):
    value = b"\x81\xa1a" + opening * levels + b"\x01"
    if levels == 127:
        assert orjson.dumps(decode(value)).count(b"[") + orjson.dumps(decode(value)).count(b"{") == 128
    else:
        assert refused(value) == "nested deeper than 128 levels"


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_what_json_has_is_read_as_it_is(data):
    assert decode(encode(data)) == data
