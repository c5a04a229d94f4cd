"""The language of conditions: what it says, what it refuses and how, and that it never does anything else."""

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.rules.read import MAX_DEPTH, Wrong, condition, from_json
from aimass.rules.reference import functions
from aimass.rules.syntax import (
    Binary,
    Call,
    Captured,
    Condition,
    Field,
    Judged,
    Number,
    Pattern,
    Step,
    Text,
    Unary,
    Window,
)
from aimass.rules.vocabulary import Vocabulary
from aimass.rules.write import text
from tests.unit.rules.trees import WORDS, conditions, patterns


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("a > 1 and b < 2 or c", "(a > 1 and b < 2) or c"),
        ("not a == 1 and b", "(not (a == 1)) and b"),
        ("a + b * -c > 2", "(a + (b * (-c))) > 2"),
        ("1 < a <= 5", "1 < a and a <= 5"),
        ("a not in (1, 'x')", 'not (a in (1, "x"))'),
        ("a - b > 0", "event.a - event.b > 0"),
        ("count(5m) > 3", "count(300s) > 3"),
        ("x.y == 1", "event.x.y == 1"),
        ("`x` == 1", "x == 1"),
    ],
)
def test_two_spellings_of_one_condition(said, same):
    assert condition(said) == condition(same)


def test_what_names_mean():
    words = Vocabulary(("odd",), ("fraud",))
    assert condition("odd.score > amount", words) == Binary(">", Judged("detector", "odd", "score"), Field("amount"))
    assert condition("event.odd.score > 1", words).left == Field("odd.score")
    assert condition("a-b > 1", words).left == Field("a-b")


def test_where_windows_stand():
    failed = Binary("==", Field("type"), Text("failed"))
    assert condition("count(type == 'failed', 5m) > 3").left == Call("count", (), Window("sliding", 300), failed)
    assert condition("sum(a, each 1h, type == 'failed') > 3").left == Call(
        "sum", (Field("a"),), Window("tumbling", 3600), failed
    )
    assert condition("max(a, session 30m) > 1").left == Call("max", (Field("a"),), Window("session", 1800))


def test_a_pattern_knows_its_earlier_steps():
    found = condition(
        "a: type == 'add' then not type == 'x' then b: b.type == 'pay' and b.ip != a.ip within 10m gap 2m"
    )
    assert type(found) is Pattern
    assert (found.within_s, found.gap_s, [step.is_absent for step in found.steps]) == (600, 120, [False, True, False])
    assert found.steps[2].when.right == Binary("!=", Field("ip"), Captured("a", "ip"))


def test_after_then_not_means_absence_and_brackets_make_it_a_condition():
    absent, negative = condition("a then not b within 1m"), condition("a then (not b) within 1m")
    assert absent.steps[1] == Step("", Field("b"), True)
    assert negative.steps[1] == Step("", Unary("not", Field("b")))


@pytest.mark.parametrize(
    ("said", "problem", "column"),
    [
        ("a = 1", "write == to compare", 3),
        ("a > 1 && b", "write and", 7),
        ("a > 'x", "not closed", 5),
        ("(a > 1", r"\( is not closed", 7),
        ("cuont(5m) > 3", 'did you mean "count"', 1),
        ("count() > 3", "needs a window", 1),
        ("avg(5m) > 3", r"avg\(number, window, where\?\)", 1),
        ("a > 1 adn b", 'did you mean "and"', 7),
        ("odd.scroe > 1", 'did you mean "score"', 1),
        ("od.score > 1", 'did you mean "odd"', 1),
        ("profile.evnts > 1", 'did you mean "events"', 1),
        ("a > 5m", "durations? stands only in windows", 5),
        ("'x' > 1", "compares a text with a number", 5),
        ("a + 'x' > 1", "computes numbers", 3),
        ("true > false", "no order", 6),
        ("a + 1", "true or false is expected", 1),
        ("1 and a", "true or false is expected", 1),
        ("tagged(a)", "written out", 8),
        ("a then b", "within 10m", 9),
        ("not a then b within 1m", "begins with something that happens", 1),
        ("a: a then a: b within 1m", "name is taken", 11),
        ("a: x then b: count(y != a.x, 1m) > 2 within 1m", "cannot look at an earlier step", 14),
        ("a > 1e999", "too large", 5),
        ("", "expected a value, found the end", 1),
        ("new(a, each 1h)", "no tumbling window", 1),
        ("id == 9223372036854775808", "too large", 7),
        ('hysteresis(a, "x", 1)', "two numbers", 1),
        ("a == null", "write not known", 6),
        ("+".join("a" * 600) + " > 1", "too long a chain", 404),
        ("a in 3", "round brackets", 6),
        ("a in (b)", "a list holds", 7),
        ("(" * (MAX_DEPTH + 2) + "a" + ")" * (MAX_DEPTH + 2), "nested deeper", MAX_DEPTH + 2),
    ],
)
def test_what_is_wrong_is_told_with_its_place(said, problem, column):
    with pytest.raises(Wrong, match=problem) as caught:
        condition(said, WORDS)
    assert caught.value.column == column


@settings(max_examples=150, deadline=None)
@given(conditions | patterns())
def test_text_and_json_are_two_spellings_of_one_tree(node):
    assert condition(text(node), WORDS) == node
    assert from_json(msgspec.json.encode(node), WORDS) == node
    assert msgspec.json.decode(msgspec.json.encode(node), type=Condition) == node


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("ab.()><=!-+*/,:`\"' notinadr1m5", max_size=60))
def test_any_text_is_a_condition_or_wrong(said):
    with contextlib.suppress(Wrong):
        node = condition(said, WORDS)
        assert condition(text(node), WORDS) == node


@settings(max_examples=150, deadline=None)
@given(conditions, st.data())
def test_a_condition_with_a_slip_is_another_or_wrong(node, data):
    said = text(node)
    at = data.draw(st.integers(0, len(said)))
    slip = data.draw(st.text("()><=\0\"' .,-5m", max_size=3))
    with contextlib.suppress(Wrong):
        other = condition(said[:at] + slip + said[at + data.draw(st.integers(0, 3)) :], WORDS)
        assert condition(text(other), WORDS) == other


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"{", "not the JSON"),
        (b'{"is": "field"}', "path"),
        (b'{"is": "call", "name": "eval", "arguments": []}', "eval"),
        (b'{"is": "call", "name": "count", "arguments": []}', "needs a window"),
        (
            b'{"is":"binary","op":"**","left":{"is":"field","path":"a"},"right":{"is":"number","value":1}}',
            "no condition",
        ),
        (b'{"is": "number", "value": 1}', "true or false"),
        (
            b'{"is":"table","name":"t","rows":[{"when":{"is":"call","name":"eval"},"then":{"is":"truth","value":true}}]}',
            "no condition in a row|eval",
        ),
        (
            b'{"is":"table","name":"t","rows":[{"when":{"is":"call","name":"count"},"then":{"is":"truth","value":true}}]}',
            "needs a window",
        ),
        (b'{"is":"unary","op":"not","operand":' * 90 + b'{"is":"field","path":"a"}' + b"}" * 90, "nested"),
    ],
)
def test_json_that_no_text_can_say_is_refused(raw, problem):
    with pytest.raises(Wrong, match=problem):
        from_json(raw)


def test_ids_keep_their_digits():
    assert condition("id == 9007199254740993").right == Number(9007199254740993)


def test_the_reference_of_functions_is_current():
    page = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"
    assert functions().strip() in page.read_text("utf-8"), "paste what aimass.rules.reference.functions() returns"


def test_comparisons_within_comparisons_cannot_grow_without_bound():
    text = "a"
    for _ in range(20):
        text = f"(b == {text} == c)"
    with pytest.raises(Wrong, match="too much between"):
        condition(text)
