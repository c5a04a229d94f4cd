"""The loops behind links between series: whitening, lagged products, and the watch over links."""

from __future__ import annotations

import math

from aimass.models.kernel import Floats, Ints, kernel

#: Bins that are taken at once, and bins that are remembered of each series.
BLOCK = 8
HISTORY = 320
#: What is kept of a series.
COUNT, LAST, MEAN, SCALE, G0, G1, G2, D1, D2, VAR, ACTIVE, SEEN, A0, A1, A2, A3, A4 = range(17)
SERIES_WIDTH = 17
#: What is kept of a pair.
EI, EJ, QI, QJ, BINS, STREAK, LINKED, LAG, SINCE, EVIDENCE, RATIO, BEFORE, SLL, SFF, SLF, SEEN_BOTH = range(16)
PAIR_WIDTH = 16
#: What is judged of a pair: its best lag, the strength and significance there, and the strength at the link's lag.
BEST, STRENGTH, SIGNIFICANCE, OWN_STRENGTH = range(4)
JUDGED_WIDTH = 4
FADE = 1.0 - 1.0 / 512.0
TRIAL = 256
CLIP = 4.0
_WARM = 16.0
_FAR = 6.0
_UP = 1.0 / 256.0
_DOWN = 1.0 / 2048.0
_SLOW = 1.0 / 512.0
_DOUBT = 4.0
_RECENT = 1.0 - 1.0 / 256.0


@kernel
def _scale(old: float, square: float, fresh: float) -> float:
    """Follow a square: quickly up, slowly down, so that a series at rest is not blown up into noise."""
    rate = _UP if square > old else _DOWN
    return old + max(rate, fresh) * (square - old)


@kernel
def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


@kernel
def _ratio(value: float, whole: float) -> float:
    return _clip(value / whole, 0.98) if whole > 0.0 else 0.0


@kernel
def _whiten_one(x: float, series: Floats) -> float:
    """Return what is new in a value: its change, less what the two changes before it foretold, in deviations."""
    n = series[COUNT]
    series[COUNT] = n + 1.0
    if n == 0.0:
        series[LAST] = x
        return 0.0
    fresh = 1.0 / n
    slow = max(fresh, _SLOW)
    change = x - series[LAST] - series[MEAN]
    series[LAST] = x
    if n > _WARM and series[SCALE] > 0.0:
        change = _clip(change, _FAR * math.sqrt(series[SCALE]) + 1e-9 * abs(x))
    series[MEAN] += slow * change
    series[SCALE] = _scale(series[SCALE], change * change, fresh)
    r1, r2 = _ratio(series[G1], series[G0]), _ratio(series[G2], series[G0])
    first = r1 * (1.0 - r2) / (1.0 - r1 * r1)  # Yule–Walker
    second = _clip((r2 - r1 * r1) / (1.0 - r1 * r1), 0.98)
    left = change - first * series[D1] - second * series[D2]
    series[G0] += slow * (change * change - series[G0])
    series[G1] += slow * (change * series[D1] - series[G1])
    series[G2] += slow * (change * series[D2] - series[G2])
    series[D2], series[D1] = series[D1], change
    if n > _WARM and series[VAR] > 0.0:
        left = _clip(left, _FAR * math.sqrt(series[VAR]))
    series[VAR] = _scale(series[VAR], left * left, fresh)
    if n < _WARM or series[VAR] <= 0.0:
        return 0.0
    return _clip(left / math.sqrt(series[VAR]), CLIP)


@kernel
def whiten(block: Floats, series: Floats, history: Floats, number: float) -> None:
    """Put a block of values (series × bins, NaN = absent) into the history (series × bins), whitened; 0 = absent."""
    for i in range(block.shape[0]):
        for t in range(HISTORY - BLOCK):
            history[i, t] = history[i, t + BLOCK]
        for t in range(BLOCK):
            x, z, at = block[i, t], 0.0, HISTORY - BLOCK + t
            if x == x:
                z = _whiten_one(x, series[i])
                series[i, SEEN] = number
            history[i, at] = z
            rate = max(1.0 / 256.0, 1.0 / (1.0 + series[i, COUNT]))
            series[i, ACTIVE] += rate * ((1.0 if z != 0.0 else 0.0) - series[i, ACTIVE])
            for lag in range(5):
                series[i, A0 + lag] = series[i, A0 + lag] * FADE + z * history[i, at - lag]


@kernel
def accumulate(history: Floats, pairs: Ints, first: int, start: int, stop: int, sums: Floats, stats: Floats) -> None:
    """Add the bins from ``start`` to ``stop`` to the fading sums of the pairs from ``first`` on.

    ``sums`` holds for each pair the products at each lag (the middle one is lag 0; beyond it the second of the pair
    follows) and their squares, which fade twice as fast: a sum over the root of its squares is as a normal
    deviate, whatever the two distributions are. They fade by what happens, not by time: a pump that is switched once
    a minute is remembered for as many switches as one that is never at rest.
    """
    lags = sums.shape[2] // 2
    for p in range(first, pairs.shape[0]):
        one, other, mine = history[pairs[p, 0]], history[pairs[p, 1]], sums[p]
        stat = stats[p]
        for t in range(start, stop):
            a, b = one[t], other[t]
            aa, bb = a * a, b * b
            fade = 1.0 - min(aa + bb, 4.0) / 512.0
            twice = fade * fade
            for k in range(lags):
                product = a * other[t - lags + k]
                mine[0, k] = mine[0, k] * fade + product
                mine[1, k] = mine[1, k] * twice + product * product
            for k in range(lags + 1):
                product = b * one[t - k]
                mine[0, lags + k] = mine[0, lags + k] * fade + product
                mine[1, lags + k] = mine[1, lags + k] * twice + product * product
            stat[EI], stat[EJ] = stat[EI] * fade + aa, stat[EJ] * fade + bb
            stat[QI], stat[QJ] = stat[QI] * fade + aa * aa, stat[QJ] * fade + bb * bb
            stat[BINS] += 1.0


@kernel
def _inflation(one: Floats, other: Floats) -> float:
    """Return by how much what is left of autocorrelation widens a correlation's variance (Bartlett)."""
    if one[A0] <= 0.0 or other[A0] <= 0.0:
        return 1.0
    found = 1.0
    for lag in range(1, 5):
        found += 2.0 * (one[A0 + lag] / one[A0]) * (other[A0 + lag] / other[A0])
    return max(found, 1.0)


@kernel
def judge(pairs: Ints, sums: Floats, stats: Floats, series: Floats, out: Floats) -> None:
    """Find each pair's best lag, how strong and significant the correlation is there, and how strong at its link's."""
    lags = sums.shape[2] // 2
    for p in range(pairs.shape[0]):
        best = lags
        for k in range(1, lags + 1):  # from lag 0 outwards: of equals the shortest
            if abs(sums[p, 0, lags + k]) > abs(sums[p, 0, best]):
                best = lags + k
            if abs(sums[p, 0, lags - k]) > abs(sums[p, 0, best]):
                best = lags - k
        whole = math.sqrt(stats[p, EI] * stats[p, EJ])
        widened = math.sqrt(_inflation(series[pairs[p, 0]], series[pairs[p, 1]]))
        total, squares, own = sums[p, 0, best], sums[p, 1, best], sums[p, 0, lags + int(stats[p, LAG])]
        out[p, BEST] = best - lags
        out[p, STRENGTH] = _clip(total / whole, 1.0) if whole > 1e-9 else 0.0
        out[p, OWN_STRENGTH] = _clip(own / whole, 1.0) if whole > 1e-9 else 0.0
        out[p, SIGNIFICANCE] = abs(total) / math.sqrt(squares) / widened if squares > 1e-18 else 0.0


@kernel
def _surprise(leader: float, follower: float, stat: Floats) -> float:
    """Return the log-likelihood ratio of "the follower goes its own way" to "it follows", of one bin."""
    strength = _clip(stat[SLF] / math.sqrt(stat[SLL] * stat[SFF]), 0.98)
    own = stat[SFF] / stat[SEEN_BOTH]
    left = own * (1.0 - strength * strength)
    miss = follower - stat[SLF] / stat[SLL] * leader
    return _clip(0.5 * (miss * miss / left - follower * follower / own + math.log(left / own)), 2.0)


@kernel
def _learn(leader: float, follower: float, stat: Floats) -> None:
    stat[SLL] = stat[SLL] * _RECENT + leader * leader
    stat[SFF] = stat[SFF] * _RECENT + follower * follower
    stat[SLF] = stat[SLF] * _RECENT + leader * follower
    stat[SEEN_BOTH] = stat[SEEN_BOTH] * _RECENT + 1.0


@kernel
def _follow(
    leading: Floats, following: Floats, lag: int, one: float, other: float, often: bool, limit: float, stat: Floats
) -> int:
    """Follow one link through the newest block, or through all that is remembered when it is new."""
    newest = HISTORY - BLOCK
    for t in range(HISTORY - TRIAL if stat[SEEN_BOTH] == 0.0 else newest, HISTORY):
        leader, follower = leading[t - lag], following[t]
        if leader * leader < one and follower * follower < other:
            continue  # both at rest: nothing can be told
        if not often and (leader == 0.0 or follower == 0.0):
            continue
        if t >= newest and stat[SEEN_BOTH] >= _WARM and stat[SLL] > 0.0 and stat[SFF] > 0.0:
            found = _surprise(leader, follower, stat)
            stat[RATIO] += (math.exp(found) - stat[RATIO]) / 1024.0
            stat[EVIDENCE] = max(stat[EVIDENCE] + found - math.log(max(stat[RATIO], 1.0)), 0.0)
            if stat[EVIDENCE] > limit:
                return t - newest
        if stat[EVIDENCE] < _DOUBT:
            _learn(leader, follower, stat)
    return -1


@kernel
def watch(history: Floats, pairs: Ints, stats: Floats, series: Floats, limit: float, out: Ints) -> None:
    """Follow each link through the newest block; ``out`` says in which of its bins it broke, or −1.

    The evidence against a link is a product of likelihood ratios that begins anew whenever it falls below 1 (Page's
    test). The ratios are divided by their own mean while the link holds, so that the chance to reach *e^x* stays below
    *e^−x* also where series are not normal. Bins in which both are at rest say nothing; nor does the silence of a
    series that is often silent.
    """
    for p in range(pairs.shape[0]):
        out[p] = -1
        stat = stats[p]
        if stat[LINKED] > 0.0 and stat[EI] > 1e-9 and stat[EJ] > 1e-9:
            lag = int(stat[LAG])
            i, j = pairs[p, 0], pairs[p, 1]
            one, other = 0.1 * stat[QI] / stat[EI], 0.1 * stat[QJ] / stat[EJ]
            if lag < 0:
                i, j, one, other = j, i, other, one
            often = series[i, ACTIVE] > 0.6 and series[j, ACTIVE] > 0.6
            out[p] = _follow(history[i], history[j], abs(lag), one, other, often, limit, stat)
