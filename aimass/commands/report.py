"""`aimass report quality`: how good the data of a period was; once, or again and again."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import orjson

from aimass.admin import ensure_topics, list_topics
from aimass.client import Producer
from aimass.commands.console import err, out, print_json
from aimass.commands.kafka import find_kafka
from aimass.commands.quality_topics import known_of, name_of
from aimass.commands.report_html import page
from aimass.commands.report_text import render
from aimass.errors import ClientError
from aimass.quality.reports.report import Known, Report, last_revisions, newest, report_of
from aimass.settings import Settings, kafka_options

DAY = 86400.0
#: So often, in seconds, a standing report looks whether a period is over.
_LOOK_S = 30.0
#: So many of the last periods are written anew when late data or a verdict changes them.
_KEPT = 3


@dataclass(frozen=True, slots=True)
class Where:
    """Where reports go, and how: into a file, a folder or a topic; on the screen, when nowhere."""

    html: Path | None = None
    folder: Path | None = None
    topic: str | None = None
    as_json: bool = False


def quality(
    settings: Settings,
    pipeline: str,
    *,
    source: str | None,
    last_s: float | None,
    start: float | None,
    end: float | None,
    where: Where,
) -> int:
    """Report on a period: the last so many seconds of data, or from a time to a time."""
    name = name_of(pipeline)
    known = _known(find_kafka(settings), name, source)
    begin, finish = period(known, last_s, start, end)
    report = report_of(name, known, begin, finish, source)
    if not report.sources:
        raise ClientError(f"no pane of {name} begins between {_iso(begin)} and {_iso(finish)}: {_extent(known)}.")
    if where.html is not None:
        _write(where.html, page(report).encode())
        err.print(f"{where.html}: open it in a browser")
    if where.as_json:
        print_json(plain(report))
    elif where.html is None:
        out.print(render(report, out.width))
    return 0


def period(known: Known, last_s: float | None, start: float | None, end: float | None) -> tuple[float, float]:
    """Return from when to when: what is not said counts back from the newest pane, not from now.

    Examples
    --------
    >>> from aimass.records import Judgement
    >>> panes = [Judgement(f"t|{at}", "t", at, "p", 60.0, 1, True, 9, 9) for at in (0.0, 7140.0)]
    >>> period(Known(panes), 3600.0, None, None), period(Known(panes), None, 60.0, None)
    ((3600.0, 7200.0), (60.0, 7200.0))
    """
    last = newest(known.judgements)
    if last is None:
        last = max(one.time + one.length for one in known.judgements)
    finish = last if end is None else end
    begin = finish - (DAY if last_s is None else last_s) if start is None else start
    if begin >= finish:
        raise ClientError(f"the period is empty: it begins at {_iso(begin)} and ends at {_iso(finish)}.")
    return begin, finish


def plain(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it; its keys are in docs/reference/report.md."""
    found: dict[str, Any] = msgspec.to_builtins(report)
    return {"report": "quality", "version": 1, **found}


def standing(settings: Settings, pipeline: str, *, source: str | None, every_s: float, where: Where) -> int:
    """Report on each period as soon as it is over, until Ctrl-C."""
    name = name_of(pipeline)
    settings = find_kafka(settings)
    writer = Standing(settings, name, every_s, where, source)
    while True:
        for said in writer.look(_known(settings, name, source)):
            err.print(said)
        sleep(min(_LOOK_S, max(1.0, every_s / 2)))


class Standing:
    """Writes a report on each period that is over: again, when late data or a verdict changed one of the last.

    A period is over when a pane of a later one has records.

    Parameters
    ----------
    settings, pipeline, where, source
        As of `quality`.
    every_s
        How long a period is; periods begin at multiples of it since 1970, in UTC.
    """

    def __init__(self, settings: Settings, pipeline: str, every_s: float, where: Where, source: str | None) -> None:
        self._settings, self._pipeline, self._every = settings, pipeline, every_s
        self._where, self._source = where, source
        self._written: dict[float, tuple[int, int]] = {}
        self._first: float | None = None

    def look(self, known: Known) -> list[str]:
        """Write what is due; return a line for each report that was written."""
        last = newest(known.judgements)
        if last is None:
            return []
        # The newest pane belongs to the period that still runs: its end is that of no period before it.
        running = math.floor((last - 1e-3) / self._every) * self._every
        if self._first is None:
            self._first = running - self._every
        said = []
        for start in self._starts(running):
            mark = self._mark(known, start)
            if mark != self._written.get(start, (0, 0)):
                revision = 1 if start not in self._written else 2
                self._written[start] = mark
                report = report_of(self._pipeline, known, start, start + self._every, self._source)
                said.append(f"{self._put(report)}{' (revised)' if revision > 1 else ''}")
        return said

    def _starts(self, running: float) -> list[float]:
        assert self._first is not None
        count = round((running - self._first) / self._every)
        return [self._first + at * self._every for at in range(max(0, count - _KEPT), count)]

    def _mark(self, known: Known, start: float) -> tuple[int, int]:
        """Return what changes when a report would: revisions of panes, and steps of reviews."""
        end = start + self._every
        panes = [one for one in last_revisions(known.judgements).values() if start <= one.time < end]
        return sum(one.revision for one in panes), sum(start <= one.time < end for one in known.reviews)

    def _put(self, report: Report) -> str:
        if self._where.topic is not None:
            asyncio.run(_create(self._settings, self._where.topic))
            asyncio.run(_send(self._settings, self._where.topic, report))
            return f"{_iso(report.start)}: sent to {self._where.topic}"
        ending = "json" if self._where.as_json else "html"
        body = orjson.dumps(plain(report)) if self._where.as_json else page(report).encode()
        assert self._where.folder is not None
        file = self._where.folder / file_name(self._pipeline, report.start, ending)
        _write(file, body)
        return f"{_iso(report.start)}: {file}"


def file_name(pipeline: str, start: float, ending: str) -> str:
    """Return the name of a period's report.

    Examples
    --------
    >>> file_name("shop", 1_700_006_400.0, "html")
    'shop-quality-2023-11-15T00-00-00Z.html'
    """
    return f"{pipeline}-quality-{_iso(start).replace(':', '-')}.{ending}"


async def _create(settings: Settings, topic: str) -> None:
    options = kafka_options(settings)
    if topic not in await list_topics(options):
        await ensure_topics(options, [(topic, 1, {})], replication=settings.replication)


async def _send(settings: Settings, topic: str, report: Report) -> None:
    async with Producer(settings) as producer:
        await producer.send(topic, plain(report), key=report.pipeline)
        await producer.flush()


def _known(settings: Settings, pipeline: str, source: str | None) -> Known:
    known = known_of(settings, pipeline)
    sources = sorted({one.key for one in known.judgements})
    if not sources:
        raise ClientError(f"nothing of {pipeline} was judged yet: a pane is, some seconds after its first records.")
    if source is not None and source not in sources:
        raise ClientError(f"{source!r} is no source of {pipeline} that is judged; there are: {', '.join(sources)}.")
    return known


def _extent(known: Known) -> str:
    first, last = min(one.time for one in known.judgements), max(one.time + one.length for one in known.judgements)
    return f"there are panes from {_iso(first)} to {_iso(last)}"


def _write(file: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    beside = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(body)
        beside.replace(file)
    except OSError as exc:
        raise ClientError(f"{file}: cannot be written: {exc.strerror}.") from exc


def _iso(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
