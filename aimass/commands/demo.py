"""`aimass demo`: real data through a real Kafka into predictions, anomalies and alerts; then nothing is left."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from aimass.admin import committed_offsets, delete_topics, end_offsets, list_topics
from aimass.client import Producer
from aimass.commands.console import err, print_json
from aimass.commands.demo_data import Row, rows
from aimass.commands.demo_summary import print_summary
from aimass.commands.demo_watch import Seen, live, report, watch
from aimass.commands.demo_worker import Worker
from aimass.commands.kafka import ensure_kafka, stop_embedded
from aimass.commands.pipelines import create_topics, load
from aimass.errors import AimassError, ClientError
from aimass.settings import Settings, kafka_options

if TYPE_CHECKING:
    from aimass.commands.demo_report import Report
    from aimass.pipeline import Pipeline

#: The last events come at this pace, so that latency is measured when nothing queues.
PACED_EVENTS = 4_000
PACED_RATE = 500.0

_BATCH = 1_000
_STALL_S = 90.0
_SETTLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one run of the demo plays: its pipeline, its directory, its Kafka."""

    settings: Settings
    pipeline: Pipeline
    file: Path

    @property
    def source(self) -> str:
        """The topic of the events."""
        return self.pipeline.sources[0].topic


def demo(settings: Settings, *, keep: bool, rate: float | None, as_json: bool) -> int:
    """Run the demo; leave nothing behind unless asked to."""
    with _interruptible():
        settings, started = ensure_kafka(settings)
        stage: Stage | None = None
        kept = False
        try:
            stage = asyncio.run(_prepare(settings))
            asyncio.run(create_topics(settings, [stage.pipeline]))
            with err.status("compiling the models' and detectors' kernels (once on a machine, up to half a minute)"):
                _warm(stage.pipeline)
            with Worker.of(stage.settings, stage.file) as worker:
                found, seen = asyncio.run(_play(stage, worker, rate))
                kept = keep
                if keep:
                    worker.leave_running()
        finally:
            if not kept:
                _clear(settings, stage, started)
    if as_json:
        print_json(found.as_json())
    else:
        print_summary(found, seen, stage.file if kept else None)
    return 0


def _warm(pipeline: Pipeline) -> None:
    from aimass.runtime.warm import warm

    warm(pipeline)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: cleanly."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _prepare(settings: Settings) -> Stage:
    """Choose a name that nothing has yet, so that every run begins with nothing."""
    options = kafka_options(settings)
    there = await list_topics(options)
    name = fresh_name({topic.partition(".")[0] for topic in there})
    home = settings.home / "demo" / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    file = home / "pipeline.toml"
    file.write_text(definition(name))
    (pipeline,) = load([file])
    return Stage(replace(settings, state_dir=home / "state"), pipeline, file)


def fresh_name(taken: set[str]) -> str:
    """Return a name for the pipeline that no topic has.

    Examples
    --------
    >>> fresh_name(set()), fresh_name({"shuttle"})
    ('shuttle', 'shuttle-2')
    """
    number = 1
    while (name := "shuttle" if number == 1 else f"shuttle-{number}") in taken:
        number += 1
    return name


def definition(name: str) -> str:
    """Return the demo's pipeline file, for a pipeline of this name."""
    text = resources.files("aimass.commands").joinpath("shuttle.toml").read_text()
    return text.replace('"shuttle"', f'"{name}"').replace('"shuttle.telemetry"', f'"{name}.telemetry"')


async def _play(stage: Stage, worker: Worker, rate: float | None) -> tuple[Report, Seen]:
    events = list(rows())
    seen, sent = Seen(), [0]
    burst = 0 if rate else len(events) - PACED_EVENTS
    watching = asyncio.ensure_future(watch(stage.settings, stage.pipeline.name, stage.source, seen))
    try:
        await worker.ready(watching)
        with live(seen, sent, len(events)):
            began = time()
            await _send(stage, events[:burst], None, sent)
            await _until(worker, watching, seen, burst)
            seconds = max(0.0, seen.last_prediction - began)
            await _send(stage, events[burst:], rate or PACED_RATE, sent)
            await _until(worker, watching, seen, len(events))
            await _settled(stage, worker, watching)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError, AimassError):
            await watching
    return report(stage.pipeline, seen, len(events), burst, seconds, rate or PACED_RATE), seen


async def _send(stage: Stage, events: list[Row], rate: float | None, sent: list[int]) -> None:
    size = _BATCH if rate is None else max(1, round(rate / 100))
    began = monotonic()
    async with Producer(stage.settings, linger_ms=0 if rate else 5) as producer:
        for first in range(0, len(events), size):
            if rate is not None:
                await asyncio.sleep(max(0.0, began + first / rate - monotonic()))
            batch = events[first : first + size]
            await producer.send_many(stage.source, [row.value for row in batch], keys=[row.key for row in batch])
            sent[0] += len(batch)


async def _until(worker: Worker, watching: asyncio.Future[None], seen: Seen, count: int) -> None:
    """Wait for so many predictions; whoever fails meanwhile says why."""
    moved, last = monotonic(), -1
    while len(seen.predictions) < count:
        await asyncio.sleep(0.02)
        worker.check(watching)
        if len(seen.predictions) != last:
            moved, last = monotonic(), len(seen.predictions)
        elif monotonic() - moved > _STALL_S:
            raise ClientError(
                f"no prediction came for {_STALL_S:.0f} s ({last:,} of {count:,} are there): see {worker.log}."
            )


async def _settled(stage: Stage, worker: Worker, watching: asyncio.Future[None]) -> None:
    """Wait until the rules have seen every prediction, so that every alert is there."""
    topic, options = f"{stage.pipeline.name}.predictions", kafka_options(stage.settings)
    deadline = monotonic() + _SETTLE_S
    while monotonic() < deadline:
        worker.check(watching)
        done = await committed_offsets(options, f"aimass.{stage.pipeline.name}")
        ends = await end_offsets(options, [topic])
        if all(done.get(at, 0) >= end - 1 for at, end in ends.items()):
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)


def _clear(settings: Settings, stage: Stage | None, started: bool) -> None:
    """Take away what this run made, and stop what it started."""
    err.print("[dim]cleaning up …[/dim]")
    with suppress(AimassError):
        if stage is not None:
            asyncio.run(_delete(stage))
            shutil.rmtree(stage.file.parent, ignore_errors=True)
    if started:
        stop_embedded(settings)


async def _delete(stage: Stage) -> None:
    """Delete the topics that have this run's name: nobody had it before."""
    options = kafka_options(stage.settings)
    there = await list_topics(options)
    await delete_topics(options, [topic for topic in there if topic.startswith(f"{stage.pipeline.name}.")])
