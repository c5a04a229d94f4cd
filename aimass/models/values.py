"""How strange a number is after the numbers before it: seven signals, each calibrated by its own tail, O(1) a number.

For each key and field: the distance from the daily profile (an hour of the day, weekends apart), the jump from the
previous number, the distance from the running level, a short and a long running mean of what the profile leaves, the
volatility, and how far a number is beyond all seen before. A signal's score is −log10 of a tail probability, judged
twice: by an exponential tail over a threshold that follows the 98 % quantile (after Siffer et al., "Anomaly detection
in streams with extreme value theory", KDD 2017), and by counting how often it was as high before. What happened
``r`` times in ``n`` events is not rarer than that, whatever a fitted tail says. The field's score is the highest of
its signals', and the signal is the cause.

A long incident is told once: a score that does not beat what its field scored lately is held at `TOLD`.

State: `WIDTH` floats a key and field, whatever the number of events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.records import Anomaly

#: Scores from here on are worth an alert: 1 in 10^3.5 events by chance; then the lines of worse severities.
LINE, WARNING, CRITICAL = 3.5, 5.0, 8.0
LIMIT = 1e100  # larger numbers are taken as this
WARM = 32  # a field scores nothing until it has been seen this often
TOLD = 2.0  # the highest score of an event that is no stranger than what was told of its field lately
CAUSES = ("never seen", "jump", "daily profile", "level", "shifted", "shifted for long", "volatility", "first change")
FOUND = 6  # columns of what `run` finds: score, score if nothing had been told, field, cause, value, expected

_TAILS, _TAIL, _RANKS, _RANK, _PEAKS = 6, 4, 7, 11, 8
_HOURS = 24
# Where a field's state holds what: counts, moments and extremes; then its tails, its ranks and its profile.
_N, _LAST, _MEAN, _VAR, _JUMP, _QUICK, _QUICK_MEAN, _QUICK_VAR, _LOW, _HIGH, _GAP, _SPREAD = range(12)
_SHORT, _LONG, _BAR, _BAR_AGE, _PARDON = range(12, 17)
_TAIL_AT = 17
_RANK_AT = _TAIL_AT + _TAILS * _TAIL
_WORK = _RANK_AT + _RANKS * _RANK  # by hour: mean, count and spread of weekdays, then mean and count of weekends
WIDTH = _WORK + 5 * _HOURS

_Q, _P = 0.98, 0.02
_BASE = -math.log10(_P)
_LN10 = math.log(10.0)
_FIRST = 150.0  # until then a tail is what exceeds the third highest number; 3 of 150 are 2 %
_FAR = 1e9
_CAP = 300.0
_SLOW, _SIZE = 0.001, 0.002  # the slowest rates at which levels, and at which sizes of signals, are followed
_CLIP, _FLOOR, _FADE = 20.0, 0.3, 0.01
_EPISODE, _TELL = 50.0, 120.0  # events: peaks further apart are counted apart; how long what was told holds
_TURNOVER, _HORIZON = 64.0, 20_000.0  # episodes after which the highest peak is forgotten; events that count at most
_BEYOND, _FACTOR = 1.0, 3.0  # how far a fitted tail may go beyond what was seen: a power of ten; a record, threefold
_WEIGHT = 0.7  # of the two signals that follow slow changes
_MORE = 0.1  # by how much a score must beat what was told: a quarter rarer
_PARDON_FADE = 2e-5
_NEW = Anomaly(0.0)


@kernel
def _tail(f: Floats, at: int, n: float, x: float) -> float:
    """Return −log10 of the tail probability of a signal's size, then learn it.

    The tail is four numbers: the mean size, the threshold, the mean excess over it and the largest excess. During the
    first events the last three are the third, second and highest sizes.
    """
    mean, u, m, big = f[at], f[at + 1], f[at + 2], f[at + 3]
    rate = max(1.0 / (n + 1.0), _SIZE)
    if n == _FIRST:
        m, big = 0.5 * ((big - u) + (m - u)), big - u
    if n < _FIRST:
        e = x - u
        typical = max(0.5 * ((big - u) + (m - u)), _FLOOR * mean)
        base = math.log10(max(n, 3.0) / 3.0)
        if x > big:
            f[at + 1], f[at + 2], f[at + 3] = m, big, x
        elif x > m:
            f[at + 1], f[at + 2] = m, x
        elif x > u:
            f[at + 1] = x
        f[at] = mean + rate * (x - mean)
    else:
        e = x - u
        typical = max(m, _FLOOR * mean)
        base = _BASE
        _learn_tail(f, at, u, m, big, typical, e)
        f[at] = mean + rate * (min(x, u + _CLIP * typical) - mean)
    if e > 0.0:
        return min(base + (e / typical if e < _FAR * typical else _FAR) / _LN10, _CAP)
    return base * x / u if u > 0.0 else 0.0


@kernel
def _learn_tail(f: Floats, at: int, u: float, m: float, big: float, typical: float, e: float) -> None:
    """Learn one excess: in full only when one as large came before, so that an outlier does not blind the tail."""
    step = 0.05 * typical
    if e > 0.0:
        most = max(_CLIP * typical, min(big, e))
        f[at + 1] = u + step * _Q
        f[at + 2] = m + _FADE * (min(e, most) - m)
        f[at + 3] = max(0.98 * big, e)
    else:
        f[at + 1] = max(u - step * _P, _FLOOR * f[at])
        f[at + 2], f[at + 3] = m, big


@kernel
def _rank(f: Floats, at: int, n: float, score: float) -> float:
    """Return a signal's score, held to how often it was as high before; file the peaks of its episodes.

    The state is how many episodes ended, events since the peak of the last one, that peak, and the highest peaks.
    """
    f[at + 1] += 1.0
    if score <= _BASE or n < WARM:
        return score
    if f[at + 1] > _EPISODE:
        if f[at + 2] > 0.0:
            _file(f, at)
        f[at + 2] = 0.0
    if score > f[at + 2]:
        f[at + 1], f[at + 2] = 0.0, score
    above = 0
    while above < _PEAKS and f[at + 3 + above] >= score:
        above += 1
    seen = min(n + 1.0, _HORIZON)
    rare = math.log10(seen / (above + 1.0))
    if above == _PEAKS:
        rare = min(rare, math.log10((n + 1.0) / (f[at] + 1.0)))
    found: float = min(score, 0.5 * (score + rare), _FACTOR * rare)
    if above > 0:
        found = min(found, rare + (_BEYOND if score < _CAP else 0.0))
    return max(found, 0.0)


@kernel
def _file(f: Floats, at: int) -> None:
    """Put an episode's peak among the highest; now and then forget the highest of all."""
    peak, first, last = f[at + 2], at + 3, at + 2 + _PEAKS
    f[at] += 1.0
    if f[at] % _TURNOVER == 0.0:
        for i in range(first, last):
            f[i] = f[i + 1]
        f[last] = 0.0
    if peak > f[last]:
        i = last
        while i > first and f[i - 1] < peak:
            f[i] = f[i - 1]
            i -= 1
        f[i] = peak


@kernel
def _expect(f: Floats, hour: int, weekend: bool) -> float:
    """Return what the daily profile expects: the hour's mean, drawn to the running mean while the hour is new."""
    seen = f[_WORK + _HOURS + hour]
    share = seen / (seen + 2.0)
    usual: float = share * f[_WORK + hour] + (1.0 - share) * f[_MEAN]
    if weekend:
        seen = f[_WORK + 4 * _HOURS + hour]
        share = seen / (seen + 8.0)
        usual = share * f[_WORK + 3 * _HOURS + hour] + (1.0 - share) * usual
    return usual


@kernel
def _learn_hour(f: Floats, hour: int, weekend: bool, v: float, off: float) -> None:
    mean = _WORK + hour + (3 * _HOURS if weekend else 0)
    f[mean + _HOURS] += 1.0
    f[mean] += max(0.1, 1.0 / f[mean + _HOURS]) * (v - f[mean])
    spread = _WORK + 2 * _HOURS + hour
    f[spread] += max(0.1, 1.0 / max(f[_WORK + _HOURS + hour], 1.0)) * (off - f[spread])


@kernel
def _ratio(size: float, unit: float) -> float:
    if unit > 0.0:
        return size / unit if size < _FAR * unit else _FAR
    return 0.0


@kernel
def _record(f: Floats, n: float, v: float) -> float:
    """Return how strange it is that a number is beyond all before: how long none was, and by how many usual jumps."""
    over = max(v - f[_HIGH], f[_LOW] - v)
    f[_GAP] += 1.0
    if over <= 0.0 or n == 0.0:
        return 0.0
    since = f[_GAP]
    f[_GAP] = 0.0
    f[_HIGH], f[_LOW] = max(f[_HIGH], v), min(f[_LOW], v)
    return min(math.log10(since) + _ratio(over, f[_JUMP]) / _LN10, _CAP)


@kernel
def _begin(f: Floats, v: float) -> None:
    f[_LAST] = f[_MEAN] = f[_LOW] = f[_HIGH] = v


@kernel
def _step(f: Floats, t: float, v: float, out: Floats) -> None:
    """Score one number, then learn it; ``out`` gets score, score if nothing had been told, cause and expected."""
    n = f[_N]
    if n == 0.0:
        _begin(f, v)
    hour = min(int((t % 86400.0) / 3600.0), _HOURS - 1)
    day = (math.floor(t / 86400.0) + 4.0) % 7.0
    weekend = day == 0.0 or day == 6.0
    usual, last, mean, var = _expect(f, hour, weekend), f[_LAST], f[_MEAN], f[_VAR]
    constant = f[_LOW] == f[_HIGH] and v != last
    left, jump, off = v - usual, abs(v - last), v - mean
    seen = f[_WORK + _HOURS + hour]
    share = seen / (seen + 2.0)
    spread = share * f[_WORK + 2 * _HOURS + hour] + (1.0 - share) * f[_SPREAD]
    f[_SHORT] += 0.1 * (left - f[_SHORT])
    f[_LONG] += 0.025 * (left - f[_LONG])
    f[_QUICK] += 0.1 * (jump - f[_QUICK])
    restless = f[_QUICK] - f[_QUICK_MEAN]
    score, cause = _rank(f, _RANK_AT, n, _record(f, n, v)), 0
    for i in range(_TAILS):
        if i == 0:
            x = jump
        elif i == 1:
            x = _ratio(abs(left), spread + 0.3 * f[_SPREAD])
        elif i == 2:
            x = _ratio(abs(off), math.sqrt(var))
        elif i == 3:
            x = abs(f[_SHORT])
        elif i == 4:
            x = abs(f[_LONG])
        else:
            x = _ratio(abs(restless), math.sqrt(f[_QUICK_VAR]))
        s = _rank(f, _RANK_AT + (i + 1) * _RANK, n, _tail(f, _TAIL_AT + i * _TAIL, n, x))
        if i == 2 or i == 5:
            s *= _WEIGHT
        if s > score:
            score, cause = s, i + 1
    slow, size = max(1.0 / (n + 1.0), _SLOW), max(1.0 / (n + 1.0), _SIZE)
    f[_MEAN], f[_VAR] = mean + slow * off, (1.0 - slow) * (var + slow * off * off)
    f[_QUICK_MEAN] += slow * restless
    f[_QUICK_VAR] = (1.0 - slow) * (f[_QUICK_VAR] + slow * restless * restless)
    f[_JUMP] += size * (jump - f[_JUMP])
    f[_SPREAD] += size * (abs(left) - f[_SPREAD])
    _learn_hour(f, hour, weekend, v, abs(left))
    f[_LAST], f[_N] = v, n + 1.0
    expected = mean if cause == 3 else last if cause == 1 else usual
    if constant:
        score, cause, expected = (math.log10(n) if n > 0.0 else 0.0), 7, last
    _tell(f, n, score, constant, out)
    out[2], out[3] = cause, expected


@kernel
def _tell(f: Floats, n: float, score: float, constant: bool, out: Floats) -> None:
    """Hold a score to what an analyst pardoned and to what was told of the field lately."""
    if f[_PARDON] > 0.0:
        score *= LINE / max(f[_PARDON], LINE)
        f[_PARDON] -= _PARDON_FADE * f[_PARDON]
    f[_BAR_AGE] += 1.0
    if n < WARM:
        out[0] = out[1] = -1.0
        return
    if f[_BAR_AGE] > _TELL:
        f[_BAR] = 0.0
    out[0] = out[1] = score
    if score > f[_BAR] + _MORE:
        f[_BAR], f[_BAR_AGE] = (_CAP if constant else score), 0.0
    else:
        out[0] = min(score, TOLD)


def run(state: Floats, rows: Ints, times: Floats, values: Floats, found: Floats) -> None:
    """Score events in order and learn from each.

    Parameters
    ----------
    state
        Keys × fields × `WIDTH`; zeros are a field never seen; changed in place. Or places × `WIDTH`.
    rows
        Which row each event's key has. Or events × fields: which place each field of an event has.
    times
        The events' times, in seconds since 1970 (UTC).
    values
        Events × fields; NaN where an event lacks a field.
    found
        Events × `FOUND`, written: the score, the score if nothing had been told lately, the strangest field (−1 while
        all are new), its cause as an index in `CAUSES`, its value, and what was expected.

    Notes
    -----
    An event's score is that of its strangest field, less log10 of how many fields could have been strange
    (Bonferroni), so that wide events are not stranger than narrow ones.
    """
    if rows.ndim == 1:
        fields = values.shape[1]
        rows = rows[:, None] * fields + np.arange(fields)
    _run(state.reshape(-1, WIDTH), rows, times, values, found)


@kernel
def _run(state: Floats, places: Ints, times: Floats, values: Floats, found: Floats) -> None:
    out = np.zeros(4)
    for i in range(len(places)):
        best, raw, live, top = -1.0, 0.0, 0, -1
        cause = value = expected = 0.0
        for field in range(values.shape[1]):
            v = values[i, field]
            if v == v:
                _step(state[places[i, field]], times[i], min(max(v, -LIMIT), LIMIT), out)
                if out[0] >= 0.0:
                    live += 1
                    raw = max(raw, out[1])
                    if out[0] > best:
                        best, top, cause, value, expected = out[0], field, out[2], v, out[3]
        fair = math.log10(live) if live > 1 else 0.0
        found[i, 0], found[i, 1] = max(best - fair, 0.0), max(raw - fair, 0.0)
        found[i, 2], found[i, 3], found[i, 4], found[i, 5] = top, cause, value, expected


def forgive(field: Floats, score: float) -> None:
    """Raise a field's bar: an analyst said that an event with this score was no anomaly.

    Scores up to it stay below `LINE` from now on, higher ones fall in proportion; it fades over 10,000s of events.

    Parameters
    ----------
    field
        The field's state, `WIDTH` floats; changed in place.
    score
        The score as it was told.
    """
    field[_PARDON] = max(field[_PARDON], score + 0.5)


def severity(score: float, line: float = LINE) -> str | None:
    """Return how bad a score is: ``info``, ``warning``, ``critical``, or ``None`` below the line.

    Examples
    --------
    >>> [severity(score) for score in (3.4, 3.5, 6.0, 9.0)]
    [None, 'info', 'warning', 'critical']
    """
    if score < line:
        return None
    return "critical" if score >= line + CRITICAL - LINE else "warning" if score >= line + WARNING - LINE else "info"


def score_batch(
    state: Floats, rows: Ints, times: Floats, values: Floats, fields: Sequence[str], line: float = LINE
) -> list[Anomaly]:
    """Score the events of a batch in order, learning from each, and return one `Anomaly` for each: see `run`.

    Examples
    --------
    >>> state = np.zeros((1, 1, WIDTH))
    >>> values = np.array([[i % 7.0] for i in range(99)] + [[70.0]])
    >>> odd = score_batch(state, np.zeros(100, np.int64), np.arange(100.0), values, ["heat"])[-1]
    >>> odd.score > 5, odd.field, odd.cause, odd.value, odd.severity
    (True, 'heat', 'never seen', 70.0, 'warning')
    """
    found = np.zeros((len(rows), FOUND))
    run(state, rows, times, values, found)
    scores = found[:, 0].round(3)
    return [
        Anomaly(score, fields[top], CAUSES[cause], value, expected, severity(score, line) if score >= line else None)
        if top >= 0
        else _NEW
        for score, top, cause, value, expected in zip(
            scores.tolist(),
            found[:, 2].astype(np.int64).tolist(),
            found[:, 3].astype(np.int64).tolist(),
            found[:, 4].tolist(),
            found[:, 5].tolist(),
            strict=True,
        )
    ]
