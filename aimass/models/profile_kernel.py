"""What is known of a key from its earlier events: counts, sessions, its usual gap and the hour at which it is seen."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import exp, log

N, FIRST, LAST, DAY, DAYS, SESSIONS, BEGAN, IN_SESSION, GAP, GAPS, WIDTH = range(11)
HOURS = 24
SESSION_S = 1800.0  # this much quiet ends a session
#: A key's row: 80 bytes of numbers and a small count for each hour of the day.
ROW = np.dtype([("row", np.float64, (WIDTH,)), ("hours", np.uint8, (HOURS,))])
#: What is found of each event, in the order of `aimass.rules.vocabulary.PROFILE_VALUES`; NaN: unknown.
FOUND = 9
SHORT = 1e-3  # seconds: shorter gaps are alike
_FADE = 0.05  # of the mean of gaps
_FULL = 255  # all counts of hours are halved when one is full: old habits fade
_FAR = 1e11  # seconds since 1970: no time is further off


@kernel
def usual_hour(hours: Ints) -> int:
    """Return the hour that was counted most often; of equals the earliest."""
    best = 0
    for h in range(1, HOURS):
        if hours[h] > hours[best]:
            best = h
    return best


@kernel
def _say(row: Floats, hours: Ints, now: float, found: Floats) -> None:
    """Write what is known of a key as of a time, before its event there is counted."""
    is_new = row[N] == 0.0 or now - row[LAST] > SESSION_S
    found[0] = row[N]
    found[1] = row[FIRST] if row[N] > 0.0 else math.nan
    found[2] = row[LAST] if row[N] > 0.0 else math.nan
    found[3] = row[DAYS]
    found[4] = row[SESSIONS] + (1.0 if is_new else 0.0)
    found[5] = 0.0 if is_new else row[IN_SESSION]
    found[6] = 0.0 if is_new else now - row[BEGAN]
    found[7] = exp(row[GAP]) - SHORT if row[GAPS] > 0.0 else math.nan
    found[8] = usual_hour(hours) if row[N] > 0.0 else math.nan


@kernel
def _count(row: Floats, hours: Ints, time: float, now: float) -> None:
    """Count an event; ``now`` is its time, or that of the newest where it is late."""
    if row[N] == 0.0:
        row[FIRST] = time
        row[LAST] = -math.inf
        row[DAY] = -math.inf
    elif time >= row[LAST]:
        row[GAPS] += 1.0
        row[GAP] += max(1.0 / row[GAPS], _FADE) * (log(time - row[LAST] + SHORT) - row[GAP])
    if now - row[LAST] > SESSION_S:
        row[SESSIONS] += 1.0
        row[BEGAN], row[IN_SESSION] = now, 0.0
    day = math.floor(now / 86400.0)
    if day > row[DAY]:
        row[DAY] = day
        row[DAYS] += 1.0
    row[N] += 1.0
    row[IN_SESSION] += 1.0
    row[FIRST] = min(row[FIRST], time)
    row[LAST] = now
    hour = int(math.floor(time / 3600.0) % HOURS)
    if hours[hour] == _FULL:
        for h in range(HOURS):
            hours[h] //= 2
    hours[hour] += 1


@kernel
def follow(rows: Floats, hours: Ints, slots: Ints, times: Floats, found: Floats) -> None:
    """Say what was known of each event's key before it, in order, and count the event.

    Parameters
    ----------
    rows, hours
        Keys × `WIDTH` and keys × `HOURS`, zeros for a new key; changed in place.
    slots, times
        Of each event: the row of its key, and its time in seconds.
    found
        Events × `FOUND`; written.

    Notes
    -----
    A key's time never goes back: a late event is counted, and seen, as of the newest before it.
    """
    for i in range(len(slots)):
        row, hour, time = rows[slots[i]], hours[slots[i]], times[i]
        if not abs(time) < _FAR:
            found[i, :] = math.nan
            continue
        now = max(time, row[LAST]) if row[N] > 0.0 else time
        _say(row, hour, now, found[i])
        _count(row, hour, time, now)
