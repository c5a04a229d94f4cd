"""The arguments of `aimass collect`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_json
from aimass.settings import Settings

_SHOWN = 10


def add_collect(commands: Commands) -> None:
    """Add the command."""

    def run(settings: Settings, given: Any) -> int:
        if given.dry_run is not None:
            from aimass.commands.collect_dry import dry_run

            return dry_run(settings, given.file, source=given.source, limit=given.dry_run, as_json=given.json)
        from aimass.commands.collect import collect

        return collect(settings, given.file, source=given.source, as_json=given.json)

    command = commands.add(
        "Data",
        "collect",
        "run a pipeline's feeds alone on this machine; or show what they would bring",
        """aimass collect shop.toml --dry-run             # the first ten records of each source; nothing is written
        aimass collect shop.toml --dry-run 3 --json
        aimass collect shop.toml                       # bring them into Kafka, until Ctrl-C
        aimass collect shop.toml --source web.access""",
        run,
    )
    command.add_argument("file", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    command.add_argument("--source", metavar="TOPIC", help="only this source (default: all)")
    command.add_argument(
        "--dry-run",
        nargs="?",
        type=_count,
        const=_SHOWN,
        metavar="N",
        help=f"show the first N records of each source (default {_SHOWN}) and what becomes of them; write nothing",
    )
    add_json(command)


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: show from 1 to 1000 records")
    return int(text)
