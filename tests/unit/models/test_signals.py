"""One number at a time or in arrays: the same bits; and what scores mean."""

import math
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.detector import score_batch
from aimass.models.signals import CAP, LIMIT, WIDTH, step_many, step_one

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, LIMIT, -LIMIT, 1e-160, math.nan, math.nan, 3.0, 3.0]),
    st.floats(-LIMIT, LIMIT, allow_nan=False),
    st.integers(0, 3).map(float),
    st.floats(-10, 10),
)


def one_by_one(columns):
    states = [[0.0] * WIDTH for _ in columns[0]]
    found = []
    for row in columns:
        found.append([step_one(s, v) if v == v else (-1.0, 0, 0.0) for s, v in zip(states, row, strict=True)])
    return found, states


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=90), st.integers(0, 60))
def test_arrays_and_single_numbers_give_the_same_bits(rows, warm_up):
    rows = [[float(i % 7), 4.0, float(i)] for i in range(warm_up)] + rows
    wanted, states = one_by_one(rows)
    state = np.zeros((3, WIDTH, 1))
    for row, expected in zip(rows, wanted, strict=True):
        score, cause, usual = step_many(state, np.array(row).reshape(3, 1))
        for i, (s, c, e) in enumerate(expected):
            assert score[i, 0] == s
            assert math.isfinite(s)
            assert s <= CAP
            if s >= 0:
                assert (cause[i, 0], usual[i, 0]) == (c, e)
    assert np.isfinite(state).all()
    assert state[:, :, 0].tobytes() == np.array(states).tobytes()


def noise(seed, count):
    rng = random.Random(seed)
    return [rng.gauss(10, 2) for _ in range(count)]


def test_usual_numbers_score_as_often_as_they_should():
    state = [0.0] * WIDTH
    scores = [step_one(state, v)[0] for v in noise(1, 20_000)][500:]
    for level in (2, 3):
        share = sum(s > level for s in scores) / len(scores)
        assert 0.1 * 10**-level < share < 5 * 10**-level


def test_an_outlier_scores_high_and_does_not_blind():
    state = [0.0] * WIDTH
    for v in noise(2, 500):
        step_one(state, v)
    assert step_one(state, 60.0)[0] > 6
    for v in noise(3, 50):
        step_one(state, v)
    assert step_one(state, 60.0)[0] > 4


def test_the_first_change_of_a_constant_scores_by_how_long_it_was_constant():
    state = [0.0] * WIDTH
    for _ in range(1000):
        assert step_one(state, 5.0)[0] <= 0
    assert step_one(state, 5.5) == (3.0, 2, 5.0)


def test_nothing_scores_before_it_is_warm():
    state = [0.0] * WIDTH
    assert all(step_one(state, v)[0] == -1 for v in [0, 1e9, -3, 7] * 8)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.lists(NUMBERS, min_size=4, max_size=4)), min_size=1, max_size=300),
    st.integers(0, 2**32),
)
def test_a_batch_is_its_events_one_by_one(events, seed):
    rng = random.Random(seed)
    past = [(key, [rng.gauss(key, 1), 2.0, float(rng.randrange(3)), rng.random()]) for key in range(31)] * 34
    events = past + events
    rows = [key for key, _ in events]
    values = np.array([numbers for _, numbers in events])
    fields = ["a", "b", "c", "d"]
    whole, single = np.zeros((31, WIDTH, 4)), np.zeros((31, WIDTH, 4))
    at_once = score_batch(whole, rows, values, fields)
    apart = [score_batch(single, rows[i : i + 1], values[i : i + 1], fields)[0] for i in range(len(rows))]
    assert at_once == apart
    assert whole.tobytes() == single.tobytes()
    assert all(math.isfinite(one.score) and one.score >= 0 for one in at_once)


def test_width_is_paid_for():
    rng = np.random.default_rng(5)
    state = np.zeros((1, WIDTH, 40))
    found = score_batch(state, [0] * 3000, rng.normal(size=(3000, 40)), [f"f{i}" for i in range(40)])
    assert sum(one.score > 2 for one in found[500:]) < 100
