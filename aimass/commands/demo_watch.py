"""What the demo sees come out: predictions and alerts, as a read-committed subscriber receives them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import time
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aimass.client import Message, Subscriber
from aimass.commands.console import err
from aimass.commands.demo_report import Judged, Report, accuracies, detection, foreseen, members, percentiles
from aimass.records import Alert, Drift, Evaluation, Prediction
from aimass.settings import Settings

_THRESHOLD = re.compile(r"\.score\s*>=?\s*([0-9.]+)")


@dataclass(slots=True)
class Seen:
    """What came out so far, and when."""

    sent_ms: dict[tuple[int, int], int] = field(default_factory=dict)
    predictions: dict[str, Judged] = field(default_factory=dict)
    predicted_at: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    alerted_at: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    last_prediction: float = 0.0
    last_alert: float = 0.0
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    drifts: int = 0


async def watch(settings: Settings, pipeline: str, source: str, seen: Seen) -> None:
    """Fill in what comes on a pipeline's topics, until cancelled."""
    own = ("predictions", "alerts", "evaluations", "drifts")
    topics = (source, *(f"{pipeline}.{name}" for name in own))
    async with Subscriber(*topics, where=settings, from_="beginning") as subscriber:
        async for chunk in subscriber.chunks():
            now = time()
            for message in chunk:
                if message.topic == source:
                    seen.sent_ms[message.partition, message.offset] = message.timestamp_ms
                elif message.topic.endswith(".alerts"):
                    _alerted(seen, message, now)
                elif isinstance(message.record, Evaluation):
                    seen.evaluations[message.partition] = message.record
                elif isinstance(message.record, Drift):
                    seen.drifts += message.record.what == "loss"
                else:
                    _predicted(seen, message, now)
            await asyncio.sleep(0)


def _alerted(seen: Seen, message: Message, now: float) -> None:
    alert = message.record
    if not isinstance(alert, Alert) or alert.state != "firing":
        return
    seen.alerts[alert.id] = alert
    seen.alerted_at[alert.id] = ((alert.source.partition, alert.source.offset), now)
    seen.last_alert = now


def _predicted(seen: Seen, message: Message, now: float) -> None:
    record = message.record
    if not isinstance(record, Prediction):
        return
    estimate = next(iter(record.estimates.values()), None)
    score = max((found.score for found in record.anomalies.values()), default=0.0)
    value, label = (None, None) if estimate is None else (estimate.value, estimate.label)
    seen.predictions[record.id] = Judged(message.partition, message.offset, value, label, score)
    seen.predicted_at[record.id] = ((record.source.partition, record.source.offset), now)
    seen.last_prediction = now


def threshold_of(pipeline: Any) -> float:
    """Return the anomaly score over which the pipeline's first rule alerts."""
    found = _THRESHOLD.search(pipeline.rules[0].when)
    return float(found.group(1)) if found else 5.0


def report(pipeline: Any, seen: Seen, events: int, burst: int, burst_seconds: float, rate: float) -> Report:
    """Return the figures of what was seen.

    Parameters
    ----------
    pipeline
        The pipeline's definition.
    seen
        What came out.
    events, burst
        How many events were sent, and how many of them at first, as fast as possible.
    burst_seconds
        How long these took, from the first one sent to the last prediction read.
    rate
        How many a second were sent after these; their latencies are the ones reported.
    """
    judged = list(seen.predictions.values())
    # Of each partition the paced events are the last: those sent after the burst's last prediction was read.
    paced_from = sorted(seen.sent_ms.values())[burst] if burst < len(seen.sent_ms) else 0
    latency = {
        "prediction": percentiles(_latencies(seen, seen.predicted_at, paced_from)),
        "alert": percentiles(_latencies(seen, seen.alerted_at, paced_from)),
    }
    return Report(
        pipeline=pipeline.name,
        events=events,
        predictions=len(judged),
        alerts=len(seen.alerts),
        burst_events=burst,
        burst_seconds=round(burst_seconds, 3),
        accuracy=accuracies(judged),
        detection=detection(judged, threshold_of(pipeline)),
        foreseen=foreseen(judged),
        latency_ms=latency,
        paced_rate=rate,
        members=members(seen.evaluations.values()),
        loss_drifts=seen.drifts,
    )


def _latencies(seen: Seen, received: dict[str, tuple[tuple[int, int], float]], since_ms: int) -> list[float]:
    pairs = ((seen.sent_ms.get(position), at) for position, at in received.values())
    return [max(0.0, at * 1000 - sent) for sent, at in pairs if sent is not None and sent >= since_ms]


@contextmanager
def live(seen: Seen, sent: list[int], events: int) -> Iterator[None]:
    """Show how far it is, on stderr, twice a second."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        tasks = [bar.add_task(name, total=total) for name, total in _rows(events)]

        async def refresh() -> None:
            while True:
                for task, count in zip(tasks, (sent[0], len(seen.predictions), len(seen.alerts)), strict=True):
                    bar.update(task, completed=count)
                await asyncio.sleep(0.2)

        refreshing = asyncio.ensure_future(refresh())
        try:
            yield
        finally:
            refreshing.cancel()


def _rows(events: int) -> list[tuple[str, int | None]]:
    return [("events sent", events), ("predictions", events), ("alerts", None)]
