"""A contextual bandit: what an offer is expected to bring, from what is known of item and key; learned from outcomes.

Linear regression with shared parameters (the mean of LinUCB; Li et al., 2010), whose past fades with event time. Each
item's own record is a feature, smoothed towards what is usual: so items share what they have in common, and yet each is
known by itself. What is uncertain is tried out by `aimass.models.recommend.explore`; a confidence bound on top of that
gained nothing.
"""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, kernel
from aimass.models.members.numerics import exp

#: What is known of an offer: 1; how it goes with what the key looked at; how popular it is in the segment and over all;
#: how often it was taken in the segment and over all, beside the average; how little it was tried; how well it goes
#: times how often it was taken; whether the key looked at it lately; and its place in the list, 0 when it is chosen.
FEATURES = ("bias", "near", "trend", "trend_all", "taken", "taken_all", "untried", "fit", "seen", "place")
D = len(FEATURES)
NEAR, TREND, TREND_ALL, TAKEN, TAKEN_ALL, UNTRIED, FIT, SEEN, PLACE = range(1, D)
_A, _B = 0, D * D
TIME, COUNT, SUM, WIDTH = range(_B + D, _B + D + 4)
_LN2 = 0.6931471805599453
_RIDGE = 2.0
#: What is believed before anything was learned: by its order alone.
PRIOR = np.array([0.0, 0.1, 0.05, 0.02, 0.05, 0.05, 0.0, 0.2, -0.02, -0.02])


#: What `describe` is told of an offer: how it goes with what the key looked at; how popular it is in the segment and
#: over all, 1 for the most popular; since when its record is counted; how often it was tried and what that brought,
#: over all and in the segment.
RAW = 8
_SMOOTH = 20.0  # offers that brought what is usual: a record begins with them
_MOST = 5.0  # times what is usual: no record counts for more


@kernel
def describe(raw: Floats, usual: float, now: float, half_life: float, has_segment: bool, x: Floats) -> None:
    """Write the features of offers, but for what only the key and the list know.

    Parameters
    ----------
    raw
        Offers × `RAW`.
    usual
        What an offer brings on the average.
    now, half_life
        Event time, and how long until what was counted counts half; seconds.
    has_segment
        Whether the key has one.
    x
        Offers × `D`, zeros; written.
    """
    for i in range(len(raw)):
        x[i, 0] = 1.0
        for j in range(3):
            x[i, NEAR + j] = math.sqrt(min(raw[i, j], 1.0))
        taken, overall, tries = usual, usual, 0.0
        if raw[i, 4] > 0.0:
            fade = exp((raw[i, 3] - now) * _LN2 / half_life)
            tries = raw[i, 4] * fade
            overall = taken = (raw[i, 5] * fade + _SMOOTH * usual) / (tries + _SMOOTH)
            if has_segment:
                tries = raw[i, 6] * fade
                taken = (raw[i, 7] * fade + _SMOOTH * overall) / (tries + _SMOOTH)
        x[i, TAKEN] = min(taken / (_MOST * usual), 1.0) if usual > 0.0 else 1.0 / _MOST
        x[i, TAKEN_ALL] = min(overall / (_MOST * usual), 1.0) if usual > 0.0 else 1.0 / _MOST
        x[i, FIT] = x[i, NEAR] * x[i, TAKEN]
        x[i, UNTRIED] = 1.0 / math.sqrt(1.0 + tries)


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
    """Score candidates: what each is expected to bring.

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
    for n in range(len(x)):
        expected = 0.0
        for i in range(D):
            expected += x[n, i] * (prior[i] + theta[i])
        scores[n] = expected
