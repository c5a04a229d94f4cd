"""`aimass quality` shows how data stands now, and sends orders about gates that JUDGE obeys."""

import argparse
import json

import pytest

from aimass.cli_help import Arguments, Commands
from aimass.cli_quality import add_quality
from aimass.client import Message
from aimass.codec import encode
from aimass.commands import quality, quality_topics
from aimass.errors import ClientError
from aimass.quality.contracts.contract import Contract
from aimass.quality.gates import GateSpec
from aimass.quality.indicators import INDICATORS, Asked
from aimass.records import Gate, Pane
from aimass.settings import Settings
from aimass.stages.control import ControlReader
from aimass.stages.judge import JudgeStage
from aimass.stages.judging import SourceSpec
from aimass.testing import MemoryRecord, run_stage
from tests.unit.quality.faulty import BAD, START, day


@pytest.fixture
def aimass(monkeypatch, capsys):
    """Runs the command over these topics; returns its exit code, what it printed, and what it sent."""

    def run(*arguments, judgements=None, by="eve"):
        seen = day()
        topics = {
            "plant.quality": seen.judgements if judgements is None else judgements,
            "plant.reviews": seen.reviews,
            "plant.control": [{"gate": one} for one in seen.gates],
        }

        async def messages(settings, topic, from_="beginning"):
            found = topics.get(topic)
            start = 0 if from_ == "beginning" else from_
            if found is None:
                return None
            return [Message(topic, 0, i, 0, None, encode(one), ()) for i, one in enumerate(found)][start:]

        sent = []
        monkeypatch.setattr(quality_topics, "messages", messages)
        monkeypatch.setattr(quality, "send", lambda settings, pipeline, key, body: sent.append((pipeline, key, body)))
        monkeypatch.setattr(quality, "login", lambda: by)
        parser = argparse.ArgumentParser()
        add_quality(Commands(parser))
        given = parser.parse_args(["quality", *arguments], namespace=Arguments())
        code = given.run(Settings(bootstrap_servers="nowhere:9092"), given)
        return code, capsys.readouterr().out, sent

    return run


def test_a_pipeline_alone_is_shown(aimass):
    assert aimass("plant") == aimass("show", "plant")
    code, said, _ = aimass("plant")
    assert code == 0
    for word in ("plant.pumps", "plant.orders", "unknown", "open (pass)", "140 records wait for people"):
        assert word in said


def test_the_state_is_json_for_programs(aimass):
    found = json.loads(aimass("plant", "--json")[1])
    assert list(found) == ["pipeline", "sources", "gates", "waiting"]
    orders, pumps = found["sources"]
    assert list(pumps["indicators"]) == list(INDICATORS)
    assert (orders["indicators"]["timeliness"]["value"], pumps["indicators"]["freshness"]["value"]) == (None, 1.0)
    assert sum(one["waiting"] for one in found["sources"]) == found["waiting"] == 140


def test_the_last_whole_pane_is_shown_not_one_that_has_just_begun(aimass):
    until = START + 60 * BAD[0] + 130
    seen = [one for one in day().judgements if one.time + 60 * one.is_complete <= until]
    (pumps,) = [
        one for one in json.loads(aimass("plant", "--json", judgements=seen)[1])["sources"] if "pumps" in one["source"]
    ]
    assert pumps["pane"] <= pumps["newest"]
    assert pumps["indicators"]["validity"]["value"] < 0.9


def test_what_was_read_is_not_read_again(aimass, monkeypatch):
    aimass("plant")
    asked = []
    inner = quality_topics.messages

    async def messages(settings, topic, from_="beginning"):
        asked.append((topic, from_))
        return await inner(settings, topic, from_)

    monkeypatch.setattr(quality_topics, "messages", messages)
    reader = quality.Reader(Settings(bootstrap_servers="nowhere:9092"), "plant")
    first, second = reader.read().facts(), reader.read().facts()
    assert first == second
    assert ("plant.quality", len(day().judgements)) in asked


def test_gates_have_a_history(aimass):
    code, said, _ = aimass("gates", "plant")
    assert code == 0
    assert "10 min 50 s" in said
    (found,) = json.loads(aimass("gates", "plant", "--json")[1])
    assert (found["gate"], found["is_closed"], len(found["closings"])) == ("hot", False, 1)


def test_a_gate_is_closed_by_a_persons_word(aimass):
    _, said, sent = aimass("close", "plant", "plant.pumps", "hot", "--why", "broken")
    assert sent == [
        ("plant", "plant.pumps", {
            "command": {"do": "close", "key": "plant.pumps", "alert": "hot", "by": "eve", "why": "broken"}
        })
    ]  # fmt: skip
    assert "hot of plant.pumps" in said


def test_without_a_name_all_gates_are_meant(aimass):
    _, said, sent = aimass("open", "plant", "plant.pumps", "--why", "mended", "--json")
    assert sent[0][2] == json.loads(said) == {
        "command": {"do": "open", "key": "plant.pumps", "alert": "", "by": "eve", "why": "mended"}
    }  # fmt: skip


def test_who_has_no_name_holds_a_gate_all_the_same(aimass):
    assert aimass("close", "plant", "plant.pumps", "--why", "x", by="")[2][0][2]["command"]["by"] == "somebody"


def test_judge_obeys_the_order(aimass):
    body = aimass("close", "plant", "plant.pumps", "hot", "--why", "broken")[2][0][2]
    order = ControlReader("plant.control").order(MemoryRecord(encode(body), topic="plant.control"), "plant")
    spec = SourceSpec("plant.pumps", Asked(Contract(name="c")), (GateSpec(name="hot", source="plant.pumps"),))
    pane = Pane("x", "plant.pumps", 65.0, "plant", "t-0", 0.0, 60.0, 1, records=900, valid=900)
    out, _ = run_stage(JudgeStage("plant", [spec]), [order, pane], until=120.0)
    told = [json.loads(value)["gate"] for to, _, value in out.emitted if to == "control"]
    assert [(one["gate"], one["is_closed"], one["by"], one["why"]) for one in told] == [("hot", True, "eve", "broken")]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("plant.pump",), "'plant.pump' is no source of plant that is judged; there are: plant.orders, plant.pumps"),
        (("plant.pumps", "cold"), "plant.pumps has no gate 'cold'; there are: hot"),
        (("plant.orders",), "plant.orders has no gate: add a"),
    ],
)
def test_what_is_not_there_cannot_be_turned(aimass, arguments, why):
    with pytest.raises(ClientError, match=why):
        aimass("open", "plant", *arguments, "--why", "x")


def test_a_pipeline_that_judges_nothing_says_how_it_would(aimass):
    with pytest.raises(ClientError, match="`contract` at a source"):
        aimass("other")


def test_before_anything_was_judged_that_is_said(aimass):
    assert "Nothing was judged yet" in aimass("plant", judgements=[])[1]


def test_a_held_gate_shows_who_holds_it():
    now = quality.Now("plant")
    now.judged(day().judgements)
    last = day().gates[-1]
    now.turned(
        [
            *day().gates,
            Gate("x", last.key, last.time + 60, "plant", last.source, "hot", "tag", "fail", True, "ada", "no"),
        ]
    )
    (found,) = now.gates()
    assert (found.is_closed, found.closings[-1].by) == (True, "ada")
