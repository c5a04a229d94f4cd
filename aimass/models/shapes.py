"""What the last numbers of a field look like together: their shape, against the shapes it has had before.

The last `LENGTH` numbers, in standard deviations from their mean, are compared with every window of the last `HISTORY`
numbers that overlaps them by no more than half: the left matrix profile (Yeh et al., "Matrix profile I", ICDM 2016;
Lu et al., "Matrix profile XXIV: scaling time series anomaly detection to trillions of datapoints and ultra-fast
arriving data streams", KDD 2022), bounded. The distance from the nearest one goes through a tail of its own
(`aimass.models.tail`). Every second number is judged.
"""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.tail import fade, forgiven, news, tail_learn, tail_score

LENGTH = 32
HISTORY = 416
#: What is found of a number: its score (−1: nothing to say), the value that the nearest shape would have had there,
#: and the distance from that shape, 0 to 2.
FOUND = 3

_N, _SCALE, _EPISODE, _TAIL, BAR, _HEAD = 0, 1, 2, 4, 8, 9
WIDTH = _HEAD + HISTORY
_WARM = 128.0
_STEP = 2.0
_FLAT = 0.25  # of the usual deviation: less counts as this much, so that noise on a flat line is no shape
_LEAST = 0.02


@kernel
def _unroll(row: Floats, h: Floats) -> tuple[int, float]:
    """Set h to the history, oldest first, less the mean of the last window; return its length and that mean."""
    ring, n = row[_HEAD:], int(row[_N])
    count = min(n, HISTORY)
    first = n % HISTORY if n > HISTORY else 0
    for j in range(count):
        at = first + j
        h[j] = ring[at if at < HISTORY else at - HISTORY]
    mean = 0.0
    for j in range(count - LENGTH, count):
        mean += h[j] / LENGTH
    for j in range(count):
        h[j] -= mean
    return count, mean


@kernel
def _products(h: Floats, last: int, windows: int, dot: Floats) -> None:
    """Set dot to the inner products of the last window with the first ones; four terms at a time, for speed."""
    for j in range(windows):
        dot[j] = 0.0
    for i in range(0, LENGTH, 4):
        a, b, c, d = h[last + i], h[last + i + 1], h[last + i + 2], h[last + i + 3]
        one, two, three, four = h[i:], h[i + 1 :], h[i + 2 :], h[i + 3 :]
        for j in range(windows):
            dot[j] += (a * one[j] + b * two[j]) + (c * three[j] + d * four[j])


@kernel
def _spreads(h: Floats, windows: int, mean: Floats, var: Floats) -> None:
    """Set the means and variances of the first windows, each from the one before it."""
    total = square = 0.0
    for j in range(LENGTH):
        total += h[j]
        square += h[j] * h[j]
    for j in range(windows):
        mean[j] = total / LENGTH
        var[j] = max(square / LENGTH - mean[j] * mean[j], 0.0)
        total += h[j + LENGTH] - h[j]
        square += h[j + LENGTH] * h[j + LENGTH] - h[j] * h[j]


@kernel
def _nearest(row: Floats, h: Floats, count: int, dot: Floats, mean: Floats, var: Floats) -> tuple[float, float]:
    """Return the distance of the last window from the nearest earlier one, and that one's last value in its place."""
    last, windows = count - LENGTH, count - LENGTH - LENGTH // 2 + 1
    own = 0.0
    for j in range(last, count):
        own += h[j] * h[j] / LENGTH
    if row[_SCALE] == 0.0:
        row[_SCALE] = own
    row[_SCALE] += 0.002 * (min(own, 25.0 * row[_SCALE]) - row[_SCALE])
    floor = _FLAT * math.sqrt(row[_SCALE])
    sd = max(math.sqrt(own), floor)
    if not sd > 0.0:
        return 0.0, 0.0
    _products(h, last, windows, dot)
    _spreads(h, windows, mean, var)
    best, least = 0, math.inf
    for j in range(windows):
        other = max(math.sqrt(var[j]), floor)
        # the last window's mean is 0: the inner product is that of the deviations
        far = own / (sd * sd) + var[j] / (other * other) - 2.0 * (dot[j] / LENGTH) / (sd * other)
        if far < least:
            best, least = j, far
    other = max(math.sqrt(var[best]), floor)
    return math.sqrt(max(least, 0.0)), (h[best + LENGTH - 1] - mean[best]) / other * sd


@kernel
def resemble(state: Floats, rows: Ints, values: Floats, less: Floats, line: float, found: Floats) -> None:
    """Judge numbers in order by the shape of the window that each completes, and learn from each.

    Parameters
    ----------
    state
        Fields of keys × `WIDTH`, zeros for a new one; changed in place.
    rows, values
        The row that each number belongs to, and the number.
    less
        What to take off each score, because more than one field of its event is looked at.
    line
        The score from which on an anomaly opens an episode.
    found
        Numbers × `FOUND`; written.
    """
    h, dot, mean, var = np.empty(HISTORY), np.empty(HISTORY), np.empty(HISTORY), np.empty(HISTORY)
    for i in range(len(rows)):
        row = state[rows[i]]
        found[i, 0], found[i, 1], found[i, 2] = -1.0, 0.0, 0.0
        row[_HEAD + int(row[_N]) % HISTORY] = values[i]
        row[_N] += 1.0
        fade(row[BAR : BAR + 1])
        if row[_N] < _WARM or row[_N] % _STEP != 0.0:
            continue
        count, level = _unroll(row, h)
        far, usual = _nearest(row, h, count, dot, mean, var)
        tail = row[_TAIL : _TAIL + 4]
        score = tail_score(tail, far, _LEAST)
        tail_learn(tail, far, _LEAST)
        if score >= 0.0:
            score = forgiven(row[BAR : BAR + 1], 0, max(score - less[i], 0.0), line)
            found[i, 0], found[i, 1] = news(row[_EPISODE : _EPISODE + 2], score, line), level + usual
            found[i, 2] = far
