"""`aimass alerts`: how alerts stand, what became of one and who was told of it; and what people do about them."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from rich.markup import escape

from aimass.admin import list_topics
from aimass.alerts.history import current, meant, refusal, steps_of
from aimass.alerts.holds import Silence
from aimass.client import Message, Subscriber
from aimass.codec import decoder
from aimass.commands.console import out, print_json, table
from aimass.commands.control import send
from aimass.commands.kafka import find_kafka
from aimass.commands.tail import clock
from aimass.errors import BadEvent, ClientError
from aimass.records import Command, Delivery, Gate, Notification, RuleChange, Transition
from aimass.settings import Settings, kafka_options
from aimass.stages.control import ControlReader
from aimass.testing import MemoryRecord

_SHORT = 8  # of a fingerprint: enough to name it
_COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_DONE = {"ack": "acknowledged", "unack": "given back", "snooze": "snoozed", "resolve": "resolved"}


def list_all(settings: Settings, pipeline: str, *, everything: bool, as_json: bool) -> int:
    """Show the alerts of a pipeline as they stand now; resolved ones too, if asked for."""
    settings = find_kafka(settings)
    steps = _steps(settings, pipeline)
    now = time.time()
    quiet = standing(_commands(settings, pipeline), now)
    shown = [one for one in current(steps) if everything or one.state != "resolved"]
    if as_json:
        print_json([{**facts(one), "held": held(one, quiet, now)} for one in shown])
    elif not shown:
        out.print("No alert is open." if steps else "There was no alert yet.")
    else:
        rows = [
            (
                one.alert[:_SHORT],
                one.state,
                _severity(one.severity),
                escape(one.rule),
                escape(one.key),
                clock(one.since),
                held(one, quiet, now) or "",
                escape(one.by),
                escape(one.cause),
            )
            for one in shown
        ]
        out.print(table(["alert", "state", "severity", "rule", "key", "since", "held", "by", "what"], rows))
    return 0


def show(settings: Settings, pipeline: str, alert: str, *, as_json: bool) -> int:
    """Show all that became of an alert: each step, who did it and why, who was told, and what came of it."""
    settings = find_kafka(settings)
    steps = _steps(settings, pipeline)
    found = one_of(steps, alert)
    history = steps_of(steps, found.alert)
    told = tellings(
        _read(settings, f"{pipeline}.outbox", Notification),
        _read(settings, f"{pipeline}.deliveries", Delivery),
        found.alert,
    )
    if as_json:
        print_json({**facts(found), "history": list(map(facts, history)), "told": told})
        return 0
    out.print(f"[bold]{found.alert}[/bold] {_severity(found.severity)} {escape(found.rule)} of {escape(found.key)}")
    out.print(f"{found.state} since {clock(found.since)}: {escape(found.cause)}\n")
    out.print(table(["when", "state", "severity", "held", "by", "why"], map(_step, history)))
    if told:
        rows = [
            (clock(one["time"]), escape(one["receiver"]), one["kind"], one["outcome"], escape(one["error"]))
            for one in told
        ]
        out.print("")
        out.print(table(["told", "receiver", "kind", "outcome", "error"], rows))
    else:
        out.print("\nNobody was told.")
    return 0


def act(
    settings: Settings,
    pipeline: str,
    do: str,
    alert: str,
    *,
    lasts_s: float | None,
    by: str | None,
    why: str,
    as_json: bool,
) -> int:
    """Do something about an alert: the command goes through the pipeline's log, to where alerts are kept."""
    settings = find_kafka(settings)
    found = one_of(_steps(settings, pipeline), alert)
    problem = refusal(do, found)
    if problem is not None:
        raise ClientError(f"{found.rule} of {found.key} ({found.alert[:_SHORT]}): {problem}.")
    until = None if lasts_s is None else time.time() + lasts_s
    order = {"do": do, "alert": found.alert, "key": found.key, "until": until, "by": by or login(), "why": why}
    _send(settings, pipeline, found.key, order)
    if as_json:
        print_json({"command": order})
    else:
        till = "" if until is None else f" until {clock(until)}"
        out.print(f"{_DONE[do]}{till}: {escape(found.rule)} of {escape(found.key)} ({found.alert[:_SHORT]})")
    return 0


def silence(
    settings: Settings,
    pipeline: str,
    match: Mapping[str, str],
    *,
    lasts_s: float,
    by: str | None,
    why: str,
    as_json: bool,
) -> int:
    """Let nobody be told of alerts like these for a while."""
    if not match:
        raise ClientError("a silence needs at least one of --rule, --key, --severity; '*' stands for anything.")
    settings = find_kafka(settings)
    until = time.time() + lasts_s
    order = {"do": "silence", "match": dict(match), "until": until, "by": by or login(), "why": why}
    _send(settings, pipeline, "", order)
    if as_json:
        print_json({"command": order})
    else:
        out.print(
            f"silenced until {clock(until)}: {escape(_match(match))}; `aimass alerts silences {pipeline}` has its id"
        )
    return 0


def silences(settings: Settings, pipeline: str, *, as_json: bool) -> int:
    """Show the silences that have not ended."""
    found = standing(_commands(find_kafka(settings), pipeline), time.time())
    if as_json:
        print_json(
            [{"id": one.id, "match": one.match, "until": one.until, "by": one.by, "why": one.why} for one in found]
        )
    elif not found:
        out.print("There is no silence.")
    else:
        rows = [
            (escape(one.id), escape(_match(one.match)), clock(one.until), escape(one.by), escape(one.why))
            for one in found
        ]
        out.print(table(["id", "alerts", "until", "by", "why"], rows))
    return 0


def unsilence(settings: Settings, pipeline: str, name: str, *, by: str | None, why: str, as_json: bool) -> int:
    """End a silence before its time."""
    settings = find_kafka(settings)
    if name not in [one.id for one in standing(_commands(settings, pipeline), time.time())]:
        raise ClientError(f"there is no silence {name!r}: `aimass alerts silences {pipeline}` lists them.")
    order = {"do": "unsilence", "alert": name, "by": by or login(), "why": why}
    _send(settings, pipeline, "", order)
    if as_json:
        print_json({"command": order})
    else:
        out.print(f"lifted: {escape(name)}")
    return 0


def login() -> str:
    """Return the name of whoever is logged in; empty where the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def one_of(steps: Sequence[Transition], wanted: str) -> Transition:
    """Return the one alert that a word means.

    Raises
    ------
    ClientError
        When there is none, or more than one.
    """
    found = meant(steps, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ClientError(f"there is no alert {wanted!r}: name it by the beginning of its fingerprint, or by its key.")
    names = ", ".join(f"{one.alert[:_SHORT]} ({one.rule} of {one.key})" for one in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    raise ClientError(f"{wanted!r} means {len(found)} alerts: {names}{more}. Name one by its fingerprint.")


def standing(orders: Iterable[Command], now: float) -> list[Silence]:
    """Return the silences that were ordered, not lifted, and have not ended."""
    found: dict[str, Silence] = {}
    for one in orders:
        if one.do == "silence" and one.until is not None and one.match:
            found[one.id] = Silence(one.id, one.match, one.until, one.by, one.why)
        elif one.do == "unsilence":
            found.pop(one.alert, None)
    return [one for one in found.values() if one.until > now]


def held(alert: Transition, quiet: Sequence[Silence], now: float) -> str | None:
    """Return what holds an alert back now: a silence, or what did at its last step (a silence may be over)."""
    if any(one.is_of(alert.rule, alert.key, alert.severity, now) for one in quiet):
        return "silenced"
    return None if alert.held == "silenced" or alert.state == "resolved" else alert.held


def tellings(notes: Iterable[Notification], deliveries: Iterable[Delivery], alert: str) -> list[dict[str, Any]]:
    """Return who was told of an alert, when and of what, and what came of the last attempt."""
    last = {(one.id, one.receiver): one for one in deliveries}
    found = []
    for note in notes:
        if not any(one.alert == alert for one in note.alerts):
            continue
        attempt = last.get((note.id, note.receiver))
        found.append(
            {
                "time": note.time,
                "receiver": note.receiver,
                "kind": note.kind,
                "id": note.id,
                "outcome": "waiting" if attempt is None else attempt.outcome,
                "attempt": 0 if attempt is None else attempt.attempt,
                "error": "" if attempt is None else attempt.error,
            }
        )
    return found


def facts(step: Transition) -> dict[str, Any]:
    """Return all about a step, for programs."""
    found: dict[str, Any] = msgspec.to_builtins(step)
    return {**found, "held": step.held, "by": step.by, "why": step.why, "before": step.before}


def _step(one: Transition) -> tuple[str, ...]:
    return (clock(one.time), one.state, _severity(one.severity), one.held or "", escape(one.by), escape(one.why))


def _severity(name: str) -> str:
    colour = _COLOURS.get(name, "magenta")
    return f"[{colour}]{escape(name)}[/{colour}]"


def _match(match: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={glob}" for name, glob in match.items())


def _steps(settings: Settings, pipeline: str) -> list[Transition]:
    return _read(settings, f"{pipeline}.transitions", Transition, pipeline)


def orders(settings: Settings, pipeline: str) -> list[RuleChange | Command]:
    """Return what people ordered, as COLLECT reads it; what is no order is left to the dead letters."""
    found, reader = list[RuleChange | Command](), ControlReader(f"{pipeline}.control")
    for message in asyncio.run(_messages(settings, f"{pipeline}.control", None)):
        record = MemoryRecord(
            message.value, message.key, message.topic, message.partition, message.offset, message.timestamp_ms
        )
        with suppress(BadEvent):
            order = reader.order(record, pipeline)
            if not isinstance(order, Gate):
                found.append(order)
    return found


def _commands(settings: Settings, pipeline: str) -> list[Command]:
    return [one for one in orders(settings, pipeline) if type(one) is Command]


def _read(settings: Settings, topic: str, record: Any, pipeline: str | None = None) -> list[Any]:
    decode = decoder(record)
    return [decode(one.value) for one in asyncio.run(_messages(settings, topic, pipeline)) if one.value is not None]


async def _messages(settings: Settings, topic: str, pipeline: str | None) -> list[Message]:
    """Return all of a topic; nothing where it is not there, unless a pipeline is to have it."""
    if topic not in await list_topics(kafka_options(settings)):
        if pipeline is None:
            return []
        raise ClientError(f"there is no topic {topic!r} in this Kafka: does a pipeline {pipeline!r} run here?")
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        return [message async for message in subscriber.messages()]


def _send(settings: Settings, pipeline: str, key: str, order: Mapping[str, Any]) -> None:
    send(settings, pipeline, key, {"command": {k: v for k, v in order.items() if v is not None}})
