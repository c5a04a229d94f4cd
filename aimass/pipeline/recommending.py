"""What a pipeline file says of recommendations: `[[recommend]]`."""

from __future__ import annotations

from dataclasses import dataclass

from aimass.pipeline.setting import setting
from aimass.stages.recommend_view import POLICIES, RecommendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendDef:
    """`[[recommend]]`: offers items to keys, on `<pipeline>.recommendations`, and learns from what they take.

    Examples
    --------
    >>> RecommendDef(name="shop", item="product").spec("store").within_s
    3600.0
    """

    name: str = setting("name", "names it in recommendations and outcomes")
    item: str = setting("path", "where the item's id stands: text or a whole number")
    when: str | None = setting(
        "condition", "which events ask for a recommendation", default=None, shown="every event with an item"
    )
    interest: str | None = setting(
        "condition", "which events show interest in their item", default=None, shown="every event with an item"
    )
    bought: str | None = setting(
        "condition", "which events say that the key has the item: it is not offered again", default=None, shown="none"
    )
    reward: str | None = setting(
        "condition", "which events are a reward, where their item was offered", default=None, shown="any interest"
    )
    value: str | None = setting("path", "where the reward's worth stands, above 0", default=None, shown="1 each")
    segment: str | None = setting("path", "where the key's segment stands", default=None, shown="one segment")
    consent: str | None = setting(
        "path",
        "only events with `true` here are looked at; others leave nothing, and `false` erases what is known of the key",
        default=None,
        shown="not asked",
    )
    within: float = setting("duration", "how long after an offer it can be taken, in event time", default=3600.0)
    size: int = setting("count", "how many items a recommendation has at most, up to 20", default=3)
    cap: int | None = setting(
        "count", "how many recommendations a key gets a day (UTC) at most", default=None, shown="any number"
    )
    explore: float = setting(
        "share", "the share of recommendations that begin with any candidate, to learn of it", default=0.1
    )
    policy: str = setting(
        "choice",
        "what ranks the candidates: what was learned from outcomes, or popularity alone",
        default="bandit",
        allowed=POLICIES,
    )
    half_life: float = setting(
        "duration", "after this long what was learned counts half; popularity ten times sooner", default=2_592_000.0
    )

    def spec(self, pipeline: str) -> RecommendSpec:
        """Return what a recommender needs to know, but for its conditions."""
        return RecommendSpec(
            name=self.name,
            pipeline=pipeline,
            item=self.item,
            segment=self.segment,
            consent=self.consent,
            value=self.value,
            within_s=self.within,
            size=self.size,
            cap=self.cap,
            explore=self.explore,
            policy=self.policy,
            half_life_s=self.half_life,
        )
