"""The newest records of a topic, or the last of a file, to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer

from aimass.client import Message
from aimass.commands.console import progress_bar
from aimass.commands.kafka import find_kafka
from aimass.commands.lines import BadLine, format_of, read_lines
from aimass.connection import partitions_of, start
from aimass.errors import BadEvent, ClientError
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import SourceDef

_FILES = (".jsonl", ".ndjson", ".json", ".csv")
Decode = Callable[[bytes, Any], Any]


@dataclass(slots=True)
class Sample:
    """Records, the oldest first, with what is known around them.

    Parameters
    ----------
    name
        What they are of.
    records
        The records.
    keys
        Their keys; ``None``: they have none.
    delays
        How many seconds after they happened they came; ``None``: nobody knows.
    wrong
        How many were left out, since they are no JSON objects.
    """

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] | None = None
    delays: list[float] | None = None
    wrong: int = 0


def sample(settings: Settings, what: str, *, source: str | None, last: int) -> Sample:
    """Return records of a topic, a file of JSON lines or CSV, or a source of a pipeline.

    Raises
    ------
    ClientError
        When there are none, or the file or the topic cannot be read.
    """
    if what.endswith(".toml"):
        found = _of_pipeline(settings, Path(what), source, last)
    elif source is not None:
        raise ClientError("--source names a source of a pipeline: give its file, PIPELINE.toml, too.")
    elif what.endswith(_FILES):
        found = from_lines(Path(what), last)
    else:
        found = asyncio.run(_of_topic(find_kafka(settings), what, last, None))
    if not found.records:
        raise ClientError(f"{found.name} has no records that are JSON objects: there is nothing to learn from.")
    return found


def from_lines(file: Path, last: int) -> Sample:
    """Return the last records of a file.

    Raises
    ------
    ClientError
        When it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            values = [
                None if isinstance(one, BadLine) else orjson.loads(one.value)
                for one in read_lines(stream, format_of(file.name))
            ]
    except OSError as exc:
        raise ClientError(f"{file}: cannot be read: {exc.strerror}.") from exc
    good = [value for value in values if type(value) is dict]
    return Sample(file.name.partition(".")[0], good[-last:], wrong=len(values) - len(good))


def _of_pipeline(settings: Settings, file: Path, source: str | None, last: int) -> Sample:
    from aimass.commands.pipelines import load
    from aimass.rules.suggest import meant

    (pipeline,) = load([file])
    known = {one.topic: one for one in pipeline.sources}
    if source is None and len(known) > 1:
        raise ClientError(f"{pipeline.name} has several sources; say of which: --source {min(known)}")
    chosen = known.get(source or next(iter(known)))
    if chosen is None:
        raise ClientError(f"{source!r} is no source of {pipeline.name}{meant(str(source), known)}.")
    return asyncio.run(_of_topic(find_kafka(settings), chosen.topic, last, chosen))


async def _of_topic(settings: Settings, topic: str, last: int, source: SourceDef | None) -> Sample:
    """Read the newest committed records of a topic: of each partition as many as are wanted, then the newest of all."""
    options = kafka_options(settings)
    places = await partitions_of(options, [topic])
    if not places:
        raise ClientError(f"there is no topic {topic!r} in this Kafka: `aimass topics list` shows those there are.")
    consumer = AIOKafkaConsumer(
        **options, client_id="aimass-sample", isolation_level="read_committed", enable_auto_commit=False
    )
    await start(consumer, options)
    messages: list[Message] = []
    try:
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        with progress_bar() as bar:
            task = bar.add_task(f"reading {topic}", total=sum(min(last, ends[at] - begins[at]) for at in places))
            for place in places:
                consumer.assign([place])
                consumer.seek(place, max(begins[place], ends[place] - last))
                while (position := await consumer.position(place)) < ends[place]:
                    fetched = (await consumer.getmany(place, timeout_ms=500)).get(place, [])
                    messages += [
                        Message(topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in fetched
                    ]
                    bar.advance(task, await consumer.position(place) - position)
    finally:
        await consumer.stop()
    return sampled(topic, messages, last, source)


def sampled(topic: str, messages: Iterable[Message], last: int, source: SourceDef | None) -> Sample:
    """Return the newest of Kafka's records, decoded; with their delay, where the source says when they happened.

    Examples
    --------
    >>> messages = [Message("t", 0, 7, 1000, b"k", b'{"a": 1}', ()), Message("t", 0, 8, 1001, b"k", b"{", ())]
    >>> found = sampled("t", messages, 9, None)
    >>> found.records, found.keys, found.wrong
    ([{'a': 1}], ['k'], 1)
    """
    from aimass.models.features import getter
    from aimass.quality.times import seconds

    decode = _decoder(source)
    keys: list[str] = []
    delays: list[float | None] = []
    found = Sample(topic, keys=keys)
    for message in sorted(messages, key=lambda one: one.timestamp_ms)[-last:]:
        try:
            record = decode(message.value or b"", message.headers)
        except (BadEvent, orjson.JSONDecodeError):
            record = None
        if type(record) is not dict:
            found.wrong += 1
            continue
        found.records.append(record)
        key = message.key if source is None or source.key is None else getter(source.key)(record)
        keys.append(_text(key, message.partition))
        when = None if source is None or source.time is None else seconds(getter(source.time)(record))
        delays.append(None if when is None else max(0.0, message.timestamp_ms / 1000 - when))
    known = [one for one in delays if one is not None]
    found.delays = known if known and len(known) == len(delays) else None
    return found


def _decoder(source: SourceDef | None) -> Decode:
    if source is None or source.format == "json":
        return lambda value, headers: orjson.loads(value)
    if source.registry is not None:
        raise ClientError(
            f"the schemas of {source.topic} are in a registry, which is not asked here: give a file of its records, as "
            "JSON lines."
        )
    from aimass.formats.book import SchemaBook
    from aimass.pipeline.data_checks import format_of as format_of_source

    made = format_of_source(source, SchemaBook())
    return lambda value, headers: orjson.loads(value) if made is None else made.decode(value, headers)


def _text(key: Any, partition: int) -> str:
    """Return a key as text; a record without one is in order with those of its partition."""
    if type(key) is bytes:
        return key.decode("utf-8", "backslashreplace")
    return key if type(key) is str else f"\0{partition}" if key is None or type(key) in (dict, list) else str(key)
