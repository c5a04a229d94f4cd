"""A contextual bandit: what an offer is expected to bring, from what is known of item and key; learned from outcomes.

A linear model with an upper confidence bound (LinUCB with shared parameters; Li et al., 2010), whose past fades with
event time. Each item's own record is a feature, smoothed towards the average: so items share what they have in common,
and yet each is known by itself.
"""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, kernel
from aimass.models.members.numerics import exp

#: What is known of an offer: 1; how it goes with what the key looked at; how popular it is in the segment and over all;
#: how often it was taken in the segment and over all, beside the average; how little it was tried; whether the key
#: looked at it lately; and its place in the list, which is 0 when it is chosen.
FEATURES = ("bias", "near", "trend", "trend_all", "taken", "taken_all", "untried", "seen", "place")
D = len(FEATURES)
NEAR, TREND, TREND_ALL, TAKEN, TAKEN_ALL, UNTRIED, SEEN, PLACE = range(1, D)
_A, _B, TIME, COUNT, SUM, _SQUARES, WIDTH = (
    0,
    D * D,
    D * D + D,
    D * D + D + 1,
    D * D + D + 2,
    D * D + D + 3,
    D * D + D + 4,
)
_LN2 = 0.6931471805599453
_RIDGE = 2.0
_BOUND = 0.3  # standard errors added to what is expected
#: What is believed before anything was learned: by its order alone.
PRIOR = np.array([0.0, 0.1, 0.05, 0.02, 0.05, 0.05, 0.0, -0.02, -0.02])


@kernel
def learn(row: Floats, x: Floats, rewards: Floats, time: float, half_life: float) -> None:
    """Learn what offers brought.

    Parameters
    ----------
    row
        The model, `WIDTH` numbers, zeros for a new one; changed in place.
    x, rewards
        Offers × `D`, and what each brought.
    time, half_life
        Now, and how long until what was learned counts half; seconds.
    """
    if row[COUNT] > 0.0 and time > row[TIME]:
        fade = exp((row[TIME] - time) * _LN2 / half_life)
        for i in range(TIME):
            row[i] *= fade
        for i in range(COUNT, WIDTH):
            row[i] *= fade
    row[TIME] = max(row[TIME], time)
    for k in range(len(rewards)):
        for i in range(D):
            for j in range(D):
                row[_A + i * D + j] += x[k, i] * x[k, j]
            row[_B + i] += rewards[k] * x[k, i]
        row[COUNT] += 1.0
        row[SUM] += rewards[k]
        row[_SQUARES] += rewards[k] * rewards[k]


@kernel
def _factor(row: Floats, low: Floats) -> None:
    """Write the Cholesky factor of the Gram matrix and its ridge."""
    for i in range(D):
        for j in range(i + 1):
            s = row[_A + i * D + j]
            if i == j:
                s += _RIDGE
            for k in range(j):
                s -= low[i, k] * low[j, k]
            low[i, j] = math.sqrt(max(s, 1e-12)) if i == j else s / low[j, j]


@kernel
def rank(row: Floats, x: Floats, prior: Floats, scores: Floats) -> None:
    """Score candidates: what each is expected to bring, and a little more where that is uncertain.

    Parameters
    ----------
    row, x
        The model, and candidates × `D`.
    prior
        What the parameters are believed to be where little was learned.
    scores
        One for each candidate; written.
    """
    low, y, theta = np.zeros((D, D)), np.zeros(D), np.zeros(D)
    _factor(row, low)
    for i in range(D):
        s = row[_B + i]
        for j in range(D):
            s -= row[_A + i * D + j] * prior[j]
        for k in range(i):
            s -= low[i, k] * y[k]
        y[i] = s / low[i, i]
    for i in range(D - 1, -1, -1):
        s = y[i]
        for k in range(i + 1, D):
            s -= low[k, i] * theta[k]
        theta[i] = s / low[i, i]
    mean = row[SUM] / max(row[COUNT], 1.0)
    spread = math.sqrt(max(row[_SQUARES] / max(row[COUNT], 1.0) - mean * mean, 1e-12))
    for n in range(len(x)):
        expected, bound = 0.0, 0.0
        for i in range(D):
            expected += x[n, i] * (prior[i] + theta[i])
            s = x[n, i]
            for k in range(i):
                s -= low[i, k] * y[k]
            y[i] = s / low[i, i]
            bound += y[i] * y[i]
        scores[n] = expected + _BOUND * spread * math.sqrt(bound)
