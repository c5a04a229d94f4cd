"""The language of conditions: what it means, what it refuses, and that it never raises on any event."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.pipeline.condition import Wrong, compile_condition
from aimass.records import Anomaly, Estimate
from aimass.testing import prediction

ONE = prediction(odd=Anomaly(4.0, "f1", "jump", 9.0, 1.0), estimates={"fault": Estimate("bad", 0.9)})
DATA = {"f1": 9, "f2": 1.5, "name": "pump 7", "on": True, "deep": {"list": [{"x": 3}]}, "none": None, "event": 1}


def asked(text, data=DATA):
    return compile_condition(text, ["odd"], ["fault"]).test(ONE, data)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("odd.score > 3.5", True),
        ("odd.score >= 4", True),
        ("odd.score < 4", False),
        ("odd.score <= -4e0", False),
        ("odd.field == 'f1'", True),
        ('odd.field != "f1"', False),
        ("odd.value > odd.expected", True),
        ("fault.value == 'bad' and fault.probability > 0.5", True),
        ("fault.label == 'bad'", None),
        ("f1 == 9 and f2 == 1.5", True),
        ("name == 'pump 7'", True),
        ("name > 'a'", True),
        ("on", True),
        ("not on", False),
        ("on == true", True),
        ("on == 1", False),
        ("on != 1", True),
        ("on > 0", None),
        ("deep.list.0.x == 3", True),
        ("deep.list.1.x == 3", None),
        ("deep == deep", True),
        ("event.f1 == 9", True),
        ("event == 1", True),
        ("none == 1", None),
        ("gone > 1", None),
        ("not gone > 1", None),
        ("gone > 1 or f1 == 9", True),
        ("f1 == 9 or gone > 1", True),
        ("gone > 1 and f1 == 9", None),
        ("gone > 1 and f1 == 8", False),
        ("gone > 1 or f1 == 8", None),
        ("name > 3", None),
        ("name == 3", False),
        ("f1 == 8 or f1 == 9 and f2 == 2", False),
        ("(f1 == 9 or f1 == 8) and not (f2 == 2)", True),
        ("not not on", True),
        ("f1", None),
        ("and-more == 1", None),
    ],
)
def test_what_conditions_mean(text, answer):
    assert asked(text) is answer


@pytest.mark.parametrize(
    "text",
    [
        *[
            "f1 >",
            "> 1",
            "f1 > > 1",
            "f1 f2",
            "(f1 > 1",
            "f1 > 1)",
            "f1 & 1",
            "1.2.3 > 1",
            "f1 === 1",
            "'open > 1",
            "and",
        ],
        *["f(1)", "__import__('os')", "not", "f1 > 1 and", "(" * 60 + "on" + ")" * 60, "not " * 60 + "on"],
        "on or " * 400 + "on",
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(Wrong):
        asked(text)


def test_references_are_known():
    condition = compile_condition("odd.score > 1 and odd.score > f1 or fault.value == 1", ["odd"], ["fault"])
    assert [reference.text for reference in condition.references] == ["odd.score", "f1", "fault.value"]
    assert condition.needs_data
    assert not compile_condition("odd.score > 1", ["odd"]).needs_data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "x"]), inner, max_size=2),
    max_leaves=5,
)
OPERAND = st.sampled_from(["a", "b", "a.x", "a.0", "1", "-2.5", "'t'", "true", "odd.score", "fault.value", "odd.field"])
ATOM = st.one_of(
    OPERAND, st.builds("{} {} {}".format, OPERAND, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), OPERAND)
)
CONDITION = st.recursive(
    ATOM,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner) | inner.map("not ({})".format)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(CONDITION, st.dictionaries(st.sampled_from("ab"), JSON))
def test_conditions_are_total_over_any_event(text, data):
    assert asked(text, data) in (True, False, None)


@settings(max_examples=150, deadline=None)
@given(st.text("abf1.()<>=!'\" andortu-5", max_size=30))
def test_any_text_is_a_condition_or_refused(text):
    with contextlib.suppress(Wrong):
        asked(text)
