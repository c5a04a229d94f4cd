"""Recommendations: who gets what and why; rewards find their offers; cuts and restarts never show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aimass.records import Outcome, Prediction, Recommendation
from aimass.rules.sight import Sight
from aimass.stages.base import Outputs
from aimass.stages.profiles import Given, Pins, Tags
from aimass.stages.recommend import CANDIDATES, OPEN, Recommender
from aimass.stages.recommend_shelf import Shelf
from aimass.stages.recommend_view import RecommendSpec
from aimass.state import State
from aimass.testing import MemoryOutputs, MemoryState, check_stage, prediction, run_stage


class Shop:
    """A stage that recommends: events of type look, ask, buy, take; ``pin`` pins an item for a minute."""

    name = "shop"

    def __init__(self, **settings: Any) -> None:
        self.recommender = Recommender(RecommendSpec("shop", "demo", "item", **settings))
        self.tick_s: float | None = self.recommender.tick_s
        self.tags = Tags()

    def on_batch(self, events: Sequence[Prediction], state: State, out: Outputs) -> None:
        sight = Sight(events)
        kinds = sight.field("type").values()
        pinned = sight.field("pin").values()
        given = [Given(i, item, sight.times[i] + 60.0, "cart") for i, item in enumerate(pinned) if item]
        truths = {
            name: np.array([kind == word for kind in kinds], np.int8)
            for name, word in (("when", "ask"), ("interest", "look"), ("bought", "buy"), ("reward", "take"))
        }
        self.recommender.run(sight, truths, Pins(self.tags, sight, given, state), state, out)
        self.tags.take(sight, [], given, state)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        self.recommender.on_time(now, state, out)


def events(*said: tuple[str, float, str, str] | tuple[str, float, str, str, dict[str, Any]]) -> list[Prediction]:
    """Return events from (key, time, type, item) and, where there is, more."""
    found = []
    for i, (key, time, kind, item, *more) in enumerate(said):
        data = {"type": kind, "item": item, **(more[0] if more else {})}
        found.append(prediction(data, key, 1.7e9 + time, i))
    return found


def play(said: Sequence[Any], **settings: Any) -> tuple[list[Recommendation], list[Outcome]]:
    out, _ = run_stage(Shop(explore=1e-9, **settings), events(*said))
    return out.records("recommendations"), out.records("outcomes")


def offers(made: Recommendation) -> list[str]:
    return [one.item for one in made.offers]


#: Others looked at tea and cup together, and at nails and a hammer; the latter most often.
OTHERS = [
    (f"{key}{n}", 10.0 * n + i, "look", item)
    for n in range(4)
    for key, items in (("a", ["tea", "cup"]), ("b", ["nail", "hammer"]), ("c", ["nail", "hammer"]))
    for i, item in enumerate(items)
]


def test_what_goes_together_comes_before_what_is_popular() -> None:
    [made], _ = play([*OTHERS, ("me", 100.0, "look", "tea"), ("me", 101.0, "ask", "tea")])
    assert offers(made)[0] == "cup"
    assert made.offers[0].because == "because you viewed tea"
    assert made.popular == "hammer"


def test_a_new_key_gets_what_is_popular_in_its_segment_then_over_all() -> None:
    looks = [(f"k{n}", 1.0 * n, "look", item, {"seg": seg}) for n, (item, seg) in enumerate(
        [("tea", "nl")] * 2 + [("nail", "be")] * 5)]  # fmt: skip
    [made] = play([*looks, ("new", 100.0, "ask", "", {"seg": "nl"})], segment="seg")[0]
    assert [(one.item, one.because) for one in made.offers] == [("tea", "popular with nl"), ("nail", "popular")]


def test_nobody_is_offered_what_it_has_or_looks_at() -> None:
    said = [*OTHERS, ("me", 90.0, "buy", "cup"), ("me", 100.0, "look", "tea"), ("me", 101.0, "ask", "tea")]
    [made], _ = play(said, size=10)
    assert set(offers(made)) == {"nail", "hammer"}


def test_a_key_gets_no_more_a_day_than_the_cap() -> None:
    asks = [("me", 200.0 * 60 * n, "ask", "") for n in range(16)]  # 1.7e9 is at 22:13 UTC
    made, _ = play([*OTHERS, *asks], cap=2)
    days = [int(one.time // 86_400) for one in made]
    assert sorted(days.count(day) for day in set(days)) == [1, 2, 2] or max(days.count(d) for d in set(days)) == 2


def test_without_consent_nothing_is_offered_and_nothing_is_kept() -> None:
    said = [("me", 1.0 * n, kind, "tea", {"ok": ok}) for n, (kind, ok) in enumerate(
        [("look", False), ("ask", False), ("look", "yes"), ("look", None)])]  # fmt: skip
    out, state = run_stage(Shop(consent="ok"), events(*said))
    assert not out.emitted
    assert set(state.commit()) == {"recommend.shop.model"}


def test_who_withdraws_consent_is_forgotten() -> None:
    said = [("me", 1.0, "look", "tea", {"ok": True}), ("me", 2.0, "look", "cup", {"ok": False})]
    _, state = run_stage(Shop(consent="ok"), events(*said))
    rows = state.commit()
    assert "recommend.shop.keys" not in rows
    assert set(rows["recommend.shop.items"]) == {"tea"}


def test_who_looks_again_and_again_makes_nothing_popular() -> None:
    looks = [("mad", 1.0 * n, "look", "nail") for n in range(50)] + [
        (f"k{n}", 100.0 + n, "look", "tea") for n in (0, 1)
    ]
    [made], _ = play([*looks, ("new", 200.0, "ask", "")])
    assert offers(made) == ["tea", "nail"]


def test_what_a_rule_pinned_comes_first_and_says_so() -> None:
    said = [*OTHERS, ("me", 99.0, "", "", {"pin": "rope"}), ("me", 100.0, "look", "tea"), ("me", 101.0, "ask", "tea")]
    [made], _ = play(said)
    assert (made.policy, offers(made)[:2], made.offers[0].because) == ("pinned", ["rope", "cup"], "pinned by cart")
    assert made.offers[0].probability == 1.0


def test_a_reward_finds_the_newest_recommendation_that_offered_the_item() -> None:
    said = [*OTHERS, ("me", 100.0, "ask", ""), ("me", 101.0, "ask", ""), ("me", 160.0, "take", "hammer", {"eur": 9.5})]
    made, ends = play(said, value="eur")
    assert [(one.recommendation, one.item, one.reward, one.after_s) for one in ends] == [
        (made[1].id, "hammer", 9.5, 59.0)
    ]
    assert ends[0].probability == made[1].offers[ends[0].place].probability


def test_a_reward_is_given_once_and_to_nobody_else() -> None:
    said = [*OTHERS, ("me", 100.0, "ask", ""), *((key, 160.0, "take", "nail") for key in ("you", "me", "me"))]
    _, ends = play(said)
    assert [(one.key, one.item) for one in ends] == [("me", "nail")]


def test_what_nobody_takes_in_time_brought_nothing() -> None:
    said = [*OTHERS, ("me", 100.0, "ask", ""), ("me", 5000.0, "take", "nail"), ("me", 5001.0, "look", "tea")]
    made, ends = play(said)
    assert [(one.recommendation, one.item, one.place, one.reward) for one in ends] == [(made[0].id, "", -1, 0.0)]
    assert ends[0].probability == made[0].offers[0].probability


def test_a_key_has_few_recommendations_waiting() -> None:
    made, ends = play([*OTHERS, *(("me", 100.0 + n, "ask", "") for n in range(OPEN + 3))])
    assert [one.recommendation for one in ends] == [one.id for one in made[:3]]


def test_what_is_taken_is_learned() -> None:
    looks = [(f"k{n}", 1.0 * n, "look", f"i{n % 6}") for n in range(60)]
    trials = []
    for n in range(400):
        trials += [(f"t{n}", 100.0 + 4 * n, "ask", "")]
        trials += [(f"t{n}", 101.0 + 4 * n, "take", "i4")]
    made, _ = play([*looks, *trials], within_s=60.0)
    assert {one.offers[0].item for one in made[-50:]} == {"i4"}


def test_every_candidate_comes_first_as_often_as_its_probability_says() -> None:
    looks = [(f"k{n}", 1.0 * n, "look", f"i{n % 5}") for n in range(50)]
    asks = [(f"t{n}", 100.0 + n, "ask", "") for n in range(1500)]
    out, _ = run_stage(Shop(explore=0.5, policy="popular"), events(*looks, *asks))
    made = out.records("recommendations")
    first = [one.offers[0] for one in made]
    counts = {item: sum(one.item == item for one in first) / len(first) for item in {one.item for one in first}}
    likely = {one.item: one.probability for one in first}
    assert len(likely) == 5
    assert all(abs(counts[item] - likely[item]) < 0.04 for item in likely)


def test_a_reader_who_goes_on_is_told_only_of_its_running_session() -> None:
    said = [("a", 0.0, "look", "tea"), ("a", 5000.0, "look", "nail"), ("a", 5001.0, "look", "hammer")]
    _, state = run_stage(Shop(), events(*said))
    shelf = Shelf("recommend.shop", 30 * 86_400.0)
    near = {item: shelf.near(item, state) for item in ("tea", "nail")}
    assert [sorted(one.weights) for one in near.values() if one is not None] == [[], ["hammer"]]


def test_no_more_items_are_kept_than_fit_and_those_that_are_looked_at_stay() -> None:
    shelf, state = Shelf("s", 86_400.0, most=10), MemoryState()
    for n in range(200):
        for item in ("often", f"once{n}"):
            shelf.see(item, [], "", float(n), state)
    rows = state.commit()["s.items"]
    assert len(rows) == 10
    assert "often" in rows


def shopping(count: int) -> list[Prediction]:
    """Return a stream with all there is: late events, pins, rewards, purchases, strange items."""
    rng, said = np.random.default_rng(7), []
    kinds, items = ["look", "ask", "take", "buy"], ["tea", "cup", "pot", "jam", 7, "", None, "x" * 300]
    for n in range(count):
        time = 15.0 * n - (200.0 if rng.random() < 0.1 else 0.0)
        kind, item = kinds[rng.choice(4, p=[0.4, 0.3, 0.25, 0.05])], items[int(rng.integers(len(items)))]
        more = {"seg": ["nl", "be", 3, None][int(rng.integers(4))], "eur": float(rng.integers(3))}
        if rng.random() < 0.1:
            more["pin"] = "rope"
        said.append((f"k{rng.integers(4)}", time, kind, item, more))
    return events(*said)


def test_replays_cuts_and_restarts_give_the_same_bytes() -> None:
    check_stage(
        lambda: Shop(segment="seg", value="eur", within_s=300.0, explore=0.4, half_life_s=900.0),
        shopping(160),
        alone=shopping(10),
    )


def test_two_policies_see_the_same_candidates() -> None:
    said = shopping(150)
    made = [run_stage(Shop(policy=policy, within_s=300.0), said)[0] for policy in ("bandit", "popular")]
    counts = [[one.candidates for one in out.records("recommendations")] for out in made]
    assert counts[0] == counts[1]
    assert max(counts[0]) <= CANDIDATES


def test_without_ticks_recommendations_are_made_and_none_waits() -> None:
    shop, out, state = Shop(), MemoryOutputs(), MemoryState()
    shop.on_batch(events(*OTHERS, ("me", 100.0, "ask", "")), state, out)
    assert len(out.records("recommendations")) == 1
    assert not any(name.startswith("waiting") for name in state.commit())


def test_what_goes_together_is_what_plain_counting_finds() -> None:
    rng = np.random.default_rng(5)
    said = [(f"k{rng.integers(3)}", 400.0 * n, "look", f"i{rng.integers(6)}") for n in range(150)]
    _, state = run_stage(Shop(half_life_s=1e12), events(*said))
    counts: dict[tuple[str, str], int] = {}
    for key in ("k0", "k1", "k2"):
        recent: list[tuple[str, float]] = []
        for item, time in [(item, time) for who, time, _, item in said if who == key]:
            session, now = [], time
            for other, then in reversed(recent[-5:]):
                if now - then > 1800.0:
                    break
                session.append(other)
                now = then
            for other in session if item not in session else []:
                counts[item, other] = counts.get((item, other), 0) + 1
                counts[other, item] = counts.get((other, item), 0) + 1
            recent = [*(one for one in recent if one[0] != item), (item, time)][-10:]
    shelf = Shelf("recommend.shop", 1e12)
    found = {}
    for item in {item for item, _ in counts}:
        near = shelf.near(item, state)
        assert near is not None
        found.update({(item, other): round(weight, 3) for other, weight in near.weights.items()})
    assert found == counts
