"""The arguments of `aimass deliveries`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimass.cli_help import Commands, add_action, add_json
from aimass.settings import Settings


def add_deliveries(commands: Commands) -> None:
    """Add the command."""
    command = commands.add(
        "Watch",
        "deliveries",
        "who was told what, what failed, and tell again",
        "aimass deliveries list shop\naimass deliveries list shop --failed\naimass deliveries test shop.toml pager",
        lambda settings, given: 2,
    )
    sub = command.add_subparsers(metavar="ACTION", required=True)

    def listed(settings: Settings, given: Any) -> int:
        from aimass.commands import deliveries

        return deliveries.show_all(
            settings, given.pipeline, failed=given.failed, receiver=given.receiver, as_json=given.json
        )

    made = add_action(
        sub, "list", "list notifications and what became of them", "aimass deliveries list shop --failed", listed
    )
    made.add_argument("pipeline", metavar="PIPELINE", help="its name")
    made.add_argument("--failed", action="store_true", help="only what was not delivered")
    made.add_argument("--receiver", metavar="NAME", help="only those of one receiver")
    add_json(made)

    def again(settings: Settings, given: Any) -> int:
        from aimass.commands import deliveries

        return deliveries.redeliver(settings, given.pipeline, given.id, failed=given.failed)

    made = add_action(
        sub,
        "redeliver",
        "have notifications delivered again, under the same id; a worker does it",
        "aimass deliveries redeliver shop 5f0f4b7e\naimass deliveries redeliver shop --failed",
        again,
    )
    made.add_argument("pipeline", metavar="PIPELINE", help="its name")
    made.add_argument("id", nargs="?", metavar="ID", help="the notification, or how its id begins")
    made.add_argument("--failed", action="store_true", help="all that was not delivered")

    def tried(settings: Settings, given: Any) -> int:
        from aimass.commands import deliveries

        return deliveries.try_receiver(given.file, given.receiver)

    made = add_action(
        sub,
        "test",
        "tell a receiver a test notification, now and from here",
        "aimass deliveries test shop.toml pager",
        tried,
    )
    made.add_argument("file", type=Path, metavar="PIPELINE.toml", help="the pipeline")
    made.add_argument("receiver", metavar="RECEIVER", help="the receiver's name")
