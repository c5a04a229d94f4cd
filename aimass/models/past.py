"""What a key's numbers were before: lags, fading means and deviations, the gap since its last event and its rate.

Decay is in event time: what lies a half-life back counts half as much. Mean and variance are updated as in D. H. D.
West, "Updating mean and variance estimates: an improved method" (CACM 1979), which loses no digits to large squares. An
event's features come from its key's earlier events only.

State: `width` floats a key, whatever the number of events: events seen, the newest time, a fading count for each
half-life; then for each field: numbers seen, the last ones, and for each half-life a fading count, mean and variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import exp

_LIMIT = 1e100
_LN2 = math.log(2.0)
_SEEN, _TIME, _COUNTS = 0, 1, 2


def width(fields: int, lags: int, windows: int) -> int:
    """Return how many floats a key's row has.

    Examples
    --------
    >>> width(3, 2, 2)
    31
    """
    return _COUNTS + windows + fields * (1 + lags + 3 * windows)


def count(fields: int, lags: int, windows: int) -> int:
    """Return how many features an event has.

    Examples
    --------
    >>> count(3, 2, 2)
    21
    """
    return fields * (lags + 2 * windows) + 1 + windows


def names(fields: Sequence[str], lags: int, half_lives: Sequence[float]) -> list[str]:
    """Return the features' names, in the order of their columns.

    Examples
    --------
    >>> names(["heat"], 1, [60.0])
    ['heat.lag1', 'heat.mean.60s', 'heat.sd.60s', 'gap', 'rate.60s']
    """
    windows = [f"{seconds:.15g}s" for seconds in half_lives]
    found = []
    for field in fields:
        found += [f"{field}.lag{j}" for j in range(1, lags + 1)]
        for window in windows:
            found += [f"{field}.mean.{window}", f"{field}.sd.{window}"]
    return [*found, "gap", *(f"rate.{window}" for window in windows)]


@kernel
def _tell(row: Floats, fields: int, lags: int, half_lives: Floats, gap: float, out: Floats) -> None:
    """Write the features of an event from its key's row, whose counts have faded to its time; NaN: none yet."""
    out[:] = math.nan
    windows = len(half_lives)
    at, to = _COUNTS + windows, 0
    for _ in range(fields):
        seen = row[at]
        for j in range(lags):
            if j < seen:
                out[to + j] = row[at + 1 + j]
        if seen > 0.0:
            for w in range(windows):
                own = at + 1 + lags + 3 * w
                out[to + lags + 2 * w] = row[own + 1]
                out[to + lags + 2 * w + 1] = min(math.sqrt(row[own + 2]), _LIMIT)
        at += 1 + lags + 3 * windows
        to += lags + 2 * windows
    if row[_SEEN] > 0.0:
        out[to] = gap
        for w in range(windows):
            out[to + 1 + w] = min(row[_COUNTS + w] * _LN2 / half_lives[w], _LIMIT)


@kernel
def _fade(row: Floats, fields: int, lags: int, half_lives: Floats, gap: float) -> None:
    windows = len(half_lives)
    for w in range(windows):
        left = exp(-_LN2 * gap / half_lives[w])
        row[_COUNTS + w] *= left
        own = _COUNTS + windows + 1 + lags + 3 * w
        for _ in range(fields):
            row[own] *= left
            own += 1 + lags + 3 * windows


@kernel
def _take(row: Floats, at: int, lags: int, windows: int, v: float) -> None:
    """Take in one number of the field whose state begins at ``at``."""
    row[at] += 1.0
    for j in range(lags, 1, -1):
        row[at + j] = row[at + j - 1]
    if lags > 0:
        row[at + 1] = v
    for w in range(windows):
        own = at + 1 + lags + 3 * w
        row[own] += 1.0
        a = 1.0 / row[own]
        d = v - row[own + 1]
        row[own + 1] += a * d
        row[own + 2] = (1.0 - a) * (row[own + 2] + a * d * d)


@kernel
def _run(state: Floats, rows: Ints, times: Floats, values: Floats, lags: int, half_lives: Floats, out: Floats) -> None:
    fields, windows = values.shape[1], len(half_lives)
    for i in range(len(rows)):
        row, t, gap = state[rows[i]], min(max(times[i], -_LIMIT), _LIMIT), 0.0
        if row[_SEEN] == 0.0:
            row[_TIME] = t
        elif t > row[_TIME]:
            gap = min(t - row[_TIME], _LIMIT)
            row[_TIME] = t
            _fade(row, fields, lags, half_lives, gap)
        _tell(row, fields, lags, half_lives, gap, out[i])
        row[_SEEN] += 1.0
        for w in range(windows):
            row[_COUNTS + w] += 1.0
        for k in range(fields):
            v = values[i, k]
            if v == v:
                at = _COUNTS + windows + k * (1 + lags + 3 * windows)
                _take(row, at, lags, windows, min(max(v, -_LIMIT), _LIMIT))


def run(state: Floats, rows: Ints, times: Floats, values: Floats, lags: int, half_lives: Floats) -> Floats:
    """Return the features of events, each from what its key's row says before it; then it is taken in.

    Parameters
    ----------
    state
        Keys × `width`: changed in place; a new key's row is zeros.
    rows
        The key of each event, as its row in ``state``.
    times
        The events' times, in seconds. A time before the key's newest takes no time: nothing fades, the gap is 0.
    values
        Events × fields; NaN where an event lacks a field.
    lags
        How many of the last numbers of each field are features. What an event lacks is no number: ``lag1`` is the last
        number that there was.
    half_lives
        In seconds, more than 0.

    Returns
    -------
    Events × `count`, in the order of `names`; NaN where there is nothing before. A deviation is that of the population,
    0 after one number; a rate is in events per second.

    Examples
    --------
    >>> state, half_lives = np.zeros((1, width(1, 1, 1))), np.array([60.0])
    >>> rows, times, values = np.zeros(3, np.int64), np.array([0.0, 60.0, 60.0]), np.array([[1.0], [4.0], [9.0]])
    >>> run(state, rows, times, values, 1, half_lives).round(4).tolist()[1:]
    [[1.0, 1.0, 0.0, 60.0, 0.0058], [4.0, 3.0, 1.4142, 0.0, 0.0173]]
    """
    out = np.empty((len(rows), count(values.shape[1], lags, len(half_lives))))
    _run(state, rows, times, np.ascontiguousarray(values), lags, half_lives, out)
    return out
