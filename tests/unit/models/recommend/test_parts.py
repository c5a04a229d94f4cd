"""Fading weights, what goes together, exploration and the bandit: each is what its law says."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.recommend import bandit
from aimass.models.recommend.covisits import shares, strengths
from aimass.models.recommend.explore import choose, uniforms
from aimass.models.recommend.fading import Fading, Record

ADDED = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 5000)), min_size=1, max_size=60)


@settings(max_examples=50, deadline=None)
@given(added=ADDED)
def test_weights_are_sums_that_halve_in_time(added: list[tuple[str, float]]) -> None:
    weights, now = Fading(), max(time for _, time in added)
    for name, time in added:
        weights.add(name, time, half_life=100.0, most=10)
    grown = weights.grown(now, 100.0)
    for name in "abcdef":
        wanted = sum(2.0 ** ((time - now) / 100.0) for one, time in added if one == name)
        assert weights.weights.get(name, 0.0) / grown == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(added=ADDED, most=st.integers(1, 5))
def test_whatever_is_heavier_than_its_share_is_kept(added: list[tuple[str, float]], most: int) -> None:
    weights = Fading()
    for name, _ in added:
        weights.add(name, 0.0, half_life=100.0, most=most)
    counts = {name: sum(one == name for one, _ in added) for name in "abcdef"}
    assert len(weights.weights) <= most
    assert {name for name, count in counts.items() if count > len(added) / most} <= set(weights.weights)
    assert all(weights.weights[name] >= counts[name] for name in weights.weights)


@settings(max_examples=30, deadline=None)
@given(added=ADDED, cut=st.integers(0, 60))
def test_weights_and_records_come_back_as_they_were(added: list[tuple[str, float]], cut: int) -> None:
    whole, parts = (Fading(), Record()), (Fading(), Record())
    for i, (name, time) in enumerate(added):
        if i == cut:
            decoded = [msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one)) for one in parts]
            parts = (decoded[0], decoded[1])
        for weights, record in (whole, parts):
            weights.add(name, time, 50.0, 3)
            record.add(name, 1.0, time, 50.0, 3)
    assert list(map(msgspec.msgpack.encode, parts)) == list(map(msgspec.msgpack.encode, whole))


def described(tries: float, taken: float, in_segment: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    x = np.zeros((1, bandit.D))
    raw = np.array([[0.25, 1.0, 0.0, 0.0, tries, taken, *in_segment]])
    bandit.describe(raw, 0.1, 0.0, 60.0, in_segment != (0.0, 0.0), x)
    return x[0]


def test_a_record_is_smoothed_towards_what_is_usual_and_a_segments_towards_that() -> None:
    x = described(100.0, 30.0, (20.0, 0.0))
    overall = (30 + 20 * 0.1) / 120
    assert x[bandit.TAKEN_ALL] == pytest.approx(overall / 0.5)
    assert x[bandit.TAKEN] == pytest.approx((0 + 20 * overall) / 40 / 0.5)
    assert x[bandit.UNTRIED] == pytest.approx(1 / math.sqrt(21))


def test_what_goes_together_and_is_taken_is_worth_more_than_either() -> None:
    x = described(100.0, 30.0)
    assert x[bandit.FIT] == x[bandit.NEAR] * x[bandit.TAKEN]


def test_an_offer_that_was_never_tried_is_as_usual() -> None:
    x = described(0.0, 0.0)
    assert (x[bandit.TAKEN], x[bandit.TAKEN_ALL], x[bandit.UNTRIED], x[bandit.NEAR]) == (0.2, 0.2, 1.0, 0.5)


def test_newer_looks_count_more() -> None:
    near = {"a": Fading(0.0, {"x": 1.0}), "b": Fading(0.0, {"y": 1.0})}
    found = strengths(shares([("a", near["a"]), ("b", near["b"])]))
    assert found["x"] > found["y"] > 0


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.integers(0, 4).map(float), min_size=1, max_size=6),
    size=st.integers(0, 4),
    explore=st.floats(0.05, 0.95),
)
def test_probabilities_are_how_often_it_happens(scores: list[float], size: int, explore: float) -> None:
    """Each way to choose the first is weighed by how likely it is: then every place's probabilities must agree."""
    count = len(scores)
    order = sorted(range(count), key=lambda i: -scores[i])
    likely = {one: explore / count + (1 - explore if one == order[0] else 0.0) for one in range(count)}
    truth: dict[tuple[int, int], float] = {}
    for first, p in likely.items():
        listed = [first, *(one for one in order if one != first)][:size]
        for place, one in enumerate(listed):
            truth[place, one] = truth.get((place, one), 0.0) + p
    for seed in range(30):
        chosen = choose(scores, size, explore, str(seed))
        assert len(chosen) == min(size, count)
        assert len({one for one, _ in chosen}) == len(chosen)
        for place, (one, p) in enumerate(chosen):
            assert p == pytest.approx(truth[place, one])


def test_seeds_are_spread_evenly() -> None:
    drawn = np.array([uniforms(f"t-0-{i}") for i in range(4000)])
    assert abs(drawn.mean(axis=0) - 0.5).max() < 0.02
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05


def offered(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = np.zeros((count, bandit.D))
    x[:, 0], x[:, bandit.NEAR], x[:, bandit.TAKEN] = 1.0, rng.random(count), rng.random(count)
    return x, 0.1 + 0.5 * x[:, bandit.TAKEN] - 0.2 * x[:, bandit.NEAR] + 0.05 * rng.normal(size=count)


def test_the_bandit_learns_what_offers_bring() -> None:
    x, rewards = offered(3000)
    model, scores = np.zeros(bandit.WIDTH), np.empty(3)
    for k in range(0, 3000, 3):
        bandit.learn(model, x[k : k + 3], rewards[k : k + 3], float(k), 1e9)
    asked = np.zeros((3, bandit.D))
    asked[:, 0], asked[1, bandit.TAKEN], asked[2, bandit.NEAR] = 1.0, 1.0, 1.0
    bandit.rank(model, asked, bandit.PRIOR, scores)
    assert scores == pytest.approx([0.1, 0.6, -0.1], abs=0.03)


def test_the_bandit_is_ridge_regression_towards_what_was_believed() -> None:
    x, rewards = offered(50)
    model, scores = np.zeros(bandit.WIDTH), np.empty(50)
    bandit.learn(model, x, rewards, 0.0, 1e9)
    bandit.rank(model, x, bandit.PRIOR, scores)
    gram = x.T @ x + 2.0 * np.eye(bandit.D)
    theta = bandit.PRIOR + np.linalg.solve(gram, x.T @ rewards - x.T @ x @ bandit.PRIOR)
    np.testing.assert_allclose(scores, x @ theta, rtol=1e-9)


def test_what_was_learned_long_ago_counts_little() -> None:
    x, rewards = offered(1000)
    model, scores = np.zeros(bandit.WIDTH), np.empty(1000)
    bandit.learn(model, x, rewards, 0.0, 100.0)
    bandit.learn(model, x, -rewards, 2000.0, 100.0)
    bandit.rank(model, x, bandit.PRIOR, scores)
    assert np.corrcoef(scores, rewards)[0, 1] < -0.8
    assert model[bandit.COUNT] == pytest.approx(1000.0 * (1 + 2.0**-20))


def test_a_new_bandit_prefers_what_goes_together() -> None:
    model, scores, asked = np.zeros(bandit.WIDTH), np.empty(2), np.zeros((2, bandit.D))
    asked[:, 0], asked[1, bandit.NEAR] = 1.0, 0.5
    bandit.rank(model, asked, bandit.PRIOR, scores)
    assert scores[1] > scores[0]
    assert all(map(math.isfinite, scores))
