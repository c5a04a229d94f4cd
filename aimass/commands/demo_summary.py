"""The demo's last words: figures, a few alerts, and where to look next."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from aimass.commands.console import out
from aimass.commands.demo_data import ASSIGNED
from aimass.commands.demo_report import Report, spread
from aimass.commands.demo_watch import Seen
from aimass.commands.tail import clock, describe

_SHOWN = 5


def print_summary(found: Report, seen: Seen, file: Path | None) -> None:
    """Print what was seen; ``file`` is the pipeline's file when everything was left running."""
    out.print()
    for line in summary(found):
        out.print(line)
    out.print(f"\n[bold]Alerts[/bold] ({_SHOWN} of {found.alerts:,}; event time, vehicle, severity, cause)")
    for alert in spread(list(seen.alerts.values()), _SHOWN):
        out.print(f"  {clock(alert.time)[:19]} [bold]{escape(alert.key)}[/bold] {describe(alert)}")
    out.print("\n[bold]Where to look next[/bold]")
    for line in next_steps(found.pipeline, file):
        out.print(f"  {line}")


def summary(found: Report) -> list[str]:
    """Return the figures as lines of rich text."""
    judged, foreseen, latency = found.detection, found.foreseen, found.latency_ms
    lines = [
        "[bold]Space-shuttle telemetry through Kafka and its agents[/bold]",
        f"  [dim]{ASSIGNED}[/dim]",
        f"  events       {found.events:,} sent, {found.predictions:,} predictions, {found.alerts:,} alerts",
    ]
    if found.burst_events:
        lines.append(
            f"  throughput   {found.throughput:,.0f} events/s ({found.burst_events:,} events sent at once, "
            f"predicted and learned from in {found.burst_seconds:.1f} s)"
        )
    lines += [
        f"  accuracy     {found.accuracy.model:.2%} prequential (predict, then learn); "
        f"no-change {found.accuracy.no_change:.2%}, majority {found.accuracy.majority:.2%}",
        *_members(found),
        f"  faults       {foreseen.flagged:,} predicted by the model before it saw the label; "
        f"precision {foreseen.precision:.1%}, recall {foreseen.recall:.1%} of {foreseen.anomalies:,} labelled",
        f"  anomalies    {judged.flagged:,} scored over {judged.threshold:g}; precision {judged.precision:.1%}, "
        f"recall {judged.recall:.1%} (the detector sees no label; what is 7 % of all it takes for normal)",
    ]
    lines += [
        f"  latency      event sent → {name} read: p50 {times['p50']:.0f} ms, p95 {times['p95']:.0f} ms, "
        f"p99 {times['p99']:.0f} ms (at {found.paced_rate:,.0f} events/s)"
        for name, times in latency.items()
        if any(times.values())
    ]
    return lines


def _members(found: Report) -> list[str]:
    if not found.members:
        return []
    told = ", ".join(f"{name} {value:.2%} ({weight:.0%})" for name, (value, weight) in found.members.items())
    drifted = f"its loss drifted {found.loss_drifts:,} times" if found.loss_drifts else "its loss did not drift"
    return [f"  ensemble     {told}: accuracy (share of the vote); {drifted}"]


def next_steps(pipeline: str, file: Path | None) -> list[str]:
    """Return what to try next."""
    if file is None:
        return [
            "aimass demo --keep                      leave it running and look around",
            "aimass run pipeline.toml                a pipeline of your own: three lines of TOML are enough",
            "docs/architecture.md                    how it works",
        ]
    return [
        f"aimass status {pipeline} --watch",
        f"aimass tail {pipeline}.alerts --from beginning",
        f"aimass tail {pipeline}.predictions --from beginning --json | head",
        f"its definition {file}, its log {file.with_name('worker.log')}",
        f"to end it: kill {pid_hint(file)}; aimass down",
    ]


def pid_hint(file: Path) -> str:
    """Return the pid of the worker that was left running, as far as it is known."""
    pid = file.with_name("worker.pid")
    return pid.read_text().strip() if pid.exists() else "the worker (its pid is in `aimass status`)"
