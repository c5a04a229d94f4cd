"""Intervals: they hold the truth as often as asked, calm or drifting, and follow the errors' size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.conformal import Interval
from aimass.models.kernel import Floats


def held(coverage: float, noise: Floats) -> tuple[float, Floats]:
    n = len(noise)
    low, high = Interval(coverage).run(np.zeros(n), noise, np.full(n, True), np.full(n, False))
    known = ~np.isnan(low)
    assert known[20:].all()
    return float(((low <= noise) & (noise <= high))[known].mean()), high - low


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.98])
def test_coverage_is_as_asked(coverage: float) -> None:
    rng = np.random.default_rng(1)
    streams = (
        rng.normal(size=8000),
        rng.exponential(size=8000),
        rng.standard_t(2, 8000),
        rng.normal(size=8000) * np.repeat([1.0, 20.0, 0.1, 5.0], 2000),
        np.cumsum(rng.normal(size=8000)) * 0.1,
    )
    for noise in streams:
        assert abs(held(coverage, noise)[0] - coverage) < 0.015


def test_intervals_follow_the_size_of_errors() -> None:
    _, length = held(0.9, np.random.default_rng(2).normal(size=4000) * np.repeat([1.0, 10.0], 2000))
    assert 2.5 < np.median(length[1000:2000]) < 4.5
    assert 25.0 < np.median(length[3000:]) < 45.0


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 200), nasty=st.booleans())
def test_cuts_never_show_and_numbers_stay_finite(cut: int, nasty: bool) -> None:
    rng = np.random.default_rng(3)
    y = rng.choice([1e100, -1e100, 0.0], 200) if nasty else rng.normal(size=200)
    p, learn, told = rng.normal(size=200), rng.random(200) < 0.8, np.full(200, False)
    whole, parts = Interval(), Interval()
    low, high = whole.run(p, y, learn, told)
    found = [parts.run(p[c], y[c], learn[c], told[c]) for c in (slice(0, cut), slice(cut, None))]
    np.testing.assert_array_equal(np.concatenate([one[0] for one in found]), low)
    np.testing.assert_array_equal(np.concatenate([one[1] for one in found]), high)
    assert np.isfinite(whole.state).all()
    assert whole.state.tobytes() == parts.state.tobytes()
