"""`aimass topics`: what there is, what a pipeline needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aimass.admin import (
    beginning_offsets,
    delete_topics,
    end_offsets,
    list_topics,
    topic_settings,
)
from aimass.commands.console import out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import create_topics, load
from aimass.errors import ClientError
from aimass.settings import Settings, kafka_options


def list_all(settings: Settings, *, as_json: bool) -> int:
    """List the topics with their partitions and how many records they keep."""
    asyncio.run(_list(find_kafka(settings), as_json))
    return 0


async def _list(settings: Settings, as_json: bool) -> None:
    options = kafka_options(settings)
    topics = await list_topics(options)
    starts, ends = await beginning_offsets(options, topics), await end_offsets(options, topics)
    kept = dict.fromkeys(topics, 0)
    for at, end in ends.items():
        kept[at.topic] += end - starts.get(at, 0)
    if as_json:
        print_json([{"topic": name, "partitions": n, "offsets": kept[name]} for name, n in topics.items()])
    elif topics:
        out.print(table(["topic", "#partitions", "#offsets kept"], [(t, n, kept[t]) for t, n in topics.items()]))
    else:
        out.print("There are no topics yet: `aimass run PIPELINE.toml` makes a pipeline's.")


def create(settings: Settings, files: Sequence[Path], *, as_json: bool) -> int:
    """Create the topics of pipelines; those that are there are checked."""
    created = asyncio.run(create_topics(find_kafka(settings), load(files)))
    if as_json:
        print_json({"created": created})
    else:
        out.print("\n".join(f"created {name}" for name in created) or "All topics are there.")
    return 0


def show(settings: Settings, topic: str, *, as_json: bool) -> int:
    """Show a topic's partitions and settings."""
    asyncio.run(_show(find_kafka(settings), topic, as_json))
    return 0


async def _show(settings: Settings, topic: str, as_json: bool) -> None:
    options = kafka_options(settings)
    if topic not in await list_topics(options):
        raise ClientError(f"there is no topic {topic!r}: `aimass topics list` shows those there are.")
    starts, ends = await beginning_offsets(options, [topic]), await end_offsets(options, [topic])
    every = await end_offsets(options, [topic], committed=False)
    config = await topic_settings(options, topic)
    rows = [(at.partition, starts[at], ends[at], every[at] - ends[at]) for at in sorted(ends)]
    if as_json:
        names = ("partition", "begin", "end", "uncommitted")
        print_json(
            {"topic": topic, "partitions": [dict(zip(names, row, strict=True)) for row in rows], "settings": config}
        )
        return
    out.print(table(["#partition", "#begin", "#end", "#uncommitted"], rows, title=topic))
    out.print(table(["setting", "value"], sorted(config.items())))


def delete(settings: Settings, names: Sequence[str], *, as_json: bool) -> int:
    """Delete topics with all their records."""
    deleted = asyncio.run(delete_topics(kafka_options(find_kafka(settings)), names))
    if as_json:
        print_json({"deleted": deleted})
    else:
        out.print("\n".join(f"deleted {name}" for name in deleted) or "None of them is there.")
    return 0
