"""The arithmetic of `aimass.models.evaluation`: sums over all events, over recent ones, and fading ones."""

from __future__ import annotations

from aimass.models.kernel import Floats, kernel
from aimass.models.members.numerics import log

ALL, FADING, BLOCKS = 0, 1, 2  # rows of the sums; from BLOCKS on, blocks of the rolling window
WINDOW, PARTS = 1000, 5
FADE = 0.999
BINS, STEPS = 64, 10  # of the log-odds, for the AUC; of confidence, for calibration
LAST, MAJORITY, SEEN, MEAN, FIRST = range(5)  # head: last label, likeliest class, labels, their mean, the first one
HEAD = 5
N, CORRECT, LOG, BRIER, PREVIOUS, MOST = range(6)  # classification
CLASSES = 6  # per class: true, predicted, both; then the bins of negatives, of positives; then calibration
ABS, SQUARE, Y, YY, ABS_PREVIOUS, ABS_MEAN, JUDGED, COVERED, LENGTH = range(1, 10)  # regression
REGRESSION = 10
TINY = 1e-6  # probabilities count as at least this


@kernel
def _begin(sums: Floats) -> int:
    """Fade, open a block of the rolling window when it is time, and return its row."""
    for j in range(sums.shape[1]):
        sums[FADING, j] *= FADE
    n = int(sums[ALL, N])
    size = WINDOW // PARTS
    row = BLOCKS + n // size % PARTS
    if n % size == 0:
        sums[row, :] = 0.0
    return row


@kernel
def _add(sums: Floats, row: int, j: int, value: float) -> None:
    sums[ALL, j] += value
    sums[FADING, j] += value
    sums[row, j] += value


@kernel
def _judge_class(p: Floats, y: int, head: Floats, sums: Floats) -> None:
    row, classes = _begin(sums), len(p)
    best, brier = 0, 0.0
    for k in range(classes):
        if p[k] > p[best]:
            best = k
        d = p[k] - (1.0 if k == y else 0.0)
        brier += d * d
    right = 1.0 if best == y else 0.0
    _add(sums, row, N, 1.0)
    _add(sums, row, CORRECT, right)
    _add(sums, row, LOG, -log(max(p[y], TINY)))
    _add(sums, row, BRIER, brier)
    _add(sums, row, PREVIOUS, 1.0 if head[LAST] == y else 0.0)
    _add(sums, row, MOST, 1.0 if head[MAJORITY] == y else 0.0)
    _add(sums, row, CLASSES + y, 1.0)
    _add(sums, row, CLASSES + classes + best, 1.0)
    _add(sums, row, CLASSES + 2 * classes + y, right)
    at = CLASSES + 3 * classes
    if classes == 2:
        one = min(max(p[1], TINY), 1.0 - TINY)
        bin = int((log(one / (1.0 - one)) + 8.0) * (BINS / 16.0))
        _add(sums, row, at + y * BINS + min(max(bin, 0), BINS - 1), 1.0)
    at += 2 * BINS + 3 * min(int(p[best] * STEPS), STEPS - 1)
    _add(sums, row, at, 1.0)
    _add(sums, row, at + 1, p[best])
    _add(sums, row, at + 2, right)


@kernel
def judge_classes(p: Floats, y: Floats, head: Floats, counts: Floats, sums: Floats) -> None:
    """Take what was predicted of some events and what came true; NaN: no label, or no prediction."""
    for i in range(len(y)):
        if y[i] != y[i]:
            continue
        k = int(y[i])
        if head[SEEN] > 0.0 and p[i, 0] == p[i, 0]:
            _judge_class(p[i], k, head, sums)
        counts[k] += 1.0
        if head[SEEN] == 0.0 or counts[k] > counts[int(head[MAJORITY])]:
            head[MAJORITY] = k
        head[SEEN] += 1.0
        head[LAST] = k


@kernel
def judge_numbers(p: Floats, y: Floats, low: Floats, high: Floats, head: Floats, sums: Floats) -> None:
    """Take what was predicted of some events and what came true; NaN: no label, prediction or interval."""
    for i in range(len(y)):
        v = y[i]
        if v != v:
            continue
        if head[SEEN] == 0.0:
            head[FIRST] = head[MEAN] = v
        elif p[i, 0] == p[i, 0]:
            row, e, d = _begin(sums), v - p[i, 0], v - head[FIRST]
            _add(sums, row, N, 1.0)
            _add(sums, row, ABS, abs(e))
            _add(sums, row, SQUARE, e * e)
            _add(sums, row, Y, d)
            _add(sums, row, YY, d * d)
            _add(sums, row, ABS_PREVIOUS, abs(v - head[LAST]))
            _add(sums, row, ABS_MEAN, abs(v - head[MEAN]))
            if low[i] == low[i]:
                _add(sums, row, JUDGED, 1.0)
                _add(sums, row, COVERED, 1.0 if low[i] <= v <= high[i] else 0.0)
                _add(sums, row, LENGTH, high[i] - low[i])
        head[SEEN] += 1.0
        head[MEAN] += (v - head[MEAN]) / head[SEEN]
        head[LAST] = v
