"""What came before an event: earlier values of its fields, its key's pace, and earlier labels. O(1) an event.

Everything is shown as it was before the event: neither its own value nor its own label is in it. Means, deviations,
extremes and rates fade by event time with a half-life, so that a window needs no list of values; an event that comes
late ages nothing. Rows are floats, zeros for a new key.

::

    values   a row a field:  count, time of the last, last values 1 … lags,
                             and for each window weight, mean, squares, low, high
    pace     a row a key:    count, time of the last, and for each window a fading count
    labels   a row a key,    count, the first labelled key, whether there are others, last labels 1 … lags,
             row 0 for all:  and their fading mean or shares
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import exp, log

#: Labels are forgotten at this rate.
FADE = 1.0 / 16.0
#: The most classes whose shares are shown.
MAX_CLASSES = 8
_VALUE, _PACE, _LABEL = 2, 2, 3  # where what is fixed ends
_LN2 = 0.6931471805599453
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def span(seconds: float) -> str:
    """Return a duration as it is written.

    Examples
    --------
    >>> span(3600.0), span(90.0), span(0.25)
    ('1h', '90s', '0.25s')
    """
    for unit, name in _UNITS:
        if seconds >= unit and seconds % unit == 0.0:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:g}s"


def value_names(lags: int, windows: Sequence[float]) -> list[str]:
    """Return what is appended to a field's name for each feature of its past.

    Examples
    --------
    >>> value_names(1, [60.0])
    [':lag.1', ':change', ':mean.1m', ':spread.1m', ':low.1m', ':high.1m']
    """
    names = [*(f":lag.{i + 1}" for i in range(lags)), *([":change"] if lags else [])]
    return names + [f":{what}.{span(one)}" for one in windows for what in ("mean", "spread", "low", "high")]


def value_width(lags: int, windows: int) -> int:
    """Return how many floats are kept of a field."""
    return _VALUE + lags + 5 * windows


def pace_names(windows: Sequence[float]) -> list[str]:
    """Return the features of a key's pace.

    Examples
    --------
    >>> pace_names([60.0])
    ['key:gap', 'key:events', 'key:rate.1m']
    """
    return ["key:gap", "key:events", *(f"key:rate.{span(one)}" for one in windows)]


def pace_width(windows: int) -> int:
    """Return how many floats are kept of a key's pace."""
    return _PACE + windows


def shares(classes: int) -> int:
    """Return how many fading numbers are kept of labels: the mean, or the share of each class but the first."""
    return max(min(classes, MAX_CLASSES) - 1, 1)


def label_names(lags: int, classes: int) -> list[str]:
    """Return the features of earlier labels: the key's, then the partition's.

    Examples
    --------
    >>> label_names(1, 2)
    ['label:own.1', 'label:own.mean', 'label:all.1', 'label:all.mean']
    """
    if not lags:
        return []
    fading = ["mean"] if shares(classes) == 1 else [f"share.{i + 1}" for i in range(shares(classes))]
    return [f"label:{whose}.{what}" for whose in ("own", "all") for what in (*range(1, lags + 1), *fading)]


def label_width(lags: int, classes: int) -> int:
    """Return how many floats are kept of a key's labels."""
    return _LABEL + lags + shares(classes)


@kernel
def _show_value(row: Floats, time: float, value: float, half_lives: Floats, lags: int, found: Floats) -> None:
    for k in range(lags):
        found[k] = row[_VALUE + k] if row[0] > k else math.nan
    at = lags
    if lags > 0:
        found[at] = value - row[_VALUE] if row[0] > 0.0 else math.nan
        at += 1
    for w in range(len(half_lives)):
        own = row[_VALUE + lags + 5 * w :]
        if row[0] > 0.0:
            fade = exp(-_LN2 * max(time - row[1], 0.0) / half_lives[w])
            found[at] = own[1]
            found[at + 1] = math.sqrt(own[2] / own[0])
            found[at + 2] = own[1] + (own[3] - own[1]) * fade
            found[at + 3] = own[1] + (own[4] - own[1]) * fade
        else:
            found[at : at + 4] = math.nan
        at += 4


@kernel
def _keep_value(row: Floats, time: float, value: float, half_lives: Floats, lags: int) -> None:
    for k in range(lags - 1, 0, -1):
        row[_VALUE + k] = row[_VALUE + k - 1]
    if lags > 0:
        row[_VALUE] = value
    for w in range(len(half_lives)):
        own = row[_VALUE + lags + 5 * w :]
        if row[0] > 0.0:
            fade = exp(-_LN2 * max(time - row[1], 0.0) / half_lives[w])
            own[3] = min(value, own[1] + (own[3] - own[1]) * fade)
            own[4] = max(value, own[1] + (own[4] - own[1]) * fade)
            own[0] = own[0] * fade + 1.0
            change = value - own[1]
            own[1] += change / own[0]
            own[2] = own[2] * fade + change * change * ((own[0] - 1.0) / own[0])  # never below 0
        else:
            own[0], own[1], own[2], own[3], own[4] = 1.0, value, 0.0, value, value
    row[1] = max(row[1], time) if row[0] > 0.0 else time
    row[0] += 1.0


@kernel
def recall(
    state: Floats, rows: Ints, times: Floats, values: Floats, half_lives: Floats, lags: int, found: Floats
) -> None:
    """Tell of each event what its fields were before, then keep what they are.

    Parameters
    ----------
    state
        Keys × fields × `value_width`; changed in place.
    rows, times, values
        Of each event: the row of its key, its time in seconds, and its fields (NaN where it lacks one: its past is
        told all the same).
    half_lives
        Of each window, in seconds.
    lags
        How many earlier values are told.
    found
        Events × fields × the features that `value_names` lists; written.
    """
    for i in range(len(rows)):
        for j in range(values.shape[1]):
            row, value = state[rows[i], j], values[i, j]
            _show_value(row, times[i], value, half_lives, lags, found[i, j])
            if value == value:
                _keep_value(row, times[i], value, half_lives, lags)


@kernel
def pace(state: Floats, rows: Ints, times: Floats, half_lives: Floats, found: Floats) -> None:
    """Tell of each event how its key's events came before: log(1 + seconds since), log(1 + count), events a second.

    Parameters
    ----------
    state
        Keys × `pace_width`; changed in place.
    rows, times, half_lives
        As of `recall`.
    found
        Events × the features that `pace_names` lists; written.
    """
    for i in range(len(rows)):
        row = state[rows[i]]
        gap = max(times[i] - row[1], 0.0)
        found[i, 0] = log(1.0 + gap) if row[0] > 0.0 else math.nan
        found[i, 1] = log(1.0 + row[0])
        for w in range(len(half_lives)):
            count = row[_PACE + w] * exp(-_LN2 * gap / half_lives[w]) if row[0] > 0.0 else 0.0
            found[i, 2 + w] = count * _LN2 / half_lives[w]
            row[_PACE + w] = count + 1.0
        row[1] = max(row[1], times[i]) if row[0] > 0.0 else times[i]
        row[0] += 1.0


@kernel
def _show_labels(row: Floats, lags: int, found: Floats) -> None:
    for k in range(lags):
        found[k] = row[_LABEL + k] if row[0] > k else math.nan
    for k in range(lags, len(found)):
        found[k] = row[_LABEL + k] if row[0] > 0.0 else math.nan


@kernel
def _keep_label(row: Floats, label: float, lags: int) -> None:
    row[0] += 1.0
    for k in range(lags - 1, 0, -1):
        row[_LABEL + k] = row[_LABEL + k - 1]
    row[_LABEL] = label
    fading = row[_LABEL + lags :]
    rate = max(1.0 / row[0], FADE)
    for k in range(len(fading)):
        here = label
        if len(fading) > 1:
            here = 1.0 if label == k + 1.0 else 0.0
        fading[k] += (here - fading[k]) * rate


@kernel
def labelled(state: Floats, rows: Ints, codes: Floats, labels: Floats, shown: Ints, lags: int, found: Floats) -> None:
    """Tell of each event the labels that came before, then keep its own.

    A key that had no label yet is told those of all keys as its own. Those of all keys are told by themselves once
    labels of a second key have come: before, they are the same.

    Parameters
    ----------
    state
        1 + keys × `label_width`, row 0 for all keys; changed in place.
    rows, codes, labels
        Of each event or late label: the row of its key (from 1 on), a number that stands for the key, and the label
        (NaN: none).
    shown
        Which row of ``found`` is the event's; −1 for a late label.
    lags
        How many earlier labels are told, at least 1.
    found
        Events × the features that `label_names` lists; written.
    """
    half = found.shape[1] // 2
    everyone = state[0]
    for i in range(len(rows)):
        own, label = state[rows[i]], labels[i]
        if shown[i] >= 0:
            _show_labels(own if own[0] > 0.0 else everyone, lags, found[shown[i], :half])
            found[shown[i], half:] = math.nan
            if everyone[2] > 0.0:
                _show_labels(everyone, lags, found[shown[i], half:])
        if label == label:
            if everyone[0] == 0.0:
                everyone[1] = codes[i]
            elif everyone[1] != codes[i]:
                everyone[2] = 1.0
            _keep_label(own, label, lags)
            _keep_label(everyone, label, lags)
