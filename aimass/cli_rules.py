"""The arguments of `aimass rules`, `aimass why` and `aimass backtest`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_action, add_json
from aimass.cli_types import start_of
from aimass.settings import Settings


def add_rules(commands: Commands) -> None:
    """Add `aimass rules`."""
    command = commands.add(
        "Rules",
        "rules",
        "check rules, see which are in force, and change them without a restart",
        "aimass rules check shop.toml\naimass rules list shop.toml\naimass rules apply shop.toml many --why late",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)
    _looking(sub)
    _changing(sub)


def _looking(sub: Any) -> None:
    def check(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.check(given.file, as_json=given.json)

    def listed(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.show_all(settings, given.file, as_json=given.json)

    def shown(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.show(settings, given.file, given.rule, as_json=given.json)

    def library(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.templates(given.name, as_json=given.json)

    made = add_action(sub, "check", "read, test and lint the rules of a file", "aimass rules check shop.toml", check)
    _file(made)
    add_json(made)
    made = add_action(sub, "list", "list the rules in force", "aimass rules list shop.toml", listed)
    _file(made)
    add_json(made)
    made = add_action(sub, "show", "show a rule and its history", "aimass rules show shop.toml many", shown)
    _file(made)
    made.add_argument("rule", metavar="RULE", help="the rule")
    add_json(made)
    made = add_action(
        sub, "templates", "show the library", "aimass rules templates\naimass rules templates velocity", library
    )
    made.add_argument("name", nargs="?", metavar="TEMPLATE", help="one of it")
    add_json(made)


def _changing(sub: Any) -> None:
    def applied(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.apply(
            settings, given.file, given.rules, all_=given.all, why=given.why, by=given.by, dry_run=given.dry_run
        )

    made = add_action(
        sub,
        "apply",
        "bring rules of a file into force, without a restart",
        "aimass rules apply shop.toml many --why 'too quiet'\naimass rules apply shop.toml --all --dry-run --why test",
        applied,
    )
    _file(made)
    made.add_argument("rules", nargs="*", metavar="RULE", help="which")
    made.add_argument("--all", action="store_true", help="all rules of the file that are not in force so")
    made.add_argument("--dry-run", action="store_true", help="say what would change, and send nothing")
    _reason(made)
    for name, mode, help in (
        ("promote", "live", "make a rule live"),
        ("shadow", "shadow", "let a rule run, and tell the shadow topic only"),
        ("retire", "retired", "ask a rule no longer; its episodes are over"),
    ):
        made = add_action(sub, name, help, f"aimass rules {name} shop.toml many --why 'as agreed'", _mover(mode))
        _file(made)
        made.add_argument("rule", metavar="RULE", help="the rule")
        _reason(made)


def _mover(mode: str) -> Callable[[Settings, Any], int]:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import rules

        return rules.move(settings, given.file, given.rule, mode, why=given.why, by=given.by)

    return run


def add_why(commands: Commands) -> None:
    """Add `aimass why`."""

    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.why import why

        return why(settings, given.file, given.event, rule=given.rule, events=given.events, as_json=given.json)

    command = commands.add(
        "Rules",
        "why",
        "say why rules fired at an event, or why they did not",
        "aimass why shop.toml shop.payments-2-881\naimass why shop.toml shop.payments-0-7 --file events.jsonl",
        run,
    )
    _file(command)
    command.add_argument("event", metavar="EVENT", help="the event's id")
    command.add_argument("--rule", metavar="RULE", help="only this rule")
    command.add_argument("--file", dest="events", type=Path, metavar="FILE", help="events of a file, in place of Kafka")
    add_json(command)


def add_backtest(commands: Commands) -> None:
    """Add `aimass backtest`."""

    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.backtest import backtest

        return backtest(
            settings,
            given.file,
            rules=given.rule or [],
            against=given.against,
            events=given.events,
            from_=given.start,
            truth=given.truth,
            as_json=given.json,
        )

    command = commands.add(
        "Rules",
        "backtest",
        "say what rules would have done over a pipeline's history, or over a file",
        "aimass backtest shop.toml --from 2026-05-01\naimass backtest shop.toml --rule many --file events.jsonl "
        "--truth fraud\naimass backtest new.toml --against old.toml",
        run,
    )
    _file(command)
    command.add_argument("--rule", action="append", metavar="RULE", help="only this rule; may be given again")
    command.add_argument("--against", type=Path, metavar="OLD.toml", help="compare with the rules of another file")
    command.add_argument("--file", dest="events", type=Path, metavar="FILE", help="events of a file, in place of Kafka")
    command.add_argument(
        "--from",
        dest="start",
        type=start_of,
        default="beginning",
        metavar="WHERE",
        help="beginning, an offset, or a time (default: beginning)",
    )
    command.add_argument(
        "--truth", metavar="PATH", help="where the truth stands: a field that is true, or a model's label (fraud.label)"
    )
    add_json(command)


def _file(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="PIPELINE.toml", help="the pipeline")


def _reason(command: argparse.ArgumentParser) -> None:
    command.add_argument("--why", required=True, metavar="TEXT", help="for what reason; it is kept")
    command.add_argument("--by", metavar="NAME", help="who (default: the login name)")
