"""Rows for a model's ensembles: events to predict, and among them events whose label has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from aimass.models.ensemble import LATER
from aimass.models.kernel import Floats, Ints
from aimass.records import Source
from aimass.stages.waiting import Waiting

#: Where in the log a row stands: see `Run`.
Rank = tuple[int, int]


class Origin(Protocol):
    """The record that something came of."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def time(self) -> float: ...
    @property
    def source(self) -> Source: ...


@dataclass(frozen=True, slots=True)
class Run:
    """Rows for the ensembles, in the order of the log: events to predict and events whose label has come.

    A rank orders rows among those of all models: how many of the batch's events have come, and how many labels after
    that event.
    """

    ranks: Sequence[Rank]
    origins: Sequence[Origin]
    keys: Sequence[str]
    segments: Sequence[str]
    x: Floats
    y: Floats
    ops: Ints
    votes: Floats


def by_segment(segments: Sequence[str]) -> Iterator[tuple[str, Ints]]:
    """Yield each segment, in the order in which they came, and its rows."""
    first = dict.fromkeys(segments)
    if len(first) == 1:
        yield segments[0], np.arange(len(segments))
        return
    rows: dict[str, list[int]] = {segment: [] for segment in first}
    for i, segment in enumerate(segments):
        rows[segment].append(i)
    for segment, own in rows.items():
        yield segment, np.array(own)


def later_rows(ranks: Sequence[Rank], waiting: Sequence[Waiting], y: Sequence[float]) -> Run:
    """Return the rows of events that waited, now that their labels are known."""
    return Run(
        ranks,
        waiting,
        [one.key for one in waiting],
        [one.segment for one in waiting],
        _stacked([np.frombuffer(one.x) for one in waiting]),
        np.array(y, np.float64),
        np.full(len(waiting), LATER),
        _stacked([np.frombuffer(one.votes) for one in waiting]),
    )


def used(row: Floats) -> bytes:
    """Return a row up to the last number in it: how much wider it is depends on what else was in the batch."""
    there = np.flatnonzero(row == row)
    return row[: there[-1] + 1 if len(there) else 0].tobytes()


def _stacked(rows: Sequence[Floats]) -> Floats:
    wide = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for i, row in enumerate(rows):
        wide[i, : len(row)] = row
    return wide


def merged(events: Run, places: Ints, later: Run, others: Ints) -> Run:
    """Return two runs as one, given at which rows each stands."""
    n = len(places) + len(others)

    def listed(get: Callable[[Run], Sequence[Any]]) -> list[Any]:
        found: list[Any] = [None] * n
        for run, at in ((events, places), (later, others)):
            for row, one in zip(at.tolist(), get(run), strict=True):
                found[row] = one
        return found

    def filled(get: Callable[[Run], Floats]) -> Floats:
        wide = np.full((n, max(get(events).shape[1], get(later).shape[1])), np.nan)
        for run, at in ((events, places), (later, others)):
            wide[at, : get(run).shape[1]] = get(run)
        return wide

    y, ops = np.empty(n), np.empty(n, np.int64)
    y[places], y[others], ops[places], ops[others] = events.y, later.y, events.ops, later.ops
    return Run(
        listed(lambda run: run.ranks),
        listed(lambda run: run.origins),
        listed(lambda run: run.keys),
        listed(lambda run: run.segments),
        filled(lambda run: run.x),
        y,
        ops,
        filled(lambda run: run.votes),
    )
