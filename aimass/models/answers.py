"""What an ensemble has to say of a batch of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints
from aimass.models.monitor import Drifted


@dataclass(frozen=True, slots=True)
class Evaluated:
    """How good an ensemble and its members are: due after every 1,000 labelled events.

    Parameters
    ----------
    row
        The event of the batch after which it was due.
    events
        How many labelled events were measured so far.
    metrics, baselines
        See `Evaluator`.
    members
        By name: accuracy or mean absolute error over all events, and (``fading.*``) over recent ones.
    weights
        By name: what share a member's vote has.
    challengers
        By name: the main metric, and ``evidence.<name>``: see `Evidence`.
    """

    row: int
    events: int
    metrics: dict[str, float]
    baselines: dict[str, float]
    members: dict[str, float]
    weights: dict[str, float]
    challengers: dict[str, float] = field(default_factory=dict)


Happening = Drifted | Evaluated


@dataclass(frozen=True, slots=True)
class Answers:
    """What an ensemble says of each event of a batch.

    Parameters
    ----------
    p
        Events × classes probabilities, or events × 1 numbers; a row of NaN: nothing to say yet.
    low, high
        The interval of a number, NaN where there is none (and for classes).
    kept
        Events × numbers to be kept with an event whose label comes later, and given back with it as ``votes``.
    members
        The members' names (of a contest: of the champion, at the end).
    happenings
        Drifts and evaluations, in order.
    reasons
        By row, of events that were to be explained: what each column adds, the five largest.
    spoken
        What the answering ensemble itself kept, where ``kept`` holds more than that.
    speakers
        From which row on members of which names spoke, where that changed.
    """

    p: Floats
    low: Floats
    high: Floats
    kept: Floats
    members: tuple[str, ...]
    happenings: list[Happening] = field(default_factory=list)
    reasons: dict[int, dict[int, float]] = field(default_factory=dict)
    spoken: Floats | None = None
    speakers: tuple[tuple[int, tuple[str, ...]], ...] = ()

    @property
    def own(self) -> Floats:
        """What the answering ensemble kept."""
        return self.kept if self.spoken is None else self.spoken

    @property
    def classes(self) -> Ints:
        """How many classes there were when each event was answered; 1 for numbers."""
        if not self.own.shape[1]:
            return np.full(len(self.p), self.p.shape[1])
        return self.own[:, 0].astype(np.int64)

    @property
    def value(self) -> Floats:
        """The likeliest class, or the number; NaN: nothing to say yet."""
        if self.p.shape[1] == 1:
            return self.p[:, 0]
        return np.where(np.isnan(self.p[:, 0]), np.nan, self.p.argmax(axis=1))

    @property
    def probability(self) -> Floats:
        """The probability of the likeliest class."""
        best: Floats = self.p[np.arange(len(self.p)), self.p.argmax(axis=1)]
        return best

    def votes(self, row: int) -> dict[str, Floats]:
        """Return what each member said of an event, by name; those who said nothing are left out."""
        names = self.members
        for since, spoke in self.speakers:
            names = spoke if since <= row else names
        classes = int(self.own[row, 0])
        votes = self.own[row, 1 : 1 + len(names) * classes].reshape(-1, classes)
        return {name: vote for name, vote in zip(names, votes, strict=True) if vote[0] == vote[0]}


def joined(found: Sequence[Answers], members: tuple[str, ...], classes: int) -> Answers:
    """Return the answers to the pieces of a batch as one; classes that a piece did not know yet have probability 0."""
    p = [one.p if one.p.shape[1] == classes else _more(one.p, classes) for one in found]
    ats = np.cumsum([0, *(len(one.p) for one in found)]).tolist()
    speakers = tuple((at, one.members) for at, one in zip(ats, found, strict=False) if one.members != members)
    if speakers:
        speakers = tuple((at, one.members) for at, one in zip(ats, found, strict=False))
    return Answers(
        np.concatenate([np.empty((0, classes)), *p]),
        np.concatenate([np.empty(0), *(one.low for one in found)]),
        np.concatenate([np.empty(0), *(one.high for one in found)]),
        _stacked([one.kept for one in found]),
        members,
        [happening for one in found for happening in one.happenings],
        {row: reasons for one in found for row, reasons in one.reasons.items()},
        _stacked([one.own for one in found]) if any(one.spoken is not None for one in found) else None,
        speakers,
    )


def _stacked(kept: Sequence[Floats]) -> Floats:
    width = max((one.shape[1] for one in kept), default=1)
    rows = [one if one.shape[1] == width else _padded(one, width) for one in kept]
    return np.concatenate([np.empty((0, width)), *rows])


def recalled(votes: Floats | None, told: Bools, said: Floats, p: Floats, low: Floats, high: Floats) -> None:
    """Fill in what was kept of events that were answered earlier; what was not known then is NaN or 0."""
    members, classes = said.shape[1:]
    for i in np.flatnonzero(told):
        said[i], p[i], low[i], high[i] = np.nan, np.nan, np.nan, np.nan
        if votes is None or not votes.shape[1] or not votes[i, 0] >= 1.0:
            continue
        then = int(votes[i, 0])
        row = np.full(1 + (members + 1) * then + 2, np.nan)
        row[: votes.shape[1]] = votes[i, : len(row)]
        both = row[1:-2].reshape(members + 1, then)
        both = _more(both, classes) if then < classes else both
        said[i], p[i], low[i], high[i] = both[:-1], both[-1], row[-2], row[-1]


def _more(p: Floats, classes: int) -> Floats:
    wide = np.zeros((len(p), classes))
    wide[:, : p.shape[1]] = p
    wide[np.isnan(p[:, 0])] = np.nan
    return wide


def _padded(kept: Floats, width: int) -> Floats:
    wide = np.full((len(kept), width), np.nan)
    wide[:, : kept.shape[1]] = kept
    return wide
