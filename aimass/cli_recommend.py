"""The arguments of the commands about keys and what is recommended to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_action, add_json
from aimass.settings import Settings

_POLICIES = ("popular", "random", "greedy")


def add_profile(commands: Commands) -> None:
    """Add `aimass profile`."""

    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.profile import show

        return show(settings, given.pipeline, given.key, as_json=given.json)

    command = commands.add(
        "Data",
        "profile",
        "show what a pipeline knows of a key: its profile, tags, pinned items, and what it was offered",
        "aimass profile shop.toml ann\naimass profile shop.toml ann --json",
        run,
    )
    command.add_argument("pipeline", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    command.add_argument("key", metavar="KEY", help="the key")
    add_json(command)


def add_recommend(commands: Commands) -> None:
    """Add `aimass recommend`."""
    command = commands.add(
        "Data",
        "recommend",
        "say how good recommendations were, and how good another policy would have been",
        "aimass recommend evaluate shop.toml",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)

    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.recommending import evaluate

        return evaluate(settings, given.pipeline, name=given.name, policy=given.policy, as_json=given.json)

    made = add_action(
        sub,
        "evaluate",
        "measure recommendations by their outcomes, beside another policy",
        """aimass recommend evaluate shop.toml
        aimass recommend evaluate shop.toml --policy greedy --json""",
        run,
    )
    made.add_argument("pipeline", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    made.add_argument("--name", help="only this [[recommend]] (default: all)")
    made.add_argument(
        "--policy",
        choices=_POLICIES,
        default=_POLICIES[0],
        help="the other policy: the most popular candidate (default), any, or what ran without exploring",
    )
    add_json(made)
