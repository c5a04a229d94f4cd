"""`aimass why`: why a rule fired at an event, or why it did not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from aimass.commands.console import out, print_json
from aimass.commands.history import from_file, from_topic
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.commands.tail import clock
from aimass.errors import ClientError
from aimass.records import Alert, Prediction, RuleChange
from aimass.rules.suggest import meant
from aimass.settings import Settings


def why(settings: Settings, file: Path, id: str, *, rule: str | None, events: Path | None, as_json: bool) -> int:
    """Say of each rule, or one, what came of it at an event: its clauses, their values, what windows held."""
    (pipeline,) = load([file])
    if events is not None:
        part = from_file(pipeline, events)
    else:
        part = asyncio.run(_part_with(find_kafka(settings), pipeline.name, id))
    found = explained(pipeline, part, id, rule)
    if as_json:
        print_json(found)
        return 0
    out.print(f"[bold]{escape(found['event'])}[/bold] of {escape(found['key'])}, {clock(found['time'])}")
    for one in found["rules"]:
        _print(one)
    return 0


async def _part_with(settings: Settings, pipeline: str, id: str) -> list[Any]:
    async for part in from_topic(settings, pipeline):
        if any(type(one) is Prediction and one.id == id for one in part):
            return part
    raise ClientError(
        f"no event has the id {id!r} in {pipeline}.predictions: `aimass tail {pipeline}.predictions` shows ids."
    )


def explained(pipeline: Any, part: list[Any], id: str, rule: str | None = None) -> dict[str, Any]:
    """Return what came of each rule at an event, given all records of its partition.

    Raises
    ------
    ClientError
        When there is no such event, or no such rule.
    """
    from aimass.memory import run_stage
    from aimass.pipeline.compile import decide_stage, rules_of

    at = next((i for i, one in enumerate(part) if type(one) is Prediction and one.id == id), None)
    if at is None:
        raise ClientError(f"no event has the id {id!r}.")
    event = part[at]
    history = [one for one in part[:at] if type(one) is RuleChange or getattr(one, "key", None) == event.key]
    stage = decide_stage(pipeline, rules_of(pipeline))
    before, state = run_stage(stage, history)
    done, state = run_stage(stage, [*history, event], cuts=[len(history)])
    told = [one for topic in ("", "shadow") for one in done.records(topic)]
    earlier = [one for topic in ("", "shadow") for one in before.records(topic)]
    known = {(one.id, one.state) for one in earlier}
    alerts = [one for one in told if (one.id, one.state) not in known]
    running: dict[str, Alert] = {}
    for one in earlier:
        if one.state == "resolved":
            running.pop(one.rule, None)
        else:
            running.setdefault(one.rule, one)
    rules = stage.ruleset(state)
    names = [one.rule.name for one in rules.asked]
    others = [one for one in rules_of(pipeline) if one.name not in names]
    if rule is not None and rule not in (*names, *(one.name for one in others)):
        raise ClientError(f"no rule is named {rule!r}{meant(rule, names)}.")
    said = [
        _of(level, one, event, state, alerts, running)
        for level in rules.levels
        for one in [*level.plain, *(asked for asked, _, _ in level.patterns)]
        if rule in (None, one.rule.name)
    ]
    said += [
        {"rule": one.name, "mode": one.mode, "when": one.text, "outcome": f"not asked: it is {one.mode}", "lines": []}
        for one in others
        if rule in (None, one.name)
    ]
    return {"event": event.id, "key": event.key, "time": event.time, "rules": said}


def _of(level: Any, asked: Any, event: Any, state: Any, alerts: list[Any], running: dict[str, Any]) -> dict[str, Any]:
    from aimass.rules.explain import explain, lines, nearest
    from aimass.rules.memory import memory
    from aimass.rules.sight import Sight
    from aimass.rules.syntax import Pattern

    rule = asked.rule
    known = level.given(level.sight or Sight([event]), 0, asked.remembering)
    held = {call: memory(call).content(event.key, state, event.time) for call in asked.remembering}
    contents = {call: content for call, content in held.items() if content}
    fired = [one for one in alerts if one.rule == rule.name and one.state != "resolved"]
    found: dict[str, Any] = {"rule": rule.name, "mode": rule.mode, "version": rule.version, "when": asked.text}
    if isinstance(rule.when, Pattern):
        matcher = next(matcher for one, matcher, _ in level.patterns if one is asked)
        steps = [explain(step.when, known, contents) for step in rule.when.steps]
        found["steps"] = [msgspec.to_builtins(step) for step in steps]
        found["lines"] = [line for step in steps for line in lines(step)]
        found["open"] = matcher.open(event.key, state)
        found["nearest"] = []
        is_true = bool(fired)
    else:
        clause = explain(rule.when, known, contents)
        found["clause"], found["lines"] = msgspec.to_builtins(clause), lines(clause)
        found["nearest"] = [lines(one)[0] for one in nearest(clause)]
        is_true = clause.truth is True
    found["outcome"] = _outcome(rule, fired, is_true, running.get(rule.name))
    return found


def _outcome(rule: Any, fired: list[Any], is_true: bool, last: Any) -> str:
    if rule.mode == "shadow":
        return "in shadow: " + ("it would fire" if is_true else "it would not fire")
    if fired:
        return f"{fired[0].state}: {fired[0].id}"
    if is_true:
        if last is not None and last.state == "pending" and rule.hold_s > 0:
            return f"pending since {clock(last.time)}: it must hold for {rule.hold_s:g} s"
        since = "" if last is None else f" since {clock(last.time)} ({last.id})"
        return f"true, and no new alert: its episode goes on{since}"
    return "did not fire"


def _print(one: dict[str, Any]) -> None:
    colour = (
        "green" if one["outcome"].startswith(("firing", "pending")) else "yellow" if "true" in one["outcome"] else "dim"
    )
    out.print(f"\n[bold]{escape(one['rule'])}[/bold] [{colour}]{escape(one['outcome'])}[/{colour}]")
    for line in one["lines"]:
        out.print(f"  {escape(line)}")
    if one.get("nearest") and len(one["lines"]) > 1:
        out.print("  it would have needed:")
        for line in one["nearest"]:
            out.print(f"    {escape(line)}")
    for partial in one.get("open", ()):
        waits, until = escape(partial["waits_for"]), clock(partial["until"])
        out.print(f"  matched so far: {escape(', '.join(partial['matched']))}; waits for {waits} until {until}")
