"""`aimass collect`: what feeds would bring, without Kafka and without a trace; and what it needs to bring it."""

import argparse
import asyncio
import json

import pytest

from aimass.cli_collect import add_collect
from aimass.cli_help import Arguments, Commands
from aimass.commands import collect as collecting
from aimass.commands import collect_dry
from aimass.commands.collect import chosen, first_rows
from aimass.commands.collect_dry import Sample, arrive
from aimass.errors import ClientError, WorldFault
from aimass.feeds import make
from aimass.feeds.base import Portion, Row
from aimass.formats.book import SchemaBook
from aimass.pipeline import load
from aimass.settings import Settings
from aimass.testing import MemoryRecord

PIPELINE = """
name = "p"

[[source]]
topic = "pumps"
feed = "{folder}/*.jsonl"
key = "pump"
time = "at"
id = "n"
only = "pump != 'ghost'"
contract = "{folder}/c.toml"
clean = {{ heat = "number", site = "default A" }}

[[source]]
topic = "orders"
feed = "push"

[[source]]
topic = "made"
"""
CONTRACT = """
name = "c"
[fields.heat]
type = "number"
most = 100
[fields.note]
max_length = 3
level = "warning"
"""
LINES = [
    '{"n":1,"at":5,"pump":"a","heat":"50","site":"B"}',
    '{"n":2,"at":6,"pump":"a","heat":500}',
    '{"n":3,"at":7,"pump":"ghost"}',
    '{"n":4,"at":',
    '{"n":5,"at":8,"pump":"b","note":"too long","heat":1,"site":"B"}',
    '{"n":6,"at":9,"pump":"b","heat":1,"site":"B"}',
]


@pytest.fixture
def file(tmp_path):
    tmp_path.joinpath("c.toml").write_text(CONTRACT)
    tmp_path.joinpath("a.jsonl").write_text("\n".join(LINES) + "\n")
    made = tmp_path / "p.toml"
    made.write_text(PIPELINE.format(folder=tmp_path))
    return made


@pytest.fixture
def aimass(tmp_path, file, capsys):
    """Runs the command where no Kafka is; returns its exit code, and what it printed."""

    def run_command(*arguments):
        parser = argparse.ArgumentParser()
        add_collect(Commands(parser))
        given = parser.parse_args(["collect", str(file), *arguments], namespace=Arguments())
        code = given.run(Settings(home=tmp_path / "home"), given)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_command


def test_a_dry_run_shows_what_becomes_of_each_row_without_kafka(aimass):
    code, said, _ = aimass("--dry-run", "--json", "--source", "pumps")
    found = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [(one["id"], one["fate"]) for one in found] == [
        ("1", "log"),
        ("2", "quarantined"),
        ("pumps-0-2", "left out"),
        ("pumps-0-3", "deadletters"),
        ("5", "tagged"),
        ("6", "log"),
    ]


def test_it_says_what_was_changed_what_is_broken_and_why_not(aimass):
    found = [json.loads(line) for line in aimass("--dry-run", "--json", "--source", "pumps")[1].splitlines()]
    assert found[0]["changes"] == ["heat was '50'"]
    assert json.loads(found[0]["data"])["heat"] == 50
    assert (found[0]["key"], found[0]["time"]) == ("a", 5.0)
    assert found[1]["why"] == ["heat:most"]
    assert found[2]["why"] == ["`only` is not true of it: pump != 'ghost'"]
    assert "truncated JSON" in found[3]["why"][0]
    assert found[4]["why"] == ["note:max_length"]


def test_it_shows_as_many_as_are_asked_for(aimass):
    assert len(aimass("--dry-run", "2", "--json", "--source", "pumps")[1].splitlines()) == 2


def test_people_see_a_table_and_why_a_source_has_nothing(aimass):
    code, said, _ = aimass("--dry-run")
    assert code == 0
    assert "quarantined" in said
    assert "others push to it" in said
    assert "no Kafka runs in" in said


def test_a_dry_run_leaves_no_trace(aimass, tmp_path):
    before = sorted(tmp_path.iterdir())
    aimass("--dry-run", "--source", "pumps")
    assert sorted(tmp_path.iterdir()) == before


def test_a_source_that_is_not_there_is_named(aimass, file):
    with pytest.raises(ClientError, match="'x' is no source of 'p'; there are: pumps, orders, made"):
        aimass("--dry-run", "--source", "x")
    assert [one.topic for one in chosen(file, "made").sources] == ["made"]


def test_without_a_feed_there_is_nothing_to_run(aimass):
    with pytest.raises(ClientError, match="no source of 'p' has a feed"):
        aimass("--source", "made")


def test_running_feeds_needs_kafka(aimass):
    with pytest.raises(ClientError, match="aimass up"):
        aimass("--source", "pumps")


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1001"])
def test_how_many_is_a_number_that_can_be_shown(aimass, wrong):
    with pytest.raises(SystemExit):
        aimass("--dry-run", wrong)


def test_a_long_value_is_cut_to_the_width(file, capsys):
    pipeline = load(file)
    record = MemoryRecord(json.dumps({"n": 1, "at": 5, "pump": "a", "text": "x" * 5000}).encode(), topic="pumps")
    collect_dry._print(Sample("pumps"), arrive(pipeline, [record], SchemaBook()))
    said = capsys.readouterr().out
    assert "…" in said
    assert len(said) < 1500


def test_what_came_before_is_left_out_as_a_duplicate(tmp_path, file):
    file.write_text(file.read_text().replace('id = "n"', 'id = "n"\ndedupe = "1h"').replace("only = ", "# only = "))
    pipeline = load(file)
    record = MemoryRecord(LINES[5].encode(), topic="pumps")
    again = MemoryRecord(LINES[5].encode(), topic="pumps", offset=1)
    assert [one.why for one in arrive(pipeline, [record, again], SchemaBook())] == [
        (),
        ("its id came before (`dedupe`)",),
    ]


class Slow:
    """A feed that brings some rows, and then nothing for ever."""

    name = "slow"

    def __init__(self, portions, error=None):
        self._portions, self._error = portions, error

    async def portions(self, position):
        assert position is None
        for rows in self._portions:
            yield Portion(rows, 1)
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("portions", "wanted"), [([], []), ([[Row(b"a")], [Row(b"b")]], [b"a", b"b"]), ([[Row(b"a"), Row(b"b")]] * 9, 6)]
)
def test_a_feed_is_read_until_it_rests_or_has_brought_enough(monkeypatch, portions, wanted):
    monkeypatch.setattr(make, "make_feed", lambda source, environ: Slow(portions))
    rows = asyncio.run(first_rows(None, 6, patience_s=0.3, quiet_s=0.1))
    assert (len(rows) if wanted == 6 else [row.value for row in rows]) == wanted


def test_a_feed_that_fails_says_why(monkeypatch, tmp_path, file):
    monkeypatch.setattr(make, "make_feed", lambda source, environ: Slow([], WorldFault("the disk is away")))
    pipeline = load(file)
    sample = asyncio.run(collect_dry._sample(Settings(home=tmp_path), pipeline, pipeline.sources[0], 3))
    assert (sample.records, sample.note) == ([], "the disk is away")


def test_rows_are_counted_by_topic(capsys):
    counts = {"pumps": 0}
    collecting._add(counts, "pumps", 3)
    collecting._line([], counts, {"pumps": 1}, True)
    assert json.loads(capsys.readouterr().out)["feeds"] == {"pumps": {"rows": 3, "new": 2}}
