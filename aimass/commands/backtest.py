"""`aimass backtest`: what rules would have done, over a pipeline's history or a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import orjson
from rich.markup import escape

from aimass.client.subscriber import From
from aimass.commands.console import out, print_json, table
from aimass.commands.history import from_file, from_topic
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.commands.tail import clock
from aimass.errors import ClientError
from aimass.models.features import getter
from aimass.records import Prediction
from aimass.rules.suggest import meant
from aimass.settings import Settings

_SAMPLE, _TICK_S = 1000, 3600.0
_TRUE = (True, 1, "1", "true", "yes")


def backtest(
    settings: Settings,
    file: Path,
    *,
    rules: Sequence[str],
    against: Path | None,
    events: Path | None,
    from_: From,
    truth: str | None,
    as_json: bool,
) -> int:
    """Run the rules of a pipeline file over what was; nothing is written and nobody is told."""
    from aimass.pipeline.compile import rules_of
    from aimass.rules.backtest import compared

    (pipeline,) = load([file])
    every, chosen = _chosen(rules_of(pipeline), rules)
    parts = [from_file(pipeline, events)] if events is not None else _read(settings, pipeline.name, from_)
    label = _truth(truth)
    test, seconds = _run(pipeline, every, chosen, parts, label)
    costs = _costs(chosen, parts)
    shown = [
        {**one.facts(test.tallies.values()), "us_per_event": costs.get(one.rule.name, 0.0)}
        for one in test.tallies.values()
    ]
    changes = None
    if against is not None:
        (old,) = load([against])
        mine = rules_of(old)
        before, wanted = _chosen(mine, [one.name for one in mine if not rules or one.name in rules])
        changes = compared(test, _run(old, before, wanted, parts, label)[0])
    count = sum(map(len, parts))
    cost = seconds / count * 1e6 if count else 0.0
    if as_json:
        print_json({"events": count, "us_per_event": round(cost, 2), "rules": shown, "changes": changes})
    else:
        _print(count, cost, shown, changes)
    return 0


def _read(settings: Settings, pipeline: str, from_: From) -> list[list[Any]]:
    async def read() -> list[list[Any]]:
        return [part async for part in from_topic(find_kafka(settings), pipeline, from_)]

    return asyncio.run(read())


def _chosen(rules: Sequence[Any], names: Sequence[str]) -> tuple[list[Any], list[Any]]:
    """Return all rules that are not over, as if they were live, and those of them that are asked for."""
    known = [rule.name for rule in rules]
    for name in names:
        if name not in known:
            raise ClientError(f"no rule is named {name!r}{meant(name, known)}.")
    every = [msgspec.structs.replace(rule, mode="live", alert=True) for rule in rules if rule.mode != "retired"]
    return every, [rule for rule in every if not names or rule.name in names]


def _truth(path: str | None) -> Callable[[Prediction], bool | None]:
    """Return what says whether an event is what rules look for: a field, or a model's label (``fraud.label``)."""
    if path is None:
        return lambda event: None
    name, _, rest = path.partition(".")
    find = getter(path)

    def label(event: Prediction) -> bool | None:
        if rest == "label" and name in event.estimates:
            found = event.estimates[name].label
        else:
            found = find(orjson.loads(bytes(event.data)))
        return None if found is None or repr(found) == "MISSING" else found in _TRUE

    return label


def _run(
    pipeline: Any, rules: Sequence[Any], counted: Sequence[Any], parts: Sequence[Sequence[Any]], label: Any
) -> tuple[Any, float]:
    from aimass.memory import run_stage
    from aimass.pipeline.compile import decide_stage
    from aimass.rules.backtest import Backtest

    test, seconds = Backtest(counted, label), 0.0
    alerts: list[Any] = []
    for part in parts:
        stage = decide_stage(pipeline, rules)
        stage.tick_s = max(stage.tick_s or 0.0, _TICK_S)  # absences are told by their time, however late noticed
        history = [one for one in part if type(one) is Prediction]  # the file's rules, not those of then
        cuts = range(500, len(history), 500)
        started = time.process_time()
        done, _ = run_stage(stage, history, cuts=cuts, until=_end(rules, history), after=partial(_counted, test, stage))
        seconds += time.process_time() - started
        alerts += done.records("")
    test.alerts(alerts)
    return test, seconds


def _costs(rules: Sequence[Any], parts: Sequence[Sequence[Any]]) -> dict[str, float]:
    """Return what each rule costs alone, in µs an event: asked of a sample, whose events are decoded before."""
    from aimass.memory import MemoryState
    from aimass.rules.ruleset import Ruleset
    from aimass.rules.sight import Sight

    sample = [one for part in parts for one in part if type(one) is Prediction][: 2 * _SAMPLE]
    costs = {}
    for rule in rules:
        alone, state = Ruleset([rule]), MemoryState()
        for batch in (sample[:_SAMPLE], sample[_SAMPLE:]):  # the first warms up, unless it is all there is
            sight = Sight(batch)
            if not batch or not sight.data:
                continue
            started = time.process_time()
            for level in alone.levels:
                level.ask(sight, state)
            costs[rule.name] = round((time.process_time() - started) / len(batch) * 1e6, 2)
    return costs


def _end(rules: Sequence[Any], history: Sequence[Prediction]) -> float | None:
    """Return until when time goes on after the last event: so that absences that began are told."""
    spans = [getattr(rule.when, "within_s", 0.0) for rule in rules]
    return max((one.time for one in history), default=0.0) + 2 * max(spans) if any(spans) else None


def _counted(test: Any, stage: Any, batch: Sequence[Any], state: Any) -> None:
    test.take(batch, stage.ruleset(state))


def _print(count: int, cost: float, shown: list[dict[str, Any]], changes: dict[str, Any] | None) -> None:
    out.print(f"{count:,} events, {cost:.1f} µs an event for all rules and the counting\n")
    has_truth = any(one["labelled"] for one in shown)
    heads = [
        "rule",
        "#alerts",
        "#a day",
        "keys with most",
        "#unknown",
        "#µs",
        *(["#precision", "#recall"] if has_truth else []),
        "why none",
    ]
    out.print(table(heads, [_row(one, has_truth) for one in shown]))
    for one in shown:
        if one["by_day"]:
            out.print(f"\n[bold]{escape(one['rule'])}[/bold] {clock(one['first'])} to {clock(one['last'])}")
            most = max(one["by_day"].values())
            for day, alerts in list(one["by_day"].items())[-14:]:
                out.print(f"  {day} {'█' * max(1, round(40 * alerts / most))} {alerts:,}")
        for name, share in one["overlap"].items():
            out.print(f"  [dim]of keys and hours, {share:.0%} are shared with {escape(name)}[/dim]")
    for name, change in (changes or {}).items():
        new, old = change["only_new"], change["only_old"]
        out.print(f"\n{escape(name)}: {len(new):,} alerts only now, {len(old):,} only before")
        for sign, ids in (("+", new), ("-", old)):
            for id in ids[:5]:
                out.print(f"  {sign} {escape(id)}")
    if changes == {}:
        out.print("\nThe other file's rules alert on the same events.")


def _row(one: dict[str, Any], has_truth: bool) -> list[Any]:
    keys = ", ".join(f"{key} ({count})" for key, count in list(one["keys"].items())[:3])
    unknown = f"{one['unknown'] / one['events']:.0%}" if one["events"] else "–"
    shares = [None if one[name] is None else f"{one[name]:.0%}" for name in ("precision", "recall")]
    return [
        escape(one["rule"]),
        one["alerts"],
        f"{one['alerts'] / max(1, one['days']):.1f}",
        escape(keys),
        unknown,
        f"{one['us_per_event']:.2f}",
        *(shares if has_truth else []),
        escape(one["verdict"]),
    ]
