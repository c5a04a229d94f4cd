"""How far out in its own tail a number is: a streaming estimate that kernels share, and what turns it into alarms.

A tail follows the 98 % quantile of what it sees; what exceeds that is taken as exponential (peaks over threshold, after
Siffer et al., "Anomaly detection in streams with extreme value theory", KDD 2017). Its score is −log10 of the
probability of an excess as large, given how few excesses it was learned from (the predictive distribution of an
exponential with a gamma prior is a Lomax), so that a young tail is not more certain than it can be; and a tail that
proves heavier than exponential by its excesses' variance is taken as that much heavier.
"""

from __future__ import annotations

import math

from aimass.models.kernel import Floats, kernel
from aimass.models.members.numerics import exp, log

#: What is kept of a tail: threshold, mean excess, number of excesses, numbers seen, mean square of excesses. Of the
#: first `START` numbers the mean and the sum of squares stand in the first two places.
TAIL = 5
START = 48.0
EPISODE = 100.0  # events during which only a higher score is news
TOLD = 2.0  # the highest score of what was told already, or forgiven
CAP = 100.0

_Q, _P = 0.98, 0.02
BASE = 1.6989700043360187  # −log10(_P)
_LN10 = 2.302585092994046
_SURE = 100.0  # excesses that count at most: older ones fade
_PRIOR = 4.0
_FADE = 0.9999  # of the bar that an analyst raised, an event


@kernel
def _sure(t: Floats) -> float:
    """Return one over the tail's index, by how few excesses there were or by how heavy they are, the higher index."""
    c: float = min(t[2] + _PRIOR, _SURE)
    spread = t[4] - t[1] * t[1]
    if spread > 0.0:  # by moments, less what chance makes of an exponential's
        index = 0.5 * (1.0 - t[1] * t[1] / spread) - 0.1
        if index * c > 1.0:
            c = 1.0 / index
    return c


@kernel
def tail_score(t: Floats, x: float, least: float) -> float:
    """Return −log10 of the tail probability of a number, −1 while the tail has seen too few.

    Parameters
    ----------
    t
        The tail, zeros at first (see `TAIL`).
    x
        The number.
    least
        The smallest mean excess that is believed, in the unit of the numbers.
    """
    if t[3] < START:
        return -1.0
    m: float = max(t[1], least)
    e: float = x - t[0]
    if e <= 0.0:
        return max(BASE + e / (_LN10 * m), 0.0)
    c = _sure(t)
    return min(BASE + c * log(1.0 + e / (c * m)) / _LN10, CAP)


@kernel
def tail_reach(t: Floats, score: float, least: float) -> float:
    """Return the number that has this score (above `BASE`): the inverse of `tail_score`."""
    c = _sure(t)
    reach: float = t[0] + c * max(t[1], least) * (exp((score - BASE) * _LN10 / c) - 1.0)
    return reach


@kernel
def tail_learn(t: Floats, x: float, least: float) -> None:
    """Learn one number."""
    n = t[3] + 1.0
    if t[3] < START:
        d = x - t[0]
        t[0] += d / n
        t[1] += d * (x - t[0])
        if n == START:
            sd = math.sqrt(max(t[1], 0.0) / n)
            t[0] += 2.0 * sd
            t[1] = max(0.5 * sd, least)
            t[4] = 2.0 * t[1] * t[1]
        t[3] = n
        return
    e = x - t[0]
    step = t[1] * max(2.0 / (t[2] + 4.0), 0.05)
    if e > 0.0:
        t[0] += step * _Q
        e = min(e, 20.0 * t[1])
        t[4] += max(1.0 / (t[2] + 5.0), 0.005) * (e * e - t[4])
        t[1] = max(t[1] + max(1.0 / (t[2] + 5.0), 0.01) * (e - t[1]), least)
        t[2] += 1.0
    else:
        t[0] -= step * _P
    t[3] = n


@kernel
def news(episode: Floats, score: float, line: float) -> float:
    """Return the score that is shown: within an episode only a higher one than before is shown.

    ``episode`` holds the events that are left of it and its highest score, zeros at first.
    """
    if episode[0] > 0.0:
        episode[0] -= 1.0
        if episode[0] == 0.0:
            episode[1] = 0.0
    if score < line:
        return score
    if score > episode[1]:
        episode[0] = EPISODE
        episode[1] = score
        return score
    return min(TOLD, line)


@kernel
def forgiven(bars: Floats, cause: int, score: float, line: float) -> float:
    """Return a score as it is, or no more than `TOLD` where it does not pass the bar that an analyst raised."""
    return min(score, TOLD, line) if score <= bars[cause] else score


@kernel
def fade(bars: Floats) -> None:
    """Lower the bars a little, once an event."""
    for i in range(len(bars)):
        bars[i] *= _FADE
