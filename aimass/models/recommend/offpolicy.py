"""How good another policy would have been, from what one policy offered, with what probabilities, and what came of it.

What is estimated is the reward of the first offer: its probability is exact and never 0, so that inverse propensities
are unbiased (Horvitz and Thompson, 1952). Self-normalised (Swaminathan and Joachims, 2015) they are a little biased and
vary far less; the doubly robust estimate (Dudík et al., 2011) corrects a model of rewards by them. Intervals are
normal, at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Floats
from aimass.records import Outcome, Recommendation

POLICIES = ("popular", "random", "greedy")
_Z = 1.959963984540054
_FOLDS = 2
_PRIOR = 10.0


class Interval(msgspec.Struct, frozen=True):
    """An estimate, and between what it lies in 95 of 100 cases."""

    value: float
    low: float
    high: float


class Estimates(msgspec.Struct, frozen=True):
    """What the first offers of a policy would have brought, three ways.

    Parameters
    ----------
    policy
        Its name.
    ips, snips, dr
        By inverse propensities, self-normalised, and doubly robust.
    effective
        As how many recommendations of the policy's own the log counts (Kish): below 100, trust nothing.
    events
        How many recommendations were logged.
    """

    policy: str
    ips: Interval
    snips: Interval
    dr: Interval
    effective: float
    events: int


class Logged(msgspec.Struct, frozen=True):
    """What was logged of recommendations whose outcome is known, one entry each.

    Parameters
    ----------
    items, popular, best
        The first offer; the one that popularity would have made; and the one with the highest score, empty where it
        cannot be told.
    rewards
        What the first offer brought.
    probabilities
        With what probability it came first.
    candidates
        How many there were to choose from.
    """

    items: list[str]
    popular: list[str]
    best: list[str]
    rewards: Floats
    probabilities: Floats
    candidates: Floats

    def targets(self, policy: str) -> Floats:
        """Return with what probability another policy would have put the first offer first."""
        if policy == "popular":
            return np.array([float(a == b) for a, b in zip(self.items, self.popular, strict=True)])
        if policy == "random":
            return 1.0 / self.candidates
        return np.array([float(a == b) for a, b in zip(self.items, self.best, strict=True)])


def logged(made: Iterable[Recommendation], outcomes: Iterable[Outcome]) -> Logged:
    """Put recommendations and outcomes together; those that a rule pinned are left out: there was no choice."""
    by_id = {one.recommendation: one for one in outcomes}
    pairs = [(one, by_id[one.id]) for one in made if one.id in by_id and one.policy != "pinned" and one.candidates]
    return Logged(
        [one.offers[0].item for one, _ in pairs],
        [one.popular for one, _ in pairs],
        [_best(one) for one, _ in pairs],
        np.array([end.reward if end.place == 0 else 0.0 for _, end in pairs], np.float64),
        np.array([one.offers[0].probability for one, _ in pairs], np.float64),
        np.array([one.candidates for one, _ in pairs], np.float64),
    )


def _best(made: Recommendation) -> str:
    """Return the candidate with the highest score: the first, or the second where the first was tried out."""
    first = made.offers[0]
    if made.candidates == 1 or first.probability > 1.0 / made.candidates:
        return first.item
    return made.offers[1].item if len(made.offers) > 1 else ""


def estimate(table: Logged, policy: str) -> Estimates:
    """Estimate what the first offers of a policy would have brought.

    Parameters
    ----------
    table
        What was logged.
    policy
        ``popular``: the most popular candidate; ``random``: any; ``greedy``: what ran, without exploring.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> best = rng.random(4000) < 0.8
    >>> rewards = (rng.random(4000) < np.where(best, 0.3, 0.1)).astype(float)
    >>> items = ["a" if one else "b" for one in best]
    >>> table = Logged(items, ["b"] * 4000, ["a"] * 4000, rewards, np.where(best, 0.8, 0.2), np.full(4000, 2.0))
    >>> found = estimate(table, "popular")
    >>> found.snips.low < 0.1 < found.snips.high, found.effective > 700
    (True, True)
    """
    targets = table.targets(policy)
    weights = targets / table.probabilities if len(targets) else targets
    return Estimates(
        policy,
        mean(weights * table.rewards),
        _ratio(weights, table.rewards),
        mean(_robust(table, policy, weights)),
        float(weights.sum() ** 2 / max((weights**2).sum(), 1e-300)),
        len(weights),
    )


def mean(values: Floats) -> Interval:
    """Return a mean and its normal interval."""
    if len(values) < 2:
        return Interval(math.nan, math.nan, math.nan)
    middle = float(values.mean())
    error = _Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(middle, middle - error, middle + error)


def _ratio(weights: Floats, rewards: Floats) -> Interval:
    """Return the weighted mean, and its error by the delta method."""
    total = float(weights.sum())
    if total <= 0.0:
        return Interval(math.nan, math.nan, math.nan)
    middle = float((weights * rewards).sum()) / total
    error = _Z * math.sqrt(float((weights**2 * (rewards - middle) ** 2).sum())) / total
    return Interval(middle, middle - error, middle + error)


def _robust(table: Logged, policy: str, weights: Floats) -> Floats:
    """Return the doubly robust values: what a model expects of the policy's offer, corrected where it was made."""
    if not len(weights):
        return weights
    fold = np.arange(len(weights)) % _FOLDS
    values = np.empty(len(weights))
    for one in range(_FOLDS):
        here, model = fold == one, _Means(table, fold != one)
        names = {"popular": table.popular, "greedy": table.best}.get(policy, [""])
        if all(names):
            expected, wanted = model.of(table.items)[here], model.of(names)[here]
        else:  # what the policy would have offered is not known: the model can only say the average
            expected = wanted = np.full(int(here.sum()), model.overall)
        values[here] = wanted + weights[here] * (table.rewards[here] - expected)
    return values


class _Means:
    """What each item brought when it came first, smoothed towards the average: the model of rewards."""

    def __init__(self, table: Logged, mask: npt.NDArray[Any]) -> None:
        chosen = np.flatnonzero(mask).tolist()
        weights = 1.0 / table.probabilities
        total, norm = float((weights * table.rewards)[mask].sum()), float(weights[mask].sum())
        self.overall = total / norm if norm else 0.0
        sums: dict[str, list[float]] = {}
        for i in chosen:
            one = sums.setdefault(table.items[i], [0.0, 0.0])
            one[0] += 1.0
            one[1] += float(table.rewards[i])
        self._means = {
            item: (brought + _PRIOR * self.overall) / (tries + _PRIOR) for item, (tries, brought) in sums.items()
        }

    def of(self, items: Sequence[str]) -> Floats:
        """Return what the items are expected to bring."""
        return np.array([self._means.get(item, self.overall) for item in items], np.float64)
