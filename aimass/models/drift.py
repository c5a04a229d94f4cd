"""Drift: that the distribution of a number changed, in its mean or its spread, found within tens of events.

Every column is cut into blocks of 8, 16, … 4096 values. A block's mean is compared with the mean of all values before
it since the last change, in the standard deviations that means of such blocks *have had in this column*: the noise is
measured at each length, so that dependent values, daily profiles and heavy tails raise no alarm by being what they
are. Like ADWIN (Bifet & Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007) it looks at all
lengths at once and needs no size of change; unlike ADWIN it does not take values to be independent. The price: a
movement that comes back again and again is in time taken for noise.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from aimass.errors import SnapshotVersionMismatch
from aimass.models.drift_kernel import FOUND, LAST, LEVELS, MEAN, WARM, WIDTH, moved, scan
from aimass.models.kernel import Floats

_HEAD = struct.Struct("<4sHHQd")
_MAGIC, _VERSION = b"AMDW", 1
_ALARMS = 0.3  # false ones in 100,000 independent rows, all columns and lengths together
_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A change that was found.

    Parameters
    ----------
    row
        The row of the batch at which it was found.
    column
        Which number changed.
    is_spread
        Whether its spread changed (before and after are standard deviations), not its mean.
    before, after
        The mean before and since the change, in the column's unit; values far off count less.
    deviations
        How far it moved, in standard deviations of before.
    events
        How many of the column's values ago the change began, as far as can be told.
    """

    row: int
    column: int
    is_spread: bool
    before: float
    after: float
    deviations: float
    events: int


class Watch:
    """A bank of change detectors, one for each column of rows of numbers.

    After a finding the column's reference begins anew; what was learned of its noise stays. 1 KB a column.

    Parameters
    ----------
    width
        How many columns. The more, the more it takes to be a change, so that wide rows raise no more alarms.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(600, 2))
    >>> noise[400:, 1] += 2.0
    >>> watch = Watch(2)
    >>> [found] = watch.update(noise)
    >>> found.column, found.row < 430, found.is_spread, round(found.deviations)
    (1, True, False, 2)
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self._alarms = _ALARMS
        self._state = np.zeros((width, WIDTH))
        self._limits = _limits(width, self._alarms)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._state)

    def update(self, values: Floats) -> list[Finding]:
        """Take the next rows; return what changed, in the order of rows and columns.

        Parameters
        ----------
        values
            Rows × columns, or one number a row for a watch of one column; NaN is no value.
        """
        values = np.ascontiguousarray(values, np.float64).reshape(len(values), self.width)
        found = np.empty(((len(values) // WARM + 1) * self.width, FOUND))
        count = scan(self._state, values, self._limits, float(self.count), found)
        self.count += len(values)
        rows = found[:count]
        return [
            Finding(int(i), int(j), stream != MEAN, before, after, deviations, int(events))
            for i, j, stream, before, after, deviations, events in rows[np.lexsort((rows[:, 1], rows[:, 0]))].tolist()
        ]

    def causes(self, events: int, names: Sequence[str]) -> dict[str, float]:
        """Return which columns moved within about the last events, in deviations, the largest first; at most five.

        Parameters
        ----------
        events
            How long ago the change began that asks for a cause.
        names
            The columns' names.
        """
        moves = np.zeros(self.width)
        moved(self._state, float(events), moves)
        ago = self.count - self._state[:, LAST] + self._state[:, LAST + 2]
        recent = (self._state[:, LAST + 2] > 0) & (ago <= 2 * events + 64)
        larger = recent & (np.abs(self._state[:, LAST + 1]) > np.abs(moves))
        moves = np.where(larger, self._state[:, LAST + 1], moves)
        order = sorted(np.flatnonzero(moves).tolist(), key=lambda j: -abs(moves[j]))
        return {names[j]: float(moves[j]) for j in order[:_CAUSES]}

    def grow(self, width: int) -> None:
        """Watch more columns from now on; never fewer."""
        if width > self.width:
            self._state = np.vstack([self._state, np.zeros((width - self.width, WIDTH))])
            self._limits = _limits(width, self._alarms)

    def reset(self, column: int) -> None:
        """Forget all of a column."""
        self._state[column] = 0.0

    def encode(self) -> bytes:
        """Return its state."""
        return _HEAD.pack(_MAGIC, _VERSION, self.width, self.count, self._alarms) + self._state.astype("<f8").tobytes()

    @classmethod
    def decode(cls, raw: bytes) -> Watch:
        """Return the watch with this state.

        Raises
        ------
        SnapshotVersionMismatch
            When another version of this module wrote it.
        """
        magic, version, width, count, alarms = _HEAD.unpack_from(raw) if len(raw) >= _HEAD.size else (b"", 0, 0, 0, 0.0)
        if (magic, version) != (_MAGIC, _VERSION) or len(raw) != _HEAD.size + 8 * width * WIDTH:
            raise SnapshotVersionMismatch(
                f"drift: a state of version {version} cannot be read, only {_VERSION}; "
                "run the version that wrote it, or reset the pipeline's state and replay its log"
            )
        watch = cls(width)
        watch.count, watch._alarms = count, alarms
        watch._state = np.frombuffer(raw, "<f8", offset=_HEAD.size).reshape(width, WIDTH).astype(np.float64)
        return watch


def _limits(width: int, alarms: float) -> Floats:
    """Return how many standard deviations are a change, for each level: equal shares of false alarms for all."""
    share = alarms / (max(width, 1) * 2 * LEVELS)
    tests = [100_000 / (4 << level) for level in range(LEVELS)]
    return np.array([round(NormalDist().inv_cdf(1.0 - share / count / 2.0), 3) for count in tests])
