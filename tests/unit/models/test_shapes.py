"""A window's distance is that from the most alike earlier window."""

import numpy as np
import pytest

from aimass.models.shapes import COARSE, FINE, FOUND, LENGTH, LONG, WIDTH, resemble


def resembled(values):
    state, found = np.zeros((1, WIDTH)), np.zeros((len(values), FOUND))
    resemble(state, np.zeros(len(values), np.int64), values, np.zeros(len(values)), 3.5, found)
    return found, state


def nearest(x, history):
    """Return the distance of each window from the nearest earlier one, by the index of its last number."""
    windows = np.lib.stride_tricks.sliding_window_view(x, LENGTH)
    z = (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)
    found = {}
    for n in range(history, len(x)):
        last = n + 1 - LENGTH
        earlier = z[n + 1 - history : last - LENGTH // 2 + 1]
        found[n] = np.sqrt(((earlier - z[last]) ** 2).mean(axis=1)).min()
    return found


@pytest.mark.parametrize("level", [0.0, 1e8])
def test_distances_are_those_of_all_pairs(level):
    x = np.random.default_rng(1).normal(size=4000) + 3 * np.sin(np.arange(4000) / 50) + level
    found, checked = resembled(x)[0], [0, 0]
    fine, coarse = nearest(x, FINE), nearest(x.reshape(-1, COARSE).mean(axis=1), LONG)
    for n in range(3000, 4000):
        if found[n, 0] >= 0:
            cause = int(found[n, 1])
            assert found[n, 4] == pytest.approx(coarse[n // COARSE] if cause else fine[n], rel=1e-5)
            checked[cause] += 1
    assert min(checked) > 20


def test_a_beat_turned_around_is_found_and_usual_ones_are_not():
    rng = np.random.default_rng(2)
    x = np.arange(20_000) % 24 / 24.0 + 0.1 * rng.normal(size=20_000)
    x[-48:] = x[-48:][::-1]
    found = resembled(x)[0]
    assert found[-48:, 0].max() > 5
    assert (found[:-48, 0] >= 3.5).mean() < 3e-4


@pytest.mark.parametrize("values", [[0.0], [1e100, -1e100, 0.0], [1e9, 1e9 + 1e-7], [1e-300, 0.0, 1e100]])
def test_it_stays_finite(values):
    found, state = resembled(np.resize(np.array(values), 1500))
    assert np.isfinite(found).all()
    assert np.isfinite(state).all()
