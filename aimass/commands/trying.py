"""`aimass try`: a file's events through a pipeline in memory, to look at what its models see and say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.markup import escape

from aimass.codec import encode
from aimass.commands.console import err, out, print_json
from aimass.commands.lines import Line, format_of, read_lines
from aimass.commands.pipelines import load
from aimass.errors import ClientError


def try_out(pipeline: Path, file: Path, *, topic: str | None, limit: int, as_json: bool) -> int:
    """Run a file's events through COLLECT, SCORE and DECIDE, and show the last ones; nothing is kept."""
    from aimass.pipeline import compile_stages
    from aimass.stages.score import ScoreStage
    from aimass.testing import MemoryRecord, run_stage

    (definition,) = load([pipeline])
    topic = topic or definition.sources[0].topic
    if topic not in definition.inputs:
        raise ClientError(f"{topic!r} is no source of {definition.name}; there are: {', '.join(definition.inputs)}.")
    collect, score, decide, *_ = compile_stages(definition)
    records = [MemoryRecord(line.value, topic=topic, offset=line.number) for line in lines_of(file)]
    collected, _ = run_stage(collect, records)
    log = collected.records("")
    scored, state = run_stage(score, log)
    predictions = scored.records("")
    alerts, _ = run_stage(decide, predictions)
    if not isinstance(score, ScoreStage):
        raise TypeError("the second stage scores")
    seen = score.show(log[-limit:], state) if limit else []
    shown = [
        {**_plain(one), "features": features}
        for one, features in zip(predictions[-limit:] if limit else [], seen, strict=False)
    ]
    done = {
        "events": len(log),
        "rejected": [f"line {record.offset}: {error}" for record, error in collected.rejected],
        "alerts": [_plain(one) for one in alerts.records("")],
        "evaluations": [_plain(one) for one in scored.records("evaluations")[-1:]],
        "shown": shown,
    }
    if as_json:
        print_json(done)
    else:
        _print(done)
    return 1 if collected.rejected else 0


def _plain(record: Any) -> dict[str, Any]:
    """Return a record as it stands on its topic."""
    found: dict[str, Any] = orjson.loads(encode(record))
    return found


def lines_of(file: Path) -> Sequence[Line]:
    """Return the records of a file.

    Raises
    ------
    ClientError
        When it cannot be read, or a line is wrong.
    """
    try:
        with file.open("rb") as stream:
            found = list(read_lines(stream, format_of(file.name)))
    except OSError as exc:
        raise ClientError(f"{file}: cannot be read: {exc.strerror}.") from exc
    wrong = next((one for one in found if not isinstance(one, Line)), None)
    if wrong is not None:
        raise ClientError(f"{file}:{wrong.number}: {wrong.reason}")
    return [one for one in found if isinstance(one, Line)]


def _print(done: dict[str, Any]) -> None:
    for why in done["rejected"][:10]:
        err.print(f"[red]rejected[/red] {escape(why)}")
    out.print(f"{done['events']:,} events, {len(done['alerts']):,} alerts")
    for one in done["evaluations"]:
        quality = {name: value for name, value in one["metrics"].items() if "." not in name}
        main = "accuracy" if "accuracy" in quality else "mae"
        beside = ", ".join(f"{name} {value:.4g}" for name, value in one["baselines"].items() if "." not in name)
        out.print(f"{escape(one['about'])}: {main} {quality.get(main, float('nan')):.4g} ({beside})")
    for one in done["shown"]:
        out.print(f"\n[bold]{escape(one['id'])}[/bold] {escape(one['key'])}")
        for name, anomaly in one["anomalies"].items():
            told = ", ".join(f"{key} {value}" for key, value in anomaly.items())
            out.print(f"  {escape(name)}: {escape(told)}")
        for name, estimate in one["estimates"].items():
            told = ", ".join(f"{key} {value}" for key, value in estimate.items())
            out.print(f"  {escape(name)}: {escape(told)}")
            seen = ", ".join(f"{key} {value:.4g}" for key, value in one["features"].get(name, {}).items())
            out.print(f"    [dim]sees {escape(seen) or 'nothing'}[/dim]")
