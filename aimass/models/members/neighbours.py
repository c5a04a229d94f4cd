"""Nearest neighbours in a sliding window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.base import ArrayMember, widened
from aimass.models.members.scaling import COUNT, learn_scale, scale_row

Singles = npt.NDArray[np.float32]

_FAR = 10.0  # standard deviations: what is further counts as this far
_BLUR = 0.1  # of the furthest neighbour's distance: nearer than this weighs no more
_FLOOR = 0.1  # a neighbour's part, in every class


@kernel
def _distances(z: Singles, columns: Ints, kept: int, ring: Singles, d: Singles) -> None:
    """Set d to the squared distances of the window's rows: column by column, so that the loops run over memory."""
    d[:kept] = 0.0
    for j in columns:
        v = z[j]
        for q in range(kept):
            t = ring[j, q] - v
            d[q] += t * t


@kernel
def _nearest(d: Singles, kept: int, ids: Ints) -> int:
    """Find the nearest rows, nearest first and of equals the first, and return how many there are."""
    found = 0
    for q in range(kept):
        if found == len(ids) and not d[q] < d[ids[found - 1]]:
            continue
        at = min(found, len(ids) - 1)
        found = min(found + 1, len(ids))
        while at > 0 and d[ids[at - 1]] > d[q]:
            ids[at] = ids[at - 1]
            at -= 1
        ids[at] = q
    return found


@kernel
def _predict(found: int, ids: Ints, d: Singles, goals: Floats, p: Floats) -> None:
    """Weigh the neighbours by how near they are."""
    total, far = 0.0, float(d[ids[found - 1]])
    p[:] = 0.0
    for q in range(found):
        weight = 1.0 / (math.sqrt(d[ids[q]] / far) + _BLUR) if far > 0.0 else 1.0
        total += weight
        if len(p) == 1:
            p[0] += weight * goals[ids[q]]
        else:
            p[int(goals[ids[q]])] += weight
    for k in range(len(p)):
        p[k] = p[k] / total if len(p) == 1 else (p[k] + _FLOOR) / (total + _FLOOR * len(p))


@kernel
def _run(
    x: Floats, y: Floats, learn: Bools, count: int, ring: Singles, goals: Floats, scale: Floats, p: Floats, head: Floats
) -> None:
    z, near = np.empty(x.shape[1]), np.empty(x.shape[1], np.float32)
    d, ids, columns = np.zeros(len(goals), np.float32), np.zeros(count, np.int64), np.empty(x.shape[1], np.int64)
    for i in range(len(x)):
        scale_row(x[i], scale, _FAR, z)
        used, kept = 0, int(min(head[0], len(goals)))
        for j in range(len(z)):
            near[j] = z[j]
            if scale[COUNT, j] > 0.0:
                columns[used] = j
                used += 1
        if kept > 0:
            _distances(near, columns[:used], kept, ring, d)
            _predict(_nearest(d, kept, ids), ids, d, goals, p[i])
        else:
            p[i, :] = math.nan
        if learn[i]:
            slot = int(head[0]) % len(goals)
            for j in range(len(z)):
                ring[j, slot] = near[j]
            goals[slot] = y[i]
            head[0] += 1.0
            learn_scale(x[i], scale)


class _Neighbours(ArrayMember):
    names = ("ring", "goals", "scale", "head")

    def __init__(self, width: int = 8, classes: int = 2, window: int = 1000, count: int = 10) -> None:
        super().__init__(width, classes, window=window, count=count)
        self._window, self._count = window, count
        self.reset()

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return self._window * (0.001 + 0.0001 * self.width)

    def reset(self) -> None:
        """Forget all that was learned."""
        self.ring = np.zeros((self.width, self._window), np.float32)
        self.goals = np.zeros(self._window)
        self.scale = np.zeros((3, self.width))
        self.head = np.zeros(1)

    def quicken(self, factor: float) -> None:
        """Forget all but the window's last part."""
        n = int(self.head[0])
        last = np.arange(max(0, n - max(self._count, int(self._window / factor))), n) % self._window
        ring, goals = np.zeros_like(self.ring), np.zeros_like(self.goals)
        ring[:, : len(last)], goals[: len(last)] = self.ring[:, last], self.goals[last]
        self.ring, self.goals, self.head[0] = ring, goals, len(last)

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        self.width, self.classes = width, classes
        self.ring = widened(self.ring, width, self._window)
        self.scale = widened(self.scale, 3, width)

    def _restore(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        super()._restore(arrays)
        if self.classes > 1 and not ((self.goals >= 0.0) & (self.goals < self.classes)).all():
            raise ValueError("a class that there is not")

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(x), self.classes))
        _run(x, y, learn, self._count, self.ring, self.goals, self.scale, p, self.head)
        return p

    def reasons(self, x: Floats) -> Floats | None:
        """Return ``None``: neighbours do not tell which columns matter."""
        return None


class NeighboursClassifier(_Neighbours):
    """k nearest neighbours among the last labelled events, weighed by nearness.

    Parameters
    ----------
    width
        Columns of a row.
    classes
        2 to 64; it may grow.
    window
        Labelled events that are kept.
    count
        Neighbours that vote.

    Notes
    -----
    Every distance of the window is computed: exact, and at this size as fast as an index. A column that is missing
    counts as its mean.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 20)
    >>> p = NeighboursClassifier(width=2).run(x, (x[:, 0] != x[:, 1]).astype(float), np.full(80, True))
    >>> p[-4:].argmax(axis=1)
    array([0, 1, 1, 0])
    """

    kind = "neighbours-classifier"


class NeighboursRegressor(_Neighbours):
    """The mean of the k nearest neighbours' targets, as `NeighboursClassifier`.

    Examples
    --------
    >>> x = np.arange(100.0)[:, None] * 7.0 % 10.0
    >>> p = NeighboursRegressor(width=1).run(x, (x[:, 0] - 5.0) ** 2, np.full(100, True))
    >>> bool(abs(p[-1, 0] - (x[-1, 0] - 5.0) ** 2) < 0.5)
    True
    """

    kind = "neighbours-regressor"

    def __init__(self, width: int = 8, classes: int = 1, window: int = 1000, count: int = 10) -> None:
        super().__init__(width, 1, window, count)

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows from now on."""
        super().grow(width, 1)
