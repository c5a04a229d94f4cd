"""The arithmetic of `aimass.models.drift`: what is kept of a column, and one pass over its values."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel

WARM = 32  # values from which a column's centre and unit are taken
LEVELS = 11  # blocks of 8, 16, … 8192 values
BASE = 4  # values in half a block of the lowest level
WIDTH = 128
FOUND = 7  # numbers in a finding: row, column, stream, before, after, deviations, events
MEAN, SPREAD = 0, 1

CLIP = 4.0  # units from the centre: what is further counts as this far
_COUNT, _CENTRE, _UNIT, _RECENT, _N, _SEEN, _FILL, _HALVES, _PATIENCE = range(9)
_SUM, _PART, _M2, _M3, _M4 = 10, 12, 14, 16, 18  # of both streams
LAST = 20  # of the last change of the mean: when it was found, deviations, how long ago it had begun then
_BUFFER = 24
_PREV = _BUFFER + WARM
_VAR = _PREV + 2 * LEVELS
_BLOCKS = _VAR + 2 * LEVELS
_MEMORY = 4096.0  # values that the moments remember
_REFERENCE = 65_536.0  # when a reference has so many values, they count half from then on
_PRIOR = 4.0  # blocks that the guess for a level counts as
_QUIET = 4.0 / 4096.0
_STRICT, _STRICTEST = 0.15, 2.0


@kernel
def _median(values: Floats) -> float:
    """Return the middle of a few values, and leave them sorted."""
    for i in range(1, len(values)):
        v, j = values[i], i - 1
        while j >= 0 and values[j] > v:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = v
    half = len(values) // 2
    return 0.5 * values[half - 1] + 0.5 * values[half]


@kernel
def _standard(one: Floats, v: float) -> float:
    """Return a value in units from the centre, at most `CLIP` of them."""
    d = v - one[_CENTRE]
    if one[_UNIT] == 0.0:
        if d == 0.0:
            return 0.0
        one[_UNIT] = abs(d) / CLIP  # a constant until now: what differs first is the measure
    return min(max(d / one[_UNIT], -CLIP), CLIP)


@kernel
def _begin(one: Floats, scratch: Floats) -> None:
    """Take centre and unit from the values of the warm-up: median and median deviation."""
    old = one[_UNIT]
    scratch[:] = one[_BUFFER : _BUFFER + WARM]
    centre = _median(scratch)
    low, high = scratch[0], scratch[WARM - 1]
    for i in range(WARM):
        scratch[i] = abs(scratch[i] - centre)
    unit = 1.4826 * _median(scratch)
    if unit == 0.0:
        unit = max(high - centre, centre - low) / CLIP
    if 0.5 * unit < old < 2.0 * unit:
        unit = old
    one[_CENTRE], one[_UNIT] = centre, unit


@kernel
def _learn_moments(one: Floats, stream: int, u: float) -> None:
    """Learn how a value is spread about the reference's mean; two values at the limits are taken as seen before."""
    n = one[_SEEN]
    a = max(1.0 / n, 1.0 / _MEMORY)
    d = u - (one[_SUM + stream] / one[_N] if one[_N] > 0.0 else u)
    d2 = d * d
    one[_M2 + stream] += a * (d2 - one[_M2 + stream])
    one[_M3 + stream] += a * (d2 * d - one[_M3 + stream])
    one[_M4 + stream] += a * (d2 * d2 - one[_M4 + stream])


@kernel
def _variance(one: Floats, stream: int) -> float:
    rare = 2.0 / min(one[_SEEN] + 1.0, _MEMORY)
    return one[_M2 + stream] + rare * CLIP * CLIP


@kernel
def _stretch(one: Floats, stream: int, z: float, blocks: float, independent: float, side: float) -> float:
    """Return the quantile that a normal one becomes: for a variance from few blocks, and for skew and heavy tails.

    Cornish and Fisher's expansion of Student's quantile; Wilson and Hilferty's of the gamma distribution's.
    """
    v = 2.0 + 0.66 * blocks
    z2 = z * z
    t = z * (1.0 + (z2 + 1.0) / (4.0 * v) + (5.0 * z2 * z2 + 16.0 * z2 + 3.0) / (96.0 * v * v))
    m2 = _variance(one, stream)
    skew = side * one[_M3 + stream] / (m2 * math.sqrt(m2))
    rare = 2.0 / min(one[_SEEN] + 1.0, _MEMORY)
    heavy = (one[_M4 + stream] + rare * CLIP * CLIP * CLIP * CLIP) / (m2 * m2) - 3.0
    heavy = max(heavy - 1.5 * skew * skew, 0.0) / independent
    g = skew / math.sqrt(independent)
    if g > 0.01:
        w = 1.0 + g * z / 6.0 - g * g / 36.0
        t += 2.0 / g * (w * w * w - 1.0) - z
    return t + heavy * (z2 * z - 3.0 * z) / 24.0


@kernel
def _expected(one: Floats, stream: int, level: int) -> float:
    """Return the variance of a block's mean: as measured at its level, and as it grew below while that is little.

    In independent values it halves from level to level; in dependent ones, and in seasons, it does not.
    """
    at = _VAR + stream * LEVELS
    independent = _variance(one, stream) / (2.0 * BASE)
    known, ratio = independent, 0.5
    for k in range(level + 1):
        n = one[at + k - _VAR + _BLOCKS]
        guess = known * ratio if k > 0 else known
        now = (n * one[at + k] + _PRIOR * guess) / (n + _PRIOR)
        now = max(now, independent)
        if k > 0:
            ratio = min(max(now / known, 0.5), 1.0)
        known, independent = now, independent * 0.5
    return known


@kernel
def _test(one: Floats, stream: int, level: int, block: float, limits: Floats) -> float:
    """Return how far a block's mean is from the reference's if that is a change, in limits; else 0. Learn from it."""
    size = float(2 * BASE * (1 << level))
    before = one[_N] - size
    if before < size:
        return 0.0
    d = block / size - (one[_SUM + stream] - block) / before
    variance = _expected(one, stream, level)
    wide = 1.0 + size / before
    z2 = d * d / (variance * wide)
    limit = limits[level] * one[_PATIENCE]
    excess = 0.0
    if z2 > limit * limit:
        blocks = one[_BLOCKS + stream * LEVELS + level] + _PRIOR
        independent = max(_variance(one, stream) / variance, 1.0)
        z = math.sqrt(z2)
        q = _stretch(one, stream, limit, blocks, independent, 1.0 if d > 0.0 else -1.0)
        excess = z / q if z > q else 0.0
    k = stream * LEVELS + level
    one[_BLOCKS + k] += 1.0
    a = max(1.0 / one[_BLOCKS + k], 1.0 / (64.0 + 2048.0 / (BASE * (1 << level))))
    seen = min(d * d / wide, 25.0 * variance)
    one[_VAR + k] += a * (seen - one[_VAR + k])
    return excess


@kernel
def _blocks(one: Floats, stream: int, limits: Floats) -> float:
    """Close half a block of the lowest level and whatever that completes; return the largest excess."""
    half = one[_PART + stream]
    one[_PART + stream] = 0.0
    halves = int(one[_HALVES])
    most = 0.0
    for level in range(LEVELS):
        k = _PREV + stream * LEVELS + level
        block = one[k] + half
        one[k] = half
        if halves >= 2:
            most = max(most, _test(one, stream, level, block, limits))
        if halves & 1 or halves == 0:
            break
        halves >>= 1
        half = block
    return most


@kernel
def _fit(one: Floats, stream: int) -> int:
    """Return the level whose last block differs most from all before it: how long ago the change began."""
    best, found = 0.0, 0
    halves = int(one[_HALVES])
    for level in range(LEVELS):
        size = float(2 * BASE * (1 << level))
        before = one[_N] - size
        if halves < 2 or before < BASE:
            break
        block = _last(one, stream, level)
        d = block / size - (one[_SUM + stream] - block) / before
        z2 = d * d / (1.0 / size + 1.0 / before)
        if z2 > best:
            best, found = z2, level
        halves >>= 1
    return found


@kernel
def _last(one: Floats, stream: int, level: int) -> float:
    """Return the sum of the last two halves of a level, the latest one ending where it did."""
    k = _PREV + stream * LEVELS + level
    return one[k] + one[k + 1] if False else one[k]


@kernel
def scan(state: Floats, values: Floats, limits: Floats, scratch: Floats, found: Floats, at: int) -> int:
    """Take values, column by column; return how many changes were found."""
    return 0
