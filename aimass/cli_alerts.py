"""The arguments of `aimass alerts`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from aimass.cli_help import Commands, add_action, add_author, add_json
from aimass.rules.tokens import duration
from aimass.settings import Settings

Run = Callable[[Settings, Any], int]


def add_alerts(commands: Commands) -> None:
    """Add the command."""
    command = commands.add(
        "Watch",
        "alerts",
        "list and show alerts; acknowledge, snooze, resolve and silence them",
        """aimass alerts list shuttle
        aimass alerts show shuttle vehicle-3
        aimass alerts ack shuttle 3f1c --why "looking at it"
        aimass alerts silence shuttle --rule "disk-*" --for 2h --why maintenance""",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)
    _looking(sub)
    _acting(sub)
    _silencing(sub)


def lasting(text: str) -> float:
    """Return a duration in seconds.

    Examples
    --------
    >>> lasting("2h")
    7200.0
    """
    try:
        seconds = duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} {exc}") from exc
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return seconds


def _looking(sub: Any) -> None:
    def list_all(settings: Settings, given: Any) -> int:
        from aimass.commands import alerts

        return alerts.list_all(settings, given.pipeline, everything=given.all, as_json=given.json)

    def show(settings: Settings, given: Any) -> int:
        from aimass.commands import alerts

        return alerts.show(settings, given.pipeline, given.alert, as_json=given.json)

    listed = _action(sub, "list", "list alerts that are not over", "aimass alerts list shuttle --all", list_all)
    listed.add_argument("--all", action="store_true", help="those that are over, too")
    shown = _action(
        sub,
        "show",
        "show what became of an alert, who did what about it, and who was told",
        "aimass alerts show shuttle 3f1c\naimass alerts show shuttle vehicle-3 --json",
        show,
    )
    _alert(shown)


def _acting(sub: Any) -> None:
    def doing(do: str) -> Run:
        def run(settings: Settings, given: Any) -> int:
            from aimass.commands import alerts

            lasts = getattr(given, "lasts", None)
            return alerts.act(
                settings, given.pipeline, do, given.alert, lasts_s=lasts, by=given.by, why=given.why, as_json=given.json
            )

        return run

    what = {
        "ack": "say that you look after an alert: it is told again to nobody",
        "unack": "give an alert back that was acknowledged or snoozed",
        "snooze": "let an alert rest for a while; then it fires again",
        "resolve": "say that an alert is over",
    }
    for do, help in what.items():
        lasts = " --for 2h" if do == "snooze" else ""
        made = _action(sub, do, help, f'aimass alerts {do} shuttle 3f1c{lasts} --why "looking at it"', doing(do))
        _alert(made)
        if do == "snooze":
            _for(made)
        add_author(made)


def _silencing(sub: Any) -> None:
    def silence(settings: Settings, given: Any) -> int:
        from aimass.commands import alerts

        said = {"rule": given.rule, "key": given.key, "severity": given.severity}
        match = {name: glob for name, glob in said.items() if glob is not None}
        return alerts.silence(
            settings, given.pipeline, match, lasts_s=given.lasts, by=given.by, why=given.why, as_json=given.json
        )

    def silences(settings: Settings, given: Any) -> int:
        from aimass.commands import alerts

        return alerts.silences(settings, given.pipeline, as_json=given.json)

    def unsilence(settings: Settings, given: Any) -> int:
        from aimass.commands import alerts

        return alerts.unsilence(settings, given.pipeline, given.id, by=given.by, why=given.why, as_json=given.json)

    made = _action(
        sub,
        "silence",
        "let nobody be told of alerts like these for a while",
        'aimass alerts silence shuttle --rule "disk-*" --key db-1 --for 2h --why maintenance',
        silence,
    )
    for name in ("rule", "key", "severity"):
        made.add_argument(f"--{name}", metavar="LIKE", help=f"alerts whose {name} is like this; * stands for anything")
    _for(made)
    add_author(made)
    _action(sub, "silences", "list silences that have not ended", "aimass alerts silences shuttle", silences)
    lifted = _action(
        sub,
        "unsilence",
        "end a silence before its time",
        "aimass alerts unsilence shuttle shuttle.control-0-4",
        unsilence,
    )
    lifted.add_argument("id", metavar="ID", help="as `silences` shows it")
    add_author(lifted)


def _action(sub: Any, name: str, help: str, examples: str, run: Run) -> argparse.ArgumentParser:
    made = add_action(sub, name, help, examples, run)
    made.add_argument("pipeline", metavar="PIPELINE", help="the pipeline's name")
    add_json(made)
    return made


def _alert(made: argparse.ArgumentParser) -> None:
    made.add_argument("alert", metavar="ALERT", help="the beginning of its fingerprint, its key, or RULE/KEY")


def _for(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--for", dest="lasts", type=lasting, required=True, metavar="DURATION", help="how long, like 30m, 2h or 1d"
    )
