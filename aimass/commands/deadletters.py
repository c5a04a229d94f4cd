"""`aimass deadletters`: what no stage could accept; why; and another try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.markup import escape

from aimass.admin import list_topics
from aimass.client import Message, Subscriber
from aimass.client.producer import enqueue
from aimass.codec import dead_letter
from aimass.commands.console import out, print_json, table
from aimass.commands.kafka import find_kafka
from aimass.commands.tail import clock
from aimass.connection import start
from aimass.errors import BadEvent, ClientError, WorldFault
from aimass.records import DeadLetter
from aimass.settings import Settings, kafka_options

REDRIVEN = "aimass.redriven"
_PREVIEW = 60
_BATCH = 500
_MAX_REQUEST_BYTES = 16 * 1024 * 1024


def list_all(settings: Settings, pipeline: str, *, reason: str | None, as_json: bool) -> int:
    """List a pipeline's dead letters."""
    asyncio.run(_list(find_kafka(settings), pipeline, reason, as_json))
    return 0


async def _list(settings: Settings, pipeline: str, reason: str | None, as_json: bool) -> None:
    done = await _redriven(settings, pipeline)
    rows = []
    async for message, letter in _letters(settings, pipeline, reason):
        if as_json:
            print_json({**facts(message, letter), "redriven": message.id in done})
        else:
            origin = f"{letter.topic}-{letter.partition}-{letter.offset}"
            why = letter.reason + (" (redriven)" if message.id in done else "")
            since, value = clock(message.timestamp_ms / 1000), (_text(letter.value) or "")[:_PREVIEW]
            rows.append((message.id, since, escape(origin), letter.stage, escape(why), escape(value)))
    if not as_json:
        columns = ["id", "since", "came from", "stage", "reason", "value"]
        out.print(table(columns, rows) if rows else "No dead letters.")


def facts(message: Message, letter: DeadLetter) -> dict[str, object]:
    """Return all about a dead letter, for programs; bytes that are no text are escaped."""
    return {
        "id": message.id,
        "time_ms": message.timestamp_ms,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp_ms": letter.timestamp_ms,
        "stage": letter.stage,
        "reason": letter.reason,
        "traceback": letter.traceback,
        "key": _text(letter.key),
        "value": _text(letter.value),
        "size_bytes": len(letter.value or b""),
        "headers": {name: _text(value) for name, value in letter.headers},
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def show(settings: Settings, pipeline: str, wanted: str, *, as_json: bool) -> int:
    """Show one dead letter whole."""
    asyncio.run(_show(find_kafka(settings), pipeline, wanted, as_json))
    return 0


async def _show(settings: Settings, pipeline: str, wanted: str, as_json: bool) -> None:
    async for message, letter in _letters(settings, pipeline, None):
        if message.id != wanted:
            continue
        found = facts(message, letter)
        if as_json:
            print_json(found)
        else:
            for name, value in found.items():
                out.print(f"[bold]{name}[/bold]: {escape(str(value))}")
        return
    raise _no_letter(pipeline, wanted)


def redrive(
    settings: Settings, pipeline: str, *, wanted: str | None, everything: bool, reason: str | None, as_json: bool
) -> int:
    """Send dead letters back to where they came from, as they came.

    Each is sent and marked as redriven in one transaction, so that asking for all twice sends each once. One that is
    asked for by its id is sent every time.
    """
    if (wanted is None) == (not everything):
        raise ClientError("say which dead letters to send back: --id ID, or --all (--all --reason TEXT for some).")
    sent = asyncio.run(_redrive(find_kafka(settings), pipeline, wanted, reason))
    if as_json:
        print_json({"redriven": sent})
    else:
        out.print(f"{len(sent)} dead letters sent back." if sent else "No dead letters to send back.")
    return 0


async def _redrive(settings: Settings, pipeline: str, wanted: str | None, reason: str | None) -> list[str]:
    done = await _redriven(settings, pipeline)
    sent: list[str] = []
    batch: list[tuple[Message, DeadLetter]] = []
    async with _transactions(settings, pipeline) as producer:
        async for message, letter in _letters(settings, pipeline, reason):
            if message.id == wanted or (wanted is None and message.id not in done):
                batch.append((message, letter))
                sent.append(message.id)
            if len(batch) >= _BATCH:
                await _send(producer, batch)
        await _send(producer, batch)
    if wanted is not None and not sent:
        raise _no_letter(pipeline, wanted)
    return sent


@asynccontextmanager
async def _transactions(settings: Settings, pipeline: str) -> AsyncIterator[Any]:
    """Give a producer that only one redrive of a pipeline at a time can have."""
    options = kafka_options(settings)
    name = f"aimass.{pipeline}.redrive"
    producer = AIOKafkaProducer(**options, transactional_id=name, max_request_size=_MAX_REQUEST_BYTES)
    await start(producer, options)
    try:
        yield producer
    except KafkaError as exc:
        raise WorldFault(f"Kafka refused to take dead letters of {pipeline!r} back: {exc}. Run it again.") from exc
    finally:
        await producer.stop()


async def _send(producer: Any, batch: list[tuple[Message, DeadLetter]]) -> None:
    if not batch:
        return
    async with producer.transaction():
        for message, letter in batch:
            mark = (REDRIVEN, message.id.encode())
            headers = [*letter.headers, mark]
            await enqueue(producer, letter.topic, letter.value, letter.key, letter.partition, None, headers)
            await enqueue(producer, message.topic, None, mark[1], message.partition, None, [mark])
    batch.clear()


def _no_letter(pipeline: str, wanted: str) -> ClientError:
    return ClientError(
        f"pipeline {pipeline!r} has no dead letter {wanted!r}: `aimass deadletters list {pipeline}` names those it has."
    )


async def _letters(settings: Settings, pipeline: str, reason: str | None) -> AsyncIterator[tuple[Message, DeadLetter]]:
    async for message in _messages(settings, pipeline):
        try:
            letter = dead_letter(message.key, message.value, list(message.headers))
        except BadEvent:
            continue
        if reason is None or reason.lower() in letter.reason.lower():
            yield message, letter


async def _redriven(settings: Settings, pipeline: str) -> set[str]:
    """Return the ids of the letters that were sent back: the topic says so itself, by records of a mark only."""
    marks = [message async for message in _messages(settings, pipeline) if len(message.headers) == 1]
    return {message.headers[0][1].decode() for message in marks if message.headers[0][0] == REDRIVEN}


async def _messages(settings: Settings, pipeline: str) -> AsyncIterator[Message]:
    topic = f"{pipeline}.deadletters"
    if topic not in await list_topics(kafka_options(settings)):
        raise ClientError(f"there is no pipeline {pipeline!r} in this Kafka: it has no topic {topic!r}.")
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        async for message in subscriber.messages():
            yield message
