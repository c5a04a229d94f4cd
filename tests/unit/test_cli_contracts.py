"""`aimass contract`, over files: nothing of Kafka is needed."""

import json
from pathlib import Path

import pytest

from aimass import cli
from aimass.client import Message
from aimass.commands.samples import sampled
from aimass.pipeline import SourceDef
from aimass.pipeline.contracts import load

EXAMPLES = Path(__file__).parents[2] / "examples/contracts"
CONTRACT = """
name = "orders"
version = "1.0.0"
[fields.amount]
type = "number"
required = true
most = 100
[[check]]
name = "adds-up"
that = "amount >= net"
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMASS_HOME", str(tmp_path))
    monkeypatch.delenv("AIMASS_BOOTSTRAP_SERVERS", raising=False)


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "orders.toml"
    made.write_text(CONTRACT)
    return made


def said(capsys, *arguments):
    code = cli.main([str(one) for one in arguments])
    return code, capsys.readouterr()


def test_check_lists_what_is_expected(file, capsys):
    code, printed = said(capsys, "contract", "check", file, EXAMPLES / "orders.toml")
    assert code == 0
    for words in (
        "amount  number  always",
        "most 100",
        "check adds-up: amount >= net",
        "values open, paid, sent, void",
    ):
        assert words in printed.out
    code, printed = said(capsys, "contract", "check", file, "--json")
    assert [(one["name"], one["fields"][0]["most"], one["notes"]) for one in json.loads(printed.out)] == [
        ("orders", 100, [])
    ]


def test_check_says_all_that_is_wrong_with_all_files(tmp_path, capsys):
    one, two = tmp_path / "one.toml", tmp_path / "two.json"
    one.write_text("names = 1")
    two.write_text("[]")
    code, printed = said(capsys, "contract", "check", one, two)
    assert code == 2
    told = printed.err.replace("\n", " ")
    assert 'did you mean "name"?' in told
    assert "two.json: a JSON Schema is an object" in told


def test_check_notes_what_an_imported_contract_leaves_to_the_schema(tmp_path, capsys):
    schema = tmp_path / "s.json"
    schema.write_text('{"properties": {"a": {"type": "number", "multipleOf": 2}}, "required": ["a"]}')
    code, printed = said(capsys, "contract", "check", schema)
    assert code == 0
    assert "note a: multipleOf is left to the schema" in printed.err
    assert "records must meet a JSON Schema besides" in printed.out


@pytest.mark.parametrize(("form", "ending"), [("toml", "toml"), ("odcs", "odcs.yaml")])
@pytest.mark.parametrize("example", ["orders", "meters"])
def test_what_show_writes_is_the_same_contract(example, form, ending, tmp_path, capsys):
    code, printed = said(capsys, "contract", "show", EXAMPLES / f"{example}.toml", "--as", form)
    assert code == 0
    (tmp_path / f"again.{ending}").write_text(printed.out)
    assert load(tmp_path / f"again.{ending}") == load(EXAMPLES / f"{example}.toml")


def test_show_as_a_json_schema_notes_what_that_cannot_ask(file, capsys):
    code, printed = said(capsys, "contract", "show", file, "--as", "json-schema")
    assert code == 0
    assert json.loads(printed.out)["properties"] == {"amount": {"type": "number", "maximum": 100}}
    assert "a JSON Schema cannot ask it: adds-up" in printed.err


def test_diff_ends_with_1_when_it_breaks(file, tmp_path, capsys):
    narrower, wider = tmp_path / "narrower.toml", tmp_path / "wider.toml"
    narrower.write_text(CONTRACT.replace("100", "50"))
    wider.write_text(CONTRACT.replace("100", "200").replace("1.0.0", "1.1.0"))
    code, printed = said(capsys, "contract", "diff", file, narrower)
    assert code == 1
    assert "amount: most was 100, is 50: records between are invalid now (producers break)" in printed.out
    assert "what changes needs a major one: 2.0.0" in printed.out
    code, printed = said(capsys, "contract", "diff", file, wider, "--json")
    assert code == 0
    told = json.loads(printed.out)
    assert told["version"] == {"old": "1.0.0", "new": "1.1.0", "due": "minor", "wrong": None}
    assert (told["changes"][0]["kind"], told["breaks"]) == ("widens", [])
    code, printed = said(capsys, "contract", "diff", file, file)
    assert (code, "Nothing changes." in printed.out) == (0, True)


def records(tmp_path, count=400):
    made = tmp_path / "readings.jsonl"
    rows = [{"id": f"R{n:05d}", "on": n % 3 > 0, "volts": 230 + n % 29} for n in range(count)]
    made.write_text("".join(json.dumps(one) + "\n" for one in rows) + "[1]\n")
    return made


def test_suggest_writes_a_contract_that_can_be_checked(tmp_path, capsys):
    output = tmp_path / "readings.toml"
    code, printed = said(capsys, "contract", "suggest", records(tmp_path), "-o", output)
    assert code == 0
    assert "learned from 280 records, tried on the 120 after them; 1 left out" in printed.err
    contract = load(output)
    assert contract.name == "readings"
    assert contract.expectation("id").pattern == "R[0-9]{5}"
    assert contract.expectation("volts").required
    code, printed = said(capsys, "contract", "suggest", tmp_path / "readings.jsonl", "-o", output)
    assert code == 1
    assert "is there already" in printed.err.replace("\n", " ")


def test_suggest_prints_the_contract_and_nothing_else(tmp_path, capsys):
    code, printed = said(capsys, "contract", "suggest", records(tmp_path), "--last", "100", "--name", "My Meters")
    assert code == 0
    (tmp_path / "again.toml").write_text(printed.out)
    assert load(tmp_path / "again.toml").name == "my-meters"
    code, printed = said(capsys, "contract", "suggest", tmp_path / "readings.jsonl", "--json")
    told = json.loads(printed.out)
    assert (told["learned"], told["tried"], told["left_out"]) == (280, 120, 1)
    assert {one["verdict"] for one in told["evidence"]} == {"kept"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "cannot be read"),
        (["some.topic"], "aimass up"),
        (["some.topic", "--source", "t"], "--source names a source of a pipeline"),
    ],
)
def test_suggest_says_what_to_do(arguments, words, capsys):
    code, printed = said(capsys, "contract", "suggest", *arguments)
    assert code == 1
    assert words in printed.err.replace("\n", " ")


def test_suggest_asks_which_source_of_several(tmp_path, capsys):
    pipeline = tmp_path / "shop.toml"
    pipeline.write_text('name = "shop"\n[[source]]\ntopic = "b"\n[[source]]\ntopic = "a"')
    assert "--source a" in said(capsys, "contract", "suggest", pipeline)[1].err
    assert "'c' is no source of shop" in said(capsys, "contract", "suggest", pipeline, "--source", "c")[1].err


def test_too_few_records_are_said_to_be(tmp_path, capsys):
    code, printed = said(capsys, "contract", "suggest", records(tmp_path, 3))
    assert code == 1
    assert "3 records are too few" in printed.err


def test_keys_and_delays_of_a_topic_are_those_that_its_source_says():
    source = SourceDef(topic="t", key="k", time="at")
    messages = [
        Message("t", 0, n, 1_700_000_000_000 + 1000 * n, None, b'{"k": 7, "at": 1700000000}', ()) for n in range(3)
    ]
    found = sampled("t", reversed(messages), 2, source)
    assert (found.keys, found.delays) == (["7", "7"], [1.0, 2.0])
    assert sampled("t", messages, 2, None).delays is None
