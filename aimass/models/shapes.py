"""What the last numbers of a field look like together: their shape, against the shapes it has had before.

The last `LENGTH` numbers, in standard deviations from their mean, are compared with every window of a bounded history
that overlaps them by no more than half: the left matrix profile (Yeh et al., "Matrix profile I", ICDM 2016; Lu et al.,
"Matrix profile XXIV: scaling time series anomaly detection to trillions of datapoints and ultra-fast arriving data
streams", KDD 2022). So are the last `LENGTH` means of `COARSE` numbers each, for shapes that take longer. At both
scales the distance from the nearest window goes through a tail of its own (`aimass.models.tail`).
"""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.tail import fade, forgiven, news, tail_learn, tail_score

LENGTH = 32
COARSE = 8
CAUSES = ("shape", "long shape")
#: What is found of a number: its score (−1: nothing to say), cause, value (of a long shape: the mean of the last few),
#: the value that the nearest shape would have had there, and the distance from that shape, 0 to 2.
FOUND = 5

FINE, LONG = 176, 288  # windows' histories: numbers, and means
_MOST = max(FINE, LONG)
_N, _SCALE, _TAIL, _RING = 0, 1, 2, 7  # of a scale: numbers so far, usual variance of a window, tail, history
_SUM, _EPISODE, BAR, _HEAD = 0, 1, 3, 5
WIDTH = _HEAD + _RING + FINE + _RING + LONG
_WARM = 128.0
_STEP = 2.0  # every second window of single numbers is judged
_FLAT = 0.25  # of the usual deviation: less counts as this much, so that noise on a flat line is no shape
_LEAST = 0.02
_LN2 = 0.3010299956639812


@kernel
def _unroll(ring: Floats, n: int, h: Floats) -> tuple[int, float]:
    """Set h to the history, oldest first, less the mean of the last window; return its length and that mean."""
    size = len(ring)
    count = min(n, size)
    first = n % size if n > size else 0
    for j in range(count):
        at = first + j
        h[j] = ring[at if at < size else at - size]
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
def _nearest(scale: Floats, h: Floats, count: int, dot: Floats, mean: Floats, var: Floats) -> tuple[float, float]:
    """Return the distance of the last window from the nearest earlier one, and that one's last value in its place."""
    last, windows = count - LENGTH, count - LENGTH - LENGTH // 2 + 1
    own = 0.0
    for j in range(last, count):
        own += h[j] * h[j] / LENGTH
    if scale[_SCALE] == 0.0:
        scale[_SCALE] = own
    scale[_SCALE] += 0.002 * (min(own, 25.0 * scale[_SCALE]) - scale[_SCALE])
    floor = _FLAT * math.sqrt(scale[_SCALE])
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
def _judge(scale: Floats, value: float, every: float, work: Floats, into: Floats) -> float:
    """Take the next number of a scale; return the score of the window that it completes, −1 for nothing to say."""
    ring = scale[_RING:]
    ring[int(scale[_N]) % len(ring)] = value
    scale[_N] += 1.0
    if scale[_N] < _WARM or scale[_N] % every != 0.0:
        return -1.0
    count, level = _unroll(ring, int(scale[_N]), work[0])
    far, usual = _nearest(scale, work[0], count, work[1], work[2], work[3])
    tail = scale[_TAIL : _TAIL + 5]
    score = tail_score(tail, far, _LEAST)
    tail_learn(tail, far, _LEAST)
    into[2], into[3], into[4] = value, level + usual, far
    return score


@kernel
def resemble(state: Floats, rows: Ints, values: Floats, less: Floats, line: float, found: Floats) -> None:
    """Judge numbers in order by the shapes of the windows that each completes, and learn from each.

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
    work, long = np.empty((4, _MOST)), np.empty(FOUND)
    for i in range(len(rows)):
        row = state[rows[i]]
        fine = row[_HEAD : _HEAD + _RING + FINE]
        coarse = row[_HEAD + _RING + FINE :]
        found[i, :] = 0.0
        fade(row[BAR : BAR + 2])
        row[_SUM] += values[i] / COARSE
        score, other, cause = _judge(fine, values[i], _STEP, work, found[i]), -1.0, 0
        if fine[_N] % COARSE == 0.0:
            other = _judge(coarse, row[_SUM], 1.0, work, long)
            row[_SUM] = 0.0
        if other > score:
            score, cause = other, 1
            found[i, 2:5] = long[2:5]
        found[i, 0], found[i, 1] = -1.0, cause
        if score >= 0.0:
            score = forgiven(row[BAR : BAR + 2], cause, max(score - less[i] - _LN2, 0.0), line)
            found[i, 0] = news(row[_EPISODE : _EPISODE + 2], score, line)
