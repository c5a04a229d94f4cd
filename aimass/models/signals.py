"""How strange a number is after the numbers before it: two signals, each with its own calibrated tail, O(1) a number.

The signals are the distance from the running mean (*level*) and from the previous number (*jump*), each in running
standard deviations. Each goes through a streaming peaks-over-threshold estimate (after Siffer et al., "Anomaly
detection in streams with extreme value theory", KDD 2017, with an exponential tail): the threshold follows the 98 %
quantile and what exceeds it is taken as exponential, so that every score is −log10 of a tail probability whatever
the field looks like.

The same arithmetic is written twice: `step_one` for one number, `step_many` for arrays. Both use only operations that
IEEE 754 rounds exactly (and `math.log10`, called by both), so they agree to the last bit and no one can tell
how a batch was cut.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: What is kept of a field: how often it was seen; what each signal (level, jump) expects, its variance, and its tail:
#: threshold, mean excess and number of excesses.
STATE = ("n", "mean", "last", "level_var", "jump_var", "u1", "u2", "m1", "m2", "c1", "c2")
WIDTH = len(STATE)
LIMIT = 1e100  # larger numbers are taken as this
WARM = 32.0  # a field scores 0 until it has been seen this often
CAP = 100.0
CAUSES = ("level", "jump", "first change")

_CALIBRATE = 16.0  # the tails begin to learn
_ALPHA = 0.002
_CLIP = 8.0
_Q, _P = 0.98, 0.02
_BASE = -math.log10(_P)
_LN10 = math.log(10.0)
_U, _M = 2.4, 0.5  # where a threshold and a mean excess begin: near those of a normal distribution
_FAR = 1e6
_MIN_U, _MIN_M = 0.1, 0.05


def step_one(state: list[float], v: float) -> tuple[float, int, float]:
    """Score one number, then learn it.

    Parameters
    ----------
    state
        What is kept of the field, in the order of `STATE`, zeros at first. Changed in place.
    v
        The number: finite and within ±`LIMIT`.

    Returns
    -------
    tuple
        The score (−1 while warming up), the index of its cause in `CAUSES`, and the value that was expected.

    Examples
    --------
    >>> state = [0.0] * WIDTH
    >>> for i in range(100):
    ...     usual = step_one(state, float(i % 5))
    >>> score, cause, expected = step_one(state, 50.0)
    >>> score > 10, CAUSES[cause], round(expected, 6)
    (True, 'level', 2.0)
    """
    n, mean, last, var, jump_var, u1, u2, m1, m2, c1, c2 = state
    if n == 0.0:
        mean = last = v
        u1 = u2 = _U
        m1 = m2 = _M
    d = dc = v - mean
    j = jc = v - last
    expected, score, cause = mean, -1.0, 0
    warm, calibrate = n >= WARM, n >= _CALIBRATE
    if var > 0.0:
        sd = math.sqrt(var)
        bound = _CLIP * sd
        dc = -bound if d < -bound else bound if d > bound else d
        s, u, m, c = _tail(abs(d) / sd, u1, m1, c1)
        if calibrate:
            u1, m1, c1 = u, m, c
        if warm:
            score = s
    elif warm and d != 0.0:
        score, cause = math.log10(n), 2
    if jump_var > 0.0:
        sd = math.sqrt(jump_var)
        bound = _CLIP * sd
        jc = -bound if j < -bound else bound if j > bound else j
        s, u, m, c = _tail(abs(j) / sd, u2, m2, c2)
        if calibrate:
            u2, m2, c2 = u, m, c
        if warm and s > score:
            expected, score, cause = last, s, 1
    if warm and score < 0.0:
        score = 0.0
    a = 1.0 / (n + 1.0)
    if a < _ALPHA:
        a = _ALPHA
    t, keep = a * dc, 1.0 - a
    level_var, jump_var = keep * (var + t * dc), keep * (jump_var + a * jc * jc)
    state[:] = n + 1.0, mean + t, v, level_var, jump_var, u1, u2, m1, m2, c1, c2
    return score, cause, expected


def _tail(x: float, u: float, m: float, c: float) -> tuple[float, float, float, float]:
    """Return −log10 of the tail probability of a distance, and the tail when it has learned it."""
    if x > _FAR:
        x = _FAR
    e = x - u
    gain = 2.0 / (c + 4.0)
    step = m * (gain if gain > 0.05 else 0.05)
    if x > u:
        s = _BASE + e / (_LN10 * m)
        most = 20.0 * m
        rate = 1.0 / (c + 5.0)
        nm = m + (rate if rate > 0.01 else 0.01) * ((e if e < most else most) - m)
        return (s if s < CAP else CAP), u + step * _Q, (nm if nm > _MIN_M else _MIN_M), c + 1.0
    nu = u - step * _P
    return _BASE * x / u, (nu if nu > _MIN_U else _MIN_U), m, c


def step_many(state: Floats, v: Floats) -> tuple[Floats, npt.NDArray[np.intp], Floats]:
    """Score and learn one number for each of many rows and fields: `step_one`, on arrays.

    Parameters
    ----------
    state
        Rows × `WIDTH` × fields; changed in place.
    v
        Rows × fields; NaN where a row has no such field: nothing is learned and the score is −1.
    """
    n = state[:, 0]
    seen = v == v
    new = seen & (n == 0.0)
    if new.any():
        _begin(state, v, new)
    some = not seen.all()
    if some:
        v = np.where(seen, v, state[:, 2])
    refs, var, u, m, c = (state[:, i : i + 2] for i in (1, 3, 5, 7, 9))
    d = v[:, None] - refs
    varies = var > 0.0
    sd = np.sqrt(np.where(varies, var, 1.0))
    bound = _CLIP * sd
    clipped = np.where(varies, np.minimum(np.maximum(d, -bound), bound), d)
    s, nu, nm, over = _tails(np.minimum(np.abs(d) / sd, _FAR), u, m, c)
    score, cause, expected = _combine(s, varies, d[:, 0], refs, n, seen)
    learn = varies & (seen & (n >= _CALIBRATE))[:, None]
    over &= learn
    a = np.maximum(1.0 / (n + 1.0), _ALPHA)[:, None]
    t = a * clipped
    new_var = (1.0 - a) * (var + t * clipped)
    mean = refs[:, 0] + t[:, 0]
    np.copyto(u, nu, where=learn)
    np.copyto(m, nm, where=over)
    c += over
    if some:
        np.copyto(refs[:, 0], mean, where=seen)
        np.copyto(var, new_var, where=seen[:, None])
    else:
        refs[:, 0] = mean
        var[:] = new_var
    refs[:, 1] = v
    n += seen
    return score, cause, expected


def _begin(state: Floats, v: Floats, new: npt.NDArray[np.bool_]) -> None:
    for i, value in ((1, v), (2, v), (5, _U), (6, _U), (7, _M), (8, _M)):
        np.copyto(state[:, i], value, where=new)


def _tails(x: Floats, u: Floats, m: Floats, c: Floats) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    """Return the scores of distances, the tails' thresholds and mean excesses afterwards, and which were exceeded.

    Fields never seen have tails of zeros: what is computed of them means nothing and is not kept.
    """
    over = x > u
    e = x - u
    safe_m, safe_u = np.maximum(m, _MIN_M), np.maximum(u, _MIN_U)
    s = np.where(over, np.minimum(_BASE + e / (_LN10 * safe_m), CAP), _BASE * x / safe_u)
    step = m * np.maximum(2.0 / (c + 4.0), 0.05)
    nu = np.where(over, u + step * _Q, np.maximum(u - step * _P, _MIN_U))
    nm = np.maximum(m + np.maximum(1.0 / (c + 5.0), 0.01) * (np.minimum(e, 20.0 * m) - m), _MIN_M)
    return s, nu, nm, over


def _combine(
    s: Floats, varies: npt.NDArray[np.bool_], d: Floats, refs: Floats, n: Floats, seen: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.intp], Floats]:
    """Return the higher score of the two signals, which it is, and what it expected."""
    warm = seen & (n >= WARM)
    s = np.where(varies, s, -1.0)
    first = warm & ~varies[:, 0] & (d != 0.0)
    cause = np.zeros(d.shape, np.intp)
    if first.any():
        s[:, 0][first] = [math.log10(count) for count in n[first].tolist()]
        cause[first] = 2
    jump = s[:, 1] > s[:, 0]
    cause[jump] = 1
    score = np.where(warm, np.maximum(np.where(jump, s[:, 1], s[:, 0]), 0.0), -1.0)
    return score, cause, np.where(jump, refs[:, 1], refs[:, 0])
