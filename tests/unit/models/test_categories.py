"""Categories are as strange as they are rare, and new ones only where new ones are rare."""

import numpy as np
import pytest

from aimass.models.categories import FOUND, weigh, width


def weighed(values, places=32):
    state, found = np.zeros((1, width(places))), np.zeros((len(values), FOUND))
    values = np.asarray(values, np.float64)
    weigh(state, np.zeros(len(values), np.int64), values, np.zeros(len(values)), 3.5, found)
    assert np.isfinite(state).all()
    return found


RNG = np.random.default_rng(1)
USUAL = RNG.choice(5, 12_000, p=[0.5, 0.3, 0.15, 0.04, 0.01]) + 3.0


@pytest.mark.parametrize(
    ("values", "bound"),
    [
        (USUAL, 3e-4),
        (np.arange(12_000.0) + 3, 0.0),
        (RNG.zipf(1.4, 12_000) + 3.0, 3e-4),
        (RNG.geometric(0.02, 12_000) + 3.0, 3e-4),
        (np.full(12_000, 3.0), 0.0),
    ],
    ids=["few", "never twice", "some common and many rare", "more than there is room for", "one"],
)
def test_usual_values_are_quiet(values, bound):
    assert (weighed(values)[:, 0] >= 3.5).mean() <= bound


def test_a_value_is_as_strange_as_values_are_as_rare():
    found = weighed([*USUAL, 7.0])
    share = (USUAL == 7.0).mean()
    assert found[-1, 0] == pytest.approx(-np.log10(share) - np.log10(2), abs=0.02)
    assert found[-1, 1:4].tolist() == [0, 7.0, 3.0]


def test_a_new_value_in_a_closed_field_is_found():
    score, cause, value, commonest, share = weighed([*USUAL, 99.0])[-1]
    assert score > 3.5
    assert (cause, value, commonest, share) == (1, 99.0, 3.0, 0.0)


@pytest.mark.parametrize("now", [4.0, 5.0])
def test_a_value_that_comes_more_often_is_found(now):
    more = np.where(RNG.random(300) < 0.9, now, RNG.choice(USUAL, 300))
    found = weighed([*USUAL, *more])[-300:]
    loud = found[found[:, 0] >= 3.5]
    assert loud[0, 1:3].tolist() in ([2, now], [2, 3.0])  # or the one that makes room for it


def test_a_value_that_ceases_to_come_is_found():
    found = weighed([*USUAL, *np.where(USUAL == 3.0, 4.0, USUAL)[:500]])[-500:]
    assert {(2.0, 3.0), (2.0, 4.0)} & {tuple(one) for one in found[found[:, 0] >= 3.5][:, 1:3].tolist()}
