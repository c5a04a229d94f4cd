"""Detect what is strange for a key: its fields scored against their own past, a batch of events at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aimass.models.signals import CAUSES, Floats, step_many, step_one
from aimass.records import Anomaly

_FEW = 64  # rounds with fewer numbers than this cost less one by one
_WARMING = Anomaly(0.0)
_SIGNALS = 2


def rounds(rows: Sequence[int]) -> list[npt.NDArray[np.intp]]:
    """Return the batch's events by how often their key came before: first all first ones, then all second ones, ….

    Examples
    --------
    >>> [r.tolist() for r in rounds([0, 1, 0, 0, 2])]
    [[0, 1, 4], [2], [3]]
    """
    seen: dict[int, int] = {}
    ranks = []
    for row in rows:
        rank = seen.get(row, 0)
        seen[row] = rank + 1
        ranks.append(rank)
    order = np.argsort(np.array(ranks, np.intp), kind="stable")
    counts = np.bincount(np.array(ranks, np.intp))
    return np.split(order, np.cumsum(counts)[:-1])


def score_batch(state: Floats, rows: Sequence[int], values: Floats, fields: Sequence[str]) -> list[Anomaly]:
    """Score the events of a batch in order, learning from each, and return one `Anomaly` for each.

    Parameters
    ----------
    state
        Rows (one a key) × `WIDTH` × fields; changed in place.
    rows
        Which row each event's key has.
    values
        Events × fields; NaN where an event lacks a field.
    fields
        The fields' names.

    Notes
    -----
    An event's score is that of its strangest field, less log10 of the number of signals that could have been
    strange (Bonferroni), so that wide events are not stranger than narrow ones.

    Examples
    --------
    >>> from aimass.models.signals import WIDTH
    >>> state = np.zeros((1, WIDTH, 1))
    >>> values = np.array([[i % 7.0] for i in range(99)] + [[70.0]])
    >>> odd = score_batch(state, [0] * 100, values, ["heat"])[-1]
    >>> odd.score > 8, odd.field, odd.cause, odd.value
    (True, 'heat', 'level', 70.0)
    """
    found: list[Anomaly] = [_WARMING] * len(rows)
    by_round = rounds(rows)
    row_of = np.asarray(rows, np.intp)
    done = 0
    for chosen in by_round:
        if len(chosen) * len(fields) < _FEW:
            break
        _score_round(state, row_of[chosen], values[chosen], fields, chosen.tolist(), found)
        done += 1
    if done < len(by_round):
        rest = np.sort(np.concatenate(by_round[done:]))
        _score_one_by_one(state, row_of, values, fields, rest, found)
    return found


def _score_round(
    state: Floats, rows: npt.NDArray[np.intp], values: Floats, fields: Sequence[str], at: list[int], into: list[Anomaly]
) -> None:
    part = state[rows]
    score, cause, expected = step_many(part, values)
    state[rows] = part
    best = score.argmax(axis=1)
    line = np.arange(len(best))
    columns = (score[line, best], best, cause[line, best], values[line, best], expected[line, best])
    live = (score >= 0.0).sum(axis=1).tolist()
    for i, count, s, field, why, value, usual in zip(at, live, *(c.tolist() for c in columns), strict=True):
        if count:
            into[i] = _anomaly(s, count, fields[field], why, value, usual)


def _score_one_by_one(
    state: Floats,
    row_of: npt.NDArray[np.intp],
    values: Floats,
    fields: Sequence[str],
    events: npt.NDArray[np.intp],
    into: list[Anomaly],
) -> None:
    used = np.unique(row_of[events])
    flat = dict(zip(used.tolist(), state[used].transpose(0, 2, 1).tolist(), strict=True))
    for i, row, numbers in zip(events.tolist(), row_of[events].tolist(), values[events].tolist(), strict=True):
        own = flat[row]
        count, best, top = 0, (-1.0, 0, 0.0), 0
        for field, v in enumerate(numbers):
            if v == v:
                one = step_one(own[field], v)
                if one[0] >= 0.0:
                    count += 1
                    if one[0] > best[0]:
                        best, top = one, field
        if count:
            into[i] = _anomaly(best[0], count, fields[top], best[1], numbers[top], best[2])
    state[used] = np.array(list(flat.values())).transpose(0, 2, 1)


_LOG10 = [0.0] + [math.log10(_SIGNALS * count) for count in range(1, 129)]


def _anomaly(score: float, live: int, field: str, cause: int, value: float, expected: float) -> Anomaly:
    fair = round(score - _LOG10[live], 3)
    return Anomaly(fair if fair > 0.0 else 0.0, field, CAUSES[cause], value, expected)
