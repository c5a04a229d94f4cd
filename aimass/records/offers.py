"""Recommendations, and what came of them."""

from __future__ import annotations

import msgspec

from aimass.records.events import Source


class Offer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One recommended item.

    Parameters
    ----------
    item
        The item.
    score
        What the ranking expects of it.
    probability
        With what probability this policy puts this item first at this place: what off-policy evaluation needs.
    because
        Why, in words.
    """

    item: str
    score: float
    probability: float
    because: str = ""


class Recommendation(msgspec.Struct, frozen=True, gc=False, tag="recommendation", omit_defaults=True):
    """Items for a key, the best first.

    Parameters
    ----------
    name
        The ``[[recommend]]`` that made it.
    offers
        The items.
    segment
        The key's segment.
    policy
        Which policy chose: ``bandit``, ``popular``, ``pinned``.
    popular
        The candidate that popularity alone would have put first; off-policy evaluation asks.
    candidates
        How many there were to choose from.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    name: str
    offers: list[Offer]
    segment: str = ""
    policy: str = ""
    popular: str = ""
    candidates: int = 0


class Outcome(msgspec.Struct, frozen=True, gc=False, tag="outcome", omit_defaults=True):
    """What became of a recommendation: an offer was taken, or none was within its time.

    Parameters
    ----------
    recommendation
        The id of the recommendation.
    item
        The item that was taken; empty when none was.
    place
        Its place in the list, from 0; −1 when none was taken.
    reward
        What it was worth.
    probability
        As the recommendation had it: of the item that was first, when none was taken.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    name: str
    recommendation: str
    item: str = ""
    place: int = -1
    reward: float = 0.0
    probability: float = 0.0
    after_s: float = 0.0
