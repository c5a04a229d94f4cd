"""How the numeric fields of an event go together: their running mean and precision, O(d²) an event.

The covariance of the fields is exponentially weighted; its inverse is kept beside it by Sherman and Morrison's formula
and computed anew, with a ridge, every 64 events. An event's distance (Mahalanobis) says how strange it is as a whole;
each field's residual given the others says which of them broke the relation. Both go through a tail of their own
(`aimass.models.tail`). Fields that an event lacks are left out of its distance, and for learning they are what the
others make of them (one step of expectation maximisation).
"""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import log
from aimass.models.tail import fade, forgiven, news, tail_learn, tail_score

CAUSES = ("relation", "level", "together")
#: What is found of an event: its score (−1: nothing to say), field, cause, value, expected value, related field
#: (−1: none), squared distance, largest residual.
FOUND = 8
RIDGE = 1e-6
REFRESH = 64.0

_N, _MASK, _AGE, _EPISODE, _TAILS, _HEAD = 0, 1, 2, 3, 5, 15
_YOUNG = 16.0  # a field takes part when it was seen this often
_FAR = 1e6  # standard deviations: what is further counts as this far
_LEAST = 0.05
_LN2 = 0.3010299956639812  # log10(2): two signals are looked at
_TIED = 0.2  # partial correlation from which on fields are called related
_TINY, _FLAT = 1e-200, 1e-24


def width(fields: int) -> int:
    """Return how many floats are kept of a key: a head, seven numbers a field, three bars a field, and d × d."""
    return _HEAD + 8 * fields + fields * fields


def bar(fields: int, field: int, cause: int) -> int:
    """Return where in a row the bar stands that a field's score has to pass, for a cause."""
    return _HEAD + 3 * fields + cause * fields + field


def forgetting(fields: int) -> float:
    """Return the weight of the newest event: the more fields, the longer the memory must be.

    Examples
    --------
    >>> forgetting(4), forgetting(16)
    (0.002, 0.0009765625)
    """
    return min(0.002, 1.0 / (64.0 * fields))


@kernel
def _invert(s: Floats, at: Ints, k: int, q: Floats) -> None:
    """Set q to the inverse of the covariance of k fields, with a ridge, by elimination on correlations."""
    for a in range(k):
        for b in range(a + 1):
            i, j = at[a], at[b]
            q[a, b] = q[b, a] = s[i, j] / (math.sqrt(s[i, i]) * math.sqrt(s[j, j]))
        q[a, a] = 1.0 + RIDGE
    for p in range(k):
        pivot = max(q[p, p], 0.5 * RIDGE)
        q[p, p] = 1.0
        for j in range(k):
            q[p, j] /= pivot
        for i in range(k):
            if i != p:
                f = q[i, p]
                q[i, p] = 0.0
                for j in range(k):
                    q[i, j] -= f * q[p, j]
    for a in range(k):
        for b in range(a + 1):
            mean = 0.5 * (q[a, b] + q[b, a])
            q[a, b] = q[b, a] = mean / (math.sqrt(s[at[a], at[a]]) * math.sqrt(s[at[b], at[b]]))


@kernel
def _see(x: Floats, time: float, within: float, last: Floats, v: Floats) -> None:
    """Set v to the event's values; where it has none, to the newest one known if that is not too old.

    Where there is room behind them, the values of the event before follow.
    """
    own, d = len(x), len(v)
    for j in range(own):
        is_fresh = last[d + j] != 0.0 and (within == 0.0 or abs(time - last[d + j]) <= within)
        v[j] = x[j]
        if own < d:
            v[own + j] = last[j] if is_fresh else np.nan
        if x[j] == x[j]:
            last[j], last[d + j] = x[j], time
        elif within > 0.0 and is_fresh:
            v[j] = last[j]


@kernel
def _active(v: Floats, count: Floats, mean: Floats, s: Floats, at: Ints, away: Ints) -> tuple[int, int, int]:
    """Find the fields that take part: how many the event has, how many it lacks, and which they are, as bits."""
    k = lacks = mask = 0
    for j in range(len(v)):
        if count[j] >= _YOUNG and s[j, j] > _TINY and s[j, j] > _FLAT * mean[j] * mean[j]:
            mask |= 1 << j
            if v[j] == v[j]:
                at[k] = j
                k += 1
            else:
                away[lacks] = j
                lacks += 1
    return k, lacks, mask


@kernel
def _precision(row: Floats, s: Floats, pd: Floats, at: Ints, k: int, mask: int, whole: bool, q: Floats) -> None:
    """Set q to the precision of the fields at hand: the one that is kept, where it is of these fields and fresh."""
    if whole and row[_MASK] == mask and row[_AGE] < REFRESH:
        row[_AGE] += 1.0
        for a in range(k):
            q[a, a] = pd[at[a]]
            for b in range(a):
                q[a, b] = q[b, a] = s[at[b], at[a]]
        return
    _invert(s, at, k, q)
    row[_MASK] = mask if whole else 0
    row[_AGE] = 1.0


@kernel
def _residuals(v: Floats, mean: Floats, s: Floats, at: Ints, k: int, q: Floats, e: Floats, g: Floats) -> float:
    """Set e to the fields' distances from their means and g to the precision times e; return the squared distance."""
    for a in range(k):
        far = _FAR * math.sqrt(s[at[a], at[a]])
        e[at[a]] = min(max(v[at[a]] - mean[at[a]], -far), far)
    total = 0.0
    for a in range(k):
        g[a] = 0.0
        for b in range(k):
            g[a] += q[a, b] * e[at[b]]
        total += e[at[a]] * g[a]
    return max(total, 0.0)


@kernel
def _strangest(s: Floats, at: Ints, k: int, q: Floats, e: Floats, g: Floats, own: int) -> tuple[int, int, float, float]:
    """Return which of the event's own fields is furthest from what all others say, what it is tied to, and how far."""
    top = 0.0
    for a in range(own):
        top = max(top, abs(g[a]) / math.sqrt(q[a, a]))
    best, far = 0, -1.0
    for a in range(own):
        z = abs(e[at[a]]) / math.sqrt(s[at[a], at[a]])
        if abs(g[a]) / math.sqrt(q[a, a]) >= 0.95 * top and z > far:
            best, far = a, z
    tied, most = -1, _TIED
    for b in range(k):
        r = abs(q[best, b]) / (math.sqrt(q[best, best]) * math.sqrt(q[b, b]))
        if b != best and r > most:
            tied, most = b, r
    return best, tied, top, far


@kernel
def _judge(row: Floats, s: Floats, bars: Floats, v: Floats, at: Ints, k: int, q: Floats, e: Floats, g: Floats,
           mean: Floats, square: float, own: int, line: float, found: Floats) -> None:  # fmt: skip
    best, tied, top, far = _strangest(s, at, k, q, e, g, own)
    found[6], found[7] = square, top
    if row[_N] < 8.0 * k + 16.0:
        return
    spread = 2.0 / (9.0 * k)
    whole = ((square / k) ** (1.0 / 3.0) - 1.0 + spread) / math.sqrt(spread)  # near normal: Wilson and Hilferty
    single = top - math.sqrt(2.0 * log(1.0 * own))
    first, second = row[_TAILS : _TAILS + 5], row[_TAILS + 5 : _TAILS + 10]
    together, alone = tail_score(first, whole, _LEAST), tail_score(second, single, _LEAST)
    tail_learn(first, whole, _LEAST)
    tail_learn(second, single, _LEAST)
    if together < 0.0:
        return
    cause = 0 if top > far else 1
    if together > alone + 1.0:
        cause = 2
    j = at[best]
    score = max(max(together, alone) - _LN2, 0.0)
    score = forgiven(bars, cause * len(v) + j, score, line)
    found[0] = news(row[_EPISODE : _EPISODE + 2], score, line)
    found[1], found[2], found[3] = j, cause, v[j]
    found[4] = mean[j] + e[j] - g[best] / q[best, best]
    if tied >= 0:
        found[5] = at[tied]


@kernel
def _impute(s: Floats, at: Ints, k: int, away: Ints, lacks: int, q: Floats, e: Floats, c: Floats, h: Floats) -> None:
    """Set e of the fields that the event lacks to what the others make of them, and c to what stays uncertain."""
    for a in range(lacks):
        i = away[a]
        e[i] = 0.0
        for b in range(k):
            h[b] = 0.0
        for one in range(k):
            tie = s[max(i, at[one]), min(i, at[one])]
            for b in range(k):
                h[b] += tie * q[one, b]
        for b in range(k):
            e[i] += h[b] * e[at[b]]
        for b in range(a + 1):
            j = away[b]
            left = s[max(i, j), min(i, j)]
            for one in range(k):
                left -= h[one] * s[max(j, at[one]), min(j, at[one])]
            c[i, j] = c[j, i] = left
        c[i, i] = max(c[i, i], 0.0)


@kernel
def _sherman_morrison(s: Floats, pd: Floats, at: Ints, k: int, q: Floats, e: Floats, root: Floats, keep: Floats,
                      h: Floats) -> None:  # fmt: skip
    """Move the precision along with the covariance, and keep it above the diagonal."""
    total = 1.0
    for a in range(k):
        h[a] = 0.0
        for b in range(k):
            h[a] += q[a, b] * root[at[b]] * e[at[b]]
        total += root[at[a]] * e[at[a]] * h[a]
    for a in range(k):
        i = at[a]
        pd[i] = (q[a, a] - h[a] * h[a] / total) / (keep[i] * keep[i])
        for b in range(a):
            s[at[b], i] = (q[a, b] - h[a] * h[b] / total) / (keep[i] * keep[at[b]])


@kernel
def _learn(v: Floats, count: Floats, mean: Floats, s: Floats, e: Floats, c: Floats, lacks: int,
           root: Floats, keep: Floats) -> None:  # fmt: skip
    """Move the means and the covariance, kept on and below the diagonal; rates are those of `_rates`."""
    for i in range(len(v)):
        if count[i] == 0.0 and v[i] != v[i]:
            continue
        for j in range(i + 1):
            if root[i] > 0.0 or root[j] > 0.0:
                more = e[i] * e[j] + (c[i, j] if lacks else 0.0)
                s[i, j] = keep[i] * keep[j] * (s[i, j] + root[i] * root[j] * more)
    for j in range(len(v)):
        mean[j] += root[j] * root[j] * e[j]
        if v[j] == v[j]:
            count[j] += 1.0


@kernel
def _rates(v: Floats, alpha: float, count: Floats, mean: Floats, away: Ints, lacks: int, e: Floats, weight: float,
           root: Floats, keep: Floats) -> None:  # fmt: skip
    """Set each field's rate, as roots of it and of what is kept, and pull in what is too far out."""
    for j in range(len(v)):
        rate = 0.0
        if v[j] == v[j]:
            rate = max(1.0 / (count[j] + 1.0), alpha)
            if count[j] == 0.0:
                mean[j], e[j] = v[j], 0.0
            elif e[j] != e[j]:
                e[j] = v[j] - mean[j]
        elif e[j] != e[j]:
            e[j] = 0.0
        e[j] *= weight
        root[j], keep[j] = math.sqrt(rate), math.sqrt(1.0 - rate)
    for a in range(lacks):
        root[away[a]], keep[away[a]] = math.sqrt(alpha), math.sqrt(1.0 - alpha)


@kernel
def relate(state: Floats, rows: Ints, x: Floats, times: Floats, is_lagged: bool, within: float, alpha: float,
           line: float, found: Floats) -> None:  # fmt: skip
    """Judge events in order by how their fields go together, and learn from each.

    Parameters
    ----------
    state
        Keys × `width`, zeros for a new key; changed in place.
    rows, x, times
        Of each event: the row of its key, its fields (NaN where it lacks one; at most 32 in all), its time in seconds.
    is_lagged
        Whether the values of the event before are fields too: of half as many of its own.
    within
        How long a field's last value stands for one that an event lacks, in seconds; 0: not at all.
    alpha
        The weight of the newest event (see `forgetting`).
    line
        The score from which on an anomaly opens an episode.
    found
        Events × `FOUND`; written.
    """
    d = 2 * x.shape[1] if is_lagged else x.shape[1]
    v, e, g, h, root, keep = np.empty(d), np.empty(d), np.empty(d), np.empty(d), np.empty(d), np.empty(d)
    at, away = np.empty(d, np.int64), np.empty(d, np.int64)
    q, c = np.empty((d, d)), np.zeros((d, d))
    for i in range(len(rows)):
        row = state[rows[i]]
        part = row[_HEAD : _HEAD + 8 * d]
        count, mean, pd, bars, last = part[:d], part[d : 2 * d], part[2 * d : 3 * d], part[3 * d : 6 * d], part[6 * d :]
        s = row[_HEAD + 8 * d :].reshape((d, d))
        found[i, :] = 0.0
        found[i, 0] = found[i, 5] = -1.0
        fade(bars)
        _see(x[i], times[i], within, last, v)
        k, lacks, mask = _active(v, count, mean, s, at, away)
        e[:] = np.nan
        weight = 1.0
        if k > 0:
            _precision(row, s, pd, at, k, mask, lacks == 0, q)
            square = _residuals(v, mean, s, at, k, q, e, g)
            most = 36.0 + 4.0 * k
            if square > most and row[_N] > 8.0 * k + 16.0:
                weight = math.sqrt(most / square)
            own = 0
            for a in range(k):
                own += 1 if at[a] < x.shape[1] else 0
            if k > 1 and own > 0:
                _judge(row, s, bars, v, at, k, q, e, g, mean, square, own, line, found[i])
            if lacks:
                c[:, :] = 0.0
                _impute(s, at, k, away, lacks, q, e, c, h)
        _rates(v, alpha, count, mean, away, lacks if k > 0 else 0, e, weight, root, keep)
        if k > 0 and lacks == 0:
            _sherman_morrison(s, pd, at, k, q, e, root, keep, h)
        _learn(v, count, mean, s, e, c, lacks if k > 0 else 0, root, keep)
        row[_N] += 1.0
