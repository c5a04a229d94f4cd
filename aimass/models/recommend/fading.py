"""Weights by name that halve in time, of which only the heaviest are kept."""

from __future__ import annotations

import math

import msgspec

from aimass.models.members.numerics import exp

_LN2 = 0.6931471805599453
_GROWN = 2.0**16  # from here on weights are put back to what they are now
_NOTHING = 1e-9


class Fading(msgspec.Struct, array_like=True):
    """Weights by name, each halved every half-life; a new name takes the place, and the weight, of the lightest.

    Weights are not touched as time passes: what is added grows instead (forward decay, Cormode et al., 2009), so that
    an addition costs one power and one entry. The heaviest are found for certain, the lighter ones may be overrated by
    the weight of the lightest (Space-Saving, Metwally et al., 2005).

    Examples
    --------
    >>> views = Fading()
    >>> for name, day in (("tea", 0), ("tea", 0), ("cup", 1)):
    ...     views.add(name, 86400.0 * day, half_life=86400.0, most=10)
    >>> views.top(2), views.total(86400.0, 86400.0)
    (['tea', 'cup'], 2.0)
    """

    since: float = -math.inf
    weights: dict[str, float] = {}

    def add(self, name: str, now: float, half_life: float, most: int, amount: float = 1.0) -> None:
        """Add to the weight of a name, as of a time."""
        if self.since == -math.inf:
            self.since = now
        grown = self.grown(now, half_life)
        if grown > _GROWN:
            self.weights = {one: w / grown for one, w in self.weights.items() if w / grown > _NOTHING}
            self.since, grown = now, 1.0
        weights = self.weights
        if name in weights:
            weights[name] += amount * grown
        elif len(weights) < most:
            weights[name] = amount * grown
        else:
            weights[name] = weights.pop(min(weights, key=weights.__getitem__)) + amount * grown

    def grown(self, now: float, half_life: float) -> float:
        """Return what a weight of one is at a time, in the units of `weights`."""
        return float(exp((now - self.since) * _LN2 / half_life))

    def total(self, now: float, half_life: float) -> float:
        """Return the sum of all weights as of a time."""
        return sum(self.weights.values()) / self.grown(now, half_life) if self.weights else 0.0

    def top(self, most: int) -> list[str]:
        """Return the heaviest names; of equal ones that which came first."""
        return sorted(self.weights, key=self.weights.__getitem__, reverse=True)[:most]


class Record(msgspec.Struct, array_like=True):
    """How often offers of an item were tried, and what they brought, by segment; halved every half-life.

    Examples
    --------
    >>> record = Record()
    >>> for brought in (1.0, 0.0):
    ...     record.add("nl", brought, now=0.0, half_life=60.0, most=2)
    >>> record.counts
    {'nl': (2.0, 1.0)}
    """

    since: float = -math.inf
    counts: dict[str, tuple[float, float]] = {}

    def add(self, name: str, brought: float, now: float, half_life: float, most: int) -> None:
        """Count an offer; of too many segments the one tried least goes."""
        if self.since == -math.inf:
            self.since = now
        grown = self.grown(now, half_life)
        if grown > _GROWN:
            self.counts = {one: (n / grown, s / grown) for one, (n, s) in self.counts.items() if n / grown > _NOTHING}
            self.since, grown = now, 1.0
        tries, taken = self.counts.get(name, (0.0, 0.0))
        if name not in self.counts and len(self.counts) >= most:
            del self.counts[min(self.counts, key=self.counts.__getitem__)]
        self.counts[name] = (tries + grown, taken + brought * grown)

    def grown(self, now: float, half_life: float) -> float:
        """Return what one offer is at a time, in the units of `counts`."""
        return float(exp((now - self.since) * _LN2 / half_life))
