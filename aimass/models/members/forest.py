"""Forest members: random trees over windows of different lengths, grown anew in turn, weighed by what they lately got.

A tree is grown at once from the last events rather than split by split as they come, so that a few hundred events give
a good one; its leaves go on learning until it is grown again. Trees over short windows follow a drift, those over long
ones use all there is: groups of trees are weighed by their recent losses. State and cost of an event are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Bools, Floats
from aimass.models.members.base import ArrayMember, widened
from aimass.models.members.linear import LinearRegressor
from aimass.models.members.numerics import exp, log
from aimass.models.members.trees import DUE, FAR, GOAL, KEPT, LOSS, SHARP, SIZE, N, run_trees


class _Forest(ArrayMember):
    names = ("ring", "goals", "refs", "nodes", "cuts", "sums", "slots", "groups", "head", "rng")
    _tries: ClassVar[float]  # splits compared in a node, per square root of the columns
    _groups: ClassVar[tuple[tuple[float, float, float, float], ...]]  # see `groups` above

    def __init__(self, width: int = 8, classes: int = 2, trees: int = 16, seed: int = 0) -> None:
        super().__init__(width, classes, trees=trees, seed=seed)
        self._trees, self._seed = trees, seed
        self.reset()

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return self._trees * (0.9 + 0.15 * math.sqrt(self.width) + 0.03 * self.classes)

    def reset(self) -> None:
        """Forget all that was learned."""
        room, most = _room(self.width), _most(self.classes)
        self.ring = np.zeros((self.width, room), np.float32)
        self.goals = np.zeros((2, room))
        self.refs = np.full(self.width, np.nan)
        self.nodes = np.zeros((self._trees, most, 2), np.int32)
        self.cuts = np.zeros((self._trees, most), np.float32)
        self.sums = np.zeros((self._trees, most, self.classes + 1))
        self.slots = np.zeros((self._trees, 2))
        self.groups = np.array([(0.5, *group) for group in self._groups])
        self.head = np.zeros(2)
        self.rng = np.array([self._seed], np.int64)

    def quicken(self, factor: float) -> None:
        """Forget the events before the last few hundred, and grow all trees anew from those at the next one."""
        self.head[KEPT] = min(self.head[KEPT], max(64.0, 1024.0 / factor))
        self.slots[:, DUE] = 0.0

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        if width > self.width:
            self._widen(width)
        if classes > self.classes:
            self.classes = classes
            most = _most(classes)
            self.sums = widened(self.sums, self._trees, self.sums.shape[1], classes + 1)[:, :most].copy()
            self.nodes, self.cuts = self.nodes[:, :most].copy(), self.cuts[:, :most].copy()
            self.nodes[(self.nodes[:, :, 0] >= 0) & (self.nodes[:, :, 1] + 1 >= most)] = (-1, 0)
            self.slots[:, SIZE] = np.minimum(self.slots[:, SIZE], most)

    def _widen(self, width: int) -> None:
        old, room, n = self.goals.shape[1], _room(width), int(self.head[N])
        ring, goals = np.full((width, room), np.nan, np.float32), np.zeros((2, room))
        last = np.arange(max(0, n - min(old, room)), n)
        ring[: self.width, last % room] = self.ring[:, last % old]
        goals[:, last % room] = self.goals[:, last % old]
        self.ring, self.goals, self.width = ring, goals, width
        self.refs = np.concatenate((self.refs, np.full(width - len(self.refs), np.nan)))
        self.head[KEPT] = min(self.head[KEPT], room)

    def _learned(self, x: Floats, y: Floats, learn: Bools, base: Floats) -> Floats:
        p = np.empty((len(x), self.classes))
        run_trees(
            x, y, learn, base, self._tries, self.ring, self.goals, self.refs, self.nodes, self.cuts, self.sums,
            self.slots, self.groups, self.head, self.rng, p,
        )  # fmt: skip
        return p

    def _stored(self) -> list[npt.NDArray[Any]]:
        used, size = min(int(self.head[N]), self.goals.shape[1]), int(self.slots[:, SIZE].max())
        parts = {name: getattr(self, name) for name in self.names}
        parts |= {name: parts[name][:, :used] for name in ("ring", "goals")}
        parts |= {name: parts[name][:, :size] for name in ("nodes", "cuts", "sums")}
        return list(parts.values())

    def _restore(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        whole = [widened(array, *getattr(self, name).shape) for name, array in zip(self.names, arrays, strict=True)]
        super()._restore(whole)
        fresh = np.array(self._groups)
        if not np.array_equal(self.groups[:, 1:], fresh):
            raise ValueError("other groups of trees")
        if self.classes > 1 and not ((self.goals >= 0.0) & (self.goals < self.classes)).all():
            raise ValueError("a class that there is not")
        sizes = self.slots[:, SIZE, None]
        feature, child, at = self.nodes[:, :, 0], self.nodes[:, :, 1], np.arange(self.nodes.shape[1])
        inner = (feature >= 0) & (at < sizes)
        if (inner & ((feature >= self.width) | (child <= at) | (child + 1 >= sizes))).any():
            raise ValueError("a tree's nodes lead nowhere")

    def _weights(self) -> Floats:
        gap = self.groups[:, LOSS] - self.groups[:, LOSS].min()
        if self.classes == 1 and gap.any():
            gap = gap / max(float(self.groups[:, LOSS].min()), 1e-300)
        return np.array([exp(-SHARP * float(one)) for one in gap])

    def _paths(self, x: Floats, tell: Any) -> Floats:
        """Return what each column adds along the paths of a row, summed over trees by their groups' weights."""
        with np.errstate(invalid="ignore"):
            row = np.clip(np.asarray(x, np.float64) - self.refs, -FAR, FAR).astype(np.float32)
        parts, weights = np.zeros(self.width), self._weights()
        total = float(weights.sum()) * self._trees / len(weights)
        for t in range(self._trees):
            i = 0
            while self.slots[t, SIZE] and self.nodes[t, i, 0] >= 0:
                column = self.nodes[t, i, 0]
                below = self.nodes[t, i, 1] + int(row[column] > self.cuts[t, i])
                change = tell(self.sums[t, below]) - tell(self.sums[t, i])
                parts[column] += weights[t % len(weights)] * change / total
                i = below
        return parts


def _room(width: int) -> int:
    """Return how many events are kept: half a megabyte of them where that is enough."""
    return min(max(131072 // width, 1024), 8192)


def _most(classes: int) -> int:
    """Return how many nodes a tree may have: odd, as nodes come in pairs after the root."""
    return min(max(8192 // classes | 1, 255), 1023)


class ForestClassifier(_Forest):
    """A forest of random trees that follows drift.

    Parameters
    ----------
    width
        Columns of a row.
    classes
        2 to 64; it may grow.
    trees
        How many, a multiple of 4: a quarter of them each over the last 8192, 2000, 500 and 120 events.
    seed
        Of the random splits.

    Notes
    -----
    Trees with random splits as in Geurts, Ernst and Wehenkel, "Extremely randomized trees" (2006), cuts drawn between
    the values of two events; an ensemble over windows weighed by recent loss as in Wang, Fan, Yu and Han, "Mining
    concept-drifting data streams using ensemble classifiers" (2003). What is missing goes the way of small values.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 50)
    >>> member = ForestClassifier(width=2)
    >>> p = member.run(x, (x[:, 0] != x[:, 1]).astype(float), np.full(200, True))
    >>> p[-4:].argmax(axis=1)
    array([0, 1, 1, 0])
    """

    kind = "forest-classifier"
    _tries = 2.0
    _groups = ((8192.0, 4.0, 1.0, 0.0), (500.0, 30.0, 0.99, 0.0), (2000.0, 20.0, 1.0, 0.0), (120.0, 20.0, 0.95, 0.0))

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        return self._learned(x, y, learn, np.zeros(len(x)))

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the log-odds: its steps along the trees' paths (Saabas, 2014)."""
        # the members' own vote decides which class is told of when there are more than two
        row = np.asarray(x, np.float64)[None]
        p = self.run(row, np.zeros(1), np.zeros(1, np.bool_))[0]
        told = 1 if self.classes == 2 else int(np.nan_to_num(p).argmax())

        def tell(node: Floats) -> float:
            q = min(max(float(node[1 + told] / node[0]), 1e-3), 0.999)
            return log(q / (1.0 - q))

        return self._paths(x, tell)


class ForestRegressor(_Forest):
    """A forest as `ForestClassifier`, of means: half of its trees learn what a linear member leaves over.

    Examples
    --------
    >>> x = np.arange(400.0)[:, None] * 7.0 % 10.0
    >>> member = ForestRegressor(width=1)
    >>> p = member.run(x, (x[:, 0] - 5.0) ** 2, np.full(400, True))
    >>> bool(abs(p[-1, 0] - (x[-1, 0] - 5.0) ** 2) < 0.5)
    True
    """

    kind = "forest-regressor"
    _tries = 2.5
    _groups = ((8192.0, 2.0, 1.0, 0.0), (2000.0, 2.0, 1.0, 1.0), (500.0, 4.0, 0.99, 0.0), (120.0, 4.0, 0.95, 1.0))

    def __init__(self, width: int = 8, classes: int = 1, trees: int = 16, seed: int = 0) -> None:
        super().__init__(width, 1, trees, seed)

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 2.0 * super().cost_us

    def reset(self) -> None:
        """Forget all that was learned."""
        super().reset()
        self.base = LinearRegressor(self.width)

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows from now on."""
        super().grow(width, 1)
        self.base.grow(width, 1)

    def quicken(self, factor: float) -> None:
        """Forget the events before the last few hundred; the linear member learns faster for a while."""
        super().quicken(factor)
        self.base.quicken(factor)

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        base = self.base.run(x, y, learn)[:, 0]
        return self._learned(x, y, learn, np.where(base == base, base, y))

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the prediction: along the trees' paths, and of the linear member."""
        linear = self.base.reasons(x)
        weights = self._weights()
        share = float((weights * self.groups[:, GOAL]).sum() / weights.sum())
        return self._paths(x, lambda node: float(node[1] / node[0])) + (0.0 if linear is None else share * linear)

    def _stored(self) -> list[npt.NDArray[Any]]:
        return super()._stored() + self.base._stored()

    def _restore(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        super()._restore(arrays[: len(self.names)])
        self.base._restore(arrays[len(self.names) :])
