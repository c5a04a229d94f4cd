"""What the pipeline file says of recommendations reaches the recommender."""

from __future__ import annotations

from aimass.pipeline.definition import keys_of
from aimass.pipeline.kinds import KINDS, choice
from aimass.pipeline.recommending import RecommendDef
from aimass.stages.recommend import CANDIDATES, Recommender
from aimass.stages.recommend_view import RecommendSpec


def test_what_the_file_leaves_out_is_as_the_recommender_has_it() -> None:
    assert RecommendDef(name="shop", item="id").spec("p") == RecommendSpec("shop", "p", "id")


def test_every_condition_of_a_recommender_can_be_written() -> None:
    keys = keys_of(RecommendDef)
    assert {name for name, key in keys.items() if key.metadata["kind"] == "condition"} == set(Recommender.conditions)


def test_every_key_has_a_kind_that_can_be_read() -> None:
    kinds = {key.metadata["kind"] for key in keys_of(RecommendDef).values()} - {"choice"}
    assert kinds <= set(KINDS)
    assert choice("popular", keys_of(RecommendDef)["policy"].metadata["allowed"]) == "popular"
    assert f"up to {CANDIDATES}" in keys_of(RecommendDef)["size"].metadata["help"]
