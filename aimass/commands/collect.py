"""`aimass collect`: the feeds of a pipeline alone on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from aimass.commands.console import err, out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import create_topics, load
from aimass.commands.tail import clock
from aimass.errors import ClientError
from aimass.settings import Settings

if TYPE_CHECKING:
    from aimass.feeds.service import FeedState
    from aimass.pipeline import Pipeline

_EVERY_S = 1.0


def collect(settings: Settings, file: Path, *, source: str | None, as_json: bool) -> int:
    """Run the feeds of a pipeline until Ctrl-C, and show how many rows they bring."""
    pipeline = chosen(file, source)
    if not any(one.feed for one in pipeline.sources):
        raise ClientError(
            f"no source of {pipeline.name!r} has a feed: whoever produces to {', '.join(pipeline.inputs)} feeds it."
        )
    asyncio.run(_collect(find_kafka(settings), pipeline, as_json))
    return 0


def chosen(file: Path, source: str | None) -> Pipeline:
    """Return a pipeline with all its sources, or with the one that is asked for.

    Raises
    ------
    ClientError
        When it has no such source.
    """
    (pipeline,) = load([file])
    if source is None:
        return pipeline
    sources = tuple(one for one in pipeline.sources if one.topic == source)
    if not sources:
        there = ", ".join(one.topic for one in pipeline.sources)
        raise ClientError(f"{source!r} is no source of {pipeline.name!r}; there are: {there}.")
    return replace(pipeline, sources=sources)


async def _collect(settings: Settings, pipeline: Pipeline, as_json: bool) -> None:
    from aimass.feeds.push import PushServer
    from aimass.feeds.service import FeedService

    for name in await create_topics(settings, [pipeline]):
        err.print(f"created topic {escape(name)}")
    pushed = [one.topic for one in pipeline.sources if one.feed == "push"]
    counts = dict.fromkeys((one.topic for one in pipeline.sources if one.feed), 0)
    service = FeedService(
        pipeline.name, pipeline.sources, settings, observe=lambda topic, rows: _add(counts, topic, rows)
    )
    work = []
    if pushed:
        server = PushServer(pipeline.name, pushed, settings)
        work.append(asyncio.create_task(server.run()))
        for topic in pushed:
            err.print(f"push to {escape(topic)}: [bold]{escape(server.example(topic))}[/bold]")
    if len(pushed) < len(counts):
        work.append(asyncio.create_task(service.run_alone()))
    try:
        await _watch(work, service, counts, as_json)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    _summary(service.states(), counts, as_json)


def _add(counts: dict[str, int], topic: str, rows: int) -> None:
    counts[topic] += rows


async def _watch(work: Sequence[asyncio.Task[None]], service: Any, counts: dict[str, int], as_json: bool) -> None:
    """Show a line a second until a signal comes, or a task fails."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    before = dict(counts)
    try:
        while not stop.is_set():
            done, _ = await asyncio.wait([stopped, *work], timeout=_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a feed that can never work says what to do
            _line(service.states(), counts, before, as_json)
            before = dict(counts)
    finally:
        stopped.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _line(states: Sequence[FeedState], counts: dict[str, int], before: dict[str, int], as_json: bool) -> None:
    errors = {one.topic: one.error for one in states if one.error}
    if as_json:
        facts = {topic: {"rows": rows, "new": rows - before[topic]} for topic, rows in counts.items()}
        print_json({"time": time.time(), "feeds": facts, "errors": errors})
        return
    said = [
        f"{escape(topic)} {rows:,} rows (+{rows - before[topic]:,})"
        + (f" [red]{escape(errors[topic])}[/red]" if topic in errors else "")
        for topic, rows in counts.items()
    ]
    err.print(f"[dim]{clock(time.time())[11:19]}[/dim] {', '.join(said)}")


def _summary(states: Sequence[FeedState], counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        return
    ever = {one.topic: one for one in states}
    rows = [
        (escape(topic), count, ever[topic].rows if topic in ever else None, escape(_last(ever.get(topic))))
        for topic, count in counts.items()
    ]
    out.print(table(["topic", "#rows now", "#rows ever", "last"], rows))


def _last(state: FeedState | None) -> str:
    return "–" if state is None or state.last is None else clock(state.last)


async def first_rows(source: Any, limit: int, patience_s: float = 10.0, quiet_s: float = 1.0) -> list[Any]:
    """Return the first rows that a feed brings; it is not told that they were taken, so it will bring them again.

    It ends early when nothing more has come for ``quiet_s`` after the first rows.
    """
    from aimass.feeds.make import make_feed

    feed = make_feed(source, os.environ)
    if feed is None:
        return []
    rows: list[Any] = []
    portions: Any = feed.portions(None)
    deadline = asyncio.get_running_loop().time() + patience_s
    try:
        while len(rows) < limit:
            left = deadline - asyncio.get_running_loop().time()
            with suppress(StopAsyncIteration):
                portion = await asyncio.wait_for(anext(portions), min(left, quiet_s) if rows else left)
                rows += portion.rows
                continue
            break
    except TimeoutError:
        pass
    finally:
        await portions.aclose()
    return rows[:limit]
