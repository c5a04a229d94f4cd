"""The arguments of `aimass quality`."""

from __future__ import annotations

import argparse
from typing import Any

from aimass.cli_help import Commands, add_action, add_json
from aimass.settings import Settings

#: What stands after `aimass quality`; any other word is a pipeline, to be shown.
ACTIONS = ("show", "gates", "open", "close")


def add_quality(commands: Commands) -> None:
    """Add the command."""
    command = commands.add(
        "Data",
        "quality",
        "how good the data of a pipeline is now; its gates, and closing and opening them by hand",
        """aimass quality shop
        aimass quality shop --watch
        aimass quality gates shop
        aimass quality close shop shop.orders --why "the scanner at gate 4 is broken"
        aimass quality open shop shop.orders strict --why "mended\"""",
        lambda settings, given: 2,
    )
    sub: Any = command.add_subparsers(metavar="ACTION", required=True, action=_ShowByDefault)
    _looking(sub)
    _turning(sub)
    sub.choices = _Anything(sub.choices)


class _ShowByDefault(argparse._SubParsersAction):  # type: ignore[type-arg]
    """Takes `aimass quality shop` for `aimass quality show shop`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        words = list(values)
        super().__call__(parser, namespace, words if words[0] in ACTIONS else ["show", *words], option_string)


class _Anything(dict[str, argparse.ArgumentParser]):
    """Actions, and any pipeline in the place of one."""

    def __contains__(self, word: object) -> bool:
        return True


def _looking(sub: Any) -> None:
    def show(settings: Settings, given: Any) -> int:
        from aimass.commands import quality

        return quality.show(settings, given.pipeline, watch=given.watch, as_json=given.json)

    def gates(settings: Settings, given: Any) -> int:
        from aimass.commands import quality

        return quality.gates(settings, given.pipeline, as_json=given.json)

    made = _action(
        sub,
        "show",
        "show each source's last pane, what waits for people, and the gates",
        "aimass quality shop\naimass quality show shop --watch",
        show,
    )
    made.add_argument("--watch", action="store_true", help="again every two seconds, until Ctrl-C")
    _action(sub, "gates", "show when each gate was closed, by whom and why", "aimass quality gates shop --json", gates)


def _turning(sub: Any) -> None:
    for name, help, examples in (
        (
            "close",
            "close gates of a source, until somebody opens them again",
            "aimass quality close shop shop.orders strict --why 'the scanner is broken'",
        ),
        (
            "open",
            "open gates of a source; the data decides again, by what comes from now on",
            "aimass quality open shop shop.orders --why mended",
        ),
    ):
        made = _action(sub, name, help, examples, _turner(name))
        made.add_argument("source", metavar="SOURCE", help="the source's topic")
        made.add_argument("gate", metavar="GATE", nargs="?", default="", help="one gate (default: all of the source)")
        made.add_argument("--why", required=True, metavar="TEXT", help="the reason, for the history")
        made.add_argument("--by", metavar="NAME", help="who does it (default: whoever is logged in)")


def _turner(do: str) -> Any:
    def run(settings: Settings, given: Any) -> int:
        from aimass.commands import quality

        return quality.turn(
            settings, given.pipeline, do, given.source, given.gate, by=given.by, why=given.why, as_json=given.json
        )

    return run


def _action(sub: Any, name: str, help: str, examples: str, run: Any) -> argparse.ArgumentParser:
    made = add_action(sub, name, help, examples, run)
    made.add_argument("pipeline", metavar="PIPELINE", help="its name, or its file")
    add_json(made)
    return made
