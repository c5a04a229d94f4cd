"""How usual a category is: values that are rare, never seen before, or come more or less often than they did.

A bounded number of values is kept of a field, each with a slowly and a quickly fading count; of a value that has no
place the least usual one makes room. A value's score is −log10 of the share of values as rare as it is (smoothed after
Krichevsky and Trofimov). A new value's is −log10 of the missing mass (Good, "The population frequencies of species",
Biometrika 1953) or of the rate at which new values came of late, if that is higher: new identifiers are not strange
where every event has one. Rates are compared by Chernoff's bound on Poisson tails, calibrated by their own past.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

from aimass.models.kernel import Floats, Ints, kernel
from aimass.models.members.numerics import log
from aimass.models.tail import fade, forgiven, news, tail_learn, tail_score

CAUSES = ("rare value", "new value", "rate of value")
#: What is found of a value: its score (−1: nothing to say), cause, the value that stands out, the commonest one, and
#: what share of events the one that stands out has had.
FOUND = 5

_N, _GROWN, _TOTAL, _NEW, _QUICK_GROWN, _QUICK_TOTAL, _EPISODE, _TAIL, _BARS, _HEAD = 0, 1, 2, 3, 4, 5, 6, 8, 13, 16
_WARM = 32.0
_SLOW, _QUICK, _NOVEL = 1.0 / 32768.0, 1.0 / 128.0, 1.0 / 1024.0
_SETTLE = 256.0  # events after which grown weights become 1 again
_LN10, _LN2 = 2.302585092994046, 0.3010299956639812
_LEAST = 0.2


@lru_cache(maxsize=8192, typed=True)
def number(value: str | bool | int) -> float:
    """Return the number that stands for a category, the same in every process.

    Examples
    --------
    >>> number(True), number("on") == number("on"), number(1) == number("1")
    (2.0, True, False)
    """
    if isinstance(value, str):
        return float(zlib.crc32(value.encode("utf-8", "replace")) + 3)
    return 1.0 + value if type(value) is bool else float(zlib.crc32(b"#%d" % value) + 3)


def width(values: int) -> int:
    """Return how many floats are kept of a field: a head, and four numbers a value."""
    return _HEAD + 4 * values


def bar(cause: int) -> int:
    """Return where in a row the bar stands that a score has to pass, for a cause."""
    return _BARS + cause


@kernel
def _grow(row: Floats, count: Floats, quick: Floats, born: Floats) -> None:
    """Let what was counted fade: new counts weigh more, and now and then all are divided by that."""
    if row[_N] % _SETTLE == 0.0:
        if row[_N] > 0.0:
            for j in range(len(count)):
                count[j] /= row[_GROWN]
                quick[j] /= row[_QUICK_GROWN]
                born[j] /= row[_GROWN]
            row[_TOTAL] /= row[_GROWN]
            row[_QUICK_TOTAL] /= row[_QUICK_GROWN]
        row[_GROWN] = row[_QUICK_GROWN] = 1.0
    row[_GROWN] /= 1.0 - _SLOW
    row[_QUICK_GROWN] /= 1.0 - _QUICK
    row[_NEW] *= 1.0 - _NOVEL


@kernel
def _rarity(row: Floats, ids: Floats, count: Floats, at: int) -> float:
    """Return −log10 of the share of values as rare as this one; of a new one (−1), of the missing mass."""
    w, kept, single, rarer = row[_GROWN], 0.0, 0.0, 0.0
    own = count[at] if at >= 0 else 0.0
    for j in range(len(ids)):
        if ids[j] != 0.0:
            kept += 1.0
            if count[j] < 1.5 * w:
                single += 1.0
            if count[j] <= own:
                rarer += count[j] / w + 0.5
    total = row[_TOTAL] / w
    missing = max((single + 0.5) / (total + 1.0), row[_NEW] * _NOVEL)
    p = missing if at < 0 else missing + rarer / (total + 0.5 * (kept + 1.0))  # what has no place is rarer still
    return -log(min(p, 1.0)) / _LN10


@kernel
def _rate(row: Floats, count: Floats, quick: Floats, born: Floats, j: int) -> float:
    """Return −log10 of a bound on the probability that a value came so much more or less often of late.

    Of a value for which another had to make room it is not known how often it came before: from as rarely as it was
    counted to as often as since it has its place.
    """
    w, whole, part = row[_GROWN], row[_TOTAL] / row[_GROWN], row[_QUICK_TOTAL] / row[_QUICK_GROWN]
    seen = 2.0 * quick[j] / row[_QUICK_GROWN]
    least = 2.0 * part * (count[j] / w + 0.5) / (whole + 1.0)
    usual = min(max(seen, least), 2.0 * part * (count[j] / w + 0.5) / (whole - born[j] / w + 1.0))
    bound = usual - seen
    if seen > 0.0:
        bound += seen * log(seen / usual)
    score: float = max(bound, 0.0) / _LN10 * whole / (whole + 2.0 * part)
    return score


@kernel
def _find(ids: Floats, value: float) -> int:
    for j in range(len(ids)):
        if ids[j] == value:
            return j
    return -1


@kernel
def _place(ids: Floats, count: Floats) -> int:
    """Return a free place, or that of the value counted least."""
    best = 0
    for j in range(len(ids)):
        if ids[j] == 0.0:
            return j
        if count[j] < count[best]:
            best = j
    return best


@kernel
def _judge(row: Floats, ids: Floats, count: Floats, quick: Floats, born: Floats, at: int, value: float, less: float,
           line: float, found: Floats) -> None:  # fmt: skip
    bars = row[_BARS : _BARS + 3]
    cause, one = (1, -1) if at < 0 else (0, at)
    score = forgiven(bars, cause, max(_rarity(row, ids, count, at) - less - _LN2, 0.0), line)
    if row[_TOTAL] / row[_GROWN] > 4.0 / _QUICK:
        other = int(row[_N]) % len(ids)
        moved = 0.0 if at < 0 else _rate(row, count, quick, born, at)
        which = at
        if ids[other] != 0.0:
            else_moved = _rate(row, count, quick, born, other)
            if else_moved > moved:
                moved, which = else_moved, other
        tail = row[_TAIL : _TAIL + 5]
        strange = min(tail_score(tail, moved, _LEAST), moved) - less - _LN2
        tail_learn(tail, moved, _LEAST)
        strange = forgiven(bars, 2, strange, line)
        if strange > score:
            score, cause, one = strange, 2, which
    found[0], found[1] = news(row[_EPISODE : _EPISODE + 2], score, line), cause
    found[2] = value if one < 0 else ids[one]
    top = 0
    for j in range(len(ids)):
        if count[j] > count[top]:
            top = j
    found[3] = ids[top]
    found[4] = 0.0 if one < 0 else count[one] / row[_TOTAL]


@kernel
def weigh(state: Floats, rows: Ints, values: Floats, less: Floats, line: float, found: Floats) -> None:
    """Judge categories in order by how usual they are, and learn each.

    Parameters
    ----------
    state
        Fields of keys × `width`, zeros for a new one; changed in place.
    rows, values
        The row that each value belongs to, and the value as a number: a hash, never 0.
    less
        What to take off each score, because more than one field of its event is looked at.
    line
        The score from which on an anomaly opens an episode.
    found
        Values × `FOUND`; written.
    """
    places = (state.shape[1] - _HEAD) // 4
    for i in range(len(rows)):
        row = state[rows[i]]
        ids = row[_HEAD : _HEAD + places]
        count = row[_HEAD + places : _HEAD + 2 * places]
        quick, born = row[_HEAD + 2 * places : _HEAD + 3 * places], row[_HEAD + 3 * places :]
        found[i, :] = 0.0
        found[i, 0] = -1.0
        fade(row[_BARS : _BARS + 3])
        at = _find(ids, values[i])
        if row[_N] >= _WARM:
            _judge(row, ids, count, quick, born, at, values[i], less[i], line, found[i])
        _grow(row, count, quick, born)
        if at < 0:
            at = _place(ids, count)
            born[at] = 0.0 if ids[at] == 0.0 else row[_TOTAL]
            ids[at], count[at], quick[at] = values[i], 0.0, 0.0
            row[_NEW] += 1.0
        count[at] += row[_GROWN]
        quick[at] += row[_QUICK_GROWN]
        row[_TOTAL] += row[_GROWN]
        row[_QUICK_TOTAL] += row[_QUICK_GROWN]
        row[_N] += 1.0
