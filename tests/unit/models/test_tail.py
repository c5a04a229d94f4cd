"""A tail's scores are what they say: one number in 10^s scores s or more."""

import numpy as np
import pytest

from aimass.models.kernel import kernel
from aimass.models.tail import EPISODE, TAIL, TOLD, news, tail_learn, tail_reach, tail_score

LEAST = 0.01


@kernel
def scored(t, values, found):
    for i in range(len(values)):
        found[i] = tail_score(t, values[i], LEAST)
        tail_learn(t, values[i], LEAST)


RNG = np.random.default_rng(1)
N = 200_000
LIGHT = {"normal": RNG.normal(size=N), "exponential": RNG.exponential(size=N), "uniform": RNG.random(N)}
HEAVY = {"lognormal": np.exp(RNG.normal(size=N)), "t3": np.abs(RNG.standard_t(3, N))}


@pytest.mark.parametrize("name", [*LIGHT, *HEAVY])
def test_one_number_in_ten_to_the_score_is_as_high(name):
    t, found = np.zeros(TAIL), np.empty(N)
    scored(t, {**LIGHT, **HEAVY}[name], found)
    most = 2.0 if name in LIGHT else 3.0
    for score in (2.0, 3.0, 3.5):
        assert (found >= score).mean() < most * 10.0**-score
    assert (found >= 2.0).mean() > 10.0**-2.0 / 3.0


@pytest.mark.parametrize("score", [2.0, 3.5, 8.0, 20.0])
def test_reach_is_the_inverse_of_score(score):
    t = np.zeros(TAIL)
    scored(t, RNG.gamma(2.0, size=5000), np.empty(5000))
    assert tail_score(t, tail_reach(t, score, LEAST), LEAST) == pytest.approx(score, rel=1e-9)


def test_a_young_tail_is_not_sure():
    young, old = np.zeros(TAIL), np.zeros(TAIL)
    scored(young, RNG.exponential(size=60), np.empty(60))
    scored(old, RNG.exponential(size=6000), np.empty(6000))
    assert tail_score(young, 30.0, LEAST) < tail_score(old, 30.0, LEAST) / 1.5


@pytest.mark.parametrize("values", [[0.0], [1e100, -1e100], [1e-300, 0.0], [5.0] * 60 + [1e100] * 9])
def test_it_stays_finite(values):
    t, found = np.zeros(TAIL), np.empty(600)
    scored(t, np.resize(np.array(values), 600), found)
    assert np.isfinite(found).all()
    assert np.isfinite(t).all()


def test_an_episode_shows_only_what_is_higher():
    episode = np.zeros(2)
    assert [news(episode, score, 3.5) for score in (4.0, 3.9, 1.0, 6.0, 5.9)] == [4.0, TOLD, 1.0, 6.0, TOLD]
    for _ in range(int(EPISODE)):
        news(episode, 0.0, 3.5)
    assert news(episode, 4.0, 3.5) == 4.0
