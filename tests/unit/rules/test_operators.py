"""Columns are compared as their values are, one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.rules.calls import PLAIN
from aimass.rules.columns import Column
from aimass.rules.operators import before, equal, ordered, same
from aimass.rules.sight import Sight
from aimass.testing import prediction

mixed = st.sampled_from(
    [MISSING, None, True, 0, 1, 1.0, -2.5, "", "a", "Ä", [], [1], {"a": 1}, 2**53, 2**53 + 1, 1e300]
)
numbers = st.sampled_from([0, 1, 1.0, -2.5, 2**53, 2**53 + 1])
texts = st.sampled_from(["", "a", "b", "Ä", "\U0001f600"])
pairs = st.one_of(*(st.lists(st.tuples(kind, kind)) for kind in (mixed, numbers, texts)))


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_equality_of_columns_is_that_of_their_values(values: list[tuple[Any, Any]]) -> None:
    left, right = Column.of_values([a for a, _ in values]), Column.of_values([b for _, b in values])
    assert equal(left, right).tolist() == [same(a, b) for a, b in values]


@settings(max_examples=50, deadline=None)
@given(pairs, st.sampled_from(["<", "<=", ">", ">="]))
def test_order_of_columns_is_that_of_their_values(values: list[tuple[Any, Any]], op: str) -> None:
    left, right = Column.of_values([a for a, _ in values]), Column.of_values([b for _, b in values])
    assert ordered(op, left, right).tolist() == [before(op, a, b) for a, b in values]


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (True, 1), ("", False), ([], {}), (0, False)])
def test_values_of_different_sorts_are_not_equal(left: Any, right: Any) -> None:
    assert same(left, right) == 0


def called(name: str, *columns: list[Any]) -> list[Any]:
    sight = Sight([prediction({}) for _ in columns[0]])
    return list(PLAIN[name](sight, [Column.of_values(one) for one in columns]).values())


def test_a_distance_is_that_of_a_sphere() -> None:
    amsterdam_berlin = called("distance", [52.37, "x"], [4.9, 4.9], [52.52, 52.52], [13.405, 13.405])
    assert amsterdam_berlin[0] == pytest.approx(577, abs=2)
    assert amsterdam_berlin[1] is MISSING


def test_hours_and_weekdays_are_those_of_utc() -> None:
    sight = Sight([prediction({}, time=time) for time in (0.0, 1_700_000_000.0, -1.0)])  # Thursday; Tuesday, 22:13
    assert PLAIN["hour"](sight, []).values() == [0.0, 22.0, 23.0]
    assert PLAIN["weekday"](sight, []).values() == [4.0, 2.0, 3.0]


def test_what_is_known_is_never_unknown() -> None:
    assert called("known", [1, None, MISSING, [], False]) == [True, False, False, True, True]


def test_either_takes_the_second_where_the_first_is_unknown() -> None:
    assert called("either", [1, None, MISSING], [2, "x", MISSING]) == [1, "x", MISSING]


def test_a_pattern_of_many_stars_takes_no_long_time() -> None:
    assert called("like", ["a" * 5000], ["*a" * 50 + "*b"]) == [False]


@settings(max_examples=50, deadline=None)
@given(st.lists(mixed, min_size=1), st.sampled_from(["contains", "starts", "ends", "like", "lower", "length"]), mixed)
def test_functions_are_total(values: list[Any], name: str, other: Any) -> None:
    arguments = [values] if name in ("lower", "length") else [values, [other] * len(values)]
    assert len(called(name, *arguments)) == len(values)


def test_a_part_of_a_sight_has_what_the_whole_has() -> None:
    sight = Sight([prediction({"a": i, "b": {"c": i}}, key="xy"[i % 2]) for i in range(4)])
    sight.tags["t"] = np.array([1, 0, 1, 0], np.int8)
    sight.field("a")
    part = sight.take(np.array([3, 1]))
    assert [part.field("a").values(), part.field("b.c").values()] == [[3, 1], [3, 1]]
    assert (part.keys, part.tags["t"].tolist()) == (["y"], [0, 0])


def test_fields_are_found_whether_all_events_have_them_or_not() -> None:
    for events in ([{"a": 1, "b": 2}, {"a": 3, "b": 4}], [{"a": 1}, {"b": 4}]):
        sight = Sight([prediction(one) for one in events])
        sight.find(["a", "b", "a.b"])
        wanted = [[one.get(path, MISSING) for one in events] for path in "ab"]
        assert [list(sight.field(path).values()) for path in "ab"] == wanted
