"""Recommend: items for a key, from what it looked at, what is popular and what rules pinned; learned from outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from aimass.models.kernel import Floats
from aimass.models.recommend import bandit
from aimass.models.recommend.covisits import reasons, shares, strengths
from aimass.models.recommend.explore import choose
from aimass.records import Offer, Outcome, Prediction, Recommendation
from aimass.rules.columns import Truths
from aimass.rules.sight import Sight
from aimass.stages.base import Outputs
from aimass.stages.profiles import QUARTER, Pins
from aimass.stages.recommend_shelf import Shelf
from aimass.stages.recommend_view import Batch, RecommendSpec, Shopper
from aimass.stages.waiting import Waiting, WaitingRoom
from aimass.state import ObjectSpec, RowSpec, State

OPEN = 8  # recommendations of a key that wait for their outcome
_NEAR, _TREND, _ALL = 12, 5, 3  # candidates: from what goes together, from the segment, from all
_BESIDE = 6  # of the items that were looked at last say what goes together
CANDIDATES = _NEAR + _TREND + _ALL
_SLACK = 9 / 8  # outcomes wait a little longer than they may take, for late events


@dataclass(slots=True)
class _Scene:
    """What there is to choose from for one event.

    Parameters
    ----------
    items, pinned
        Candidates, those that are pinned first; and which rule pinned them.
    beside
        What goes with what the key looked at.
    x, scores
        Features and scores of the candidates.
    popular
        How popular they are.
    """

    items: list[str]
    pinned: dict[str, str]
    beside: Sequence[Any]
    x: Floats
    scores: Floats
    popular: Floats


class Recommender:
    """Offers items to keys and learns from what becomes of the offers.

    Candidates are what goes together with what the key looked at, what is popular in its segment and over all, and
    what rules pinned for it, without what it has and what it looks at now. A contextual bandit ranks them
    (`aimass.models.recommend.bandit`); now and then any of them comes first (`aimass.models.recommend.explore`), and
    the probabilities go along. An offer that is taken within its time is a reward; else there was none.

    State: an object a key (10 items looked at, 100 bought, 8 waiting recommendations), gone after 90 quiet days;
    the `Shelf`; the bandit's one row; what waits, until its time is up. All of it is of one partition: what goes
    together is learned from the keys of that partition.

    Parameters
    ----------
    spec
        What is recommended, to whom and when.

    Examples
    --------
    >>> from aimass.stages.profiles import Tags
    >>> from aimass.stages.recommend_view import RecommendSpec
    >>> from aimass.testing import MemoryOutputs, MemoryState, prediction
    >>> recommender, state, out = Recommender(RecommendSpec("shop", "p", "item")), MemoryState(), MemoryOutputs()
    >>> state.now = 0.0
    >>> views = [("ann", "tea"), ("ann", "cup"), ("bob", "tea")]
    >>> sight = Sight([prediction({"item": item}, key, 60.0 * i, i) for i, (key, item) in enumerate(views)])
    >>> recommender.run(sight, {}, Pins(Tags(), sight, [], state), state, out)
    >>> [(one.key, one.offers[0].item, one.offers[0].because) for one in out.records("recommendations")]
    [('ann', 'tea', 'because you viewed cup'), ('bob', 'cup', 'because you viewed tea')]
    """

    #: The conditions that `run` looks at by these names; those that are not given have their defaults: an item is
    #: enough for ``when`` and ``interest``, nothing is ``bought``, and any interest in an offer is a ``reward``.
    conditions = ("when", "interest", "bought", "reward")

    def __init__(self, spec: RecommendSpec) -> None:
        self.spec = spec
        name = f"recommend.{spec.name}"
        self._shelf = Shelf(name, spec.half_life_s)
        decode = msgspec.msgpack.Decoder(Shopper).decode
        encode = msgspec.msgpack.Encoder().encode
        self.shoppers: ObjectSpec[Shopper] = ObjectSpec(f"{name}.keys", encode, decode, QUARTER)
        self._room = WaitingRoom(name, spec.within_s * _SLACK, watched=True)
        self._model = RowSpec(f"{name}.model", np.dtype([("row", np.float64, (bandit.WIDTH,))]))

    @property
    def tick_s(self) -> float:
        """How often `on_time` has to be called, in seconds of event time: outcomes need it."""
        return self.spec.within_s / 8

    def run(self, sight: Sight, truths: Mapping[str, Truths], pins: Pins, state: State, out: Outputs) -> None:
        """Take the events of a batch in order: rewards, purchases, interest; then recommend where it is asked for.

        Parameters
        ----------
        sight
            The batch.
        truths
            By the names in `conditions`.
        pins
            What rules pinned.
        state, out
            The partition's state; recommendations go to ``recommendations``, what became of them to ``outcomes``.
        """
        batch = Batch(self.spec, sight, truths)
        if not batch.chosen:
            return
        table = state.objects(self.shoppers)
        with state.rows(self._model).updating([""]) as (slots, rows):
            model = rows["row"][slots[0]]
            for i in batch.chosen:
                event = sight.predictions[i]
                shopper = table.get(event.key)
                if batch.withdrawn[i]:
                    if shopper is not None:
                        table.delete(event.key)
                    continue
                shopper = shopper or Shopper()
                shopper.now = max(shopper.now, event.time)
                if batch.pays[i]:
                    self._reward(event, batch.items[i], float(batch.worth[i]), shopper, model, state, out)
                if batch.buys[i]:
                    shopper.buy(batch.items[i])
                if batch.likes[i]:
                    session = shopper.session()
                    if batch.items[i] not in session:  # who looks again and again is one who looks
                        self._shelf.see(batch.items[i], session, batch.segments[i], shopper.now, state)
                    shopper.look(batch.items[i])
                if batch.asks[i] and shopper.may_have(self.spec.cap):
                    self._recommend(i, event, batch, shopper, pins, model, state, out)
                table.put(event.key, shopper)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Close the recommendations of which nothing was taken in time."""
        late = list(self._room.expired(now, state))
        if not late:
            return
        with state.rows(self._model).updating([""]) as (slots, rows):
            for waiting in late:
                self._close(waiting, rows["row"][slots[0]], "", 0.0, now, state, out)

    def _recommend(self, i: int, event: Prediction, batch: Batch, shopper: Shopper, pins: Pins, model: Floats,
                   state: State, out: Outputs) -> None:  # fmt: skip
        """Offer the best of what there is, and let it wait for its outcome."""
        spec, segment = self.spec, batch.segments[i]
        scene = self._scene(batch.items[i], segment, shopper, pins.at(i), model, state)
        if not scene.items:
            return
        fixed = min(len(scene.pinned), spec.size)
        free = choose(scene.scores[fixed:].tolist(), spec.size - fixed, spec.explore, f"{event.id}\0{spec.name}")
        chosen = [*((k, 1.0) for k in range(fixed)), *((fixed + k, p) for k, p in free)]
        offers = [Offer(scene.items[k], float(scene.scores[k]), p, self._because(k, scene, segment, state))
                  for k, p in chosen]  # fmt: skip
        popular = scene.popular[fixed:]
        made = Recommendation(
            f"{event.id}-{spec.name}", event.key, event.time, event.pipeline, event.source, spec.name, offers, segment,
            "pinned" if fixed else spec.policy, scene.items[fixed + int(popular.argmax())] if len(popular) else "",
            len(popular),
        )  # fmt: skip
        out.emit(made, to="recommendations")
        shopper.made += 1
        x = scene.x[[k for k, _ in chosen]]
        x[:, bandit.PLACE] = np.arange(len(chosen)) / spec.size
        self._wait(made, x, shopper, model, state, out)

    def _scene(self, item: str, segment: str, shopper: Shopper, pinned: dict[str, str], model: Floats,
               state: State) -> _Scene:  # fmt: skip
        """Find candidates and score them."""
        without = {item, *shopper.bought}
        pinned = {one: rule for one, rule in pinned.items() if one not in without}
        recent = [one for one, _ in reversed(shopper.recent)]
        beside = shares([(one, self._shelf.near(one, state)) for one in recent[:_BESIDE]])
        near = strengths(beside)
        items = [*list(pinned)[: self.spec.size], *self._candidates(near, segment, {*without, *pinned}, state)]
        usual = float(model[bandit.SUM] / model[bandit.COUNT]) if model[bandit.COUNT] > 0.0 else 0.0
        x = self._shelf.describe(items, segment, near, usual, shopper.now, state)
        x[:, bandit.SEEN] = [one in recent for one in items]
        popular = x[:, bandit.TREND] + 0.1 * x[:, bandit.TREND_ALL]
        scores = popular
        if self.spec.policy == "bandit":
            scores = np.empty(len(items))
            bandit.rank(model, x, bandit.PRIOR, scores)
        return _Scene(items, pinned, beside, x, scores, popular)

    def _candidates(self, near: dict[str, float], segment: str, not_again: set[str], state: State) -> list[str]:
        """Return what may be offered, the best known first: what goes together, then what is popular."""
        best = [item for item in sorted(near, key=near.__getitem__, reverse=True) if item not in not_again]
        found = dict.fromkeys(best[:_NEAR])
        for one, most in ((segment, _NEAR + _TREND), ("", CANDIDATES)):
            trend = self._shelf.trending(one, state)
            for item in () if trend is None else trend.top(CANDIDATES + len(not_again)):
                if len(found) >= most:
                    break
                if item not in not_again:
                    found[item] = None
        return list(found)

    def _because(self, k: int, scene: _Scene, segment: str, state: State) -> str:
        """Say in words why a candidate is offered."""
        item = scene.items[k]
        if item in scene.pinned:
            return f"pinned by {scene.pinned[item]}"
        said = reasons(item, scene.beside)
        if said:
            return f"because you viewed {' and '.join(said)}"
        trend = self._shelf.trending(segment, state) if segment else None
        return f"popular with {segment}" if trend is not None and item in trend.weights else "popular"

    def _wait(self, made: Recommendation, x: Floats, shopper: Shopper, model: Floats, state: State,
              out: Outputs) -> None:  # fmt: skip
        """Let a recommendation wait for its outcome; the oldest of the key is over when there are too many."""
        if state.now == -math.inf:  # without ticks nothing would ever be over
            return
        said = msgspec.msgpack.encode([(one.item, one.probability) for one in made.offers])
        self._room.keep(state, Waiting(made.id, made.key, made.time, made.source, made.segment, x.tobytes(), said))
        shopper.open.append((made.id, made.time, [one.item for one in made.offers]))
        while len(shopper.open) > OPEN:
            waiting = self._room.claim(state, shopper.open.pop(0)[0])
            if waiting is not None:
                self._close(waiting, model, "", 0.0, shopper.now, state, out)

    def _reward(self, event: Prediction, item: str, worth: float, shopper: Shopper, model: Floats, state: State,
                out: Outputs) -> None:  # fmt: skip
        """Give the reward to the newest recommendation that offered the item."""
        for one in reversed(shopper.open):
            name, time, offered = one
            if item in offered and 0.0 <= event.time - time <= self.spec.within_s:
                shopper.open.remove(one)
                waiting = self._room.claim(state, name)
                if waiting is not None:
                    self._close(waiting, model, item, worth, event.time, state, out)
                    return

    def _close(self, waiting: Waiting, model: Floats, item: str, reward: float, time: float, state: State,
               out: Outputs) -> None:  # fmt: skip
        """Tell what became of a recommendation, and learn it; of offers after the one taken nothing is known."""
        offers: list[tuple[str, float]] = msgspec.msgpack.decode(waiting.votes)
        items = [one for one, _ in offers]
        place = items.index(item) if item else -1
        out.emit(
            Outcome(
                f"{waiting.id}-outcome", waiting.key, time, self.spec.pipeline, waiting.source, self.spec.name,
                waiting.id, item, place, reward, offers[max(place, 0)][1], time - waiting.time,
            ),
            to="outcomes",
        )  # fmt: skip
        seen = place + 1 if item else len(items)
        rewards = np.zeros(seen)
        if item:
            rewards[place] = reward
        x = np.frombuffer(waiting.x).reshape(-1, bandit.D)[:seen]
        bandit.learn(model, x, rewards, time, self.spec.half_life_s)
        for one, brought in zip(items, rewards.tolist(), strict=False):
            self._shelf.judge(one, waiting.segment, brought, time, state)
