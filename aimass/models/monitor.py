"""A model's watch over itself: drift of its loss, its predictions, the labels and its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aimass.models.drift import Finding, Watch
from aimass.models.kernel import Bools, Floats
from aimass.models.members.base import pack, unpack

LOSS, PREDICTION, LABEL = "loss", "prediction", "label"
_OUTER = (LOSS, PREDICTION, LABEL)
_MOST = 1e100


@dataclass(frozen=True, slots=True)
class Drifted:
    """A change that was found, and what was done about it.

    Parameters
    ----------
    row
        The event of the batch after which it is told: a multiple of 64 events of the model.
    what
        ``loss``, ``prediction``, ``label`` or ``input``.
    column
        Which input; −1 for the others.
    before, after, deviations, events
        As of a `Finding`.
    action
        What was done: ``none``, ``warn``, ``reset``, ``rate``, ``swap``, ``fallback``; ``warn`` if it could not be.
    causes
        For a loss: the columns that moved at the same time, in deviations, the largest first.
    """

    row: int
    what: str
    column: int
    before: float
    after: float
    deviations: float
    events: int
    action: str
    causes: dict[int, float]

    @property
    def is_loss(self) -> bool:
        """Whether the model got worse."""
        return self.what == LOSS


class Monitor:
    """Collects what a model saw and said, and looks for drift in it whenever it is asked to.

    It is asked at every 64th event of the model, so that how the events were cut into batches does not show.

    Parameters
    ----------
    width
        Columns of the model's rows.
    most
        How many of them are watched, the first ones.

    Examples
    --------
    >>> monitor, rng = Monitor(1, 1), np.random.default_rng(1)
    >>> for i in range(20):
    ...     y = (rng.random(64) < (0.1 if i < 12 else 0.6)).astype(float)
    ...     monitor.take(np.zeros((64, 1)), np.full((64, 2), [0.9, 0.1]), y, np.full(64, False))
    ...     for one in monitor.look(63, "warn"):
    ...         print(i, one.what, one.action, round(one.before, 1))
    12 loss warn 0.1
    12 label warn 0.1
    """

    def __init__(self, width: int, most: int) -> None:
        self._most = most
        self._loss, self._watch = Watch(1), Watch(len(_OUTER) + min(width, most))
        self._rows = np.empty((0, self._watch.width))
        self._level = np.zeros(2)  # labels since the last change of loss, and the mean loss

    def take(self, x: Floats, p: Floats, y: Floats, told: Bools) -> None:
        """Take events.

        Parameters
        ----------
        x, p, y
            What the model saw, said, and was then told (NaN: no label).
        told
            Events seen earlier, whose labels come now: only label and loss are new.
        """
        rows = np.full((len(y), self._watch.width), np.nan)
        inputs = min(self._watch.width - len(_OUTER), x.shape[1])
        rows[:, len(_OUTER) : len(_OUTER) + inputs] = x[:, :inputs]
        if p.shape[1] == 1:
            rows[:, 0] = np.abs(y - p[:, 0])
            rows[:, 1] = p[:, 0]
        else:
            rows[:, 0] = np.where(np.isnan(y) | np.isnan(p[:, 0]), np.nan, p.argmax(axis=1) != y)
            rows[:, 1] = p[:, 1] if p.shape[1] == 2 else p.max(axis=1)
        rows[:, 2] = y
        rows[told, 1] = np.nan
        rows[told, len(_OUTER) :] = np.nan
        self._rows = np.concatenate([self._rows, np.clip(rows, -_MOST, _MOST)])

    def look(self, row: int, policy: str) -> list[Drifted]:
        """Return what changed among the events since the last look, with what the policy does about it."""
        rows, self._rows = self._rows, self._rows[:0]
        losses, rows[:, 0] = rows[:, 0].copy(), np.nan
        found = [*self._worse(losses), *self._watch.update(rows)]
        return [self._told(one, row, policy) for one in found]

    def _worse(self, losses: Floats) -> list[Finding]:
        """Return the changes by which the mean loss rose; it has a watch of its own, to pay for no other column."""
        found = []
        known = losses[~np.isnan(losses)]
        for one in self._loss.update(losses):
            if one.is_spread and known.size:  # what is told of a spread is no mean
                one = replace(one, before=float(self._level[1]), after=float(known.mean()), is_spread=False)
            if one.after > one.before:
                found.append(one)
            self._level[:] = 0.0
        for loss in known.tolist():
            self._level[0] += 1.0
            self._level[1] += (loss - self._level[1]) / self._level[0]
        return found

    def _told(self, one: Finding, row: int, policy: str) -> Drifted:
        outer = one.column < len(_OUTER)
        what = _OUTER[one.column] if outer else "input"
        action = "none" if policy == "nothing" else policy if what == LOSS else "warn"
        causes = {}
        if what == LOSS:
            names = [str(j - len(_OUTER)) for j in range(self._watch.width)]
            moved = self._watch.causes(one.events, names)
            causes = {int(name): size for name, size in moved.items() if int(name) >= 0}
        column = -1 if outer else one.column - len(_OUTER)
        return Drifted(row, what, column, one.before, one.after, one.deviations, one.events, action, causes)

    def grow(self, width: int) -> None:
        """Watch more columns from now on, up to the most."""
        self._watch.grow(len(_OUTER) + min(width, self._most))
        wide = np.full((len(self._rows), self._watch.width), np.nan)
        wide[:, : self._rows.shape[1]] = self._rows
        self._rows = wide

    def encode(self) -> bytes:
        """Return its state."""
        watches = [np.frombuffer(one.encode(), np.uint8) for one in (self._loss, self._watch)]
        return pack("monitor", 1, {"most": self._most}, [*watches, self._rows, self._level])

    @classmethod
    def decode(cls, raw: bytes) -> Monitor:
        """Return the monitor with this state."""
        settings, (loss, watch, rows, level) = unpack(raw, "monitor", 1)
        made = cls(0, settings["most"])
        made._loss, made._watch, made._rows = Watch.decode(loss.tobytes()), Watch.decode(watch.tobytes()), rows
        made._level = level
        return made
