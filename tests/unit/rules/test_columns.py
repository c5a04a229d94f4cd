"""A column shows its values as whatever is asked for, and takes nothing for what it is not."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.rules.columns import EXACT, Column, Literals
from aimass.rules.operators import same

values = st.sampled_from(
    [MISSING, None, True, False, 0, 1, 1.0, -2.5, "1", "a", [], {"a": 1}, EXACT, EXACT + 1, 1e300, 10**400]
)


def test_a_column_of_numbers_has_no_truths_and_keeps_its_values() -> None:
    column = Column.of_numbers(np.array([1.0, np.inf, 3.0]), np.array([True, True, False]))
    assert column.truths().tolist() == [-1, -1, -1]
    assert column.values() == [1.0, MISSING, MISSING]


def test_a_column_of_truths_has_no_numbers_and_keeps_its_values() -> None:
    column = Column.of_truths(np.array([1, 0, -1], np.int8))
    assert column.numbers()[1].tolist() == [False, False, False]
    assert column.values() == [True, False, MISSING]


@settings(max_examples=50, deadline=None)
@given(st.lists(values))
def test_only_numbers_that_floats_can_hold_are_numbers(given_values: list[Any]) -> None:
    numbers, known = Column.of_values(given_values).numbers()
    for value, number, is_known in zip(given_values, numbers.tolist(), known.tolist(), strict=True):
        assert is_known == (type(value) in (int, float) and value != 10**400)
        assert number == (float(value) if is_known else 0.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(values))
def test_numbers_are_poured_with_nothing_where_there_is_none(given_values: list[Any]) -> None:
    column, row = Column.of_values(given_values), np.zeros(len(given_values))
    column.pour(row)
    numbers, known = column.numbers()
    assert np.array_equal(row, np.where(known, numbers, np.nan), equal_nan=True)


def test_what_is_infinite_is_poured_as_nothing() -> None:
    row = np.zeros(3)
    Column.of_numbers(np.array([1.0, np.inf, 2.0]), np.array([True, True, False])).pour(row)
    assert np.array_equal(row, [1.0, np.nan, np.nan], equal_nan=True)


def test_whole_numbers_beyond_what_floats_hold_make_a_column_wide() -> None:
    assert Column.of_values([EXACT + 1, "a"]).is_wide
    assert Column.of_values([10**400]).is_wide
    assert not Column.of_values([EXACT - 1, -5]).is_wide
    assert not Column.of_values([1e300, 0.5]).is_wide


@settings(max_examples=50, deadline=None)
@given(st.lists(values, min_size=1), st.data(), st.booleans())
def test_a_part_of_a_column_is_the_column_of_that_part(given_values: list[Any], data: Any, is_seen: bool) -> None:
    indices = data.draw(st.lists(st.integers(0, len(given_values) - 1)))
    whole, part = Column.of_values(given_values), Column.of_values([given_values[i] for i in indices])
    if is_seen:
        whole.numbers(), whole.truths()
    taken = whole.take(np.array(indices, np.int64))
    assert list(taken.values()) == list(part.values())
    assert [one.tolist() for one in taken.numbers()] == [one.tolist() for one in part.numbers()]
    assert taken.truths().tolist() == part.truths().tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(values), st.lists(st.sampled_from([True, False, 1, 0, 1.0, "1", "a", EXACT + 1]), min_size=1))
def test_codes_tell_which_literal_a_value_equals(given_values: list[Any], wanted: list[Any]) -> None:
    literals = Literals()
    codes = [literals.code(one) for one in wanted]
    found = literals.codes(Column.of_values(given_values)).tolist()
    for value, code in zip(given_values, found, strict=True):
        for literal, own in zip(wanted, codes, strict=True):
            assert same(value, literal) == (-1 if code < 0 else int(code == own))
