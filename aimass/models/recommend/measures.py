"""How good recommendations were: how often they were taken, where in the list, of how many items, how novel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from aimass.models.recommend.offpolicy import Interval, mean
from aimass.records import Outcome, Recommendation

_Z = 1.959963984540054


class Measures(msgspec.Struct, frozen=True):
    """What became of recommendations.

    Parameters
    ----------
    recommendations, known
        How many were made, and of how many the outcome is known; the rest still wait.
    taken
        The share of these of which an offer was taken (Wilson's interval, 1927).
    reward
        What one brought, on the average.
    ndcg
        Of those that were taken: how far up the list the offer stood, 1 at the first place (Järvelin and Kekäläinen,
        2002).
    items
        How many different items were offered.
    top_ten
        The share that the ten items offered most have in all offers.
    novelty
        Bits of surprise in an offer: −log2 of the share of keys that were offered the item (Zhou et al., 2010).
    explored
        The share whose first offer was tried out, not the best.
    """

    recommendations: int
    known: int
    taken: Interval
    reward: Interval
    ndcg: float
    items: int
    top_ten: float
    novelty: float
    explored: float


def wilson(hits: int, count: int) -> Interval:
    """Return a share and its interval.

    Examples
    --------
    >>> found = wilson(5, 100)
    >>> round(found.low, 3), round(found.high, 3)
    (0.022, 0.112)
    """
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    share, extra = hits / count, _Z * _Z / count
    middle = (share + extra / 2) / (1 + extra)
    half = _Z * math.sqrt(share * (1 - share) / count + extra / count / 4) / (1 + extra)
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def measure(made: Sequence[Recommendation], outcomes: Mapping[str, Outcome]) -> Measures:
    """Measure recommendations.

    Parameters
    ----------
    made
        The recommendations.
    outcomes
        By the recommendation's id.
    """
    ends = [outcomes[one.id] for one in made if one.id in outcomes]
    places = [end.place for end in ends if end.place >= 0]
    offered: dict[str, int] = {}
    keys: dict[str, set[str]] = {}
    for one in made:
        for offer in one.offers:
            offered[offer.item] = offered.get(offer.item, 0) + 1
            keys.setdefault(offer.item, set()).add(one.key)
    count, everyone = sum(offered.values()), len({one.key for one in made})
    surprise = sum(n * math.log2(everyone / len(keys[item])) for item, n in offered.items())
    free = [one for one in made if one.candidates > 1 and one.policy != "pinned"]
    return Measures(
        len(made),
        len(ends),
        wilson(len(places), len(ends)),
        mean(np.array([end.reward for end in ends], np.float64)),
        sum(1 / math.log2(place + 2) for place in places) / len(places) if places else math.nan,
        len(offered),
        sum(sorted(offered.values(), reverse=True)[:10]) / count if count else math.nan,
        surprise / count if count else math.nan,
        sum(one.offers[0].probability < 1 / one.candidates for one in free) / len(free) if free else math.nan,
    )
