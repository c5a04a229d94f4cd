"""Off-policy estimates tell the truth of a simulation; measures tell what was offered and taken."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aimass.models.recommend.explore import choose
from aimass.models.recommend.measures import measure, wilson
from aimass.models.recommend.offpolicy import Interval, estimate, logged
from aimass.records import Offer, Outcome, Recommendation, Source

ITEMS = ["a", "b", "c", "d"]
#: What each item brings when it is first: popularity prefers c, the scores prefer a.
WORTH = {"a": 0.4, "b": 0.1, "c": 0.25, "d": 0.05}
TRUTH = {"popular": WORTH["c"], "random": sum(WORTH.values()) / 4, "greedy": WORTH["a"]}
AT = Source("t", 0, 0)


def log(count: int, explore: float, seed: int) -> tuple[list[Recommendation], list[Outcome]]:
    rng, made, ends = np.random.default_rng(seed), [], []
    for n in range(count):
        chosen = choose([0.9, 0.5, 0.6, 0.1], 2, explore, f"{seed}-{n}")
        offers = [Offer(ITEMS[k], 0.0, p) for k, p in chosen]
        made.append(Recommendation(f"r{n}", f"k{n % 50}", float(n), "p", AT, "s", offers, "", "bandit", "c", 4))
        place = 0 if rng.random() < WORTH[offers[0].item] else 1 if rng.random() < 0.1 else -1
        item = offers[place].item if place >= 0 else ""
        ends.append(Outcome(f"o{n}", f"k{n % 50}", float(n), "p", AT, "s", f"r{n}", item, place, float(place >= 0)))
    return made, ends


@pytest.mark.parametrize("policy", ["popular", "random", "greedy"])
def test_intervals_hold_the_truth_about_95_times_in_100(policy: str) -> None:
    held = {"ips": 0, "snips": 0, "dr": 0}
    for seed in range(100):
        found = estimate(logged(*log(600, 0.5, seed)), policy)
        for name in held:
            one: Interval = getattr(found, name)
            held[name] += one.low <= TRUTH[policy] <= one.high
    assert all(88 <= count <= 100 for count in held.values()), held


@pytest.mark.parametrize("policy", ["popular", "random", "greedy"])
def test_estimates_are_right_on_the_average(policy: str) -> None:
    found = [estimate(logged(*log(600, 0.5, seed)), policy) for seed in range(100)]
    for name in ("ips", "snips", "dr"):
        values = np.array([getattr(one, name).value for one in found])
        assert abs(values.mean() - TRUTH[policy]) < 4 * values.std() / 10


def test_a_model_of_rewards_narrows_the_interval() -> None:
    found = estimate(logged(*log(4000, 0.2, 1)), "popular")
    assert found.dr.high - found.dr.low < 0.9 * (found.ips.high - found.ips.low)


def test_rare_trials_count_for_little() -> None:
    assert estimate(logged(*log(2000, 0.02, 1)), "popular").effective < 50
    assert estimate(logged(*log(2000, 0.02, 1)), "greedy").effective > 1900


def test_of_nothing_nothing_is_estimated() -> None:
    found = estimate(logged([], []), "popular")
    assert math.isnan(found.snips.value)
    assert (found.effective, found.events) == (0.0, 0)


def test_what_was_pinned_or_still_waits_is_left_out() -> None:
    made, ends = log(3, 0.2, 1)
    pinned = Recommendation("r9", "k", 0.0, "p", AT, "s", [Offer("a", 0.0, 1.0)], "", "pinned", "c", 4)
    assert len(logged([*made, pinned], ends[:2]).items) == 2


def test_measures_tell_what_was_taken_and_where() -> None:
    offers = [Offer("a", 0.0, 0.9), Offer("b", 0.0, 0.9)]
    made = [Recommendation(f"r{n}", f"k{n}", 0.0, "p", AT, "s", offers, "", "bandit", "a", 2) for n in range(4)]
    ends = [("r0", "a", 0, 2.0), ("r1", "b", 1, 1.0), ("r2", "", -1, 0.0)]
    outcomes = {id: Outcome("o", "k", 0.0, "p", AT, "s", id, item, place, reward) for id, item, place, reward in ends}
    found = measure(made, outcomes)
    assert (found.recommendations, found.known, found.items, found.explored) == (4, 3, 2, 0.0)
    assert found.taken == wilson(2, 3)
    assert found.reward.value == 1.0
    assert found.ndcg == pytest.approx((1 + 1 / math.log2(3)) / 2)
    assert found.novelty == 0.0  # every key was offered both


def test_of_no_recommendations_measures_are_unknown() -> None:
    found = measure([], {})
    assert math.isnan(found.taken.value)
    assert found.recommendations == found.items == 0
