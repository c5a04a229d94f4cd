"""What is odd about a rule is found when it is saved, and what is not odd is left alone."""

import pytest

from aimass.rules.decision import table
from aimass.rules.document import Rule
from aimass.rules.lint import cycles, lint, state_bytes
from aimass.rules.read import Wrong, condition
from aimass.rules.vocabulary import Vocabulary


def found(text, **more):
    return [(one.level, one.what) for one in lint(Rule("x", condition(text), **more))]


@pytest.mark.parametrize(
    ("text", "level", "what"),
    [
        ("a > 5 and a < 3", "error", "can never be true"),
        ("a == 5 and b > 1 and a == 3", "error", "can never be true"),
        ("1 > 2", "error", "does not depend on the event"),
        ("a == a", "error", "with itself"),
        ("distinct(a, 1h) > 64", "error", "distinct tells up to 64"),
        ("a == 'null'", "warning", "compares with a text"),
        ("a == 0.1", "warning", "exactly"),
        ("not a > 5", "warning", "unknown where a is missing"),
        ("count(90d) > 5", "warning", "a window that is long"),
        ("a then b within 60d", "warning", "more than 30 days"),
        ("a > 1 and a < 1", "error", "never"),
    ],
)
def test_what_is_odd_is_told(text, level, what):
    assert any(one[0] == level and what in one[1] for one in found(text))


@pytest.mark.parametrize(
    "text", ["a > 3 and a < 5", "count(5m) > 3", "a == 1", "distinct(a, 1h) >= 64", "known(a)", "a"]
)
def test_what_is_not_odd_is_left_alone(text):
    assert found(text) == []


def test_a_rule_that_does_nothing_is_told():
    assert found("a > 1", alert=False) == [("warning", "does nothing when it fires")]


def test_a_rule_that_keeps_much_of_each_key_is_told():
    text = " or ".join(f"distinct(f{i}, 1h) > 9" for i in range(9))
    assert any("bytes of each key" in what for _, what in found(text))


def test_equal_windows_are_kept_once():
    once = state_bytes(Rule("x", condition("count(5m) > 3")))
    assert state_bytes(Rule("x", condition("count(5m) > 3 and count(5m) < 9"))) == once == 248


def test_rules_that_wait_for_each_other_are_told():
    assert cycles({"a": (("x",), "y"), "b": (("y",), "z"), "c": (("z",), "x")}) == [["a", "b", "c"]]
    assert cycles({"a": ((), "y"), "b": (("y",), None)}) == []
    assert cycles({"a": (("y",), "y")}) == [["a"]]


# -- tables -----------------------------------------------------------------------------------------------------------


def test_a_row_that_never_counts_is_told():
    risk = table("risk", ["a"], [["> 5", "high"], ["> 5", "low"]])
    rule = Rule("x", condition("risk == 'high'", Vocabulary(tables={"risk": risk})))
    assert any("row 2 never counts" in one.what for one in lint(rule))


def test_priority_puts_the_rows_in_the_order_of_their_outcomes():
    rows = [["> 5", "low"], ["> 9", "high"]]
    made = table("risk", ["a"], rows, hit="priority", order=["high", "low"])
    assert [row.then.value for row in made.rows] == ["high", "low"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([["> 5"]], "row 1 has 1 cells, not 2"),
        ([["> 5", "x"], ["> > 5", "y"]], "row 2, a: "),
        ([["1 to", "x"]], None),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(rows, problem):
    if problem is None:
        assert table("t", ["a"], rows).rows[0].when == condition("a == '1 to'")
        return
    with pytest.raises(Wrong, match=problem):
        table("t", ["a"], rows)


@pytest.mark.parametrize(
    ("cell", "same"),
    [
        ("100 to 200", "100 <= a <= 200"),
        ("-5 to 5", "-5 <= a <= 5"),
        ("NL", "a == 'NL'"),
        (7, "a == 7"),
        (True, "a == true"),
        ("in ('x', 'y')", "a in ('x', 'y')"),
        ("!= 3", "a != 3"),
    ],
)
def test_what_a_cell_means(cell, same):
    assert table("t", ["a"], [[cell, "x"]]).rows[0].when == condition(same)
