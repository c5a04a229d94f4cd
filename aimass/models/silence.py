"""When a key's events come: gaps that are unusually long, bursts, and the moment from which on silence is strange.

The logarithms of the gaps between a key's events go through a tail (`aimass.models.tail`), and so do those of the time
that its last eight events took, for bursts. The tail of the gaps says in advance when silence will have become strange:
a key is due then. A timer wheel in the state holds the keys by when to look at them again: coarsely while that is far
off, exactly in the end, so that a tick never looks at keys that are not due. Keys are visited in the order of the
wheel's slots; a visit either finds that the key has spoken since, and moves it on, or reports it.
"""

from __future__ import annotations

import math

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import exp, log
from aimass.models.tail import START, TOLD, fade, forgiven, news, tail_learn, tail_reach, tail_score

CAUSES = ("late", "burst")
#: What is found of an event: its score (−1: nothing to say), cause, value and expected value, in seconds; the slot of
#: the wheel that its key has to be put in, −inf where it stays where it is.
FOUND = 5
#: What is found of a key that is looked at: its score (−1: not silent for too long, or told already), seconds of
#: silence, usual gap, and the next slot (−inf: none).
SEEN = 4

_N, TIME, _MEAN, REPORTED, DUE, SLOT = range(6)
WHERE = 6  # of the last event: its topic's number, partition and offset
_EPISODE, _GAPS, _BURSTS, BARS, _RING, WIDTH = 9, 11, 16, 21, 23, 31
_FEW = 8  # events whose time together is looked at
_LEAST = 0.05  # 5 %: no tail of gaps is believed to be thinner
_SHORT = 1e-3  # seconds: shorter gaps are alike
_LONG = 1e9
_FAR = 1e11  # seconds since 1970: no time is further off
_LN2 = 0.3010299956639812
NOWHERE = 2.0**50  # added to slots in rows, so that 0 means none


@kernel
def slot_for(due: float, now: float) -> float:
    """Return the second in which to look at a key that is due later, as seen from now.

    It is half-way there, until little is left: so few slots are in use, a key that is due earlier after its next events
    seldom needs a second one, and a silent key is looked at no more often than its silence doubles.
    """
    tick, here = math.ceil(due), math.floor(now)
    if tick - here > 8.0:
        tick = here + math.floor(0.5 * (tick - here))
    span = 1.0
    while span * 32.0 <= tick - here:
        span *= 2.0
    return max(math.floor(tick / span) * span, here)


@kernel
def _due(row: Floats, line: float, longest: float) -> float:
    """Return when silence after the last event will have crossed the line; 0 for never."""
    bar = max(line, row[BARS] + 0.01) + _LN2
    gap = exp(min(tail_reach(row[_GAPS : _GAPS + 5], bar, _LEAST), 25.0)) - _SHORT
    return row[TIME] + gap if gap < min(longest, _LONG) else 0.0


@kernel
def _judge(row: Floats, time: float, line: float, found: Floats) -> None:
    """Judge the gap before an event and the time that the last few took, and learn both."""
    gap, n = time - row[TIME], row[_N]
    x = log(gap + _SHORT)
    gaps, bursts, bars = row[_GAPS : _GAPS + 5], row[_BURSTS : _BURSTS + 5], row[BARS : BARS + 2]
    late = forgiven(bars, 0, max(tail_score(gaps, x, _LEAST) - _LN2, -1.0), line)
    if row[REPORTED] > 0.0:
        late = min(late, TOLD)
    quick = -1.0
    if n >= _FEW:
        took = time - row[_RING + int(n) % _FEW]
        y = -log(took + _SHORT)
        quick = forgiven(bars, 1, max(tail_score(bursts, y, _LEAST) - _LN2, -1.0), line)
        tail_learn(bursts, y, _LEAST)
    if gaps[3] >= START:
        cause = 1 if quick > late else 0
        found[0] = news(row[_EPISODE : _EPISODE + 2], max(late, quick, 0.0), line)
        found[1], found[2], found[3] = cause, gap, exp(row[_MEAN]) - _SHORT
        if cause == 1:
            found[2] = took / _FEW
    tail_learn(gaps, x, _LEAST)
    row[_MEAN] += max(1.0 / n, 0.01) * (x - row[_MEAN])


@kernel
def listen(state: Floats, rows: Ints, times: Floats, where: Floats, line: float, longest: float,
           found: Floats) -> None:  # fmt: skip
    """Judge when events came, in order, learn from it, and say which keys have to be looked at when.

    Parameters
    ----------
    state
        Keys × `WIDTH`, zeros for a new one; changed in place.
    rows, times, where
        Of each event: the row of its key, its time in seconds, and (events × 3) where it stood.
    line
        The score from which on an anomaly opens an episode, and silence is reported.
    longest
        Silence of this length, in seconds, is not waited for.
    found
        Events × `FOUND`; written.

    Notes
    -----
    Of an event that is older than the last of its key nothing is said and nothing is learned.
    """
    for i in range(len(rows)):
        row, time = state[rows[i]], times[i]
        found[i, :] = 0.0
        found[i, 0], found[i, 4] = -1.0, -math.inf
        if not abs(time) < _FAR or (row[_N] > 0.0 and time < row[TIME]):
            continue
        fade(row[BARS : BARS + 2])
        if row[_N] > 0.0:
            _judge(row, time, line, found[i])
        row[_RING + int(row[_N]) % _FEW] = time
        row[_N] += 1.0
        row[TIME], row[REPORTED], row[DUE] = time, 0.0, 0.0
        row[WHERE : WHERE + 3] = where[i]
        if row[_GAPS + 3] >= START:
            row[DUE] = _due(row, line, longest)
        if row[DUE] > 0.0:
            slot = slot_for(row[DUE], time) + NOWHERE
            if row[SLOT] == 0.0 or slot < row[SLOT]:
                row[SLOT] = slot
                found[i, 4] = slot - NOWHERE


@kernel
def visit(state: Floats, now: float, found: Floats) -> None:
    """Look at keys that the wheel says may be due.

    Parameters
    ----------
    state
        Keys × `WIDTH`; changed in place.
    now
        The time of the tick, in seconds.
    found
        Keys × `SEEN`; written.
    """
    for i in range(len(state)):
        row = state[i]
        found[i, :] = 0.0
        found[i, 0], found[i, 3] = -1.0, -math.inf
        row[SLOT] = 0.0
        if row[DUE] == 0.0 or row[REPORTED] > 0.0:
            continue
        if row[DUE] <= now:
            row[REPORTED] = 1.0
            silent = now - row[TIME]
            found[i, 0] = tail_score(row[_GAPS : _GAPS + 5], log(silent + _SHORT), _LEAST) - _LN2
            found[i, 1], found[i, 2] = silent, exp(row[_MEAN]) - _SHORT
        else:
            found[i, 3] = slot_for(row[DUE], now)
            row[SLOT] = found[i, 3] + NOWHERE
