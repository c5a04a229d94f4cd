"""The least that a learner must beat: the last label, and the labels' fading shares or mean."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Bools, Floats, kernel
from aimass.models.members.base import ArrayMember, widened

_HIT = 0.9  # how often a label is the one before it, as long as that is not known
_FADE = 0.01


@kernel
def _run_last(y: Floats, learn: Bools, head: Floats, p: Floats) -> None:
    """``head``: labels seen, the last one, and how often a label was the one before it."""
    classes = p.shape[1]
    for i in range(len(y)):
        for k in range(classes):
            p[i, k] = math.nan
            if head[0] > 0.0:
                if classes == 1:
                    p[i, 0] = head[1]
                else:
                    hit = min(max(head[2], 1.0 / classes), 0.999)
                    p[i, k] = hit if k == int(head[1]) else (1.0 - hit) / (classes - 1)
        if learn[i]:
            if head[0] > 0.0:
                head[2] += _FADE * ((1.0 if y[i] == head[1] else 0.0) - head[2])
            head[0] += 1.0
            head[1] = y[i]


@kernel
def _run_prior(y: Floats, learn: Bools, keep: float, counts: Floats, p: Floats) -> None:
    """``counts``: how many labels, and how many of each class or their sum; all fading."""
    classes = p.shape[1]
    for i in range(len(y)):
        for k in range(classes):
            if counts[0] == 0.0:
                p[i, k] = math.nan
            elif classes == 1:
                p[i, 0] = counts[1] / counts[0]
            else:
                p[i, k] = (counts[1 + k] + 0.5) / (counts[0] + 0.5 * classes)
        if learn[i]:
            for k in range(classes + 1):
                counts[k] *= keep
            counts[0] += 1.0
            if classes == 1:
                counts[1] += y[i]
            else:
                counts[1 + int(y[i])] += 1.0


class NoChange(ArrayMember):
    """Says that the next label is the last one: hard to beat where labels autocorrelate.

    Of classes it gives the last one the share of labels that lately repeated the one before. ``classes=1``: numbers.

    Examples
    --------
    >>> y = np.array([3.0, 5.0])
    >>> NoChange(width=1, classes=1).run(np.zeros((2, 1)), y, np.array([True, True]))
    array([[nan],
           [ 3.]])
    """

    kind = "no-change"
    names = ("head",)
    cost_us = 0.1

    def __init__(self, width: int = 8, classes: int = 2) -> None:
        super().__init__(width, classes)
        self.reset()

    def reset(self) -> None:
        """Forget all that was learned."""
        self.head = np.array([0.0, 0.0, _HIT])

    def quicken(self, factor: float) -> None:
        """Nothing to do: it remembers one label."""

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        self.width = width
        self.classes = 1 if self.classes == 1 else classes

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(y), self.classes))
        _run_last(y, learn, self.head, p)
        return p

    def reasons(self, x: Floats) -> Floats | None:
        """Return zeros: no column matters."""
        return np.zeros(self.width)


class Prior(ArrayMember):
    """Says how frequent each class lately was, or, with ``classes=1``, the numbers' fading mean.

    Parameters
    ----------
    width
        Columns of a row; none is looked at.
    classes
        2 to 64, which may grow; 1 for numbers.
    memory
        Labels after which one has faded to 1/e.

    Examples
    --------
    >>> y = np.array([1.0, 1.0, 0.0, 1.0])
    >>> Prior(width=1).run(np.zeros((4, 1)), y, np.full(4, True)).round(2)[-1]
    array([0.38, 0.62])
    """

    kind = "prior"
    names = ("counts",)
    cost_us = 0.1

    def __init__(self, width: int = 8, classes: int = 2, memory: float = 1000.0) -> None:
        super().__init__(width, classes, memory=memory)
        self._keep = 1.0 - 1.0 / max(memory, 2.0)
        self.reset()

    def reset(self) -> None:
        """Forget all that was learned."""
        self.counts = np.zeros(1 + self.classes)

    def quicken(self, factor: float) -> None:
        """Count what was learned as fewer labels, so that the next ones weigh more."""
        self.counts /= factor

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        self.width = width
        if self.classes > 1:
            self.classes = classes
            self.counts = widened(self.counts, 1 + classes)

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(y), self.classes))
        _run_prior(y, learn, self._keep, self.counts, p)
        return p

    def reasons(self, x: Floats) -> Floats | None:
        """Return zeros: no column matters."""
        return np.zeros(self.width)
