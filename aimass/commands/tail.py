"""`aimass tail`: what comes on a topic, as it is committed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
from rich.markup import escape

from aimass.client import Message, Subscriber
from aimass.client.subscriber import From
from aimass.commands.console import out
from aimass.commands.kafka import find_kafka
from aimass.errors import BadEvent
from aimass.records import Alert, DeadLetter, Event, Prediction, Record, Tick
from aimass.settings import Settings

_COLOURS = {"critical": "bold red", "high": "red", "warning": "yellow", "medium": "yellow", "low": "cyan"}
_PREVIEW = 160


def tail(
    settings: Settings,
    topic: str,
    *,
    from_: From,
    key: str | None,
    limit: int | None,
    as_json: bool,
    until_end: bool,
) -> int:
    """Print the records of a topic until interrupted, or as many as asked for."""
    settings = find_kafka(settings)
    asyncio.run(_tail(settings, topic, from_, key, limit, as_json, until_end))
    return 0


async def _tail(
    settings: Settings, topic: str, from_: From, key: str | None, limit: int | None, as_json: bool, until_end: bool
) -> None:
    left = -1 if limit is None else limit
    async with Subscriber(topic, where=settings, from_=from_, key=key, until_end=until_end) as subscriber:
        if left == 0:
            return
        async for message in subscriber.messages():
            if as_json:
                out.file.write(json_line(message) + "\n")
                out.file.flush()
            else:
                out.print(pretty(message))
            left -= 1
            if left == 0:
                return


def json_line(message: Message) -> str:
    """Return a message as one line of JSON: its position, its key and its value.

    A value that is no JSON comes as ``{"bytes": …}``, in escaped Latin-1, so that a reader never stops.

    Examples
    --------
    >>> json_line(Message("t", 0, 7, 0, b"k", b'{"a":1}', ()))
    '{"topic":"t","partition":0,"offset":7,"timestamp_ms":0,"key":"k","value":{"a":1}}'
    >>> json_line(Message("t", 0, 7, 0, None, b"{", ()))
    '{"topic":"t","partition":0,"offset":7,"timestamp_ms":0,"key":null,"value":{"bytes":"{"}}'
    """
    value: Any = None
    if message.value is not None:
        try:
            orjson.loads(message.value)
            value = orjson.Fragment(message.value.strip())
        except orjson.JSONDecodeError:
            value = {"bytes": message.value.decode("latin-1")}
    facts = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp_ms": message.timestamp_ms,
        "key": None if message.key is None else message.key.decode("utf-8", "backslashreplace"),
        "value": value,
    }
    if message.headers:
        facts["headers"] = {name: raw.decode("utf-8", "backslashreplace") for name, raw in message.headers}
    return orjson.dumps(facts).decode()


def pretty(message: Message) -> str:
    """Return a message as one line of rich text, by what its record is."""
    try:
        record = message.record
    except BadEvent:
        record = message.value
    where = f"[dim]{message.partition}/{message.offset}[/dim]"
    key = escape((message.key or b"").decode("utf-8", "backslashreplace"))
    when = record.time if isinstance(record, Record) else message.timestamp_ms / 1000
    return f"{where} {clock(when)} [bold]{key}[/bold] {describe(record)}"


def clock(seconds: float) -> str:
    """Return a time as people read it, in UTC.

    Examples
    --------
    >>> clock(1_700_000_000.25)
    '2023-11-14 22:13:20.250'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def describe(record: Any) -> str:
    """Return in a line of rich text what a record says."""
    match record:
        case Alert():
            colour = _COLOURS.get(record.severity, "magenta")
            name = record.rule if record.state == "firing" else f"{record.rule} {record.state}"
            return f"[{colour}]{escape(record.severity)}[/{colour}] {escape(name)}: {escape(record.cause)}"
        case Prediction():
            return " ".join(_anomalies(record) + _estimates(record)) + f" [dim]{_preview(bytes(record.data))}[/dim]"
        case Event():
            return _preview(bytes(record.data))
        case Tick():
            return "[dim]tick[/dim]"
        case DeadLetter():
            origin = f"{record.topic}-{record.partition}-{record.offset}"
            return f"[red]{escape(record.reason)}[/red] {escape(origin)} [dim]{_preview(record.value)}[/dim]"
        case bytes() | None:
            return _preview(record)
        case _:
            return _preview(msgspec.json.encode(record))


def _anomalies(record: Prediction) -> list[str]:
    return [
        f"{escape(name)}={found.score:.1f}" + (f" ([yellow]{escape(found.cause)}[/yellow])" if found.cause else "")
        for name, found in record.anomalies.items()
    ]


def _estimates(record: Prediction) -> list[str]:
    return [f"{escape(name)}→{escape(str(found.value))}" for name, found in record.estimates.items()]


def _preview(value: bytes | None) -> str:
    if value is None:
        return "[dim](tombstone)[/dim]"
    text = value[:_PREVIEW].decode("utf-8", "backslashreplace")
    return escape(text + ("…" if len(value) > _PREVIEW else ""))
