"""Linear members of the second order: they know how columns go together, and forget what is old.

They learn in tens of events what gradient steps learn in hundreds, for a cost that grows with the square of the width.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.base import ArrayMember, widened
from aimass.models.members.numerics import exp
from aimass.models.members.scaling import COUNT, learn_scale, moments, scale_row

_N, _MEAN, _VAR, _ERROR, _FACTOR, _LEFT = range(6)
_HEAD = 6
_FAR = 100.0  # standard deviations: what is further counts as this far
_RIDGE = 0.1  # events' worth of pull towards zero
_LEAST = 0.02  # of a probability's variance
_MOST = 1e6  # standard deviations of a target
_FADE = 0.01  # of the usual error
_QUICK = 200.0  # events that a quickened rate lasts


@kernel
def _error(y: float, m: float, head: Floats) -> tuple[float, float]:
    """Return the margin that a target asks for, and its weight: less when it is further off than usual."""
    if head[_VAR] <= 0.0:
        return 0.0, 1.0
    goal = min(max((y - head[_MEAN]) / math.sqrt(head[_VAR]), -_MOST), _MOST)
    e, usual = abs(goal - m), head[_ERROR]
    head[_ERROR] = e
    if usual > 0.0:
        head[_ERROR] = usual + max(_FADE, 1.0 / (head[_N] + 1.0)) * (min(e, 10.0 * usual) - usual)
    return goal, usual / e if 0.0 < usual < e else 1.0


@kernel
def _odds(hit: float, m: float) -> tuple[float, float]:
    """Return the margin that a label asks for, and its weight (iteratively reweighted least squares)."""
    q = 1.0 / (1.0 + exp(-m))
    weight = max(q * (1.0 - q), _LEAST)
    return m + (hit - q) / weight, weight


@kernel
def _solve(used: Ints, z: Floats, goal: float, weight: float, keep: float, a: Floats, b: Floats, w: Floats) -> None:
    """Add an event to the normal equations a·w = b, which fade, and sweep once towards its solution."""
    for i in used:
        b[i] = keep * b[i] + weight * goal * z[i]
        for j in used:
            a[i, j] = keep * a[i, j] + weight * (z[i] * z[j])
    for i in used:
        rest = b[i] + a[i, i] * w[i]
        for j in used:
            rest -= a[i, j] * w[j]
        w[i] = rest / (a[i, i] + _RIDGE)


@kernel
def _predict(m: Floats, head: Floats, regress: bool, p: Floats) -> None:
    """Turn margins into the prediction of one event."""
    if regress:
        p[0] = head[_MEAN] + math.sqrt(head[_VAR]) * m[0]
        return
    total = 0.0
    for k in range(len(m)):
        p[k + len(p) - len(m)] = 1.0 / (1.0 + exp(-m[k]))
        total += p[k + len(p) - len(m)]
    if len(m) == 1:
        p[0] = 1.0 - p[1]
        return
    for k in range(len(p)):
        p[k] = p[k] / total if total > 0.0 else 1.0 / len(p)


@kernel
def _learn(
    used: Ints, z: Floats, y: float, m: Floats, regress: bool, keep: float, a: Floats, b: Floats, w: Floats,
    head: Floats,
) -> None:  # fmt: skip
    rate = min(0.5, (1.0 - keep) * head[_FACTOR])
    for k in range(len(m)):
        if regress:
            goal, weight = _error(y, m[k], head)
        else:
            goal, weight = _odds(1.0 if y == k + (len(m) == 1) else 0.0, m[k])
        _solve(used, z, goal, weight, 1.0 - rate, a[k], b[k], w[k])
    if regress:
        head[_MEAN], head[_VAR] = moments(y, head[_N], head[_MEAN], head[_VAR])
    head[_N] += 1.0
    if head[_LEFT] > 0.0:
        head[_LEFT] -= 1.0
        if head[_LEFT] == 0.0:
            head[_FACTOR] = 1.0


@kernel
def _run(
    x: Floats, y: Floats, learn: Bools, regress: bool, keep: float, a: Floats, b: Floats, w: Floats, scale: Floats,
    head: Floats, p: Floats,
) -> None:  # fmt: skip
    z, m = np.ones(x.shape[1] + 1), np.empty(len(w))
    columns = np.empty(x.shape[1] + 1, np.int64)
    for i in range(len(x)):
        scale_row(x[i], scale, _FAR, z)
        count = 0
        for j in range(len(z)):
            if j == x.shape[1] or scale[COUNT, j] > 0.0:
                columns[count] = j
                count += 1
        used = columns[:count]
        for k in range(len(w)):
            m[k] = 0.0
            for j in used:
                m[k] += w[k, j] * z[j]
        if head[_N] > 0.0:
            _predict(m, head, regress, p[i])
        else:
            p[i, :] = math.nan
        if learn[i]:
            _learn(used, z, y[i], m, regress, keep, a, b, w, head)
            learn_scale(x[i], scale)


class _Newton(ArrayMember):
    names = ("products", "goals", "weights", "scale", "head")
    _regress: ClassVar[bool] = False

    def __init__(self, width: int = 8, classes: int = 2, memory: float = 100.0) -> None:
        super().__init__(width, classes, memory=memory)
        self._keep = 1.0 - 1.0 / max(memory, 2.0)
        self.reset()

    @property
    def _outputs(self) -> int:
        return 1 if self.classes <= 2 else self.classes

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 0.3 + 0.002 * self._outputs * (self.width + 1) ** 2

    def reset(self) -> None:
        """Forget all that was learned."""
        count, side = self._outputs, self.width + 1
        self.products = np.zeros((count, side, side))
        self.goals = np.zeros((count, side))
        self.weights = np.zeros((count, side))
        self.scale = np.zeros((3, self.width))
        self.head = np.zeros(_HEAD)
        self.head[_FACTOR] = 1.0

    def quicken(self, factor: float) -> None:
        """Forget faster by this factor during the next 200 labels."""
        self.head[_FACTOR], self.head[_LEFT] = factor, _QUICK

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        x, y, learn = self._inputs(x, y, learn)
        p = np.empty((len(x), self.classes))
        _run(x, y, learn, self._regress, self._keep, self.products, self.goals, self.weights, self.scale, self.head, p)
        return p

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on."""
        old, count = self.width, self._outputs
        self.width, self.classes = width, classes
        at = np.append(np.arange(old), width)  # the intercept stays last
        goals, weights = np.zeros((2, self._outputs, width + 1))
        products = np.zeros((self._outputs, width + 1, width + 1))
        for k in range(self._outputs):
            if k < count or (count == 1 and k == 1):
                mine = min(k, count - 1)
                sign = -1.0 if count < self._outputs and count == 1 and k == 0 else 1.0  # class 0 is what 1 is not
                goals[k, at], weights[k, at] = sign * self.goals[mine], sign * self.weights[mine]
                products[k][np.ix_(at, at)] = self.products[mine]
        self.products, self.goals, self.weights = products, goals, weights
        self.scale = widened(self.scale, 3, width)

    def _scaled(self, x: Floats) -> Floats:
        z = np.ones(self.width + 1)
        scale_row(np.ascontiguousarray(x, np.float64), self.scale, _FAR, z)
        return z


class NewtonClassifier(_Newton):
    """Logistic regression by Newton's steps over a fading memory; one against the rest for more than two classes.

    Parameters
    ----------
    width
        Columns of a row.
    classes
        2 to 64; it may grow.
    memory
        Events after which what was learned has faded to 1/e.

    Notes
    -----
    The normal equations of iteratively reweighted least squares, with forgetting; a sweep of Gauss-Seidel an event goes
    on from the last solution, and stays stable where inverses would not (as in Zakharov, White and Liu, "Low-complexity
    RLS algorithms using dichotomous coordinate descent iterations", 2008).

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]] * 20)
    >>> p = NewtonClassifier(width=2).run(x, x[:, 0], np.full(40, True))
    >>> bool(p[-1, 1] < 0.1 or p[-1, 1] > 0.9)
    True
    """

    kind = "newton-classifier"

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the log-odds: its weight × its scaled value."""
        z = self._scaled(x)
        parts: Floats = self.weights * z
        return parts[0 if len(parts) == 1 else int(parts.sum(axis=1).argmax()), :-1]


class NewtonRegressor(_Newton):
    """Recursive least squares over a fading memory, as `NewtonClassifier`; what is far off the usual weighs less.

    Examples
    --------
    >>> x = np.arange(60.0)[:, None] % 7.0
    >>> p = NewtonRegressor(width=1).run(x, 3.0 * x[:, 0] + 100.0, np.full(60, True))
    >>> bool(abs(p[-1, 0] - (3.0 * x[-1, 0] + 100.0)) < 0.5)
    True
    """

    kind = "newton-regressor"
    _regress = True

    def __init__(self, width: int = 8, classes: int = 1, memory: float = 100.0) -> None:
        super().__init__(width, 1, memory)

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows from now on."""
        super().grow(width, 1)

    def reasons(self, x: Floats) -> Floats | None:
        """Return each column's part of the prediction, in the target's unit."""
        parts: Floats = self.weights[0, :-1] * self._scaled(x)[:-1] * math.sqrt(self.head[_VAR])
        return parts
