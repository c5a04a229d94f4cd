"""`aimass review` over a COLLECT and a JUDGE in memory: what is shown, and that orders do what they say."""

import argparse
import io
import json
import sys
from itertools import count

import pytest

from aimass.cli_help import Arguments, Commands
from aimass.cli_review import add_review
from aimass.client import Message
from aimass.codec import encode
from aimass.commands import review, review_work
from aimass.commands.review_orders import Effects, order
from aimass.commands.reviewing import by_cause, chosen, literally, one_of, read_patch, refusal, tasks_of
from aimass.errors import ClientError
from aimass.formats.book import SchemaBook
from aimass.pipeline import load
from aimass.pipeline.collecting import collect_stage, judge_stage
from aimass.records import Command, Event, Pane, Quarantined
from aimass.settings import Settings
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

PIPELINE = """
name = "p"
[[source]]
topic = "t"
key = "pump"
contract = "contract.toml"
clean = { site = "trim" }
"""
CONTRACT = """
name = "pumps"
[fields.heat]
type = "number"
required = true
most = 100
[fields.site]
values = ["A", "B"]
"""


class World:
    """A pipeline that collects and judges, in memory."""

    def __init__(self, folder):
        folder.joinpath("contract.toml").write_text(CONTRACT)
        self.file = folder / "p.toml"
        self.file.write_text(PIPELINE)
        pipeline = load(self.file)
        self._collect, self._judge = collect_stage(pipeline, {}, SchemaBook()), judge_stage(pipeline)
        self._states = {}
        self._offsets = count()
        self.log, self.reviews, self.sent = [], [], []
        self.now_ms = 1_700_000_000_000

    def produce(self, *values):
        texts = [json.dumps(value).encode() for value in values]
        return self._pass([MemoryRecord(one, offset=at, timestamp=self.now_ms) for at, one in enumerate(texts)])

    def order(self, one):
        self.sent.append(one)
        value = json.dumps({"command": one}).encode()
        return self._pass([MemoryRecord(value, topic="p.control", offset=next(self._offsets), timestamp=self.now_ms)])

    def _pass(self, records):
        """Give records to COLLECT, what it says to JUDGE, and so on; return what became of it, in its order."""
        out, judged = MemoryOutputs("log"), MemoryOutputs("quality")
        self._collect.on_batch(records, self._states.setdefault(records[0].topic, MemoryState()), out)
        seen = [Message("p.log", 0, 0, 0, None, encode(one), ()) for one in out.records("log")]
        self.log += out.records("log")
        told = [one for one in out.records("observations") if isinstance(one, Command | Quarantined | Pane)]
        self._judge.on_batch(told, self._states.setdefault("judge", MemoryState()), judged)
        self.reviews += judged.records("reviews")
        seen += [Message("p.reviews", 0, 0, 0, None, encode(one), ()) for one in judged.records("reviews")]
        for one in judged.records("redrive"):
            place = next(self._offsets)
            seen += self._pass([MemoryRecord(encode(one), topic="p.redrive", offset=place)])
        return seen


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.produce(
        {"pump": "a", "heat": 50, "site": "A"},
        {"pump": "b", "heat": 150, "site": "A"},
        {"pump": "c", "heat": 200, "site": "Z"},
        {"pump": "d", "site": " B "},
    )
    return made


@pytest.fixture
def aimass(world, monkeypatch, capsys):
    """Runs the command over the world; returns its exit code, what it printed, and what it sent."""

    def carry(settings, pipeline, orders, effects):
        assert pipeline == "p"
        for one in orders:
            for message in world.order(one):
                effects.take(message)

    async def messages(settings, topic):
        assert topic == "p.reviews"
        return [Message(topic, 0, at, 0, None, encode(one), ()) for at, one in enumerate(world.reviews)]

    monkeypatch.setattr(review, "carry", carry)
    monkeypatch.setattr(review_work, "carry", carry)
    monkeypatch.setattr(review, "_messages", messages)

    def run_command(*arguments, said=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        parser = argparse.ArgumentParser()
        add_review(Commands(parser))
        given = parser.parse_args(["review", *arguments], namespace=Arguments())
        code = given.run(Settings(bootstrap_servers="nowhere:9092"), given)
        return code, capsys.readouterr().out

    return run_command


def in_log(world):
    return {one.id: json.loads(bytes(one.data)) for one in world.log if isinstance(one, Event)}


def test_the_list_counts_by_cause_and_shows_the_newest_first(aimass):
    code, said = aimass("list", "p", "--json")
    found = json.loads(said)
    assert code == 0
    assert [(one["cause"], one["tasks"]) for one in found["causes"]] == [
        ("heat:most", 2), ("heat:required", 1), ("site:values", 1),
    ]  # fmt: skip
    assert [one["id"] for one in found["tasks"]] == ["t-0-3", "t-0-2", "t-0-1"]
    assert found["count"] == 3


def test_the_list_is_narrowed_by_cause_source_state_and_limit(aimass):
    def ids(*arguments):
        return [one["id"] for one in json.loads(aimass("list", "p", "--json", *arguments)[1])["tasks"]]

    assert ids("--cause", "site:*") == ["t-0-2"]
    assert ids("--cause", "heat:*", "--limit", "1") == ["t-0-3"]
    assert ids("--source", "other") == []
    aimass("reject", "p", "t-0-1")
    assert ids("--state", "rejected") == ["t-0-1"]


def test_the_list_is_a_table_for_people(aimass):
    said = aimass("list", "p")[1]
    assert "heat:most" in said
    assert "t-0-3" in said
    assert "There is no such record" in aimass("list", "p", "--cause", "nothing")[1]


def test_a_record_is_shown_as_it_came_with_its_causes_in_words_and_its_history(aimass, world):
    aimass("claim", "p", "t-0-2", "--by", "eve", "--why", "mine")
    found = json.loads(aimass("show", str(world.file), "t-0-2", "--json")[1])
    assert found["record"] == {"pump": "c", "heat": 200, "site": "Z"}
    assert found["words"] == ["heat is 200, more than 100", "site is 'Z', none of ['A', 'B']"]
    assert [(one["do"], one["by"], one["why"]) for one in found["history"]] == [
        ("quarantined", "", ""),
        ("claim", "eve", "mine"),
    ]
    said = aimass("show", str(world.file), "t-0-2")[1]
    assert "heat is 200, more than 100" in said
    assert "claimed by eve" in said


def test_words_are_of_the_record_as_it_was_cleaned(aimass, world):
    words = json.loads(aimass("show", str(world.file), "t-0-3", "--json")[1])["words"]
    assert words == ["heat is missing"]


def test_an_accepted_record_is_in_the_log_as_it_came_and_its_fate_is_told(aimass, world):
    code, said = aimass("accept", "p", "t-0-1", "--by", "eve", "--json")
    assert code == 0
    assert json.loads(said)["tasks"] == {"t-0-1": "accepted, in the log"}
    assert in_log(world)["t-0-1"] == {"pump": "b", "heat": 150, "site": "A"}


def test_a_rejected_record_stays_out(aimass, world):
    assert "rejected: t-0-1" in aimass("reject", "p", "t-0-1")[1]
    assert "t-0-1" not in in_log(world)


def test_all_records_of_a_cause_are_accepted_at_once_when_it_is_confirmed(aimass, world):
    code, said = aimass("accept", "p", "--cause", "heat:most", "--yes", "--by", "eve", "--json")
    assert code == 0
    assert world.sent == [{"do": "accept", "by": "eve", "match": {"cause": "heat:most"}}]
    assert json.loads(said)["tasks"] == dict.fromkeys(("t-0-1", "t-0-2"), "accepted, in the log")
    assert {"t-0-1", "t-0-2"} <= set(in_log(world))


def test_without_a_terminal_nothing_is_done_in_bulk_and_nothing_hangs(aimass, world):
    with pytest.raises(ClientError, match=r"accept 2 records \(cause heat:most\)\?.*say --yes"):
        aimass("accept", "p", "--cause", "heat:most")
    assert world.sent == []


@pytest.mark.parametrize(("answer", "is_sent"), [("y\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_a_person_is_asked(answer, is_sent, monkeypatch, capsys):
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    if is_sent:
        review.ask("accept 2 records?", yes=False)
    else:
        with pytest.raises(ClientError, match="nothing was done"):
            review.ask("accept 2 records?", yes=False)
    assert "accept 2 records? [y/N]" in capsys.readouterr().err


def test_ids_and_a_match_are_not_both_said(aimass):
    for more in ([], ["t-0-1", "--cause", "heat:*"]):
        with pytest.raises(ClientError, match="say which records"):
            aimass("accept", "p", *more)


def test_what_somebody_else_has_claimed_is_left_to_them(aimass, world):
    aimass("claim", "p", "t-0-1", "--by", "eve")
    with pytest.raises(ClientError, match="eve has claimed it"):
        aimass("accept", "p", "t-0-1", "--by", "ada")
    aimass("accept", "p", "--cause", "heat:most", "--yes", "--by", "ada")
    assert "t-0-1" not in in_log(world)
    assert "given back: t-0-1" in aimass("release", "p", "t-0-1", "--by", "ada")[1]


def test_what_is_done_is_done(aimass):
    aimass("reject", "p", "t-0-1", "--by", "eve")
    with pytest.raises(ClientError, match="rejected already, by eve"):
        aimass("accept", "p", "t-0-1")


def test_a_correction_goes_on_corrected(aimass, world):
    code, said = aimass("correct", str(world.file), "t-0-2", "--set", "heat=99", "--set", "site=B", "--by", "eve")
    assert code == 0
    assert "it keeps its contract" in said
    assert "corrected, in the log: t-0-2" in said
    assert in_log(world)["t-0-2"] == {"pump": "c", "heat": 99, "site": "B"}


def test_a_correction_that_would_be_refused_is_not_sent_unless_it_is_asked_for(aimass, world):
    with pytest.raises(ClientError, match="refused still: site:values"):
        aimass("correct", str(world.file), "t-0-2", "--set", "heat=99")
    assert world.sent == []
    said = aimass("correct", str(world.file), "t-0-2", "--set", "heat=99", "--anyway", "--json")[1]
    found = json.loads(said.splitlines()[-1])  # the first lines are of the first try
    assert (found["tasks"], found["broken"]) == ({"t-0-2": "open"}, {"t-0-2": ["site:values"]})


def test_a_field_can_be_taken_away_and_then_it_is_missing(aimass, world):
    with pytest.raises(ClientError, match="refused still: heat:required"):
        aimass("correct", str(world.file), "t-0-1", "--unset", "heat")


def test_by_name_alone_a_correction_is_sent_unchecked(aimass, world):
    assert "corrected" in aimass("correct", "p", "t-0-1", "--set", "heat=1")[1]
    assert in_log(world)["t-0-1"]["heat"] == 1


def test_the_log_tells_who_did_what_the_newest_last(aimass):
    aimass("claim", "p", "t-0-1", "--by", "eve")
    aimass("reject", "p", "t-0-1", "--by", "eve", "--why", "noise")
    lines = [json.loads(line) for line in aimass("log", "p", "--json")[1].splitlines()]
    assert [(one["id"], one["do"]) for one in lines[-2:]] == [("t-0-1", "claim"), ("t-0-1", "reject")]
    assert lines[-1]["why"] == "noise"
    assert "noise" in aimass("log", "p")[1]


def test_work_goes_through_all_by_keys(aimass, world):
    keys = "?\nc\nheat=1\nsite=A\n\nr\ns\n"
    said = aimass("work", str(world.file), "--by", "eve", said=keys)[1]
    assert "'?' is no key" in said
    assert [(one["do"], one["alert"]) for one in world.sent] == [("correct", "t-0-1"), ("reject", "t-0-2")]
    assert "done: 1 corrected, 1 rejected; left: 1" in said


def test_work_accepts_all_with_the_same_cause(aimass, world):
    said = aimass("work", str(world.file), "--by", "eve", said="A\nq\n")[1]
    assert "1 more with this cause: A accepts all" in said
    assert {"t-0-1", "t-0-2"} <= set(in_log(world))
    assert "t-0-3" not in in_log(world)


def test_work_asks_before_it_sends_what_would_be_refused(aimass, world):
    said = aimass("work", str(world.file), "--json", said="c\nheat=900\n\nn\nc\nheat=800\n\ny\nq\n")[1]
    assert [one["patch"] for one in world.sent] == [{"heat": 800}]
    assert json.loads(said) == {"done": {"correct": 1}, "left": 2}


def test_work_ends_where_its_input_ends(aimass, world):
    assert "done: nothing; left: 3" in aimass("work", "p", said="")[1]


def test_effects_do_not_depend_on_which_topic_is_read_first(world):
    tasks = tasks_of(world.reviews)
    effects = Effects("accept", "eve", {"t-0-1": tasks["t-0-1"]})
    seen = world.order(order("accept", task="t-0-1", by="eve", why=""))
    for message in reversed(seen):
        effects.take(message)
    assert effects.is_done
    assert effects.states == {"t-0-1": "accepted, in the log"}


def test_effects_of_others_are_not_taken_for_ones_own(world):
    effects = Effects("accept", "eve", {"t-0-1": tasks_of(world.reviews)["t-0-1"]})
    for message in world.order(order("accept", task="t-0-1", by="ada", why="")):
        effects.take(message)
    assert not effects.is_done
    assert effects.states == {}


def test_a_record_that_comes_again_is_the_newest(world):
    tasks = tasks_of([*world.reviews, world.reviews[0]])
    assert list(tasks) == ["t-0-2", "t-0-3", "t-0-1"]
    assert len(tasks["t-0-1"].history) == 2


def test_a_literal_cause_means_itself_alone(world):
    tasks = list(tasks_of(world.reviews).values())
    assert chosen(tasks, {"cause": literally("heat:*")}) == []
    assert len(chosen(tasks, {"cause": "heat:*"})) == 3
    assert by_cause(tasks)[0] == ("heat:most", "t", 2)


def test_a_word_that_means_none_or_several_is_refused(world):
    tasks = tasks_of(world.reviews)
    with pytest.raises(ClientError, match="beginning of 3 ids"):
        one_of(tasks, "t-0", "p")
    with pytest.raises(ClientError, match="aimass review list p"):
        one_of(tasks, "x", "p")
    assert refusal("release", tasks["t-0-1"], "eve") == "nobody has claimed it"


@pytest.mark.parametrize("wrong", [["heat"], ["=5"], []])
def test_what_is_no_correction_is_refused(wrong):
    with pytest.raises(ClientError, match="path"):
        read_patch(wrong, [])
