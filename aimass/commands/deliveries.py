"""`aimass deliveries`: who was told what, what failed, and telling again."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.markup import escape

from aimass.admin import list_topics
from aimass.client.producer import Producer
from aimass.client.subscriber import Subscriber
from aimass.codec import decoder
from aimass.commands.console import err, out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.pipelines import load
from aimass.commands.tail import clock
from aimass.delivery.answers import Answer
from aimass.delivery.channels import Channels
from aimass.delivery.receivers import Receiver, check
from aimass.errors import ClientError
from aimass.records import Delivery, Notification, Source, Told
from aimass.rules.suggest import meant
from aimass.settings import Settings, kafka_options

_UNDONE = ("failed", "refused")
#: Who keeps an alert until it is told that it is over.
_KEEPING = ("pagerduty", "alertmanager")


def show_all(settings: Settings, pipeline: str, *, failed: bool, receiver: str | None, as_json: bool) -> int:
    """List the last attempt of each notification, the newest first."""
    found = asyncio.run(_read(find_kafka(settings), pipeline))
    chosen = [one for one in latest(found) if receiver in (None, one.receiver)]
    chosen = [one for one in chosen if not failed or one.outcome in _UNDONE]
    if as_json:
        print_json([msgspec.to_builtins(one) for one in chosen])
    elif not chosen:
        out.print("Nothing was not delivered." if failed else "Nobody was told anything yet.")
    else:
        out.print(table(["when", "receiver", "outcome", "#attempt", "#ms", "id", "why"], map(_row, chosen)))
    return 0


def _row(one: Delivery) -> tuple[object, ...]:
    colour = "green" if one.outcome == "sent" else "red" if one.outcome in _UNDONE else "yellow"
    due = f" (again {clock(one.next)})" if one.next is not None else ""
    return (
        clock(one.time),
        escape(one.receiver),
        f"[{colour}]{one.outcome}[/{colour}]{due}",
        one.attempt,
        f"{one.took_ms:.0f}",
        one.id[:8],
        escape(one.error),
    )


def latest(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the last attempt of each notification and receiver, the newest first.

    Examples
    --------
    >>> def tried(outcome, attempt, time):
    ...     return Delivery("n1", "pager/n1", time, "shop", "pager", outcome, attempt)
    >>> [one.outcome for one in latest([tried("retrying", 1, 1.0), tried("sent", 2, 9.0)])]
    ['sent']
    """
    last = {one.key: one for one in deliveries}
    return sorted(last.values(), key=lambda one: (-one.time, one.key))


def redeliver(settings: Settings, pipeline: str, id: str | None, *, failed: bool) -> int:
    """Ask for notifications to be delivered again."""
    if (id is None) == (not failed):
        raise ClientError("which? Give the id of a notification, or --failed for all that were not delivered.")
    settings = find_kafka(settings)
    found = latest(asyncio.run(_read(settings, pipeline)))
    chosen = [one for one in found if (one.id.startswith(id) if id is not None else one.outcome in _UNDONE)]
    if not chosen:
        raise ClientError(
            f"no notification {f'begins with {id!r}' if id else 'is undelivered'}: see `aimass deliveries list`."
        )
    asyncio.run(_ask(settings, pipeline, chosen))
    err.print(f"asked for {len(chosen)}; a worker with the deliver agent does it")
    return 0


async def _ask(settings: Settings, pipeline: str, chosen: Iterable[Delivery]) -> None:
    async with Producer(settings) as producer:
        for one in chosen:
            asked = msgspec.structs.replace(
                one, outcome="requested", time=time.time(), status=None, error="", took_ms=0.0, next=None
            )
            await producer.send(f"{pipeline}.deliveries", asked, key=one.key)
        await producer.flush()


def try_receiver(file: Path, name: str) -> int:
    """Tell a receiver a test notification; 1 when it was not taken."""
    (pipeline,) = load([file])
    receiver = next((one for one in pipeline.receivers if one.name == name), None)
    if receiver is None:
        raise ClientError(f"no [[receiver]] is named {name!r}{meant(name, [one.name for one in pipeline.receivers])}.")
    answer = asyncio.run(_try(pipeline.name, receiver))
    said = f"{answer.status or ''} {answer.error}".strip() or "taken"
    outcome = "[green]sent[/green]" if answer.outcome == "sent" else f"[red]{answer.outcome}[/red]"
    out.print(f"{escape(name)}: {outcome}: {escape(said)}")
    return 0 if answer.outcome == "sent" else 1


async def _try(pipeline: str, receiver: Receiver) -> Answer:
    """Tell a test alert, and then that it is over to those who would keep it."""
    channels = Channels()
    try:
        secrets = check([receiver], os.environ)[receiver.name]
        answer = Answer("sent")
        for state in ("firing", "resolved") if receiver.kind in _KEEPING else ("firing",):
            now = time.time()
            if answer.outcome == "sent":
                one = _test_notification(pipeline, receiver.name, state, now)
                answer = await channels.attempt(receiver, secrets, one, now=now, attempt=1)
        return answer
    finally:
        await channels.close()


def _test_notification(pipeline: str, receiver: str, state: str, now: float) -> Notification:
    title = f"a test from aimass, pipeline {pipeline}: all is well"
    id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"aimass:test:{pipeline}:{receiver}:{state}:{now}"))
    told = Told(f"test-{pipeline}-{receiver}", "test", "test", "info", state, title, now)
    return Notification(
        id, receiver, now, pipeline, Source("test", 0, 0), receiver, state, "test", "info", title, [told]
    )


async def _read(settings: Settings, pipeline: str) -> list[Delivery]:
    topic, decode = f"{pipeline}.deliveries", decoder(Delivery)
    if topic not in await list_topics(kafka_options(settings)):
        raise ClientError(f"there is no topic {topic!r} in this Kafka: run the pipeline {pipeline!r} first.")
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        return [decode(message.value) async for message in subscriber.messages() if message.value]
