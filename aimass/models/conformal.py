"""Intervals for numbers that hold the truth as often as asked, whatever the model and however the stream drifts."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Bools, Floats, kernel

_EVENTS, _ERROR, _LATELY, _BELOW, _ABOVE = range(5)
_FADE = 0.99  # of the usual error
_STEP = 0.1  # usual errors that a bound moves by at most
_WARM = 20.0  # labels before the first interval
_MOST = 1e100


@kernel
def _learn(y: float, p: float, low: float, high: float, miss: float, state: Floats) -> None:
    e = min(max(y - p, -_MOST), _MOST)
    n = state[_EVENTS]
    unit = state[_ERROR] / state[_LATELY] if n > 0.0 else 0.0
    if unit > 0.0:
        step = max(_STEP, 2.0 / math.sqrt(n + 1.0))
        is_below = y < low if low == low else e < -state[_BELOW] * unit
        is_above = y > high if high == high else e > state[_ABOVE] * unit
        below, above = state[_BELOW], state[_ABOVE]
        state[_BELOW] += step * ((1.0 if is_below else 0.0) - (0.5 * miss if above > 0.0 else miss))
        state[_ABOVE] += step * ((1.0 if is_above else 0.0) - (0.5 * miss if below > 0.0 else miss))
        state[_BELOW], state[_ABOVE] = max(state[_BELOW], 0.0), max(state[_ABOVE], 0.0)
        e = min(max(e, -100.0 * unit), 100.0 * unit)
    state[_EVENTS] = n + 1.0
    state[_ERROR] = _FADE * state[_ERROR] + abs(e)
    state[_LATELY] = _FADE * state[_LATELY] + 1.0


@kernel
def _run(
    p: Floats, y: Floats, learn: Bools, told: Bools, miss: float, state: Floats, low: Floats, high: Floats
) -> None:
    for i in range(len(y)):
        if not told[i]:
            low[i] = high[i] = math.nan
            if state[_EVENTS] >= _WARM and p[i] == p[i]:
                unit = state[_ERROR] / state[_LATELY]
                low[i], high[i] = p[i] - state[_BELOW] * unit, p[i] + state[_ABOVE] * unit
        if learn[i] and p[i] == p[i]:
            _learn(y[i], p[i], low[i], high[i], miss, state)


class Interval:
    """Conformal intervals: each bound moves out after a miss and a little in after a hit.

    Parameters
    ----------
    coverage
        How often the truth is to lie within, 0 to 1.

    Notes
    -----
    The bounds track the quantiles of the error in units of its recent mean size, each side on its own (a bound that
    has come to the prediction leaves its share of misses to the other). In the long run they are missed as often as
    asked on *any* sequence, since a run of misses moves them until it ends (Gibbs and Candès, "Adaptive conformal
    inference under distribution shift", 2021; the quantile tracker of Angelopoulos, Candès and Tibshirani, "Conformal
    PID control for time series prediction", 2023). State: 5 numbers.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=4000)
    >>> one, p = Interval(0.9), np.zeros(4000)
    >>> low, high = one.run(p, noise, np.full(4000, True), np.full(4000, False))
    >>> held = (low[100:] <= noise[100:]) & (noise[100:] <= high[100:])
    >>> round(float(held.mean()), 2), bool(abs(high[-1] - 1.645) < 0.5)
    (0.9, True)
    """

    def __init__(self, coverage: float = 0.9) -> None:
        self.coverage = coverage
        self.state = np.zeros(5)
        self.state[[_BELOW, _ABOVE]] = 2.0

    def run(
        self,
        p: Floats,
        y: Floats,
        learn: Bools,
        told: Bools,
        low: Floats | None = None,
        high: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Return the bounds of each event, learning from each label in turn.

        Parameters
        ----------
        p, y
            Predicted and true numbers; NaN: nothing was predicted, no label.
        learn
            Which labels to learn from.
        told
            Events whose bounds were told earlier, and stand in ``low`` and ``high`` (changed in place).
        """
        low = np.full(len(p), np.nan) if low is None else low
        high = np.full(len(p), np.nan) if high is None else high
        _run(p, y, learn, told, 1.0 - self.coverage, self.state, low, high)
        return low, high
