"""One model for all, and a little of each key's own: what the key's events showed beyond what the model says of them.

A key's row corrects the model's log-odds (classes) or its number by a bias and a few weights on hashed features, shrunk
by n / (n + `SHRINK`): a new key gets the model's answer unchanged, one with many events its own. The idea of mixed
models (Henderson, 1975; for streams of users, Zhang et al., "GLMix", KDD 2016), learned one event at a time.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.numerics import exp, log

Singles = npt.NDArray[np.float32]
#: Numbers in a key's row: its count, a bias for each of `BIASES` classes, and `WEIGHTS` weights with their squares.
BIASES, WEIGHTS = 8, 8
WIDTH = 1 + 2 * BIASES + 2 * WEIGHTS
SHRINK = 20.0
_N, _BIAS, _BIAS_SQUARES, _WEIGHT, _SQUARES = 0, 1, 1 + BIASES, 1 + 2 * BIASES, 1 + 2 * BIASES + WEIGHTS
_RATE = 0.3
_TINY = 1e-4
_FAR = 5.0
_CLIP = 3.0
_LIMIT = 20.0
_FADE = 1e-3
#: Numbers in the shared state: the errors' count and mean square; then of each hashed feature n, mean and variance.
SHARED = 2 + 3 * WEIGHTS


@kernel
def _hash(x: Floats, shared: Floats, learn: bool, z: Floats) -> None:
    """Set z to the features in standard deviations, several in one place with either sign; learn their scale."""
    z[:] = 0.0
    for j in range(len(x)):
        v = x[j]
        if v == v:
            place = (j * 2654435761 % 4294967296) >> 29
            sign = 1.0 if (j * 40503 >> 4) % 2 == 0 else -1.0
            z[place] += sign * min(max(v, -1e100), 1e100)
    for k in range(len(z)):
        at = 2 + 3 * k
        v, n, variance = z[k], shared[at], shared[at + 2]
        z[k] = min(max((v - shared[at + 1]) / math.sqrt(variance), -_FAR), _FAR) if variance > 0.0 else 0.0
        if learn:
            a = max(1.0 / (n + 1.0), _FADE)
            d = v - shared[at + 1]
            shared[at] = n + 1.0
            shared[at + 1] += a * d
            shared[at + 2] = (1.0 - a) * (variance + a * min(d * d, 1e200))


@kernel
def _margin(row: Singles, k: int, z: Floats, with_weights: bool) -> float:
    """Return what a key adds to a class's log-odds, or to a number in units of the usual error."""
    own: float = row[_BIAS + k]
    if with_weights:
        for j in range(len(z)):
            own += row[_WEIGHT + j] * z[j]
    n: float = row[_N]
    return own * n / (n + SHRINK)


@kernel
def _step(row: Singles, k: int, error: float, z: Floats, with_weights: bool) -> None:
    g = row[_BIAS_SQUARES + k] + error * error
    row[_BIAS_SQUARES + k] = g
    row[_BIAS + k] = min(max(row[_BIAS + k] - _RATE * error / math.sqrt(g + 1.0), -_LIMIT), _LIMIT)
    if with_weights:
        for j in range(len(z)):
            s = error * z[j]
            row[_SQUARES + j] += s * s
            w = row[_WEIGHT + j] - 0.3 * _RATE * s / math.sqrt(row[_SQUARES + j] + 1.0)
            row[_WEIGHT + j] = min(max(w, -_LIMIT), _LIMIT)


@kernel
def _classes(row: Singles, p: Floats, y: float, learn: bool, z: Floats, out: Floats) -> None:
    """Correct the probabilities of an event, then learn its class."""
    count, is_new = min(len(p), BIASES), row[_N] == 0.0
    two = len(p) == 2
    top = -math.inf
    for k in range(len(p)):
        own: float = 0.0
        if two:
            own = _margin(row, 1, z, True) if k == 1 else 0.0
        elif k < count:
            own = _margin(row, k, z, False)
        out[k] = log(max(p[k], _TINY)) + own
        top = max(top, out[k])
    total = 0.0
    for k in range(len(p)):
        out[k] = exp(out[k] - top)
        total += out[k]
    for k in range(len(p)):
        out[k] /= total
    if learn:
        if two:
            _step(row, 1, out[1] - y, z, True)
        else:
            for k in range(count):
                _step(row, k, out[k] - (1.0 if y == k else 0.0), z, False)
        row[_N] += 1.0
    if is_new:
        out[:] = p


@kernel
def _number(row: Singles, p: float, y: float, learn: bool, z: Floats, shared: Floats, out: Floats) -> None:
    """Correct the number of an event, then learn its target."""
    unit = math.sqrt(shared[1])
    own = _margin(row, 0, z, True)
    out[0] = p + own * unit
    if learn:
        error = min(max(p - y, -1e100), 1e100)
        if unit > 0.0:
            _step(row, 0, min(max((out[0] - y) / unit, -_CLIP), _CLIP), z, True)
            error = min(max(error, -10.0 * unit), 10.0 * unit)
        a = max(1.0 / (shared[0] + 1.0), _FADE)
        shared[0] += 1.0
        shared[1] += a * (error * error - shared[1])
        row[_N] += 1.0


@kernel
def _run(
    state: Singles,
    rows: Ints,
    x: Floats,
    p: Floats,
    y: Floats,
    learn: Bools,
    classes: Ints,
    shared: Floats,
    out: Floats,
) -> None:
    z = np.empty(WEIGHTS)
    for i in range(len(y)):
        own, n = state[rows[i]], classes[i]
        learns = learn[i] and y[i] == y[i] and p[i, 0] == p[i, 0]
        _hash(x[i], shared, learns, z)
        out[i, n:] = 0.0
        if p[i, 0] != p[i, 0]:
            out[i, :] = math.nan
        elif p.shape[1] == 1:
            _number(own, p[i, 0], y[i], learns, z, shared, out[i])
        else:
            _classes(own, p[i, :n], y[i], learns, z, out[i, :n])


def run(
    state: Singles,
    rows: Ints,
    x: Floats,
    p: Floats,
    y: Floats,
    learn: Bools,
    shared: Floats,
    classes: Ints | None = None,
) -> Floats:
    """Return answers corrected for their keys, learning from each label in turn.

    Parameters
    ----------
    state
        Keys × `WIDTH`: changed in place; a new key's row is zeros. Single precision, 132 bytes a key.
    rows
        The key of each event, as its row in ``state``.
    x
        Events × features; NaN where one is absent.
    p
        The shared model's answers: events × classes, or × 1 number.
    y, learn
        Labels, and which of them to learn from. A label that comes later is learned by running its event again.
    shared
        `SHARED` numbers, zeros to begin with: the scale of features and errors; changed in place.
    classes
        How many classes there were at each event (`Answers.classes`), where there came to be more within the batch.

    Examples
    --------
    >>> state, shared, n = np.zeros((2, WIDTH), np.float32), np.zeros(SHARED), 400
    >>> rows, x, p = np.arange(n) % 2, np.zeros((n, 1)), np.full((n, 2), 0.5)
    >>> out = run(state, rows, x, p, (rows == 1) * 1.0, np.full(n, True), shared)
    >>> out[0].tolist(), bool(out[-1, 1] > 0.9), bool(out[-2, 1] < 0.1)
    ([0.5, 0.5], True, True)
    """
    out = np.empty_like(p)
    known = np.full(len(p), p.shape[1], np.int64) if classes is None else np.minimum(classes, p.shape[1])
    _run(state, rows, np.ascontiguousarray(x), np.ascontiguousarray(p), y, learn, known, shared, out)
    return out
