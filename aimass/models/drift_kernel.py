"""The arithmetic of `aimass.models.drift`: what is kept of a column, and one pass over its values."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, kernel

WARM = 32  # values from which a column's centre and unit are taken
LEVELS = 10  # blocks of 8, 16, … 4096 values
BASE = 4  # values in half a block of the lowest level
WIDTH = 128
FOUND = 7  # numbers in a finding: row, column, stream, before, after, deviations, events
MEAN, SPREAD = 0, 1

CLIP = 4.0  # units from the centre: what is further counts as this far
_COUNT, _CENTRE, _UNIT, _RECENT, _N, _SEEN, _FILL, _HALVES, _STRICT = range(9)
_MEAN, _SUM, _PART, _M2, _M3, _M4 = 9, 11, 13, 15, 17, 19  # of both streams
LAST = 21  # of the last change of the mean: when it was found, deviations, how long ago it had begun then
_BUFFER = 24  # the values of the warm-up; after it, the last block of each level
_PREV = _BUFFER + WARM  # the last half of a block of each level
_DETAIL = _PREV + 2 * LEVELS  # the variance of half the difference of a block's halves, at each level
_NOISE = _DETAIL + 2 * LEVELS  # the variance of a block's mean, made of it
_PAIRS = _NOISE + 2 * LEVELS  # how many blocks it was learned from
_MEMORY = 4096.0  # values that the moments remember
_REFERENCE = 65_536.0  # when a reference has so many values, they count half from then on
_TO_SD = 1.2533141373155003  # of a normal distribution, from mean absolute deviation to standard deviation
_MOST = 1e6
_MOST_LEARNED = 25.0  # times the variance expected: what is larger may be a step
_PRIOR = 16.0  # blocks that the guess for a level counts as
_ALIKE = 0.7  # units that differ by less are one
_STRICTER, _STRICTEST = 0.15, 2.0  # every finding makes a column's limits higher by this, in all at most by that
_RELENT = BASE / 4096.0  # and they come down again by this with every half block


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
    middle: float = 0.5 * values[half - 1] + 0.5 * values[half]
    return middle


@kernel
def _standard(one: Floats, v: float) -> float:
    """Return a value in units from the centre, at most `CLIP` of them."""
    d = v - one[_CENTRE]
    if one[_UNIT] == 0.0:
        if d == 0.0:
            return 0.0
        one[_UNIT] = abs(d) / CLIP  # a constant until now: what differs first is the measure
    u: float = min(max(d / one[_UNIT], -CLIP), CLIP)
    return u


@kernel
def _begin(one: Floats, scratch: Floats) -> None:
    """Take centre and unit from the values of the warm-up: median and median deviation."""
    old = one[_UNIT]
    centre = _median(scratch)
    low, high = scratch[0], scratch[WARM - 1]
    for i in range(WARM):
        scratch[i] = abs(scratch[i] - centre)
    unit = 1.4826 * _median(scratch)
    if unit == 0.0:
        unit = max(high - centre, centre - low) / CLIP
    if _ALIKE * unit < old and _ALIKE * old < unit:
        unit = old
    one[_CENTRE], one[_UNIT] = centre, unit


@kernel
def _learn_moments(one: Floats, stream: int, u: float, a: float) -> None:
    """Learn how a value is spread about the reference's mean."""
    d = u - one[_MEAN + stream]
    d2 = d * d
    one[_M2 + stream] += a * (d2 - one[_M2 + stream])
    one[_M3 + stream] += a * (d2 * d - one[_M3 + stream])
    one[_M4 + stream] += a * (d2 * d2 - one[_M4 + stream])


@kernel
def _variance(one: Floats, stream: int) -> float:
    """Return the variance of values, as if one at the limit had been seen before: the first rare one is no wonder."""
    rare = 1.0 / min(one[_SEEN] + 1.0, _MEMORY)
    found: float = one[_M2 + stream] + rare * CLIP * CLIP
    return found


@kernel
def _stretch(one: Floats, stream: int, z: float, blocks: float, independent: float, side: float) -> float:
    """Return the quantile that a normal one becomes: for a variance from few blocks, and for skew and heavy tails.

    Cornish and Fisher's expansion of Student's quantile; Wilson and Hilferty's of the gamma distribution's.
    """
    v = 2.0 + blocks
    z2 = z * z
    t = z * (1.0 + (z2 + 1.0) / (4.0 * v) + (5.0 * z2 * z2 + 16.0 * z2 + 3.0) / (96.0 * v * v))
    m2 = _variance(one, stream)
    skew = side * one[_M3 + stream] / (m2 * math.sqrt(m2))
    rare = 1.0 / min(one[_SEEN] + 1.0, _MEMORY)
    heavy = (one[_M4 + stream] + rare * CLIP * CLIP * CLIP * CLIP) / (m2 * m2) - 3.0
    heavy = max(heavy - 1.5 * skew * skew, 0.0) / independent
    g = skew / math.sqrt(independent)
    if g > 0.01:
        w = 1.0 + g * z / 6.0 - g * g / 36.0
        t += 2.0 / g * (w * w * w - 1.0) - z
    quantile: float = t + heavy * (z2 * z - 3.0 * z) / 24.0
    return quantile


@kernel
def _measure(one: Floats, stream: int) -> None:
    """Set the variance of means of blocks, from top to bottom.

    The mean of a block lies as far from that of all as the sum of: half the difference of the halves of the block that
    it is half of, of that one's, and so on. Steps count once in each of these, seasons always. Where little was
    measured, a level is taken to be as the one below it foretells.
    """
    at, top = _DETAIL + stream * LEVELS, LEVELS - 1
    floor = _variance(one, stream) / (2 * BASE)
    known, ratio = 2.0 * floor, 0.5
    for k in range(LEVELS):
        n = one[_PAIRS + k]
        guess, trust = known * ratio, n / (n + _PRIOR)
        now = max(guess + trust * (one[at + k] - guess), 1e-3 * floor)
        guess += trust * (now - guess)
        ratio = min(max(guess / known, 0.5), 1.0)
        known = guess
        one[_NOISE + stream * LEVELS + k] = now
    total = one[_NOISE + stream * LEVELS + top]
    for i in range(LEVELS):
        k = _NOISE + stream * LEVELS + top - i
        own = one[k]
        one[k] = max(total, floor / (1 << (top - i)))
        total += own


@kernel
def _learn_detail(one: Floats, stream: int, level: int, detail: float, share: float) -> None:
    n = one[_PAIRS + level]
    if stream == MEAN:
        n += 1.0
        one[_PAIRS + level] = n
    k = stream * LEVELS + level
    a = 1.0 / min(n, 64.0 + 2048.0 * share)
    seen = min(detail * detail, _MOST_LEARNED * one[_NOISE + k])
    one[_DETAIL + k] += a * (seen - one[_DETAIL + k])


@kernel
def _test(one: Floats, stream: int, level: int, block: float, share: float, limit: float) -> float:
    """Return how far a block's mean is from the reference's if that is a change, in limits; else 0."""
    size = float(2 * BASE * (1 << level))
    before = one[_N] - size
    if before < WARM or before * 8.0 < size or one[_PAIRS] < _PRIOR:
        return 0.0
    noise = one[_NOISE + stream * LEVELS + level]
    d = block * share * before - (one[_SUM + stream] - block)  # times the number before: nothing is divided
    variance = noise * before * (before + size)
    limit *= 1.0 + one[_STRICT]
    if d * d <= limit * limit * variance:
        return 0.0
    independent = max(_variance(one, stream) / noise, 1.0)
    side = 1.0 if d > 0.0 else -1.0
    z = abs(d) / math.sqrt(variance)
    q = _stretch(one, stream, limit, one[_PAIRS + level] + 2.0 * _PRIOR, independent, side)
    return z / q if z > q else 0.0


@kernel
def _blocks(one: Floats, stream: int, limits: Floats) -> float:
    """Close half a block of the lowest level and whatever that completes; return the largest excess."""
    half = one[_PART + stream]
    one[_PART + stream] = 0.0
    halves = int(one[_HALVES])
    most, share = 0.0, 0.5 / BASE
    for level in range(LEVELS):
        k = stream * LEVELS + level
        if halves == 0:
            one[_PREV + k] = half
            break
        block = one[_PREV + k] + half
        most = max(most, _test(one, stream, level, block, share, limits[level]))
        if halves & 1:
            _learn_detail(one, stream, level, (half - one[_PREV + k]) * share, share)
        one[_PREV + k], one[_BUFFER + k] = half, block
        if halves & 1 == 0:
            break
        halves >>= 1
        half = block
        share *= 0.5
    return most


@kernel
def _describe(one: Floats, stream: int, out: Floats) -> None:
    """Tell before, after, deviations and events of a change: of the last blocks, take that which differs most."""
    best = 0.0
    halves = int(one[_HALVES]) + 1
    for i in range(LEVELS + 1):
        level = max(i - 1, 0)
        size = float(BASE * (1 << i))
        before = one[_N] - size
        if halves >> level < 2 or before < BASE:
            break
        block = one[(_BUFFER if i > 0 else _PREV) + stream * LEVELS + level]
        old, new = (one[_SUM + stream] - block) / before, block / size
        z2 = (new - old) * (new - old) / (1.0 / size + 1.0 / before)
        if z2 > best:
            best = z2
            out[3], out[4] = old, new
            out[6] = size + BASE * (halves % (1 << level))
    sd = math.sqrt(_variance(one, stream))
    out[5] = (out[4] - out[3]) / sd
    unit = one[_UNIT]
    if stream == SPREAD:
        out[3], out[4] = _TO_SD * unit * out[3], _TO_SD * unit * out[4]
        return
    out[3] = one[_CENTRE] + unit * out[3]
    is_far = abs(out[4]) > 0.75 * CLIP
    out[4] = one[_RECENT] if is_far else one[_CENTRE] + unit * out[4]
    if is_far:
        out[5] = min(max((out[4] - out[3]) / max(unit * sd, 1e-200), -_MOST), _MOST)


@kernel
def _restart(one: Floats, stream: int) -> None:
    """Forget the reference and begin a new one; what was learned of the column's noise stays."""
    one[_COUNT] = one[_N] = one[_FILL] = one[_HALVES] = 0.0
    for k in range(_SUM, _M2):
        one[k] = 0.0
    for k in range(_BUFFER, _DETAIL):
        one[k] = 0.0
    one[_STRICT] = min(one[_STRICT] + _STRICTER, _STRICTEST)
    if stream == SPREAD:
        one[_UNIT] = 0.0


@kernel
def _take(one: Floats, v: float, limits: Floats) -> int:
    """Take one value of a column that is warm; return the stream that changed, or −1."""
    u = _standard(one, v)
    w = abs(u)
    one[_SEEN] += 1.0
    a = max(1.0 / one[_SEEN], 1.0 / _MEMORY)
    _learn_moments(one, MEAN, u, a)
    _learn_moments(one, SPREAD, w, a)
    one[_PART] += u
    one[_PART + 1] += w
    one[_FILL] += 1.0
    if one[_FILL] < BASE:
        return -1
    one[_FILL] = 0.0
    one[_N] += BASE
    one[_SUM] += one[_PART]
    one[_SUM + 1] += one[_PART + 1]
    one[_MEAN], one[_MEAN + 1] = one[_SUM] / one[_N], one[_SUM + 1] / one[_N]
    one[_STRICT] -= one[_STRICT] * _RELENT
    mean, spread = _blocks(one, MEAN, limits), _blocks(one, SPREAD, limits)
    if mean > 0.0 or spread > 0.0:
        return MEAN if mean >= 0.8 * spread else SPREAD
    one[_HALVES] += 1.0
    if one[_HALVES] % 8 == 0:
        _measure(one, MEAN)
        _measure(one, SPREAD)
    if one[_N] >= _REFERENCE:
        one[_N] *= 0.5
        one[_SUM] *= 0.5
        one[_SUM + 1] *= 0.5
    return -1


@kernel
def _warm(one: Floats, v: float, values: Floats, scratch: Floats) -> bool:
    """Take one value of the warm-up; return whether it was the last, and its values are to be taken in earnest."""
    one[_BUFFER + int(one[_COUNT])] = v
    one[_COUNT] += 1.0
    if one[_COUNT] < WARM:
        return False
    for i in range(WARM):
        values[i] = scratch[i] = one[_BUFFER + i]
        one[_BUFFER + i] = 0.0
    _begin(one, scratch)
    _measure(one, MEAN)
    _measure(one, SPREAD)
    return True


@kernel
def scan(state: Floats, values: Floats, limits: Floats, seen: float, found: Floats) -> int:
    """Take rows of values, column by column; return how many changes were found.

    Parameters
    ----------
    state
        Columns × `WIDTH`: changed in place.
    values
        Rows × columns; NaN is no value.
    limits
        How many standard deviations are a change, for each level.
    seen
        How many rows came before these.
    found
        Where to put findings: `FOUND` numbers each.
    """
    count = 0
    warm, scratch = np.empty(WARM), np.empty(WARM)
    for j in range(len(state)):
        one = state[j]
        for i in range(len(values)):
            v = values[i, j]
            if v != v:
                continue
            one[_RECENT] += (v - one[_RECENT]) * 0.5
            is_warm = one[_COUNT] >= WARM
            if not is_warm and not _warm(one, v, warm, scratch):
                continue
            for k in range(1 if is_warm else WARM):
                stream = _take(one, v if is_warm else warm[k], limits)
            if is_warm and stream >= 0:
                out = found[count]
                out[0], out[1], out[2] = i, j, stream
                _describe(one, stream, out)
                if stream == MEAN:
                    one[LAST], one[LAST + 1], one[LAST + 2] = seen + i, out[5], out[6]
                _restart(one, stream)
                count += 1
    return count


@kernel
def moved(state: Floats, events: float, found: Floats) -> None:
    """Set for each column how far the mean of about its last events is from that of all before, in deviations.

    0 where the difference is within what the column does by itself.
    """
    level = 0
    while level < LEVELS - 1 and 2 * BASE * (1 << level) < events:
        level += 1
    for j in range(len(state)):
        one = state[j]
        found[j] = 0.0
        for k in range(max(level - 1, 0), level + 1):
            size = float(2 * BASE * (1 << k))
            before = one[_N] - size
            if int(one[_HALVES]) >> k < 2 or before < BASE:
                continue
            block = one[_BUFFER + k]
            d = block / size - (one[_SUM] - block) / before
            noise = math.sqrt(one[_NOISE + k] * (1.0 + size / before))
            if abs(d) > 3.0 * noise and abs(d) > abs(found[j]) * math.sqrt(_variance(one, MEAN)):
                found[j] = d / math.sqrt(_variance(one, MEAN))
