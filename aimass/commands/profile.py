"""`aimass profile`: what a pipeline knows of a key: its profile, tags, pinned items, and what it was offered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rich.markup import escape

from aimass.commands.console import out, print_json, progress_bar, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import layout_of, load
from aimass.commands.tail import clock
from aimass.connection import partitions_of
from aimass.errors import ClientError
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline

_STAMP = 8  # bytes before a row of a table that forgets: when it was last put


def show(settings: Settings, file: Path, key: str, *, as_json: bool) -> int:
    """Show what a pipeline knows of a key."""
    settings = find_kafka(settings)
    (pipeline,) = load([file])
    with progress_bar() as bar:
        task = bar.add_task(f"looking for {escape(key)}", total=None)
        rows = asyncio.run(_rows(settings, pipeline, key, lambda n, of: bar.update(task, completed=n, total=of)))
    known = facts(rows)
    if as_json:
        print_json({"key": key, **known})
    elif not any(known.values()):
        out.print(f"Nothing is known of {escape(repr(key))}: no event of this key came, or its state needs no profile.")
    else:
        _print(known)
    return 0


def facts(rows: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what is known of a key from its rows in DECIDE's state.

    Parameters
    ----------
    rows
        By table, as they stand in the changelog.

    Examples
    --------
    >>> from aimass.stages.profiles import Known, _encode
    >>> facts({"tags": bytes(8) + _encode(Known({"keen": 20.0}, {"tea": (9.0, "cart")}))})["tags"]
    [{'tag': 'keen', 'until': 20.0}]
    """
    from aimass.models.profile_kernel import ROW
    from aimass.stages.profiles import Known, describe
    from aimass.stages.recommend_view import Shopper

    profile, tags = rows.get("profile"), rows.get("tags")
    known = Known() if tags is None else msgspec.msgpack.decode(tags[_STAMP:], type=Known)
    shops = {}
    for name, row in rows.items():
        if name.startswith("recommend.") and name.endswith(".keys"):
            shops[name[len("recommend.") : -len(".keys")]] = msgspec.msgpack.decode(row[_STAMP:], type=Shopper)
    return {
        "profile": None if profile is None else describe(np.frombuffer(profile[_STAMP:], ROW)[0]),
        "tags": [{"tag": name, "until": until} for name, until in known.tags.items()],
        "pins": [{"item": item, "until": until, "rule": rule} for item, (until, rule) in known.pins.items()],
        "recommend": {name: _shop(one) for name, one in shops.items()},
    }


def _shop(one: Any) -> dict[str, Any]:
    return {
        "looked_at": [{"item": item, "time": time} for item, time in reversed(one.recent)],
        "has": one.bought,
        "offered": [{"recommendation": id, "time": time, "items": items} for id, time, items in reversed(one.open)],
    }


def _print(known: dict[str, Any]) -> None:
    for name, value in (known["profile"] or {}).items():
        shown = clock(value) if name.endswith("_seen") else "–" if value is None else f"{value:,.10g}"
        out.print(f"[bold]{name}[/bold] {shown}")
    for what, columns in (("tags", ("tag", "until")), ("pins", ("item", "until", "rule"))):
        if known[what]:
            out.print(table(columns, [_cells(one) for one in known[what]], title=what))
    for name, shop in known["recommend"].items():
        out.print(table(["item", "time"], [_cells(one) for one in shop["looked_at"]], title=f"{name}: looked at"))
        if shop["has"]:
            out.print(f"[bold]has[/bold] {escape(', '.join(shop['has']))}")
        offered = [(clock(one["time"]), escape(", ".join(one["items"]))) for one in shop["offered"]]
        if offered:
            out.print(table(["time", "items"], offered, title=f"{name}: offered, not yet taken"))


def _cells(one: Mapping[str, Any]) -> list[str]:
    return [clock(value) if type(value) is float else escape(str(value)) for value in one.values()]


async def _rows(
    settings: Settings, pipeline: Pipeline, key: str, on_progress: Callable[[int, int], None]
) -> dict[str, bytes]:
    """Read the partition of DECIDE's changelog that has the key; return the newest row of each table."""
    from aimass.runtime.log import KafkaLog, Target
    from aimass.runtime.outputs import partition_of

    layout, options = layout_of(pipeline), kafka_options(settings)
    topic = layout.changelog("decide", layout.predictions.name).name
    partitions = await partitions_of(options, [topic])
    if not partitions:
        raise ClientError(f"there is no topic {topic!r} in this Kafka: run the pipeline first.")
    end, found = b"\0" + key.encode(), dict[str, bytes]()
    source = Target(topic, partition_of(key.encode(), len(partitions)))
    async for position, last, rows in KafkaLog(options, "aimass-profile").changelog(source, 0):
        for raw, row in rows:
            if raw.endswith(end):
                name = raw[: -len(end)].decode()
                if row is None:
                    found.pop(name, None)
                else:
                    found[name] = row
        on_progress(position, last)
    return found
