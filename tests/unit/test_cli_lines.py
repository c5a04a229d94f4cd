"""`aimass produce` reads files: what is wrong is named, what is right goes on as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.commands.lines import BadLine, Line, Pace, format_of, parse_time, read_lines
from aimass.errors import ClientError


def test_json_goes_on_byte_for_byte() -> None:
    assert list(read_lines([b' {"a":  1.50}\r\n', b"\n", b"[2]"], "jsonl")) == [
        Line(1, b'{"a":  1.50}'),
        Line(3, b"[2]"),
    ]


def test_wrong_lines_are_named_and_the_others_go_on() -> None:
    lines = [b'{"k": "a", "t": 5}', b"{", b'{"t": 5}', b'{"k": {"x": 1}, "t": 5}', b'{"k": 7, "t": "soon"}', b"\xff"]
    found = list(read_lines(lines, "jsonl", key="k", time="t"))
    assert found[0] == Line(1, lines[0], "a", 5.0)
    assert [(bad.number, bad.reason.split(":")[0]) for bad in found[1:] if isinstance(bad, BadLine)] == [
        (2, "not JSON"),
        (3, "no field 'k'"),
        (4, 'the key is {"x"'),
        (5, "the time is 'soon', neither seconds nor ISO 8601"),
        (6, "not JSON"),
    ]


def test_csv_becomes_objects_with_numbers() -> None:
    rows = [b"\xef\xbb\xbfid,x,name\n", b"007,1.5,\n", b"8,-2,a b\n", b"9,1\n", b'10,nan,"a\n', b'b"\n']
    assert [line.value if isinstance(line, Line) else line for line in read_lines(rows, "csv")] == [
        b'{"id":"007","x":1.5,"name":null}',
        b'{"id":8,"x":-2,"name":"a b"}',
        BadLine(4, "2 fields, but the header has 3"),
        b'{"id":10,"x":"nan","name":"a\\nb"}',
    ]


@given(st.lists(st.binary(max_size=30), max_size=8), st.sampled_from(["jsonl", "csv"]))
def test_no_bytes_stop_it(lines: list[bytes], form: str) -> None:
    for line in read_lines(lines, form, key="k", time="t"):  # type: ignore[arg-type]
        assert isinstance(line, Line | BadLine)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ClientError, match="--format"):
        format_of("data.parquet")


@pytest.mark.parametrize("value", [None, True, "x", [], {}])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="neither seconds"):
        parse_time(value)


def test_a_rate_and_a_speed_say_when_records_are_due() -> None:
    pace = Pace(rate=10)
    assert [pace.due(None) for _ in range(3)] == [0.0, 0.1, 0.2]
    pace = Pace(rate=1, speed=10)
    assert [pace.due(time) for time in (50.0, 60.0, 100.0)] == [0.0, 1.0, 5.0]
