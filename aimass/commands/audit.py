"""`aimass audit`: proves that nothing was lost, added or changed on the way from the sources to the predictions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from rich.markup import escape
from rich.progress import Progress, TaskID

from aimass.admin import beginning_offsets, end_offsets
from aimass.codec import dead_letter, decoder
from aimass.commands.console import out, print_json, progress_bar, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import layout_of, load
from aimass.connection import start
from aimass.errors import BadEvent, ClientError, WorldFault
from aimass.records import Event, LogRecord, Pane, Quarantined, Redrive
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline
    from aimass.quality.audits.audit import Audit, Verdict
    from aimass.quality.audits.source import SourcePart, Wrongs

_PATIENCE_S = 60.0
#: So many records before its end a changelog is read first, to find how far its stage has come.
_TAIL = 2000
Take = Callable[[Any], None]
Offsets = Mapping[TopicPartition, int]


class _Named(msgspec.Struct):
    """As much of a prediction as is needed here."""

    type: str
    id: str = ""


_logged, _named, _redrive = decoder(LogRecord), decoder(_Named), decoder(Redrive)
_seen = decoder(Pane | Quarantined)


def audit(settings: Settings, file: Path, *, as_json: bool) -> int:
    """Audit a pipeline; return 1 when something is wrong."""
    (pipeline,) = load([file])
    verdict = asyncio.run(_audit(find_kafka(settings), pipeline))
    if as_json:
        print_json(_facts(pipeline.name, verdict))
    else:
        _print(pipeline.name, verdict)
    return 0 if verdict.holds else 1


def _facts(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "pipeline": name,
        "holds": verdict.holds,
        "wrong": verdict.wrong,
        "first": [one._asdict() for one in verdict.first],
        "unproven": list(verdict.unproven),
        "sources": verdict.counts,
        "events": verdict.events,
        "predictions": verdict.predictions,
    }


def _print(name: str, verdict: Verdict) -> None:
    columns = ["records", "log", "quarantined", "redriven", "deadletters", "filtered or duplicates"]
    rows = [(escape(place), *(counts[one] for one in columns)) for place, counts in verdict.counts.items()]
    out.print(table(["source", *(f"#{one}" for one in columns)], rows))
    out.print(f"{verdict.events:,} events in the log, {verdict.predictions:,} predictions of them\n")
    for said in verdict.unproven:
        out.print(f"[yellow]not proven[/yellow] {escape(said)}")
    if verdict.holds:
        proven = "of all else, " if verdict.unproven else ""
        out.print(f"[green]{escape(name)}: {proven}nothing was lost, added or changed[/green]")
        return
    shown = [(escape(one.topic), _place(one.partition), _place(one.offset), escape(one.what)) for one in verdict.first]
    out.print(table(["topic", "partition", "offset", "what is wrong"], shown))
    more = f", of which these are the first {len(shown)}" if verdict.wrong > len(shown) else ""
    out.print(f"[red]{escape(name)}: {verdict.wrong:,} things are wrong{more}[/red]")


def _place(number: int) -> str:
    return "–" if number < 0 else str(number)


async def _audit(settings: Settings, pipeline: Pipeline) -> Verdict:
    options = kafka_options(settings)
    with progress_bar() as bar:
        async with _reading(options, bar) as reader:
            return await _Books(options, pipeline, reader).verdict()


class _Reader:
    """Reads partitions from one offset to another, committed records only, with a progress bar."""

    def __init__(self, consumer: Any, bar: Progress) -> None:
        self._consumer, self._bar = consumer, bar
        self._task: TaskID = bar.add_task("reading", total=None)

    def expect(self, offsets: int) -> None:
        """Say how much there is to read."""
        self._bar.update(self._task, total=offsets)

    async def read(self, place: TopicPartition, begin: int, end: int, take: Take) -> None:
        """Hand over the records of a partition, in order, from an offset to before another.

        Raises
        ------
        WorldFault
            When Kafka has no more for a long time, although it is not the end.
        """
        consumer, moved = self._consumer, monotonic()
        if begin >= end:
            return
        self._bar.update(self._task, description=f"reading {place.topic}/{place.partition}")
        consumer.assign([place])
        consumer.seek(place, begin)
        position = begin
        while position < end:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                if record.offset < end:
                    take(record)
            before, position = position, min(end, await consumer.position(place))
            self._bar.advance(self._task, position - before)
            if position > before:
                moved = monotonic()
            elif monotonic() - moved > _PATIENCE_S:
                raise WorldFault(
                    f"{place.topic}/{place.partition} cannot be read on from offset {position}: a transaction is "
                    "open, or its broker is away. Run it again."
                )


@asynccontextmanager
async def _reading(options: dict[str, Any], bar: Progress) -> AsyncIterator[_Reader]:
    consumer = AIOKafkaConsumer(
        **options,
        client_id="aimass-audit",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=100,
    )
    await start(consumer, options)
    try:
        yield _Reader(consumer, bar)
    except KafkaError as exc:
        raise WorldFault(f"Kafka failed while it was audited: {exc}. Run it again.") from exc
    finally:
        await consumer.stop()


class _Books:
    """Reads all that an audit of a pipeline needs.

    The workers go on meanwhile. So that what is read of one topic is never ahead of what is read of the topic that it
    came from, ends are taken in this order: panes, how far stages have come, predictions, the log and what was set
    apart, sources.
    """

    def __init__(self, options: dict[str, Any], pipeline: Pipeline, reader: _Reader) -> None:
        self._options, self._pipeline, self._reader = options, pipeline, reader
        name, self._layout = pipeline.name, layout_of(pipeline)
        self._log, self._letters, self._predictions = f"{name}.log", f"{name}.deadletters", f"{name}.predictions"
        self._observations, self._redrives = f"{name}.observations", f"{name}.redrive"
        self._sources = [one.topic for one in pipeline.sources]
        self._begins: Offsets = {}

    async def verdict(self) -> Verdict:
        """Read everything, and judge."""
        own = [self._log, self._letters, self._predictions, self._observations, self._redrives]
        self._begins = await beginning_offsets(self._options, [*own, *self._sources])
        if not self._of(self._log):
            raise ClientError(
                f"there is no topic {self._log!r} in this Kafka: does the pipeline {self._pipeline.name!r} run here?"
            )
        panes = await self._ends(self._observations, committed=True)
        come = await self._progress()
        collected = {place: come.get(("collect", place), 0) for place in self._of(*self._sources)}
        redriven = max((come.get(("collect", place), 0) for place in self._of(self._redrives)), default=0)
        scored = {place.partition: come.get(("score", place), 0) for place in self._of(self._log)}
        predicted = await self._ends(self._predictions)
        logged = await self._ends(self._log, self._letters, self._observations)
        ends = await self._ends(self._redrives, *self._sources)
        known = {**predicted, **logged, **ends}
        self._reader.expect(sum(max(0, end - self._begins.get(place, 0)) for place, end in known.items()))
        audit, parts = self._made(collected, scored, redriven)
        await self._read_apart(audit, panes, {**logged, **ends})
        await self._read_log(audit, logged)
        self._cut(audit, parts)
        await self._read_predictions(audit, predicted)
        for place in self._of(*self._sources):
            part = audit.part(*place)
            await self._reader.read(place, part.first, part.position, _source(part))
        said = audit.verdict({(place.topic, place.partition): ends[place] for place in self._of(*self._sources)})
        return replace(said, unproven=(*said.unproven, *self._never_proven()))

    def _never_proven(self) -> list[str]:
        notes = [f"{one.topic}: labels are not audited" for one in self._pipeline.labels]
        notes += [
            f"{one.topic}: {one.format} is decoded by the registry's schemas: the original is compared, not what it "
            "was translated to"
            for one in self._pipeline.sources
            if one.registry is not None
        ]
        there = {place.topic for place in self._begins}
        return notes + [f"{topic}: there is no such topic here" for topic in self._sources if topic not in there]

    def _of(self, *topics: str) -> list[TopicPartition]:
        return sorted(place for place in self._begins if place.topic in topics)

    async def _ends(self, *topics: str, committed: bool = False) -> Offsets:
        """Return where topics end; up to there, all that was begun is waited for unless it has to be decided now."""
        return await end_offsets(self._options, topics, committed=committed)

    def _made(self, collected: Offsets, scored: Mapping[int, int], redriven: int) -> tuple[Audit, list[SourcePart]]:
        from aimass.quality.audits.audit import Audit, Follower
        from aimass.quality.audits.source import Wrongs

        wrongs = Wrongs()
        parts = [self._part(place, position, wrongs) for place, position in collected.items()]
        cut = {place.partition for place in self._of(self._log, self._predictions) if self._begins[place] > 0}
        followers = [
            Follower(self._predictions, number, position, wrongs, is_cut=number in cut)
            for number, position in scored.items()
        ]
        own_ids = frozenset(one.topic for one in self._pipeline.sources if one.id is not None)
        is_cut = any(self._begins[place] > 0 for place in self._of(self._redrives))
        audit = Audit(
            self._pipeline.name,
            parts,
            followers,
            wrongs,
            own_ids=own_ids,
            redrive_position=redriven,
            redrive_is_cut=is_cut,
        )
        return audit, parts

    def _part(self, place: TopicPartition, position: int, wrongs: Wrongs) -> SourcePart:
        from aimass.formats.book import SchemaBook
        from aimass.pipeline.data_checks import format_of
        from aimass.quality.audits.source import SourcePart

        source = next(one for one in self._pipeline.sources if one.topic == place.topic)
        made = None if source.registry is not None else format_of(source, SchemaBook())
        return SourcePart(
            place.topic,
            place.partition,
            self._begins[place],
            position,
            wrongs,
            is_judged=source in self._pipeline.judged,
            may_leave=source.only is not None,
            is_json=source.format == "json",
            translate=None if made is None else made.decode,
        )

    async def _progress(self) -> dict[tuple[str, TopicPartition], int]:
        """Return by agent and partition how far stages have come."""
        wanted = [("collect", place) for place in self._of(*self._sources, self._redrives)]
        wanted += [("score", place) for place in self._of(self._log)]
        logs = {
            (agent, place): TopicPartition(self._layout.changelog(agent, place.topic).name, place.partition)
            for agent, place in wanted
        }
        topics = {changelog.topic for changelog in logs.values()}
        begins = await beginning_offsets(self._options, topics)
        ends = await self._ends(*topics)
        return {
            one: await self._position(changelog, begins[changelog], ends[changelog])
            for one, changelog in logs.items()
            if ends.get(changelog, 0) > begins.get(changelog, 0)
        }

    async def _position(self, changelog: TopicPartition, begin: int, end: int) -> int:
        """Return how far a stage has come: it stands last in each of its commits."""
        from aimass.runtime.partition import PROGRESS, Progress

        found: list[bytes] = []
        reach = _TAIL
        while not found:
            first = max(begin, end - reach)
            await self._reader.read(
                changelog, first, end, lambda record: found.append(record.value) if record.key == PROGRESS else None
            )
            if first == begin:
                break
            reach *= 8
        return msgspec.json.decode(found[-1], type=Progress).position if found else 0

    # -- topics -------------------------------------------------------------------------------------------------------

    async def _read_apart(self, audit: Audit, panes: Offsets, ends: Offsets) -> None:
        def observed(border: int) -> Take:
            def take(record: Any) -> None:
                if _named(record.value).type not in ("pane", "quarantined"):
                    return
                one = _seen(record.value)
                if type(one) is Quarantined:
                    audit.quarantined(one)
                elif record.offset < border:
                    audit.pane(one)

            return take

        for place in self._of(self._observations):
            await self._reader.read(place, self._begins[place], ends[place], observed(panes[place]))
        for place in self._of(self._redrives):
            take: Take = lambda record: audit.redrive(record.offset, _redrive(record.value))  # noqa: E731
            await self._reader.read(place, self._begins[place], ends[place], take)

    async def _read_log(self, audit: Audit, ends: Offsets) -> None:
        def event(record: Any) -> None:
            try:
                one = _logged(record.value or b"")
            except BadEvent as exc:
                audit.wrong(record.topic, record.partition, record.offset, f"is no record of a log: {exc}")
                return
            if type(one) is Event:
                audit.event(record.partition, record.offset, one)

        def letter(record: Any) -> None:
            try:
                audit.letter(dead_letter(record.key, record.value, list(record.headers)))
            except BadEvent:
                return  # the mark of a letter that was sent back

        for topic, take in ((self._log, event), (self._letters, letter)):
            for place in self._of(topic):
                await self._reader.read(place, self._begins[place], ends[place], take)

    def _cut(self, audit: Audit, parts: Sequence[SourcePart]) -> None:
        """Say where records have been deleted."""
        audit.cut_log([place.partition for place in self._of(self._log) if self._begins[place] > 0])
        letters = self._of(self._letters)
        cut = {place.partition for place in letters if self._begins[place] > 0}
        is_blind = any(self._begins[place] > 0 for place in self._of(self._observations))
        for part in parts:
            if part.partition % len(letters) in cut or (part.is_judged and is_blind):
                audit.cut_apart(part.topic, part.partition)

    async def _read_predictions(self, audit: Audit, ends: Offsets) -> None:
        def prediction(record: Any) -> None:
            one = _named(record.value or b"{}")
            if one.type == "prediction":
                audit.prediction(record.partition, record.offset, one.id)

        for place in self._of(self._predictions):
            await self._reader.read(place, self._begins[place], ends[place], prediction)


def _source(part: SourcePart) -> Take:
    return lambda record: part.read(record.offset, record.value, record.headers)
