"""What commands are added to: grouped help, and examples below each command's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from aimass.settings import Settings


class Arguments(argparse.Namespace):
    """What was asked for, and the function that does it."""

    run: Callable[[Settings, Any], int]


class Commands:
    """Collects commands under headings, for a help text that is grouped."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._sub = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, help=argparse.SUPPRESS)
        self._groups: dict[str, list[tuple[str, str]]] = {}

    def add(
        self, group: str, name: str, help: str, examples: str, run: Callable[[Settings, Any], int]
    ) -> argparse.ArgumentParser:
        """Add a command and return its parser, for its arguments."""
        self._groups.setdefault(group, []).append((name, help))
        return add_action(self._sub, name, help, examples, run)

    def describe(self) -> str:
        """Return all commands, grouped, a line each."""
        lines: list[str] = []
        for group, commands in self._groups.items():
            lines += [f"{group}:", *(f"  {name:<12} {help}" for name, help in commands), ""]
        return "\n".join(lines)


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the option of all commands whose results a program may read."""
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_action(
    sub: Any, name: str, help: str, examples: str, run: Callable[[Settings, Any], int]
) -> argparse.ArgumentParser:
    """Add a command to a group of them, with its help, its examples and what does it."""
    shown = "examples:\n" + "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines())
    made: argparse.ArgumentParser = sub.add_parser(
        name,
        description=help[0].upper() + help[1:] + ".",
        epilog=shown,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


def add_author(command: argparse.ArgumentParser) -> None:
    """Add the options of all commands whose author and reason are kept."""
    command.add_argument("--by", metavar="NAME", help="who does it (default: your login name)")
    command.add_argument("--why", default="", metavar="TEXT", help="for what reason")
