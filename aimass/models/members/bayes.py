"""Gaussian naive Bayes that forgets."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Bools, Floats, kernel
from aimass.models.members.base import ArrayMember, widened
from aimass.models.members.numerics import exp, log
from aimass.models.members.scaling import COUNT, learn_scale, scale_row

_FAR = 10.0  # standard deviations of a column: what is further counts as this far
_PRIOR = 1.0  # events' worth of the whole stream's distribution in each class's
_LEAST = 1e-4  # of a variance, relative to its column's


@kernel
def _likelihood(z: float, n: float, mean: float, var: float) -> float:
    """Return the log density of a scaled value in a class, whose moments are drawn to those of all events: 0 and 1."""
    share = n / (n + _PRIOR)
    centre = share * mean
    spread = share * var + (1.0 - share) + share * (1.0 - share) * mean * mean
    spread = max(spread, _LEAST)
    d = z - centre
    return -0.5 * (d * d / spread + log(spread))


@kernel
def _run(
    x: Floats, y: Floats, learn: Bools, keep: float, counts: Floats, moments: Floats, scale: Floats, p: Floats
) -> None:
    z, classes = np.empty(x.shape[1]), p.shape[1]
    for i in range(len(x)):
        scale_row(x[i], scale, _FAR, z)
        total, top = 0.0, -math.inf
        for k in range(classes):
            total += counts[k]
        for k in range(classes):
            p[i, k] = log((counts[k] + 0.5) / (total + 0.5 * classes))
            for j in range(len(z)):
                if x[i, j] == x[i, j] and scale[COUNT, j] > 1.0:
                    p[i, k] += _likelihood(z[j], moments[0, k, j], moments[1, k, j], moments[2, k, j])
            top = max(top, p[i, k])
        rest = 0.0
        for k in range(classes):
            p[i, k] = exp(p[i, k] - top)
            rest += p[i, k]
        for k in range(classes):
            p[i, k] = p[i, k] / rest if total > 0.0 else math.nan
        if learn[i]:
            _learn(x[i], int(y[i]), keep, z, counts, moments)
            learn_scale(x[i], scale)


@kernel
def _learn(x: Floats, k: int, keep: float, z: Floats, counts: Floats, moments: Floats) -> None:
    for c in range(len(counts)):
        counts[c] *= keep
    counts[k] += 1.0
    for j in range(len(x)):
        if x[j] == x[j]:
            n = keep * moments[0, k, j] + 1.0
            d = z[j] - moments[1, k, j]
            moments[0, k, j] = n
            moments[1, k, j] += d / n
            moments[2, k, j] = (1.0 - 1.0 / n) * (moments[2, k, j] + d * d / n)


class BayesClassifier(ArrayMember):
    """Naive Bayes over columns that are normal in each class; classes' counts and moments fade.

    Parameters
    ----------
    width
        Columns of a row.
    classes
        2 to 64; it may grow.
    memory
        Events of a class after which what was learned has faded to 1/e.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]] * 20)
    >>> p = BayesClassifier(width=2).run(x, x[:, 0], np.full(40, True))
    >>> p[-2:].argmax(axis=1)
    array([0, 1])
    """

    kind = "bayes-classifier"
    names = ("counts", "moments", "scale")

    def __init__(self, width: int = 8, classes: int = 2, memory: float = 1000.0) -> None:
        super().__init__(width, classes, memory=memory)
        self._keep = 1.0 - 1.0 / max(memory, 2.0)
        self.reset()

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 0.2 + 0.02 * self.width * self.classes

    def reset(self) -> None:
        """Forget all that was learned."""
        self.counts = np.zeros(self.classes)
        self.moments = np.zeros((3, self.classes, self.width))
        self.scale = np.zeros((3, self.width))

    def quicken(self, factor: float) -> None:
        """Count what was learned as fewer events, so that the next ones weigh more."""
        self.counts /= factor
        self.moments[0] /= factor

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        self.width, self.classes = width, classes
        self.counts = widened(self.counts, classes)
        self.moments = widened(self.moments, 3, classes, width)
        self.scale = widened(self.scale, 3, width)

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(x), self.classes))
        _run(x, y, learn, self._keep, self.counts, self.moments, self.scale, p)
        return p

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's log-likelihood ratio: class 1 to 0, or the predicted class to the mean of the others."""
        z, parts = np.empty(self.width), np.zeros((self.classes, self.width))
        scale_row(np.ascontiguousarray(x, np.float64), self.scale, _FAR, z)
        for j in np.flatnonzero((x == x) & (self.scale[COUNT] > 1.0)):
            for k in range(self.classes):
                parts[k, j] = _likelihood(z[j], *self.moments[:, k, j])
        priors = [log(float(count) + 0.5) for count in self.counts]
        told = 1 if self.classes == 2 else int((parts.sum(axis=1) + np.array(priors)).argmax())
        ratio: Floats = parts[told] - (parts.sum(axis=0) - parts[told]) / (self.classes - 1)
        return ratio
