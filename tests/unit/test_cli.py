"""The command line: every command explains itself, wrong use ends with 2, errors are a paragraph."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimass import __version__, cli
from aimass.cli_arguments import build_parser
from aimass.cli_types import agents, port, positive, start_of
from aimass.commands.demo import definition
from aimass.errors import ClientError, ConfigurationError

REPOSITORY = Path(__file__).parents[2]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield every command's parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for made in action.choices.values():
                yield made
                yield from parsers(made)


COMMANDS = {made.prog: made for made in parsers(build_parser("0"))}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIMASS_HOME", str(tmp_path))
    monkeypatch.delenv("AIMASS_BOOTSTRAP_SERVERS", raising=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    text = COMMANDS[name].format_help()
    assert "examples:" in text
    assert "  aimass " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_command_and_option(name: str) -> None:
    sections = (REPOSITORY / "docs/reference/cli.md").read_text().split("\n##")
    (section,) = [one for one in sections if re.match(rf"#? `{name}[` ](?![a-z])", one)]
    options = {option for action in COMMANDS[name]._actions for option in action.option_strings} - {"-h", "--help"}
    assert all(f"`{option}" in section for option in options)


def test_help_and_version_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    for argument, said in (("--help", "Start here:"), ("--version", __version__)):
        with pytest.raises(SystemExit) as ended:
            cli.main([argument])
        assert ended.value.code == 0
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["topics"],
        ["produce", "t"],
        ["produce", "t", "f.csv", "--rate", "0"],
        ["tail", "t", "--from", "yesterday"],
        ["worker", "p.toml", "--agents", "scoer"],
        ["up", "--brokers", "2"],
        ["deadletters", "show", "p"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_a_wrong_setting_ends_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AIMASS_PARTITONS", "4")
    assert cli.main(["topics", "list"]) == 2
    assert "AIMASS_PARTITIONS" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["topics", "list"], ["tail", "t"], ["deadletters", "list", "p"], ["produce", "t", "f.jsonl"]],
)
def test_without_a_kafka_commands_say_what_to_do(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 1
    said = capsys.readouterr()
    assert "aimass up" in said.err.replace("\n", " ")
    assert "Traceback" not in said.err


def test_down_without_a_kafka_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--json"]) == 0
    assert capsys.readouterr().out == '{"stopped":false}\n'


def test_status_without_a_kafka_fails_and_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 1
    assert '"running":false' in capsys.readouterr().out


def test_a_pipeline_file_is_validated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, wrong = tmp_path / "good.toml", tmp_path / "wrong.toml"
    good.write_text(definition("shuttle"))
    wrong.write_text('nam = "x"\n')
    assert cli.main(["validate", str(good), "--json"]) == 0
    assert capsys.readouterr().out == '[{"pipeline":"shuttle","sources":["shuttle.telemetry"]}]\n'
    assert cli.main(["validate", str(wrong)]) == 2
    assert "wrong.toml" in capsys.readouterr().err
    assert cli.main(["validate", str(good), str(good)]) == 2


def test_errors_are_shown_as_paragraphs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._fail(ClientError("word " * 60), 1) == 1
    assert cli._fail(ConfigurationError("x"), 2) == 2
    assert max(len(line) for line in capsys.readouterr().err.splitlines()) <= 120


def test_values_are_read() -> None:
    assert start_of("12") == 12
    assert start_of("2023-11-14T22:13:20Z") == 1_700_000_000.0
    assert (agents("score"), positive("2.5"), port("0")) == (frozenset({"score"}), 2.5, 0)
    for read, text in ((positive, "inf"), (positive, "x"), (port, "65001"), (start_of, "x"), (agents, "a,score")):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)
