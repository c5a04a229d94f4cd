"""Which fields an event has: one that is nearly always there is absent or null, or one that hardly ever is, comes.

Each field's presence is counted with fading counts; an event is as strange as the least likely of its fields' states.
"""

from __future__ import annotations

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import log
from aimass.models.tail import fade, forgiven, news

CAUSES = ("missing", "unexpected field", "null")
#: What is found of an event: its score (−1: nothing to say), field, cause, and how often the field was there so far.
FOUND = 4

_N, _GROWN, _TOTAL, _EPISODE, _HEAD = 0, 1, 2, 3, 5
_WARM = 32.0
_SLOW = 1.0 / 32768.0
_SETTLE = 1024.0  # events after which grown weights become 1 again
_LN10 = 2.302585092994046


def width(fields: int) -> int:
    """Return how many floats are kept of a key: a head, and a count and two bars a field."""
    return _HEAD + 3 * fields


def bar(fields: int, field: int, cause: int) -> int:
    """Return where in a row the bar stands that a field's score has to pass, for a cause; null is as if missing."""
    return _HEAD + fields + (cause % 2) * fields + field


@kernel
def _judge(row: Floats, there: Floats, count: Floats, bars: Floats, line: float, found: Floats) -> None:
    w, d = row[_GROWN], len(there)
    total = row[_TOTAL] / w + 1.0
    best, least, looked, share = 0, 1.0, 0.0, 0.0
    for j in range(d):
        if count[j] == 0.0 and there[j] <= 0.0:
            continue
        looked += 1.0
        p = (count[j] / w + 0.5) / total
        chance = p if there[j] > 0.0 else 1.0 - p
        if chance < least:
            best, least, share = j, chance, p
    if looked == 0.0:
        return
    cause = 1 if there[best] > 0.0 else 0 if there[best] == 0.0 else 2
    score = max(-log(min(least * looked, 1.0)) / _LN10, 0.0)
    score = forgiven(bars, (cause % 2) * d + best, score, line)
    found[0], found[1] = news(row[_EPISODE : _EPISODE + 2], score, line), best
    found[2], found[3] = cause, share


@kernel
def attend(state: Floats, rows: Ints, there: Floats, line: float, found: Floats) -> None:
    """Judge events in order by which fields they have, and learn from each.

    Parameters
    ----------
    state
        Keys × `width`, zeros for a new one; changed in place.
    rows, there
        Of each event: the row of its key, and of each field 1 (there), 0 (absent) or −1 (null).
    line
        The score from which on an anomaly opens an episode.
    found
        Events × `FOUND`; written.
    """
    d = there.shape[1]
    for i in range(len(rows)):
        row = state[rows[i]]
        count, bars = row[_HEAD : _HEAD + d], row[_HEAD + d :]
        found[i, :] = 0.0
        found[i, 0] = -1.0
        fade(bars)
        if row[_N] >= _WARM:
            _judge(row, there[i], count, bars, line, found[i])
        if row[_N] % _SETTLE == 0.0:
            if row[_N] > 0.0:
                for j in range(d):
                    count[j] /= row[_GROWN]
                row[_TOTAL] /= row[_GROWN]
            row[_GROWN] = 1.0
        row[_GROWN] /= 1.0 - _SLOW
        for j in range(d):
            if there[i, j] > 0.0:
                count[j] += row[_GROWN]
        row[_TOTAL] += row[_GROWN]
        row[_N] += 1.0
