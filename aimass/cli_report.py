"""The arguments of `aimass report`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aimass.cli_alerts import lasting
from aimass.cli_help import Commands, add_action, add_json
from aimass.commands.lines import parse_time
from aimass.settings import Settings


def add_report(commands: Commands) -> None:
    """Add the command."""
    command = commands.add(
        "Data",
        "report",
        "report on the quality of data: on the screen, as JSON or as one HTML file; once, or every so often",
        """aimass report quality shop
        aimass report quality shop.toml --last 7d --html week.html
        aimass report quality shop --every 1h --to-folder reports""",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="WHAT", required=True)
    made = add_action(
        sub,
        "quality",
        "say how good the data of a period was, what was wrong with it, and what people and gates did about it",
        """aimass report quality shop
        aimass report quality shop.toml --source shop.orders --last 1h
        aimass report quality shop --from 2026-05-01 --to 2026-05-02 --html may-first.html
        aimass report quality shop --json | jq '.sources[] | {source, score, weakest}'
        aimass report quality shop --every 1d --to-folder reports
        aimass report quality shop --every 1h --to-topic shop.reports""",
        _run,
    )
    made.add_argument("pipeline", metavar="PIPELINE", help="its name, or its file")
    made.add_argument("--source", metavar="TOPIC", help="only this source")
    when = made.add_argument_group("the period, in event time (default: the last 24 hours of data)")
    when.add_argument("--last", type=lasting, metavar="TIME", help="so long, back from the newest pane: 90m, 24h, 7d")
    when.add_argument("--from", dest="start", type=moment, metavar="TIME", help="from then on (ISO 8601, UTC)")
    when.add_argument("--to", dest="end", type=moment, metavar="TIME", help="up to then (default: the newest pane)")
    how = made.add_argument_group("where to")
    add_json(made)
    how.add_argument("--html", type=Path, metavar="FILE", help="write one HTML file that needs nothing else")
    again = made.add_argument_group("again and again, until Ctrl-C")
    again.add_argument("--every", type=lasting, metavar="TIME", help="a report on each period of so long")
    again.add_argument("--to-folder", type=Path, metavar="DIR", help="as HTML files there; with --json as JSON files")
    again.add_argument("--to-topic", metavar="TOPIC", help="as JSON records there, keyed by the pipeline")


def moment(text: str) -> float:
    """Return a time in seconds since 1970.

    Examples
    --------
    >>> moment("2023-11-14T22:13:20"), moment("2023-11-15")
    (1700000000.0, 1700006400.0)
    """
    try:
        return parse_time(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-05-01 or 2026-05-01T12:00:00Z") from exc


def _run(settings: Settings, given: Any) -> int:
    from aimass.commands.report import Where, quality, standing

    where = Where(given.html, given.to_folder, given.to_topic, given.json)
    _check(given)
    if given.every is not None:
        return standing(settings, given.pipeline, source=given.source, every_s=given.every, where=where)
    return quality(
        settings,
        given.pipeline,
        source=given.source,
        last_s=given.last,
        start=given.start,
        end=given.end,
        where=where,
    )


def _check(given: Any) -> None:
    """Refuse what does not go together.

    Raises
    ------
    ConfigurationError
        Saying what to leave out or to add.
    """
    from aimass.errors import ConfigurationError

    if given.last is not None and given.start is not None:
        raise ConfigurationError("--last and --from both say where the period begins: give one of them.")
    if (given.every is None) != (given.to_folder is None and given.to_topic is None):
        raise ConfigurationError("--every goes with --to-folder DIR or --to-topic TOPIC, and these with --every.")
    if given.to_folder is not None and given.to_topic is not None:
        raise ConfigurationError("give one of --to-folder and --to-topic.")
    if given.every is not None and any(one is not None for one in (given.last, given.start, given.end, given.html)):
        raise ConfigurationError("--every has its own periods: leave --last, --from, --to and --html out.")
