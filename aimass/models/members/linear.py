"""Linear members: logistic, softmax and linear regression, learned by gradient steps whose size adapts."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from aimass.models.kernel import Bools, Floats, kernel
from aimass.models.members.base import ArrayMember, widened
from aimass.models.members.numerics import exp
from aimass.models.members.scaling import learn_scale, moments, scale_row

_QUICK = 200.0  # events that a quickened rate lasts
_N, _FACTOR, _LEFT, _MEAN, _VAR = range(5)
_HEAD = 5
_IDENTITY, _LOGISTIC, _SOFTMAX = range(3)
_EPS = 1e-8
_KEEP = 0.999  # of the gradients that rates follow: a drift is still learned late in the stream
_FAR = 10.0  # standard deviations: what is further counts as this far
_CLIP = 3.0  # of a regression's error, in standard deviations of the target


@kernel
def _link(m: Floats, link: int, head: Floats, p: Floats) -> None:
    """Turn margins into the prediction of one event."""
    if link == _IDENTITY:
        p[0] = head[_MEAN] + math.sqrt(head[_VAR]) * m[0]
    elif link == _LOGISTIC:
        one = 1.0 / (1.0 + exp(-m[0]))
        p[0] = 1.0 - one
        p[1] = one
    else:
        top = m[0]
        for k in range(1, len(m)):
            top = max(top, m[k])
        total = 0.0
        for k in range(len(m)):
            p[k] = exp(m[k] - top)
            total += p[k]
        for k in range(len(m)):
            p[k] /= total


@kernel
def _error(m: Floats, link: int, y: float, head: Floats, p: Floats, k: int) -> float:
    """Return the loss's derivative by the k-th margin."""
    e: float = 0.0
    if link == _LOGISTIC:
        e = p[1] - y
    elif link == _SOFTMAX:
        e = p[k] - (1.0 if y == k else 0.0)
    elif head[_VAR] > 0.0:
        e = min(max(m[0] - (y - head[_MEAN]) / math.sqrt(head[_VAR]), -_CLIP), _CLIP)
    return e


@kernel
def _learn_head(y: float, link: int, head: Floats) -> None:
    """Count an event, learn the target's scale and let a quickened rate end."""
    n = head[_N]
    head[_N] = n + 1.0
    if head[_LEFT] > 0.0:
        head[_LEFT] -= 1.0
        if head[_LEFT] == 0.0:
            head[_FACTOR] = 1.0
    if link == _IDENTITY:
        head[_MEAN], head[_VAR] = moments(y, n, head[_MEAN], head[_VAR])


@kernel
def _step(
    z: Floats, m: Floats, link: int, y: float, rate: float, w: Floats, g: Floats, head: Floats, p: Floats
) -> None:
    for k in range(w.shape[0]):
        e = _error(m, link, y, head, p, k)
        for j in range(len(z)):
            if z[j] != 0.0:
                s = e * z[j]
                g[k, j] = _KEEP * g[k, j] + s * s
                w[k, j] -= rate * s / math.sqrt(g[k, j] + _EPS)


@kernel
def _run(
    x: Floats, y: Floats, learn: Bools, link: int, rate: float, w: Floats, g: Floats, scale: Floats, head: Floats,
    p: Floats,
) -> None:  # fmt: skip
    z = np.ones(x.shape[1] + 1)  # the last is the intercept's
    m = np.empty(w.shape[0])
    for i in range(x.shape[0]):
        scale_row(x[i], scale, _FAR, z)
        for k in range(w.shape[0]):
            m[k] = 0.0
            for j in range(len(z)):
                m[k] += w[k, j] * z[j]
        _link(m, link, head, p[i])
        new = head[_N] == 0.0
        if learn[i]:
            _step(z, m, link, y[i], rate * head[_FACTOR], w, g, head, p[i])
            learn_scale(x[i], scale)
            _learn_head(y[i], link, head)
        if new:
            p[i, :] = np.nan


class _Linear(ArrayMember):
    names = ("weights", "squares", "scale", "head")
    _rate: ClassVar[float]

    def __init__(self, width: int = 8, classes: int = 2) -> None:
        super().__init__(width, classes)
        self.reset()

    @property
    def _outputs(self) -> int:
        return 1 if self.classes <= 2 else self.classes

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 0.2 + 0.02 * self.width * self._outputs

    def reset(self) -> None:
        """Forget all that was learned."""
        self.weights = np.zeros((self._outputs, self.width + 1))
        self.squares = np.zeros((self._outputs, self.width + 1))
        self.scale = np.zeros((3, self.width))
        self.head = np.zeros(_HEAD)
        self.head[_FACTOR] = 1.0

    def quicken(self, factor: float) -> None:
        """Learn faster by this factor for the next 200 labels."""
        self.head[_FACTOR], self.head[_LEFT] = factor, _QUICK

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(x), self.classes))
        _run(x, y, learn, self._link, self._rate, self.weights, self.squares, self.scale, self.head, p)
        return p

    @property
    def _link(self) -> int:
        return _LOGISTIC if self.classes == 2 else _SOFTMAX

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        old, self.width, self.classes = self.width, width, classes
        self.scale = widened(self.scale, 3, width)
        self.weights, self.squares = (self._grown(a, old) for a in (self.weights, self.squares))
        if self.weights.shape[0] < self._outputs:
            if self.weights.shape[0] == 1:  # one margin becomes two of half its size: the same odds
                half = self.weights / 2.0
                self.weights = np.concatenate((-half, half))
                self.squares = np.concatenate((self.squares, self.squares))
            self.weights, self.squares = (widened(a, self._outputs, width + 1) for a in (self.weights, self.squares))

    def _grown(self, array: Floats, old: int) -> Floats:
        wide = np.zeros((len(array), self.width + 1))
        wide[:, :old], wide[:, self.width] = array[:, :old], array[:, old]
        return wide

    def _scaled(self, x: Floats) -> Floats:
        z = np.empty(self.width + 1)
        scale_row(np.ascontiguousarray(x, np.float64), self.scale, _FAR, z)
        return z[:-1]


class LinearClassifier(_Linear):
    """Logistic regression for two classes, softmax beyond, over features scaled as they come.

    Parameters
    ----------
    width
        Columns of a row.
    classes
        2 to 64; it may grow.

    Notes
    -----
    Each weight has its own rate, which shrinks with the gradients that it has seen (AdaGrad; Duchi, Hazan and Singer,
    "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011).

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]] * 50)
    >>> member = LinearClassifier(width=2)
    >>> p = member.run(x, x[:, 0], np.full(100, True))
    >>> p[-1].argmax(), float(p[-1, 1]) > 0.9
    (np.int64(1), True)
    """

    kind = "linear-classifier"
    _rate = 0.3

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the log-odds: its weight × its scaled value."""
        z = self._scaled(x)
        if self.classes == 2:
            return self.weights[0, :-1] * z
        margins = (self.weights[:, :-1] * z).sum(axis=1) + self.weights[:, -1]
        weights: Floats = self.weights[margins.argmax(), :-1] - self.weights[:, :-1].mean(axis=0)
        return weights * z


class LinearRegressor(_Linear):
    """Linear regression over features and a target scaled as they come; far errors pull no harder than near ones.

    Examples
    --------
    >>> x = np.arange(300.0)[:, None] % 7.0
    >>> member = LinearRegressor(width=1)
    >>> p = member.run(x, 3.0 * x[:, 0] + 100.0, np.full(300, True))
    >>> bool(abs(p[-1, 0] - (3.0 * x[-1, 0] + 100.0)) < 1.0)
    True
    """

    kind = "linear-regressor"
    _rate = 0.3

    def __init__(self, width: int = 8, classes: int = 1) -> None:
        super().__init__(width, 1)

    @property
    def _link(self) -> int:
        return _IDENTITY

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows from now on."""
        super().grow(width, 1)

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the prediction, in the target's unit."""
        return self.weights[0, :-1] * self._scaled(x) * math.sqrt(self.head[_VAR])
