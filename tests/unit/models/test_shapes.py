"""A window's distance is that from the most alike earlier window."""

import numpy as np
import pytest

from aimass.models.shapes import FOUND, HISTORY, LENGTH, WIDTH, resemble


def resembled(values):
    state, found = np.zeros((1, WIDTH)), np.zeros((len(values), FOUND))
    resemble(state, np.zeros(len(values), np.int64), values, np.zeros(len(values)), 3.5, found)
    return found, state


@pytest.mark.parametrize("level", [0.0, 1e9])
def test_distances_are_those_of_all_pairs(level):
    x = np.random.default_rng(1).normal(size=1200) + 3 * np.sin(np.arange(1200) / 5) + level
    windows = np.lib.stride_tricks.sliding_window_view(x, LENGTH)
    z = (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)
    found = resembled(x)[0]
    checked = 0
    for n in range(700, 1200):
        first, last = max(n + 1 - HISTORY, 0), n + 1 - LENGTH
        gaps = np.sqrt(((z[first : last - LENGTH // 2 + 1] - z[last]) ** 2).mean(axis=1))
        if found[n, 0] >= 0:
            assert found[n, 2] == pytest.approx(gaps.min(), rel=1e-6)
            checked += 1
    assert checked == 250


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
