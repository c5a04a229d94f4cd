"""Clusters that form and fade as the stream goes: which one an event is in, and how far it lies from it. No labels."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.ensemble import LATER, fitted
from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.base import ArrayMember, widened

_WEIGHT, _SPREAD = 0, 1
_FADE = 1e-3  # of features' moments
_LEAST = 0.02  # of a mean cluster's weight: what has less may be given up
_NEAR = 4.0  # mean squared distances within a cluster: what is further begins one of its own


@kernel
def _scale(x: Floats, scale: Floats, learn: bool, z: Floats) -> None:
    """Set z to the row in standard deviations, 0 where it is missing; learn their moments."""
    for j in range(len(x)):
        v, n = x[j], scale[0, j]
        z[j] = 0.0
        if v != v:
            continue
        if scale[2, j] > 0.0:
            z[j] = min(max((v - scale[1, j]) / math.sqrt(scale[2, j]), -10.0), 10.0)
        if learn:
            a = max(1.0 / (n + 1.0), _FADE)
            d = v - scale[1, j]
            scale[0, j] = n + 1.0
            scale[1, j] += a * d
            scale[2, j] = (1.0 - a) * (scale[2, j] + a * d * d)


@kernel
def _distance(z: Floats, centre: Floats) -> float:
    total = 0.0
    for j in range(len(z)):
        d = z[j] - centre[j]
        total += d * d
    return total


@kernel
def _nearest(z: Floats, centres: Floats, masses: Floats) -> int:
    best, least = -1, math.inf
    for k in range(len(centres)):
        if masses[_WEIGHT, k] > 0.0:
            d = _distance(z, centres[k])
            if d < least:
                best, least = k, d
    return best


@kernel
def _place(masses: Floats, d: float, best: int) -> int:
    """Return which cluster takes an event: the nearest, an empty one, or one that is given up for it."""
    if best < 0:
        return 0
    if masses[_WEIGHT, best] < 3.0 or d <= _NEAR * masses[_SPREAD, best]:
        return best
    light, total = 0, 0.0
    for k in range(masses.shape[1]):
        total += masses[_WEIGHT, k]
        if masses[_WEIGHT, k] < masses[_WEIGHT, light]:
            light = k
    return light if masses[_WEIGHT, light] <= _LEAST * total / masses.shape[1] else best


@kernel
def _run(x: Floats, learn: Bools, fade: float, scale: Floats, centres: Floats, masses: Floats, out: Floats) -> None:
    z = np.empty(x.shape[1])
    for i in range(len(x)):
        _scale(x[i], scale, learn[i], z)
        best = _nearest(z, centres, masses)
        d = _distance(z, centres[best]) if best >= 0 else math.nan
        out[i, 0], out[i, 1] = (best, math.sqrt(d)) if best >= 0 else (math.nan, math.nan)
        if not learn[i]:
            continue
        for k in range(masses.shape[1]):
            masses[_WEIGHT, k] *= fade
        k = _place(masses, d, best)
        if k != best:
            centres[k] = z
            masses[_WEIGHT, k] = 1.0
            masses[_SPREAD, k] = masses[_SPREAD, best] if best >= 0 else float(len(z))
            continue
        masses[_WEIGHT, k] += 1.0
        a = max(1.0 / masses[_WEIGHT, k], 0.01)
        masses[_SPREAD, k] += a * (d - masses[_SPREAD, k])
        for j in range(len(z)):
            centres[k, j] += a * (z[j] - centres[k, j])


class Clusterer(ArrayMember):
    """Online k-means over features in standard deviations; clusters fade, and give way to new ones where events are.

    Parameters
    ----------
    width, classes
        Columns of a row, and nothing.
    clusters
        The most clusters there may be.
    memory
        Events after which one has faded to 1/e.

    Notes
    -----
    MacQueen's k-means (1967) with fading weights as in Aggarwal et al., "A framework for clustering evolving data
    streams" (VLDB 2003). State: clusters × (width + 2) + 3 × width numbers; an event costs clusters × width steps.

    Examples
    --------
    >>> x = np.repeat([[0.0, 0.0], [9.0, 9.0]], 200, axis=0)[np.arange(400) * 7 % 400]
    >>> found = Clusterer(width=2, clusters=4).run(x, x[:, 0], np.zeros(400, np.int64))
    >>> len(set(found[300:, 0].tolist())), bool(found[300:, 1].max() < 0.5)
    (2, True)
    """

    kind = "clusterer"
    names = ("scale", "centres", "masses")

    def __init__(self, width: int = 8, classes: int = 0, clusters: int = 8, memory: float = 2000.0) -> None:
        super().__init__(width, classes, clusters=clusters, memory=memory)
        self._fade = 1.0 - 1.0 / memory
        self.scale = np.zeros((3, width))
        self.centres = np.zeros((clusters, width))
        self.masses = np.zeros((2, clusters))

    @property
    def cost_us(self) -> float:
        """Nominal CPU of one event, µs."""
        return 0.2 + 0.002 * self.centres.size

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Floats:
        """Return each event's cluster and its distance from it in standard deviations (NaN at first), then learn it.

        Parameters
        ----------
        x
            Events × features; NaN where one is absent. It may be wider than before.
        y, votes
            Not looked at.
        ops
            Every event is learned but those with `LATER`: it was when it came.
        """
        if x.shape[1] > self.width:
            self.grow(x.shape[1])
        out = np.empty((len(x), 2))
        learn = (ops & 3) != LATER
        _run(np.ascontiguousarray(x), learn, self._fade, self.scale, self.centres, self.masses, out)
        return out

    def predict(self, x: Floats) -> Floats:
        """Return the same of events of which nothing is to be learned."""
        out, x = np.empty((len(x), 2)), fitted(x, self.width)
        _run(x, np.zeros(len(x), np.bool_), self._fade, self.scale, self.centres, self.masses, out)
        return out

    def grow(self, width: int) -> None:
        """Take wider rows from now on."""
        self.scale, self.centres = widened(self.scale, 3, width), widened(self.centres, len(self.centres), width)
        self.width = width
