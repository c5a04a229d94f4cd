"""Alert budgets: instead of a threshold, at most so many events a day and key, the strangest as far as can be known.

A key's bar rises with each event it lets pass and falls as time does, at the rate at which the budget is refilled, so
that it settles where the budget is just used (stochastic approximation of a quantile, after Robbins and Monro, 1951). A
token bucket holds the promise: never more than the budget at once, and never more than twice the budget in a day.
"""

from __future__ import annotations

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints, kernel

BUDGET_WIDTH = 4  # floats a key: spent tokens, latest time, bar, 1 once it was seen
LOWEST = 2.5  # no event scoring less is worth one of the budget, however quiet the key
_START, _HIGHEST = 3.5, 50.0
_STEP = 0.5
_DAY = 86400.0


@kernel
def spend(state: Floats, rows: Ints, times: Floats, scores: Floats, per_day: float, flagged: Bools) -> None:
    """Decide in order which events are worth one of their key's budget.

    Parameters
    ----------
    state
        Keys × `BUDGET_WIDTH`; zeros are a key never seen; changed in place.
    rows, times, scores
        Of each event: its key's row, its time in seconds since 1970, and its score. Times that go back refill nothing.
    per_day
        The budget: events a day (of event time) and key, at least 1.
    flagged
        Written: whether the event is.
    """
    for i in range(len(rows)):
        own = state[rows[i]]
        if own[3] == 0.0:
            own[1], own[2], own[3] = times[i], _START, 1.0
        if times[i] > own[1]:
            earned = per_day * (times[i] - own[1]) / _DAY
            own[0] = max(own[0] - earned, 0.0)
            own[1] = times[i]
            own[2] = max(own[2] - _STEP * earned, LOWEST)
        flagged[i] = scores[i] >= own[2] and own[0] + 1.0 <= per_day
        if flagged[i]:
            own[0] += 1.0
            own[2] = min(own[2] + _STEP, _HIGHEST)


def within_budget(state: Floats, rows: Ints, times: Floats, scores: Floats, per_day: float) -> Bools:
    """Return which events of a batch are worth one of their key's budget: see `spend`.

    Examples
    --------
    >>> state = np.zeros((1, BUDGET_WIDTH))
    >>> scores = np.array([0.0, 4.0, 1.0, 9.0, 9.0, 9.0])
    >>> within_budget(state, np.zeros(6, np.int64), np.arange(6.0), scores, 2.0).tolist()
    [False, True, False, True, False, False]
    """
    flagged = np.zeros(len(rows), np.bool_)
    spend(state, rows, times, scores, per_day, flagged)
    return flagged
