"""`aimass produce`: a file's lines into a topic."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from rich.progress import Progress

from aimass.admin import ensure_topics, list_topics
from aimass.client import Producer
from aimass.commands.console import err, out, print_json, progress_bar
from aimass.commands.kafka import find_kafka
from aimass.commands.lines import BadLine, Format, Line, Pace, format_of, read_lines
from aimass.errors import ClientError
from aimass.settings import Settings, kafka_options

_BATCH = 500
_SHOWN_BAD_LINES = 20


@dataclass(slots=True)
class Produced:
    """What became of a file's lines."""

    sent: int = 0
    bad: list[BadLine] = field(default_factory=list)
    seconds: float = 0.0


def produce(
    settings: Settings,
    topic: str,
    filename: str,
    *,
    form: Format | None,
    key: str | None,
    time: str | None,
    rate: float | None,
    speed: float | None,
    create: int | None,
    as_json: bool,
) -> int:
    """Produce a file; wrong lines are named and left out, and then the exit code is 1."""
    if speed is not None and time is None:
        raise ClientError("--speed replays by event time: say which field holds it, by --time FIELD.")
    form = form or format_of(filename)
    settings = find_kafka(settings)
    with _opened(filename) as (stream, size), progress_bar() as bar:
        lines = read_lines(_watched(stream, size, bar, topic), form, key=key, time=time)
        sending = send_lines(settings, topic, lines, pace=Pace(rate, speed), create=create, live=filename == "-")
        produced = asyncio.run(sending)
    _report(produced, topic, as_json)
    return 1 if produced.bad else 0


async def send_lines(
    settings: Settings,
    topic: str,
    lines: Iterable[Line | BadLine],
    *,
    pace: Pace,
    create: int | None,
    live: bool = False,
) -> Produced:
    """Send lines as they become due, and each at once when they come live; return what became of them."""
    await _topic_there(settings, topic, create)
    produced, began = Produced(), monotonic()
    batch: list[Line] = []
    async with Producer(settings) as producer:
        async for line in _as_they_come(lines, live):
            if isinstance(line, BadLine):
                produced.bad.append(line)
                continue
            wait = began + pace.due(line.time) - monotonic()
            if wait > 0.001 or len(batch) >= _BATCH:
                produced.sent += await _send(producer, topic, batch)
                await asyncio.sleep(max(0.0, wait))
            batch.append(line)
            if live:
                produced.sent += await _send(producer, topic, batch)
        produced.sent += await _send(producer, topic, batch)
    produced.seconds = monotonic() - began
    return produced


async def _as_they_come(lines: Iterable[Line | BadLine], live: bool) -> AsyncIterator[Line | BadLine]:
    """Yield lines; those that come live are waited for in a thread, so that what was sent goes out meanwhile."""
    if not live:
        for line in lines:
            yield line
        return
    waiting = iter(lines)
    while (next_line := await asyncio.to_thread(next, waiting, None)) is not None:
        yield next_line


async def _send(producer: Producer, topic: str, batch: list[Line]) -> int:
    count = len(batch)
    if count:
        keys = [line.key for line in batch] if batch[0].key is not None else None
        await producer.send_many(topic, [line.value for line in batch], keys=keys)
        batch.clear()
    return count


async def _topic_there(settings: Settings, topic: str, create: int | None) -> None:
    options = kafka_options(settings)
    there = await list_topics(options)
    if topic in there:
        return
    if create is None:
        raise ClientError(f"there is no topic {topic!r}: add --create PARTITIONS to make it, such as --create 4.")
    await ensure_topics(options, [(topic, create, {})], replication=settings.replication)


@contextmanager
def _opened(filename: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if filename == "-":
        yield sys.stdin.buffer, None
        return
    try:
        stream = Path(filename).open("rb")  # noqa: SIM115  (closed below; only the opening may fail this way)
    except OSError as exc:
        raise ClientError(f"{filename} cannot be read: {exc.strerror}.") from exc
    with stream:
        yield stream, os.fstat(stream.fileno()).st_size


def _watched(stream: Iterable[bytes], size: int | None, bar: Progress, topic: str) -> Iterator[bytes]:
    task = bar.add_task(f"to {topic}", total=size)
    done = 0
    for number, line in enumerate(stream):
        yield line
        done += len(line)
        if number % _BATCH == 0:
            bar.update(task, completed=done)


def _report(produced: Produced, topic: str, as_json: bool) -> None:
    for bad in produced.bad[:_SHOWN_BAD_LINES]:
        err.print(f"line {bad.number}: {bad.reason}", markup=False)
    if len(produced.bad) > _SHOWN_BAD_LINES:
        err.print(f"… and {len(produced.bad) - _SHOWN_BAD_LINES} more lines that are wrong")
    if as_json:
        bad_lines = [{"line": bad.number, "reason": bad.reason} for bad in produced.bad]
        print_json({"topic": topic, "sent": produced.sent, "seconds": produced.seconds, "bad_lines": bad_lines})
        return
    rate = produced.sent / produced.seconds if produced.seconds else 0
    wrong = f"; {len(produced.bad):,} wrong lines left out" if produced.bad else ""
    out.print(f"{produced.sent:,} records to {topic} in {produced.seconds:.1f} s ({rate:,.0f}/s){wrong}")
