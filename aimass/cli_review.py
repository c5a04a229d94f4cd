"""The arguments of `aimass review`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from aimass.cli_help import Commands, add_action, add_author, add_json
from aimass.settings import Settings

Run = Callable[[Settings, Any], int]


def add_review(commands: Commands) -> None:
    """Add the command."""
    command = commands.add(
        "Data",
        "review",
        "look at records that break their contract; correct, accept and reject them",
        """aimass review list shop.toml
        aimass review show shop.toml shop.orders-0-17
        aimass review correct shop.toml shop.orders-0-17 --set total=12.5
        aimass review accept shop --cause "total:most" --why "a sale"
        aimass review work shop.toml""",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)
    _looking(sub)
    _acting(sub)
    _correcting(sub)
    _working(sub)


def match_of(given: Any) -> dict[str, str]:
    """Return which records are meant, by what is asked for."""
    said = {"cause": given.cause, "source": given.source, "key": given.key}
    return {name: glob for name, glob in said.items() if glob is not None}


def _looking(sub: Any) -> None:
    def list_all(settings: Settings, given: Any) -> int:
        from aimass.commands import review

        return review.list_all(
            settings, given.pipeline, match_of(given), state=given.state, limit=given.limit, as_json=given.json
        )

    def show(settings: Settings, given: Any) -> int:
        from aimass.commands import review

        return review.show(settings, given.pipeline, given.id, as_json=given.json)

    def log(settings: Settings, given: Any) -> int:
        from aimass.commands import review

        return review.log(settings, given.pipeline, as_json=given.json)

    listed = _action(
        sub,
        "list",
        "show what waits: how many records by what they break, then the newest",
        'aimass review list shop\naimass review list shop --cause "total:*" --limit 100\n'
        "aimass review list shop --state rejected --json",
        list_all,
    )
    _match(listed)
    listed.add_argument(
        "--state",
        choices=("open", "claimed", "corrected", "accepted", "rejected", "expired", "all"),
        default="open",
        help="how they stand (default open: all that waits, claimed or not)",
    )
    listed.add_argument("--limit", type=_count, default=20, metavar="N", help="show the newest N (default 20)")
    shown = _action(
        sub,
        "show",
        "show a record as it came, what it breaks in words, and all that was done about it",
        "aimass review show shop.toml shop.orders-0-17\naimass review show shop shop.orders-0-17 --json",
        show,
    )
    shown.add_argument("id", metavar="ID", help="as `list` shows it, or its beginning")
    _action(sub, "log", "show all that was done, the newest last", "aimass review log shop --json", log)


def _acting(sub: Any) -> None:
    def doing(do: str) -> Run:
        def run(settings: Settings, given: Any) -> int:
            from aimass.commands import review

            match = match_of(given)
            return review.act(
                settings,
                given.pipeline,
                do,
                given.ids,
                match,
                by=given.by,
                why=given.why,
                yes=given.yes,
                as_json=given.json,
            )

        return run

    what = {
        "claim": "say that you look at records: nobody else decides on them meanwhile",
        "release": "give records back that were claimed",
        "accept": "let records go on as they are, although they break their contract",
        "reject": "keep records out for good",
    }
    for do, help in what.items():
        examples = f'aimass review {do} shop shop.orders-0-17\naimass review {do} shop --cause "total:most" --why sale'
        made = _action(sub, do, help, examples, doing(do))
        made.add_argument("ids", nargs="*", metavar="ID", help="as `list` shows them, or their beginnings")
        _match(made)
        made.add_argument("--yes", action="store_true", help="do not ask, however many records it is about")
        add_author(made)


def _correcting(sub: Any) -> None:
    def correct(settings: Settings, given: Any) -> int:
        from aimass.commands import review
        from aimass.commands.reviewing import read_patch

        patch = read_patch(given.set, given.unset)
        return review.correct(
            settings,
            given.pipeline,
            given.id,
            patch,
            anyway=given.anyway,
            by=given.by,
            why=given.why,
            as_json=given.json,
        )

    made = _action(
        sub,
        "correct",
        "say what is right in a record; given the pipeline's file, it is checked before it goes on",
        """aimass review correct shop.toml shop.orders-0-17 --set total=12.5 --why typo
        aimass review correct shop.toml shop.orders-0-17 --set address.city=Delft --unset note""",
        correct,
    )
    made.add_argument("id", metavar="ID", help="as `list` shows it, or its beginning")
    made.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="what a field is: JSON, or else text"
    )
    made.add_argument("--unset", action="append", default=[], metavar="PATH", help="a field that is to go")
    made.add_argument("--anyway", action="store_true", help="send it although it would be refused still")
    add_author(made)


def _working(sub: Any) -> None:
    def work(settings: Settings, given: Any) -> int:
        from aimass.commands.review_work import work

        return work(settings, given.pipeline, match_of(given), by=given.by, as_json=given.json)

    made = _action(
        sub,
        "work",
        "go through what waits, one record after the other, by keys",
        'aimass review work shop.toml\naimass review work shop.toml --cause "total:*"',
        work,
    )
    _match(made)
    made.add_argument("--by", metavar="NAME", help="who does it (default: your login name)")


def _action(sub: Any, name: str, help: str, examples: str, run: Run) -> argparse.ArgumentParser:
    made = add_action(sub, name, help, examples, run)
    made.add_argument("pipeline", metavar="PIPELINE", help="the pipeline's file, or its name")
    add_json(made)
    return made


def _match(made: argparse.ArgumentParser) -> None:
    made.add_argument("--cause", metavar="LIKE", help="records that break something like this; * stands for anything")
    made.add_argument("--source", metavar="TOPIC", help="records of a source like this")
    made.add_argument("--key", metavar="KEY", help="records whose key is like this")


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of records")
    return int(text)
