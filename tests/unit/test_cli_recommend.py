"""What the commands about keys and recommendations say."""

from __future__ import annotations

from aimass.cli_help import Commands
from aimass.cli_recommend import _POLICIES, add_profile, add_recommend
from aimass.commands.profile import _print as print_profile
from aimass.commands.profile import facts
from aimass.commands.recommending import _print, report
from aimass.models.recommend.offpolicy import POLICIES
from aimass.rules.sight import Sight
from aimass.stages.profiles import Pins, Profiles, Tags
from aimass.stages.recommend import Recommender
from aimass.stages.recommend_view import RecommendSpec
from aimass.testing import MemoryOutputs, MemoryState, prediction


def shopped() -> tuple[MemoryState, MemoryOutputs]:
    state, out, tags = MemoryState(), MemoryOutputs(), Tags()
    state.now = 0.0
    said = [(key, item) for key in ("bob", "ann") for item in ("tea", "cup", "pot")]
    sight = Sight([prediction({"item": item}, key, 60.0 * i, i) for i, (key, item) in enumerate(said)])
    Profiles().run(sight, state)
    tags.give("ann", "keen", 1e4, state)
    tags.pin("ann", "jam", 2e4, "cart", state)
    recommender = Recommender(RecommendSpec("shop", "demo", "item"))
    recommender.run(sight, {}, Pins(tags, sight, [], state), state, out)
    recommender.on_time(1e5, state, out)
    return state, out


def test_a_key_is_described_from_its_rows() -> None:
    stored = shopped()[0].commit()
    rows = {name: bytes(8) + table["ann"] for name, table in stored.items() if "ann" in table}
    known = facts(rows)
    assert known["profile"]["events"] == 3
    assert known["tags"] == [{"tag": "keen", "until": 1e4}]
    assert known["pins"] == [{"item": "jam", "until": 2e4, "rule": "cart"}]
    assert [one["item"] for one in known["recommend"]["shop"]["looked_at"]] == ["pot", "cup", "tea"]
    assert known["recommend"]["shop"]["offered"][0]["items"][0] == "jam"


def test_a_key_is_shown_to_people(capsys) -> None:
    stored = shopped()[0].commit()
    print_profile(facts({name: bytes(8) + table["ann"] for name, table in stored.items() if "ann" in table}))
    shown = capsys.readouterr().out
    for word in ("last_seen", "keen", "jam", "cart", "looked at"):
        assert word in shown


def test_of_an_unknown_key_nothing_is_known() -> None:
    assert not any(facts({}).values())


def test_recommendations_are_measured_and_held_against_popularity(capsys) -> None:
    out = shopped()[1]
    outcomes = {one.recommendation: one for one in out.records("outcomes")}
    found = report(out.records("recommendations"), outcomes, "popular")
    assert (found["recommendations"], found["known"]) == (5, 5)
    assert found["off_policy"]["policy"] == "popular"
    assert "too little was tried out" in found["verdict"]
    _print("shop", found)
    assert "SNIPS" in capsys.readouterr().out


def test_the_policies_are_those_that_can_be_estimated() -> None:
    import argparse

    assert _POLICIES == POLICIES
    parser = argparse.ArgumentParser()
    commands = Commands(parser)
    add_profile(commands)
    add_recommend(commands)
    given = parser.parse_args(["recommend", "evaluate", "shop.toml", "--policy", "greedy"])
    assert (str(given.pipeline), given.policy, given.name) == ("shop.toml", "greedy", None)
