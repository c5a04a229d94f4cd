"""`aimass replay`: a pipeline once more over its log, into topics of its own, beside what it said the first time."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from rich.markup import escape

from aimass.admin import list_topics, partitions_of
from aimass.client.subscriber import From, offsets_at
from aimass.commands.compare import Comparison, compare
from aimass.commands.console import out, print_json, progress_bar
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.connection import start
from aimass.errors import ClientError
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline
    from aimass.runtime.replay import Replayed


def replay(settings: Settings, file: Path, *, from_: From, compared: bool, as_json: bool) -> int:
    """Replay a pipeline over its log; with a comparison, the exit code is 1 when anything differs."""
    settings = find_kafka(settings)
    (pipeline,) = load([file])
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    done = _run(settings, pipeline, name, asyncio.run(beginnings(settings, f"{pipeline.name}.log", from_)))
    found = asyncio.run(_compare(settings, pipeline.name, done, part=from_ != "beginning")) if compared else []
    made = asyncio.run(_made(settings, f"{pipeline.name}.replay-{name}."))
    if as_json:
        comparisons = [{**asdict(one), "same": one.same} for one in found]
        print_json({**asdict(done), "topics": made, "comparisons": comparisons})
    else:
        out.print(
            f"{done.events:,} records of the log in {done.seconds:.1f} s, to {done.predictions} and {done.alerts}"
        )
        for one in found:
            print_comparison(one)
        out.print(f"[dim]To delete them: aimass topics delete {' '.join(made)}[/dim]")
    return 0 if all(one.same for one in found) else 1


def _run(settings: Settings, pipeline: Pipeline, name: str, begin: dict[int, int]) -> Replayed:
    from aimass.runtime.replay import run_replay

    with progress_bar() as bar:
        task = bar.add_task(f"replaying {pipeline.name}", total=None)
        return run_replay(
            pipeline, settings, name, begin, lambda done, total: bar.update(task, completed=done, total=total)
        )


async def beginnings(settings: Settings, log: str, from_: From) -> dict[int, int]:
    """Return the offset at which each partition of a log is begun.

    Raises
    ------
    ClientError
        When there is no such log.
    """
    options = kafka_options(settings)
    partitions = await partitions_of(options, [log])
    if not partitions:
        raise ClientError(f"there is no topic {log!r}, so nothing to replay: run the pipeline first.")
    consumer = AIOKafkaConsumer(**options, isolation_level="read_committed")
    await start(consumer, options)
    try:
        return {at.partition: offset for at, offset in (await offsets_at(consumer, partitions, from_)).items()}
    finally:
        await consumer.stop()


async def _compare(settings: Settings, pipeline: str, done: Replayed, *, part: bool) -> list[Comparison]:
    pairs = ((f"{pipeline}.predictions", done.predictions), (f"{pipeline}.alerts", done.alerts))
    return [await compare(settings, first, second, part=part) for first, second in pairs]


async def _made(settings: Settings, prefix: str) -> list[str]:
    return [topic for topic in await list_topics(kafka_options(settings)) if topic.startswith(prefix)]


def print_comparison(found: Comparison) -> None:
    """Print what two topics have in common."""
    colour, what = ("green", "the same") if found.same else ("red", "different")
    out.print(
        f"[{colour}]{what}[/{colour}] {found.first} ({found.first_records:,}) and {found.second} "
        f"({found.second_records:,}): {found.equal:,} equal byte for byte, {found.different:,} differ, "
        f"{found.only_first:,} only in the first, {found.only_second:,} only in the second"
    )
    for one in found.differences:
        out.print(f"  {escape(one.id)}\n    first:  {escape(str(one.first))}\n    second: {escape(str(one.second))}")
