"""The arguments of `aimass audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_json
from aimass.settings import Settings


def add_audit(commands: Commands) -> None:
    """Add the command."""

    def run(settings: Settings, given: Any) -> int:
        from aimass.commands.audit import audit

        return audit(settings, given.file, as_json=given.json)

    command = commands.add(
        "Data",
        "audit",
        "prove that nothing was lost, added or changed from the sources to the predictions",
        "aimass audit shop.toml\naimass audit shop.toml --json | jq .first",
        run,
    )
    command.add_argument("file", type=Path, metavar="PIPELINE.toml", help="the pipeline; its workers may run meanwhile")
    add_json(command)
