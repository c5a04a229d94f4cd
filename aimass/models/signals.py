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
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: What is kept of a field: count, last, mean, variance of level and of jumps; threshold, mean excess and number
#: of excesses of each signal.
STATE = ("n", "last", "mean", "var", "jump_var", "u1", "m1", "c1", "u2", "m2", "c2")
WIDTH = len(STATE)
LIMIT = 1e100  # larger numbers are taken as this
WARM = 32.0  # a field scores 0 until it has been seen this often
CAP = 100.0
CAUSES = ("level", "jump", "first change")

_CALIBRATE = 16.0  # the tails begin to learn
_ALPHA = 0.002
_CLIP = 8.0
_Q = 0.98
_BASE = -math.log10(1 - _Q)
_LN10 = math.log(10.0)
_U, _M = 2.4, 0.5  # where a threshold and a mean excess begin: near those of a normal distribution
_FAR = 1e6
_MIN_U, _MIN_M = 0.1, 0.05


def step_one(state: list[float], at: int, stride: int, v: float) -> tuple[float, int, float]:
    """Score one number, then learn it.

    Parameters
    ----------
    state
        Flat state of all fields of a row; variable `i` of this field is at ``at + i * stride``. Changed in place.
    at, stride
        Where this field is.
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
    ...     usual = step_one(state, 0, 1, float(i % 5))
    >>> score, cause, expected = step_one(state, 0, 1, 50.0)
    >>> score > 10, CAUSES[cause], round(expected, 6)
    (True, 'level', 2.0)
    """
    i1, i2, i3, i4 = at + stride, at + 2 * stride, at + 3 * stride, at + 4 * stride
    n, last, mean, var, jump_var = state[at], state[i1], state[i2], state[i3], state[i4]
    if n == 0.0:
        last = mean = v
        for i, value in ((5, _U), (6, _M), (8, _U), (9, _M)):
            state[at + i * stride] = value
    d, dv = v - mean, v - last
    dc, jc = d, dv
    first = var <= 0.0 and d != 0.0
    score, cause = -1.0, 0
    warm, calibrate = n >= WARM, n >= _CALIBRATE
    if var > 0.0:
        sd = math.sqrt(var)
        bound = _CLIP * sd
        dc = -bound if d < -bound else bound if d > bound else d
        s = _tail_one(state, at + 5 * stride, stride, min(abs(d) / sd, _FAR), calibrate)
        if warm:
            score = s
    if jump_var > 0.0:
        sd = math.sqrt(jump_var)
        bound = _CLIP * sd
        jc = -bound if dv < -bound else bound if dv > bound else dv
        s = _tail_one(state, at + 8 * stride, stride, min(abs(dv) / sd, _FAR), calibrate)
        if warm and s > score:
            score, cause = s, 1
    if warm and first:
        score, cause = math.log10(n), 2
    elif warm and score < 0.0:
        score = 0.0
    expected = last if cause == 1 else mean
    a = 1.0 / (n + 1.0)
    a = a if a > _ALPHA else _ALPHA
    t = a * dc
    state[at] = n + 1.0
    state[i1] = v
    state[i2] = mean + t
    state[i3] = (1.0 - a) * (var + t * dc)
    state[i4] = jump_var + a * (jc * jc - jump_var)
    return score, cause, expected


def _tail_one(state: list[float], at: int, stride: int, x: float, learn: bool) -> float:
    """Return −log10 of the tail probability of a distance, then learn it."""
    iu, im, ic = at, at + stride, at + 2 * stride
    u, m, c = state[iu], state[im], state[ic]
    over = x > u
    e = x - u
    s = _BASE + e / (_LN10 * m) if over else _BASE * x / u
    if learn:
        gain = 2.0 / (c + 4.0)
        step = m * (gain if gain > 0.05 else 0.05)
        if over:
            most = 20.0 * m
            rate = 1.0 / (c + 5.0)
            nm = m + (rate if rate > 0.01 else 0.01) * ((e if e < most else most) - m)
            state[im] = nm if nm > _MIN_M else _MIN_M
            state[ic] = c + 1.0
            state[iu] = u + step * _Q
        else:
            nu = u - step * (1 - _Q)
            state[iu] = nu if nu > _MIN_U else _MIN_U
    return s if s < CAP else CAP


def step_many(state: Floats, v: Floats) -> tuple[Floats, npt.NDArray[np.intp], Floats]:
    """Score and learn one number for each of many rows and fields: `step_one`, on arrays.

    Parameters
    ----------
    state
        Rows × `WIDTH` × fields; changed in place.
    v
        Rows × fields; NaN where a row has no such field: nothing is learned and the score is −1.
    """
    seen = v == v
    n, last, mean, var, jump_var = (state[:, i, :] for i in range(5))
    new = seen & (n == 0.0)
    if new.any():
        for i, value in ((5, _U), (6, _M), (8, _U), (9, _M)):
            state[:, i, :][new] = value
    v = np.where(seen, v, mean)
    last, mean = np.where(new, v, last), np.where(new, v, mean)
    d, dv = v - mean, v - last
    varies, jumps = seen & (var > 0.0), seen & (jump_var > 0.0)
    warm, calibrate = seen & (n >= WARM), n >= _CALIBRATE
    dc, s1 = _signal_many(state[:, 5:8, :], d, var, varies, calibrate)
    jc, s2 = _signal_many(state[:, 8:11, :], dv, jump_var, jumps, calibrate)
    score = np.where(warm & varies, s1, -1.0)
    jump = warm & jumps & (s2 > score)
    score = np.where(jump, s2, score)
    cause = jump.astype(np.intp)
    first = warm & ~(var > 0.0) & (d != 0.0)
    score = np.where(warm & (score < 0.0), 0.0, score)
    if first.any():
        score[first] = [math.log10(count) for count in n[first].tolist()]
        cause[first] = 2
    expected = np.where(cause == 1, last, mean)
    a = np.maximum(1.0 / (n + 1.0), _ALPHA)
    t = a * dc
    learned: tuple[Any, ...] = (
        n + 1.0,
        v,
        mean + t,
        (1.0 - a) * (var + t * dc),
        jump_var + a * (jc * jc - jump_var),
    )
    for i, value in enumerate(learned):
        np.copyto(state[:, i, :], value, where=seen)
    return score, cause, expected


def _signal_many(tail: Floats, d: Floats, var: Floats, live: Any, calibrate: Any) -> tuple[Floats, Floats]:
    """Return the clipped distances and their scores; the tails learn."""
    sd = np.sqrt(np.where(live, var, 1.0))
    bound = _CLIP * sd
    clipped = np.where(live, np.minimum(np.maximum(d, -bound), bound), d)
    x = np.minimum(np.abs(d) / sd, _FAR)
    u, m, c = tail[:, 0, :], tail[:, 1, :], tail[:, 2, :]
    over = x > u
    e = x - u
    safe_m, safe_u = np.where(m > 0.0, m, 1.0), np.where(u > 0.0, u, 1.0)
    s = np.where(over, _BASE + e / (_LN10 * safe_m), _BASE * x / safe_u)
    step = m * np.maximum(2.0 / (c + 4.0), 0.05)
    nm = np.maximum(m + np.maximum(1.0 / (c + 5.0), 0.01) * (np.minimum(e, 20.0 * m) - m), _MIN_M)
    nu = np.where(over, u + step * _Q, np.maximum(u - step * (1 - _Q), _MIN_U))
    learn = live & calibrate
    np.copyto(tail[:, 0, :], nu, where=learn)
    np.copyto(tail[:, 1, :], nm, where=learn & over)
    np.copyto(tail[:, 2, :], c + 1.0, where=learn & over)
    return clipped, np.minimum(s, CAP)
