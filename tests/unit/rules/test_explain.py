"""Why, and why not: every clause with its answer, and what stands between an event and a firing."""

import msgspec
from hypothesis import given, settings

from aimass.rules import plain
from aimass.rules.explain import Clause, explain, lines, nearest
from aimass.rules.read import condition
from aimass.testing import prediction
from tests.unit.rules.trees import conditions


def why(text, fields, memory=None, contents=None):
    node = condition(text)
    return explain(node, plain.given(prediction(fields), memory=memory or {}), contents)


def test_each_clause_has_its_answer_and_values():
    clause = why("amount > 100 and (country == 'NL' or vip)", {"amount": 80, "country": "BE"})
    assert lines(clause) == [
        "✗ all of",
        "  ✗ amount > 100: amount is 80",
        "  ? one of",
        '    ✗ country == "NL": country is BE',
        "    ? vip: vip is missing",
    ]


def test_a_window_tells_what_it_held():
    call = condition("count(5m) > 3").left
    clause = why("count(5m) > 3", {}, {call: 2.0}, {call: {"events": 2}})
    assert lines(clause) == ["✗ count(5m) > 3: count(5m) is 2", "    count(5m) held: events 2"]


def test_what_stands_in_the_way_is_the_least_that_is_missing():
    clause = why("a > 1 and (b > 1 and c > 1 or d > 1)", {"a": 2, "b": 0, "c": 0, "d": 0})
    assert [one.text for one in nearest(clause)] == ["d > 1"]


def test_nothing_stands_in_the_way_of_what_fires():
    assert nearest(why("a > 1", {"a": 2})) == []


@settings(max_examples=100, deadline=None)
@given(conditions)
def test_an_explanation_says_what_the_evaluator_says_and_travels_as_json(node):
    known = plain.given(prediction({"a": 1, "b": "x", "_": True}))
    clause = explain(node, known)
    assert clause.truth is plain.truth(node, known)
    assert msgspec.json.decode(msgspec.json.encode(clause), type=Clause) == clause
    assert bool(nearest(clause)) is (clause.truth is not True)
