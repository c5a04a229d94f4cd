"""Forecasts: labels come by themselves, seasons are found, cuts and restarts never show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.forecast import Forecaster
from aimass.models.kernel import Floats


def series(n: int) -> Floats:
    rng = np.random.default_rng(1)
    t = np.arange(n)
    return 50.0 + 10.0 * np.sin(2 * np.pi * t / 24) + 0.01 * t + rng.normal(size=n)


@pytest.mark.parametrize("ahead", [1, 6])
def test_a_season_is_foreseen_better_than_by_no_change(ahead: int) -> None:
    y = series(1500)
    answers = Forecaster(ahead, 24).run(np.zeros((1500, 1)), y, np.zeros(1500, np.int64))
    p, later, now = answers.p[500:-ahead, 0], y[500 + ahead :], y[500:-ahead]
    assert np.abs(p - later).mean() < 1.25
    assert np.abs(p - later).mean() < 0.65 * np.abs(now - later).mean()
    inside = (answers.low[500:-ahead] <= later) & (later <= answers.high[500:-ahead])
    assert abs(inside.mean() - 0.9) < 0.03


@settings(max_examples=6, deadline=None)
@given(cut=st.integers(1, 299), ahead=st.sampled_from([1, 5, 40]))
def test_cuts_and_restarts_never_show(cut: int, ahead: int) -> None:
    y, x = series(300), np.random.default_rng(2).normal(size=(300, 3))
    y[100:104] = np.nan
    ops = np.zeros(300, np.int64)
    whole, parts = Forecaster(ahead, 24), Forecaster(ahead, 24)
    expected = whole.run(x, y, ops)
    early = parts.run(x[:cut], y[:cut], ops[:cut])
    again = Forecaster(ahead, 24).load(parts.encode())
    late = again.run(x[cut:], y[cut:], ops[cut:])
    np.testing.assert_array_equal(np.concatenate([early.p, late.p]), expected.p)
    assert again.encode() == whole.encode()


def test_happenings_are_told_of_the_event_at_which_they_came() -> None:
    y = series(2100)
    found = Forecaster(7, 24).run(np.zeros((2100, 1)), y, np.zeros(2100, np.int64)).happenings
    due = [one.row for one in found if not hasattr(one, "what")]
    assert len(due) == 2
    assert 1000 <= due[0] < 1064 + 7
