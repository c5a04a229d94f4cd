"""What a recommender looks at: its settings, a batch column by column, and what it keeps of a key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from aimass.rules.columns import Truths
from aimass.rules.sight import Sight

RECENT = 10  # items that a key looked at last
BOUGHT = 100
POLICIES = ("bandit", "popular")
_PAIRS = 5  # of a session go together with the next
_SESSION_S = 1800.0
_MOST = 1e9  # that a reward is worth
_LONG = 256  # characters: what is longer is no item's name


@dataclass(frozen=True, slots=True)
class RecommendSpec:
    """What is recommended, to whom and when.

    Parameters
    ----------
    name, pipeline
        Names of the recommender and its pipeline.
    item
        The path of the item's id: text or a whole number.
    segment, consent, value
        Paths of the key's segment, of whether it may be followed and recommended to, and of a reward's worth.
    within_s
        How long an offer may take to be taken, in seconds of event time.
    size
        How many items a recommendation has at most.
    cap
        How many recommendations a key gets in a day (UTC) at most.
    explore
        The share of recommendations that begin with any candidate.
    policy
        One of `POLICIES`.
    half_life_s
        How long until what was learned counts half.
    """

    name: str
    pipeline: str
    item: str
    segment: str | None = None
    consent: str | None = None
    value: str | None = None
    within_s: float = 3600.0
    size: int = 3
    cap: int | None = None
    explore: float = 0.1
    policy: str = "bandit"
    half_life_s: float = 30 * 86_400.0


class Shopper(msgspec.Struct, array_like=True):
    """What is kept of a key: what it looked at last and when, what it has, and what was recommended to it."""

    now: float = -math.inf
    recent: list[tuple[str, float]] = []
    bought: list[str] = []
    open: list[tuple[str, float, list[str]]] = []
    day: int = 0
    made: int = 0

    def session(self) -> list[str]:
        """Return what it looked at in its running session, newest first."""
        found, now = [], self.now
        for item, time in reversed(self.recent[-_PAIRS:]):
            if now - time > _SESSION_S:
                break
            found.append(item)
            now = time
        return found

    def look(self, item: str) -> None:
        """Take note that it looks at an item now."""
        self.recent = [*(one for one in self.recent if one[0] != item), (item, self.now)][-RECENT:]

    def buy(self, item: str) -> None:
        """Take note that it has an item."""
        self.bought = [*(one for one in self.bought if one != item), item][-BOUGHT:]

    def may_have(self, cap: int | None) -> bool:
        """Return whether it may have another recommendation today."""
        day = math.floor(self.now / 86_400.0)
        if day != self.day:
            self.day, self.made = day, 0
        return cap is None or self.made < cap


class Batch:
    """What a recommender looks at in a batch, column by column."""

    def __init__(self, spec: RecommendSpec, sight: Sight, truths: Mapping[str, Truths]) -> None:
        count = len(sight)
        self.items = [name_of(value) for value in sight.field(spec.item).values()]
        self.segments = [""] * count if spec.segment is None else list(map(name_of, sight.field(spec.segment).values()))
        asked = np.array([bool(item) for item in self.items], np.bool_)
        consents = np.ones(count, np.int8) if spec.consent is None else sight.field(spec.consent).truths()
        allowed, self.withdrawn = consents == 1, consents == 0
        self.likes = self._mask(truths, "interest", asked) & allowed & asked
        self.asks = self._mask(truths, "when", asked) & allowed
        self.buys = self._mask(truths, "bought", np.zeros(count, np.bool_)) & allowed & asked
        self.pays = self._mask(truths, "reward", self.likes) & allowed & asked
        self.worth = np.ones(count)
        if spec.value is not None:
            numbers, known = sight.field(spec.value).numbers()
            self.worth = np.where(known & (numbers > 0.0), np.minimum(numbers, _MOST), 1.0)
        self.chosen = np.flatnonzero(self.likes | self.asks | self.buys | self.pays | self.withdrawn).tolist()

    @staticmethod
    def _mask(truths: Mapping[str, Truths], name: str, default: Any) -> Any:
        return truths[name] == 1 if name in truths else default


def name_of(value: Any) -> str:
    """Return an item or a segment as text; empty where there is none."""
    kind = type(value)
    if kind is str:
        return value if len(value) <= _LONG else ""
    return str(value) if kind is int or kind is bool else ""
