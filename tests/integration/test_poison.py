"""Everything that is no event, between events: the events come out, the rest is in the dead letters as it came."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from aimass.client import Message
from aimass.codec import dead_letter
from aimass.records import DeadLetter
from aimass.settings import Settings, kafka_options
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka
HEADERS = [("trace", b"\xff\x00"), ("trace", b"again"), ("empty", b"")]
CODECS = (None, "gzip", "snappy", "lz4", "zstd")
BIG = 5_000_000
TIME = b"1700000000.0"


class Bad(NamedTuple):
    """What is no event, and a part of the reason that its dead letter must give."""

    value: bytes | None
    reason: str


def event(id: str, **fields: Any) -> bytes:
    return json.dumps({"id": id, "key": "k", "at": 1.7e9, "x": 1.0, "alarm": 1, **fields}).encode()


def without(name: str) -> bytes:
    return json.dumps({k: v for k, v in json.loads(event("bad")).items() if k != name}).encode()


BAD = {
    "bad UTF-8": Bad(b'{"id":"bad","key":"\xff\xfe"}', "not UTF-8"),
    "lone continuation": Bad(b"\x80", "not UTF-8"),
    "truncated": Bad(event("bad")[:-5], "truncated"),
    "no JSON": Bad(b"hello", "not JSON"),
    "two values": Bad(event("bad") * 2, "not JSON"),
    "100k arrays": Bad(b'{"id":"bad","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper"),
    "100k objects": Bad(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper"),
    "100k open": Bad(b"[" * 100_000, "nested deeper"),
    "NaN": Bad(b'{"id":"bad","key":"k","at":1,"x":NaN}', "NaN"),
    "Infinity": Bad(b'{"id":"bad","key":"k","at":1,"x":-Infinity}', "Infinity"),
    "1e999": Bad(b'{"id":"bad","key":"k","at":1,"x":1e999}', "too large"),
    "100 digits as time": Bad(event("bad", at=10**99), "out of range"),
    "100 digits as key": Bad(event("bad", key=10**99), "key"),
    "missing key": Bad(without("key"), "no key"),
    "missing time": Bad(without("at"), "no time"),
    "missing id": Bad(without("id"), "no id"),
    "key of null": Bad(event("bad", key=None), "null"),
    "key of array": Bad(event("bad", key=["k"]), "an array"),
    "key too long": Bad(event("bad", key="k" * 5000), "characters"),
    "time of text": Bad(event("bad", at="yesterday"), "ISO 8601"),
    "time of true": Bad(event("bad", at=True), "true or false"),
    "time of object": Bad(event("bad", at={}), "an object"),
    "time before 1970": Bad(event("bad", at=-1), "out of range"),
    "array": Bad(b"[1,2]", "an array"),
    "number": Bad(b"7", "a number"),
    "null as text": Bad(b"null", "null"),
    "empty": Bad(b"", "an empty value"),
    "tombstone": Bad(None, "tombstone"),
    "blanks": Bad(b"   \n", "JSON"),
}
GOOD = {
    "plain": event("{id}"),
    "100 digits": event("{id}", x=10**99),
    "duplicate keys": b'{"id":"old","key":"k","at":1700000000.0,"x":1,"x":2,"alarm":0,"alarm":1,"id":"{id}"}',
    "odd names": event("{id}", **{"\u0000": 1, "\ud83d\ude80": "\u202e", "": None}),
    "no numbers": event("{id}", x="text"),
    "blanks around": b" \r\n" + event("{id}") + b"\n",
    "100 levels": event("{id}", a=json.loads("[" * 100 + "]" * 100)),
}


def corpus() -> Iterator[tuple[str, bytes | None, str | None]]:
    """Yield ``(id, value, reason)``: an event before, after and between all that is none."""
    for number, (id, value, reason) in enumerate(_corpus()):
        yield id, value if reason else value and value.replace(TIME, b"%d" % (1_700_000_000 + number)), reason


def _corpus() -> Iterator[tuple[str, bytes | None, str | None]]:
    good = iter(list(GOOD.items()) * len(BAD))
    for codec in CODECS:
        for name, bad in BAD.items():
            what, value = next(good)
            id = f"{codec}, {what}, before {name}"
            yield id, value.replace(b"{id}", id.encode()), None
            yield "bad", bad.value, bad.reason
        yield f"{codec}, last", event(f"{codec}, last"), None
    yield "large", event("large", text="x" * BIG), None
    yield "bad", b'{"text":"' + b"y" * BIG, "truncated"
    yield "bad", b"z" * BIG, "not JSON"
    yield "end", event("end"), None


class Sent(NamedTuple):
    """What was sent: events by id, and the rest by offset."""

    good: list[str]
    bad: dict[int, tuple[bytes | None, bytes, str]]


async def send(flow: Flow) -> Sent:
    """Send the corpus to one partition, each part of it compressed in its own way."""
    records = list(corpus())
    each = -(-(len(records) - 4) // len(CODECS))
    sent, key = Sent([], {}), b"\xfe key"
    for number, codec in enumerate((*CODECS, None)):
        options = {**kafka_options(flow.settings), "compression_type": codec, "linger_ms": 20}
        async with AIOKafkaProducer(**options, max_request_size=16 << 20) as producer:
            for id, value, reason in records[number * each : (number + 1) * each]:
                sending = await producer.send(flow.source, value, key, partition=0, headers=HEADERS)
                if reason is None:
                    sent.good.append(id)
                else:
                    sent.bad[(await sending).offset] = (value, key, reason)
    return sent


async def letters(flow: Flow) -> list[tuple[Message, DeadLetter]]:
    """Return the dead letters; what `redrive` marks as sent back is none."""
    messages = [m for m in await flow.read(f"{flow.name}.deadletters") if len(m.headers) > 1]
    return [(m, dead_letter(m.key, m.value, list(m.headers))) for m in messages]


async def wait_for(flow: Flow, good: int, bad: int) -> None:
    """Wait until that many events and dead letters are out."""

    async def out() -> bool:
        flow.check_workers()
        return len(await flow.ids("alerts")) >= good and len(await letters(flow)) >= bad

    await until(out, f"{good} events and {bad} dead letters are out\n{flow.tails()}", every_s=0.5)


async def test_poison_stops_nothing(settings: Settings, unique: Callable[[str], str]) -> None:
    async with flowing(settings, unique("poison")) as flow:
        worker = flow.worker(AIMASS_WEB_PORT="26066")
        sent = await send(flow)
        await wait_for(flow, len(sent.good), len(sent.bad))
        await check_good(flow, sent)
        await check_letters(flow, sent)
        await check_commands(flow, sent)
        assert (await fetch(f"{await worker.url()}/health?check=ready")).status_code == 200
        assert "opening it again" not in worker.text(), "no partition was ever dropped"
        assert await worker.stop() == 0


async def fetch(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


async def check_good(flow: Flow, sent: Sent) -> None:
    """Every event comes out once, in order, with its own JSON."""
    for last in ("log", "predictions"):
        assert await flow.ids(last) == sent.good
    alerts = Counter(id for id in await flow.ids("alerts") if id.endswith("-alarm"))
    assert set(alerts.values()) == {1}
    bodies = [bytes(message.record.data) for message in await flow.read(f"{flow.name}.predictions")]
    values = [value.strip() for _, value, reason in corpus() if reason is None and value is not None]
    assert bodies == values


async def check_letters(flow: Flow, sent: Sent) -> None:
    """Each letter has the bytes, key, headers and place that the record had, and says why."""
    found = {letter.offset: letter for _, letter in await letters(flow)}
    assert list(found) == sorted(sent.bad), "each once, in order"
    for offset, (value, key, reason) in sent.bad.items():
        letter = found[offset]
        assert (letter.value, letter.key, list(letter.headers)) == (value, key, HEADERS)
        assert (letter.topic, letter.partition, letter.stage) == (flow.source, 0, "collect")
        assert reason in letter.reason, (value or b"")[:80]
        assert letter.timestamp_ms > 0


async def check_commands(flow: Flow, sent: Sent) -> None:
    """`aimass deadletters` lists and shows all that, and sends each back once: it comes again, as it was."""
    listed = await flow.printed("deadletters", "list", flow.name)
    assert [letter["offset"] for letter in listed] == sorted(sent.bad)
    (shown,) = await flow.printed("deadletters", "show", flow.name, "--id", listed[0]["id"])
    assert shown["reason"] == listed[0]["reason"]
    assert shown["value"] == sent.bad[shown["offset"]][0].decode("utf-8", "backslashreplace")  # type: ignore[union-attr]
    (redriven,) = await flow.printed("deadletters", "redrive", flow.name, "--all")
    assert redriven["redriven"] == [letter["id"] for letter in listed]
    await wait_for(flow, 0, 2 * len(sent.bad))
    again = [letter for _, letter in await letters(flow)][len(sent.bad) :]
    assert [(a.value, a.key) for a in again] == [(value, key) for value, key, _ in sent.bad.values()]
    assert await flow.ids("predictions") == sent.good, "no event came twice"
