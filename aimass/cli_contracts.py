"""The arguments of `aimass contract`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_action, add_json
from aimass.settings import Settings

_MOST = 100_000


def add_contract(commands: Commands) -> None:
    """Add `aimass contract`."""
    command = commands.add(
        "Data",
        "contract",
        "check, show, compare and suggest contracts: what the records of a source are promised to be",
        """aimass contract check orders.toml
        aimass contract diff old.toml new.toml
        aimass contract suggest shop.orders""",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)
    for add in (_check, _show, _diff, _suggest):
        add(sub)


def _action(sub: Any, name: str, help: str, examples: str, run: Callable[[Settings, Any], int]) -> Any:
    made = add_action(sub, name, help, examples, run)
    add_json(made)
    return made


def _check(sub: Any) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import contracts

        return contracts.check(given.files, as_json=given.json)

    examples = "aimass contract check orders.toml\naimass contract check orders.schema.json orders.odcs.yaml"
    made = _action(sub, "check", "read contracts, and list what they expect", examples, run)
    made.add_argument("files", nargs="+", type=Path, metavar="FILE", help=_FORMS)


def _show(sub: Any) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import contracts

        return contracts.show(given.file, form=given.form, as_json=given.json)

    examples = "aimass contract show orders.toml\naimass contract show orders.odcs.yaml --as toml > orders.toml"
    made = _action(sub, "show", "show a contract, or write it in another form", examples, run)
    made.add_argument("file", type=Path, metavar="FILE", help=_FORMS)
    made.add_argument("--as", dest="form", choices=("toml", "odcs", "json-schema"), help="write it in this form")


def _diff(sub: Any) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import contracts

        return contracts.diff(given.old, given.new, as_json=given.json)

    examples = "aimass contract diff orders-1.toml orders-2.toml\naimass contract diff old.json new.toml --json"
    help = "compare two versions: whom it breaks, and which version is due; ends with 1 when it breaks"
    made = _action(sub, "diff", help, examples, run)
    made.add_argument("old", type=Path, metavar="OLD", help="the version before")
    made.add_argument("new", type=Path, metavar="NEW", help="the version after")


def _suggest(sub: Any) -> None:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import contracts

        return contracts.suggest(
            settings,
            given.what,
            source=given.source,
            last=given.last,
            name=given.name,
            output=given.output,
            as_json=given.json,
        )

    examples = """aimass contract suggest shop.orders -o orders.toml
        aimass contract suggest orders.jsonl --last 50000
        aimass contract suggest shop.toml --source shop.orders"""
    made = _action(sub, "suggest", "learn a contract from records, and try it on later ones", examples, run)
    made.add_argument("what", metavar="WHAT", help="a topic, a file (.jsonl, .csv), or a pipeline (.toml)")
    made.add_argument("--source", metavar="TOPIC", help="which source of the pipeline")
    made.add_argument(
        "--last", type=_count, default=10_000, metavar="N", help="how many records, the newest (default 10000)"
    )
    made.add_argument("--name", help="the contract's name (default: the topic's or the file's)")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it here, and not to the screen")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MOST}")
    return int(text)


_FORMS = "the contract: .toml, JSON Schema (.json) or ODCS (.yaml)"
