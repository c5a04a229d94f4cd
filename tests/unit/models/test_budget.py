"""An alert budget: never more than promised, and the strangest events first."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.budget import BUDGET_WIDTH, LOWEST, within_budget

DAY = 86400.0
EVENTS = st.lists(st.tuples(st.integers(0, 1), st.floats(-3600, DAY), st.floats(0, 20)), min_size=1, max_size=120)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(1, 6), st.integers(0, 120))
def test_no_day_has_more_than_twice_the_budget_however_a_batch_is_cut(events, per_day, cut):
    rows = np.array([row for row, _, _ in events], np.int64)
    times = np.cumsum([step / 10 for _, step, _ in events])
    scores = np.array([score for _, _, score in events])
    whole, parts = np.zeros((2, BUDGET_WIDTH)), np.zeros((2, BUDGET_WIDTH))
    flagged = within_budget(whole, rows, times, scores, float(per_day))
    halves = [
        within_budget(parts, rows[part], times[part], scores[part], float(per_day))
        for part in (slice(0, cut), slice(cut, None))
    ]
    assert np.concatenate(halves).tolist() == flagged.tolist()
    assert parts.tobytes() == whole.tobytes()
    assert (scores[flagged] >= LOWEST).all()
    for key in (0, 1):
        seen = np.maximum.accumulate(times[rows == key])[flagged[rows == key]]
        for start in seen:
            assert ((seen >= start) & (seen < start + DAY)).sum() <= 2 * per_day


def test_a_budget_is_nearly_used_and_goes_to_the_highest():
    rng = np.random.default_rng(1)
    days, per_day = 60, 5.0
    times = np.sort(rng.uniform(0, days * DAY, 288 * days))
    scores = rng.exponential(1 / np.log(10), len(times)) * 2
    flagged = within_budget(np.zeros((1, BUDGET_WIDTH)), np.zeros(len(times), np.int64), times, scores, per_day)
    assert 0.6 * per_day * days < flagged.sum() <= per_day * (days + 1)
    assert np.median(scores[flagged]) > np.quantile(scores, 0.98)


def test_a_burst_uses_the_budget_once():
    times = np.arange(100.0)
    flagged = within_budget(np.zeros((1, BUDGET_WIDTH)), np.zeros(100, np.int64), times, np.full(100, 40.0), 3.0)
    assert np.flatnonzero(flagged).tolist() == [0, 1, 2]
