"""Lines of text, patterns and logfmt."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.formats.ambiguity import is_ambiguous
from aimass.formats.logfmt import Logfmt
from aimass.formats.text import MAX_LINE, Pattern, Text


def refused(format, value):
    with pytest.raises(BadEvent) as caught:
        format.decode(value)
    return str(caught.value)


@pytest.mark.parametrize(("value", "text"), [(b" a\n", " a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), ("é".encode(), "é")])
def test_a_text_loses_one_line_break_and_nothing_else(value, text):
    assert Text().decode(value) == {"text": text}


@pytest.mark.parametrize(("value", "why"), [(b"", "an empty value"), (b"ab\xe9", "not UTF-8: byte 2 is 0xe9")])
def test_what_is_no_text_is_refused(value, why):
    assert refused(Text(), value) == why


def test_a_pattern_matches_the_whole_line_or_refuses_it():
    pattern = Pattern(r"(?P<user>\w+) paid (?P<amount>\d+)")
    assert pattern.decode(b"ann paid 12\n") == {"user": "ann", "amount": "12"}
    for value in (b"ann paid 12 euros", b"> ann paid 12"):
        assert refused(pattern, value) == "the line does not match `pattern`"


def test_groups_without_a_name_are_no_fields_and_absent_ones_are_null():
    assert Pattern(r"(\w+) (?P<x>\d)?.*").decode(b"ab c") == {"x": None}


def test_a_pattern_reads_lines_of_a_bounded_length():
    pattern = Pattern(r"(?P<x>.*)")
    assert len(pattern.decode(b"x" * MAX_LINE)["x"]) == MAX_LINE
    assert refused(pattern, b"x" * (MAX_LINE + 1)) == "a line of 8,193 characters, more than 8,192"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?P<x>", "`pattern` is no regular expression: missing"),
        (r"(?P<x>\p)", "`pattern` is no regular expression: bad escape"),
        (r"(\w+)", "`pattern` has no named group"),
        (r"(?P<x>(a+)+)b", "which can take for ever"),
    ],
)
def test_a_pattern_that_cannot_work_says_why(pattern, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        Pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a*)*$",
        r"(a|b+)*$",
        r"(\w+\s?)*$",
        r"(?:x?(?:a+?))+$",
        r"((a+)?b?)*$",
        r"(?=(a+)+$)",
        r"(x)?(?(1)y|(a+)+)",
    ],
)
def test_ambiguous_repeats_are_found(pattern):
    assert is_ambiguous(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\w+ )*",
        r"(\w++)*",
        r"(?>a+)+",
        r"(a+){1,3}",
        r"(\w+\b)+",
        r"a+b*c+",
        r'"(?:[^"\\]|\\.)*"',
        r"(?:[a-z]+=\d+;)+",
        r"(?:(?=a)a+)+",
    ],
)
def test_repeats_that_end_are_left_alone(pattern):
    assert not is_ambiguous(pattern)


def test_what_is_called_ambiguous_is_slow_indeed():
    start = time.perf_counter()
    re.compile(r"(\w+\s?)*!").fullmatch("a" * 22)
    slow = time.perf_counter() - start
    start = time.perf_counter()
    re.compile(r"(\w+\s)*!").fullmatch("a" * 22)
    assert slow > 20 * (time.perf_counter() - start)


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (
            "at=info path=/x?a=b status=200",
            {"at": "info", "path": "/x?a=b", "status": "200"},
        ),
        ('msg="a b" x="" y= z', {"msg": "a b", "x": "", "y": None, "z": True}),
        (r'msg="say \"no\" \\ \n\t é \U0001F600 😀 \x41"', {"msg": 'say "no" \\ \n\t é 😀 😀 A'}),
        (r'path="C:\dir"', {"path": r"C:\dir"}),
        ("  a=1\t b=2  ", {"a": "1", "b": "2"}),
        ("a=1 a=2", {"a": "2"}),
        ('a=x"y"', {"a": 'x"y"'}),
        ("a.b=1 ünï=2", {"a.b": "1", "ünï": "2"}),
        ('a="two\nlines"', {"a": "two\nlines"}),
    ],
)
def test_logfmt_is_pairs(line, data):
    assert Logfmt().decode(line.encode()) == data


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("plain words", "no `key=value` in the line"),
        ("=1", "no `key=value` at character 0: '=1'"),
        ('a="x', "no `key=value` at character 0: 'a=\"x'"),
        ('a="x"y', "no `key=value` at character 0: 'a=\"x\"y'"),
        ('a=1 "b c"', "no `key=value` at character 3: ' \"b c\"'"),
        (r'a="\ud800"', r"an escape that is no character in '\\ud800'"),
        (r'a="\UFFFFFFFF"', r"an escape that is no character in '\\UFFFFFFFF'"),
    ],
)
def test_what_is_no_logfmt_is_refused_with_its_reason(line, why):
    assert refused(Logfmt(), line.encode()) == why


def go_quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@given(
    st.dictionaries(st.from_regex(r"[a-z_.]{1,6}", fullmatch=True), st.text(st.characters(codec="utf-8")), min_size=1)
)
def test_quoted_values_are_read_again(data):
    line = " ".join(f"{key}={go_quoted(value)}" for key, value in data.items())
    assert Logfmt().decode(line.encode()) == data
