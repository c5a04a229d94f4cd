"""Sketches are within their bounds, and do not depend on the order in which values came, nor on parts."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.quality.sketches import (
    BUCKETS,
    ERROR,
    HOT,
    SAMPLE,
    add_numbers,
    add_texts,
    buckets,
    distinct,
    divergence,
    merge,
    middle,
    quantiles,
    settle,
    spread,
    top,
)
from aimass.records import FieldPane

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)


def of_numbers(values):
    pane = FieldPane()
    if len(values):
        add_numbers(pane, np.array(values, np.float64))
    return pane


def of_texts(values, cuts=()):
    pane = FieldPane()
    for part in np.split(np.array(values, object), sorted(cuts)):
        if len(part):
            add_texts(pane, part.tolist())
    settle(pane)
    return pane


@given(NUMBERS)
def test_a_number_is_near_the_middle_of_its_bucket(number):
    (bucket,) = buckets(np.array([number]))
    assert abs(middle(bucket) - number) <= abs(number) * ERROR


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.9, 1.0]))
def test_quantiles_are_within_the_bound_of_the_true_ones(numbers, share):
    (found,) = quantiles(of_numbers(numbers).numbers, [share])
    true = sorted(numbers)[max(0, int(np.ceil(share * len(numbers))) - 1)]
    assert abs(found - true) <= abs(true) * ERROR


@given(st.lists(NUMBERS, max_size=40), st.lists(NUMBERS, max_size=40), st.randoms())
def test_parts_of_numbers_add_up_in_any_order(one, other, rng):
    whole = [*one, *other]
    rng.shuffle(whole)
    both = of_numbers(one)
    merge(both, of_numbers(other))
    expected = of_numbers(whole)
    assert (both.numbers, both.least, both.most) == (expected.numbers, expected.least, expected.most)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_all_sizes_stay_few_buckets_the_same_in_any_order_and_parts(seed):
    rng = random.Random(seed)
    numbers = [rng.choice([-1, 1]) * rng.uniform(1, 9) * 10.0 ** rng.randrange(-200, 200) for _ in range(4_000)]
    mixed, half = rng.sample(numbers, len(numbers)), len(numbers) // 3
    one, other = of_numbers(numbers), of_numbers(mixed)
    apart = of_numbers(mixed[:half])
    merge(apart, of_numbers(mixed[half:]))
    assert len(one.numbers) <= BUCKETS
    assert one.coarse > 0
    assert (one.numbers, one.coarse) == (other.numbers, other.coarse) == (apart.numbers, apart.coarse)
    assert sum(one.numbers.values()) == len(numbers)
    (found,) = quantiles(one.numbers, [0.5])
    true = sorted(numbers)[math.ceil(len(numbers) / 2) - 1]
    assert abs(found - true) <= abs(true) * ERROR * 2**one.coarse * 1.1


def test_the_robust_deviation_is_that_of_the_values():
    values = np.random.default_rng(1).normal(50, 4, 20_000)
    median, deviation = spread(of_numbers(values).numbers)
    exact = np.median(values)
    assert median == pytest.approx(exact, rel=ERROR)
    assert deviation == pytest.approx(1.4826 * np.median(np.abs(values - exact)), rel=0.1)


def test_divergence_is_none_of_the_same_and_all_of_what_has_nothing_in_common():
    low, high = of_numbers(np.linspace(1, 2, 500)).numbers, of_numbers(np.linspace(100, 200, 500)).numbers
    assert divergence(low, low) == 0.0
    assert divergence(low, high) == pytest.approx(1.0)
    assert divergence(low, {}) is None


TEXTS = st.lists(st.integers(0, 5000).map(lambda i: f"v{i}"), max_size=1500)


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.randoms())
def test_what_a_sample_has_is_counted_exactly_whatever_the_order(texts, rng):
    mixed = list(texts)
    rng.shuffle(mixed)
    one, other, true = of_texts(texts), of_texts(mixed), Counter(texts)
    assert (one.values, one.border) == (other.values, other.border)
    assert len(one.values) == min(SAMPLE, len(true))
    assert all(true[text] == count for text, count in one.values.items())


@settings(max_examples=30, deadline=None)
@given(TEXTS, TEXTS)
def test_parts_of_texts_add_up_to_the_whole(one, other):
    both = of_texts(one)
    merge(both, of_texts(other))
    whole = of_texts([*one, *other])
    assert both.values == whole.values
    assert distinct(both) == distinct(whole)


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 1500), max_size=8))
def test_how_batches_were_cut_does_not_show_in_what_is_frequent(texts, cuts):
    one, other = of_texts(texts), of_texts(texts, [cut for cut in cuts if cut < len(texts)])
    assert (one.hot, one.hot_error, one.values) == (other.hot, other.hot_error, other.values)


@pytest.mark.parametrize("count", [300, 5_000, 80_000])
def test_how_many_different_texts_there_are_is_estimated_within_two_standard_errors(count):
    pane = of_texts([f"user-{i}" for i in range(count)])
    assert abs(distinct(pane) / count - 1) < 2 / (SAMPLE - 2) ** 0.5


@settings(max_examples=30, deadline=None)
@given(TEXTS, TEXTS)
def test_when_a_sample_was_settled_does_not_show(one, other):
    at_once, between = of_texts([*one, *other]), of_texts(one)
    add_texts(between, other) if other else None
    settle(between)
    assert (at_once.values, at_once.border) == (between.values, between.border)


def test_few_texts_are_counted_exactly():
    assert distinct(of_texts(["a", "b", "a"])) == 2


def test_the_frequent_ones_among_many_are_found_within_the_stated_error():
    rng = np.random.default_rng(3)
    texts = [f"rare-{i}" for i in range(30_000)] + ["hot"] * 3_000 + ["warm"] * 2_000
    rng.shuffle(texts)
    pane, true = of_texts(texts), Counter(texts)
    assert [text for text, _ in top(pane, 2)] == ["hot", "warm"]
    assert pane.hot_error <= len(texts) / (HOT + 1)
    for text, count in top(pane):
        assert count <= true[text] <= count + pane.hot_error


def test_long_texts_are_told_apart_by_what_is_not_shown():
    pane = of_texts(["x" * 100 + "a", "x" * 100 + "b"])
    assert distinct(pane) == 2
    assert max(map(len, pane.values)) < 60
