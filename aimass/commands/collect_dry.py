"""`aimass collect --dry-run`: the first records of each source as they would arrive, and what would become of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.markup import escape

from aimass.commands.collect import chosen, first_rows
from aimass.commands.console import err, out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.tail import clock
from aimass.connection import partitions_of, start
from aimass.errors import AimassError, ClientError
from aimass.records import Event, Quarantined
from aimass.settings import Settings, kafka_options
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline
    from aimass.pipeline.definition import SourceDef

_READ_S = 10.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record, and what would become of it.

    Parameters
    ----------
    fate
        ``log``, ``tagged`` (in the log, with what it breaks), ``quarantined``, ``deadletters`` or ``left out``.
    data
        What it says: an event's data where it is one, else the value as it came.
    changes
        What cleaning did, in words.
    why
        What it breaks, or why it is rejected or left out.
    """

    source: str
    fate: str
    id: str = ""
    key: str = ""
    time: float | None = None
    data: str = ""
    changes: tuple[str, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, for programs."""
        names = ("source", "fate", "id", "key", "time", "data", "changes", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Sample:
    """What was found of one source: its records, or why there are none."""

    source: str
    records: list[MemoryRecord] = field(default_factory=list)
    note: str = ""


def dry_run(settings: Settings, file: Path, *, source: str | None, limit: int, as_json: bool) -> int:
    """Show the first records of each source, and what would become of them; nothing is written."""
    pipeline = chosen(file, source)
    samples = asyncio.run(_samples(settings, pipeline, limit))
    book = asyncio.run(_book(pipeline, samples))
    for sample in samples:
        arrivals = arrive(pipeline, sample.records, book)
        if as_json:
            for one in arrivals:
                print_json(one.facts)
        else:
            _print(sample, arrivals)
        if as_json and sample.note:
            err.print(f"{escape(sample.source)}: {escape(sample.note)}")
    return 0


async def _samples(settings: Settings, pipeline: Pipeline, limit: int) -> list[Sample]:
    return list(await asyncio.gather(*(_sample(settings, pipeline, one, limit) for one in pipeline.sources)))


async def _sample(settings: Settings, pipeline: Pipeline, source: SourceDef, limit: int) -> Sample:
    topic, sample = source.topic, Sample(source.topic)
    try:
        if source.feed == "push":
            from aimass.feeds.push import PushServer

            server = PushServer(pipeline.name, [topic], settings)
            sample.note = f"others push to it while `aimass collect` runs: {server.example(topic)}"
        elif source.feed is not None:
            now = int(time.time() * 1000)
            for at, row in enumerate(await first_rows(source, limit)):
                stamp = now if row.timestamp_ms is None else row.timestamp_ms
                sample.records.append(MemoryRecord(row.value, row.key, topic, 0, at, stamp, tuple(row.headers)))
        else:
            sample.records += await _newest(settings, topic, limit)
        if not sample.records and not sample.note:
            sample.note = "nothing came"
    except AimassError as exc:
        sample.note = str(exc)
    return sample


async def _newest(settings: Settings, topic: str, limit: int) -> list[MemoryRecord]:
    """Return the newest records of a topic, the oldest of them first."""
    options = kafka_options(find_kafka(settings))
    places = await partitions_of(options, [topic])
    if not places:
        raise ClientError(f"there is no topic {topic!r} in this Kafka yet, and no feed fills it")
    consumer = AIOKafkaConsumer(**options, isolation_level="read_committed", enable_auto_commit=False)
    await start(consumer, options)
    try:
        found = [record for place in places for record in await _last(consumer, place, limit)]
    finally:
        await consumer.stop()
    newest = sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset))[-limit:]
    return [
        MemoryRecord(one.value, one.key, one.topic, one.partition, one.offset, one.timestamp, tuple(one.headers))
        for one in newest
    ]


async def _last(consumer: Any, place: TopicPartition, limit: int) -> list[Any]:
    """Return the last records of a partition; more than asked for are read, for markers of transactions are offsets."""
    consumer.assign([place])
    begin = (await consumer.beginning_offsets([place]))[place]
    end = (await consumer.end_offsets([place]))[place]
    consumer.seek(place, max(begin, end - 2 * limit - 10))
    found: list[Any] = []
    deadline = asyncio.get_running_loop().time() + _READ_S
    while await consumer.position(place) < end and asyncio.get_running_loop().time() < deadline:
        found += (await consumer.getmany(place, timeout_ms=500)).get(place, ())
    return found[-limit:]


async def _book(pipeline: Pipeline, samples: Sequence[Sample]) -> Any:
    """Return what schema registries say of the records."""
    from aimass.formats.book import SchemaBook
    from aimass.runtime.schemas import Registry

    book = SchemaBook()
    records = {sample.source: sample for sample in samples}
    for source in pipeline.sources:
        if source.registry is not None:
            sample = records[source.topic]
            try:
                await Registry(source.registry, os.environ).learn(book, [one.value for one in sample.records])
            except AimassError as exc:
                sample.note = str(exc)
    return book


def arrive(pipeline: Pipeline, records: Sequence[MemoryRecord], book: Any) -> list[Arrival]:
    """Return what COLLECT makes of records of a source, in memory."""
    from aimass.pipeline import compile_stages

    stage, state = compile_stages(pipeline, None, book)[0], MemoryState()
    sources = {one.topic: one for one in pipeline.sources}
    found = []
    for record in records:
        outputs = MemoryOutputs()
        stage.on_batch([record], state, outputs)
        found.append(_arrival(record, outputs, sources[record.topic]))
    return found


def _arrival(record: MemoryRecord, outputs: MemoryOutputs, source: SourceDef) -> Arrival:
    value = (record.value or b"").decode("utf-8", "backslashreplace")
    place = f"{record.topic}-{record.partition}-{record.offset}"
    if outputs.rejected:
        return Arrival(record.topic, "deadletters", place, data=value, why=(str(outputs.rejected[0][1]),))
    apart = [one for one in outputs.records("observations") if isinstance(one, Quarantined)]
    events = [one for one in outputs.records("") if isinstance(one, Event)]
    if events:
        return _event(record.topic, events[0])
    if apart:
        one = apart[0]
        return Arrival(record.topic, "quarantined", one.id, one.key, one.time, value, why=one.causes)
    whys = [f"`only` is not true of it: {source.only}"] if source.only is not None else []
    whys += ["its id came before (`dedupe`)"] if source.dedupe is not None else []
    return Arrival(record.topic, "left out", place, data=value, why=(", or ".join(whys),))


def _event(source: str, one: Event) -> Arrival:
    quality = one.quality
    data = bytes(one.data).decode("utf-8", "backslashreplace")
    if quality is None:
        return Arrival(source, "log", one.id, one.key, one.time, data)
    changes = [f"{path} was {value!r}" for path, value in quality.was.items()]
    changes += [f"{path} had no value" for path in quality.imputed]
    changes += [f"{path} was looked up" for path in quality.added]
    fate = "tagged" if quality.broken else "log"
    return Arrival(source, fate, one.id, one.key, one.time, data, tuple(changes), quality.broken)


def _print(sample: Sample, arrivals: Sequence[Arrival]) -> None:
    count = f", {len(arrivals)} records" if arrivals else ""
    out.print(f"[bold]{escape(sample.source)}[/bold]{count}")
    if sample.note:
        out.print(f"  {escape(sample.note)}")
    if not arrivals:
        return
    width = max(20, out.width // 3)
    rows = [
        (
            escape(one.id),
            escape(one.key),
            "–" if one.time is None else clock(one.time),
            one.fate,
            escape(_cut(one.data, width)),
            escape(", ".join(one.changes)),
            escape(", ".join(one.why)),
        )
        for one in arrivals
    ]
    out.print(table(["id", "key", "time", "becomes", "data", "cleaned", "why"], rows))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
