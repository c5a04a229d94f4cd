"""Recommendations in a simulated shop: ``python -m benchmarks.recommend --json``.

The shop has items in groups that interest goes with, and keys in segments that differ in which groups they come for and
which items they take; which groups are in fashion drifts every few days. A key comes with one group in mind and looks
at some of its items; at each look it is offered three. It looks at the offers one after the other, less and less
surely, and takes one with a chance that is the item's own, times how well it fits. How often an item is looked at says
little of how often it is taken: that has to be learned. Everything is drawn from the seed; the log is not the same
under each policy, as takers look at what they take. One core; state is encoded every 1,000 events, as a commit does.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from aimass.models.recommend.offpolicy import POLICIES, estimate, logged
from aimass.records import Outcome, Prediction, Recommendation, Source
from aimass.rules.sight import Sight
from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.stages.profiles import Pins, Tags
from aimass.stages.recommend import Recommender
from aimass.stages.recommend_view import RecommendSpec

_SEGMENTS, _GROUPS, _EACH, _KEYS, _VISITORS = 4, 30, 12, 3_000, 100
_STEP_S, _DRIFT_S = 300.0, 2 * 86_400.0
_LOOKS = (1.0, 0.7, 0.5)  # chances to look at the first, second and third offer, if none was taken before
_FIT, _NO_FIT = 0.5, 0.05


@dataclass(slots=True)
class Shopper:
    """Who is in the shop: the key, its segment, the group in mind, the looks left, and what it looks at next."""

    key: int
    segment: int
    group: int
    left: int
    next: int


class Shop:
    """A simulated shop.

    Parameters
    ----------
    seed
        Of everything that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        items = _GROUPS * _EACH
        self.looked = self.rng.gamma(0.7, size=items) + 0.02
        self.taken = self.rng.beta(0.8, 2.0, size=(_SEGMENTS, items))  # chances to be taken, by segment
        self.fashion = np.ones((_SEGMENTS, _GROUPS))
        self.now, self._drifted = 1.7e9, -math.inf
        self.inside = [self._enter() for _ in range(_VISITORS)]

    def step(self) -> None:
        """Let time pass; fashion changes now and then."""
        self.now += _STEP_S
        if self.now - self._drifted >= _DRIFT_S:
            self._drifted = self.now
            self.fashion = self.rng.gamma(0.3, size=(_SEGMENTS, _GROUPS)) + 0.01
        for i, one in enumerate(self.inside):
            if one.left <= 0:
                self.inside[i] = self._enter()

    def _enter(self) -> Shopper:
        key = int(self.rng.integers(_KEYS))
        segment = key % _SEGMENTS
        group = int(self.rng.choice(_GROUPS, p=self.fashion[segment] / self.fashion[segment].sum()))
        return Shopper(key, segment, group, int(self.rng.geometric(0.2)), self._look(group))

    def _look(self, group: int) -> int:
        if self.rng.random() < 0.15:
            return int(self.rng.choice(len(self.looked), p=self.looked / self.looked.sum()))
        mine = self.looked[group * _EACH : (group + 1) * _EACH]
        return group * _EACH + int(self.rng.choice(_EACH, p=mine / mine.sum()))

    def chances(self, one: Shopper) -> Any:
        """Return the chance of each item to be taken by a shopper who looks at it."""
        fits = np.arange(len(self.looked)) // _EACH == one.group
        chances = self.taken[one.segment] * np.where(fits, _FIT, _NO_FIT)
        chances[one.next] = 0.0
        return chances

    def answer(self, one: Shopper, offers: list[int]) -> int:
        """Return the place of the offer that a shopper takes, −1 for none; and let it go on."""
        chances = self.chances(one)
        draws = self.rng.random((len(_LOOKS), 2))
        place = -1
        for k, item in enumerate(offers):
            if draws[k, 0] < _LOOKS[k] and draws[k, 1] < chances[item]:
                place = k
                break
        one.left -= 1
        one.next = self._look(one.group)
        return place


class Sink:
    """Keeps what a recommender emits."""

    def __init__(self) -> None:
        self.made: list[Recommendation] = []
        self.outcomes: list[Outcome] = []

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None:
        self.made.append(record) if to == "recommendations" else self.outcomes.append(record)

    def emit_encoded(self, keys: Any, values: Any, *, to: str | None = None) -> None: ...
    def reject(self, record: Any, error: Any) -> None: ...


def events(shop: Shop, takes: list[tuple[Shopper, int]], offset: int) -> list[Prediction]:
    """Return what is taken and what is looked at in a step."""
    said = [(one, item, "take") for one, item in takes] + [(one, one.next, "look") for one in shop.inside]
    found = []
    for i, (one, item, kind) in enumerate(said):
        data = orjson.dumps({"item": f"i{item}", "segment": f"s{one.segment}", "type": kind})
        source = Source("shop", 0, offset + i)
        found.append(Prediction(source.id, f"k{one.key}", shop.now + i / 1000, "b", source, {}, {}, msgspec.Raw(data)))
    return found


class Player:
    """A policy that runs a shop.

    Parameters
    ----------
    policy
        ``bandit``, ``popular``, ``random`` (any item) or ``oracle`` (knows the chances).
    seed
        Of the shop.
    """

    def __init__(self, policy: str, seed: int) -> None:
        self.policy, self.shop, self.sink = policy, Shop(seed), Sink()
        ranks = "popular" if policy == "popular" else "bandit"
        explore = 0.1 if policy == "bandit" else 0.001
        self.recommender = Recommender(RecommendSpec("shop", "b", "item", "segment", explore=explore, policy=ranks))
        self.store, self.tags, self.events, self.spent = MemoryPartition(), Tags(), 0, 0.0
        self.state = PartitionState(self.store, 0)
        self._takes: list[tuple[Shopper, int]] = []

    def step(self) -> list[bool]:
        """Let everybody in the shop look once; return who took an offer."""
        shop = self.shop
        shop.step()
        offers = {} if self.policy in ("random", "oracle") else self._recommend()
        self._takes, took = [], []
        for one in shop.inside:
            offered = offers.get(f"k{one.key}", [])
            if self.policy == "random":
                offered = shop.rng.choice(_GROUPS * _EACH, 3, replace=False).tolist()
            elif self.policy == "oracle":
                offered = np.argsort(-shop.chances(one), kind="stable")[:3].tolist()
            place = shop.answer(one, offered)
            took.append(place >= 0)
            if place >= 0:
                self._takes.append((one, offered[place]))
        return took

    def _recommend(self) -> dict[str, list[int]]:
        """Run the recommender over a step's events; return what it offers each key."""
        batch, state, made = events(self.shop, self._takes, self.events), self.state, len(self.sink.made)
        self.events += len(batch)
        began = time.process_time()
        tick = math.floor(self.shop.now / self.recommender.tick_s) * self.recommender.tick_s
        if state.now < tick:
            state.advance(tick)
            self.recommender.on_time(tick, state, self.sink)
        sight = Sight(batch)
        looked = np.array([kind == "look" for kind in sight.field("type").values()], np.int8)
        truths = {"when": looked, "interest": np.ones_like(looked), "reward": 1 - looked}
        self.recommender.run(sight, truths, Pins(self.tags, sight, [], state), state, self.sink)
        if self.events // 1_000 != (self.events - len(batch)) // 1_000:
            self.store.write(state.take(), self.events)
            state.landed()
        self.spent += time.process_time() - began
        return {one.key: [int(offer.item[1:]) for offer in one.offers] for one in self.sink.made[made:]}

    def sizes(self) -> dict[str, int]:
        """Return the mean bytes of an item's and a key's state."""
        found = {}
        for name, what in (("items", "item"), ("keys", "key")):
            sizes = [len(row) for _, row in self.store.scan(f"recommend.shop.{name}\0".encode())]
            found[what] = round(sum(sizes) / len(sizes))
        return found


def measure(is_quick: bool) -> dict[str, Any]:
    """Return all figures."""
    steps, seeds = (600, 1) if is_quick else (2_000, 3)
    found: dict[str, Any] = {"share_taken": {}}
    cases = [(policy, seed) for policy in ("random", "popular", "bandit", "oracle") for seed in range(seeds)]
    for policy, seed in track(cases, "shop", console=Console(stderr=True), transient=True):
        player = Player(policy, seed)
        took = [player.step() for _ in range(steps)]
        found["share_taken"].setdefault(policy, []).append(round(float(np.mean(took[steps // 2 :])), 4))
        if seed == 0 and policy in ("popular", "bandit"):
            table = logged(player.sink.made, player.sink.outcomes)
            found[f"first_taken_by_{policy}"] = round(float(table.rewards.mean()), 4)
        if seed == 0 and policy == "bandit":
            found["events"], found["bytes"] = player.events, player.sizes()
            found["cpu_us_per_event"] = round(player.spent / player.events * 1e6, 1)
            found["estimates"] = {one: msgspec.to_builtins(estimate(table, one)) for one in POLICIES}
    return found


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer steps, one seed")
    given = parser.parse_args()
    found = measure(given.quick)
    if given.json:
        print(json.dumps(found))
        return 0
    table = Table("policy", "share of recommendations taken, by seed")
    for policy, shares in found["share_taken"].items():
        table.add_row(policy, ", ".join(f"{share:.1%}" for share in shares))
    console = Console()
    console.print(table)
    console.print({name: value for name, value in found.items() if name != "share_taken"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
