"""Alerts told to a server on loopback: signed, once where nothing fails, again with the same id where it does."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from standardwebhooks import Webhook

from aimass.client import Producer
from aimass.records import Delivery, Notification
from aimass.settings import Settings
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
SECRET = base64.b64encode(b"k" * 32).decode()
ENVIRONMENT = {"HOOK_SECRET": f"whsec_{SECRET}"}
_TOML = """
name = "{{name}}"

[[source]]
topic = "{{name}}.in"
key = "key"
time = "at"
id = "id"

[[rule]]
name = "alarm"
when = "alarm == 1"
severity = "critical"

[alerts]
group_by = ["rule", "key"]

[[receiver]]
name = "hook"
kind = "webhook"
url = "{url}"
secret = "HOOK_SECRET"
allow_internal = true
"""
_DEAD = """
[[receiver]]
name = "dead"
kind = "slack"
url = "http://127.0.0.1:9/"
allow_internal = true
"""


@dataclass
class Call:
    """A webhook that arrived."""

    at: float
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        return int(self.headers["aimass-attempt"])

    @property
    def keys(self) -> list[str]:
        return [told["key"] for told in orjson.loads(self.body)["data"]["alerts"]]


@dataclass
class Hook:
    """A receiver: answers with the statuses that it is given, then with 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    slow_s: float = 0.0
    calls: list[Call] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                body = await reader.readexactly(int(headers["content-length"]))
                self.calls.append(Call(time.time(), headers, body))
                await asyncio.sleep(self.slow_s)
                status = self.statuses.pop(0) if self.statuses else 204
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def keys(self) -> set[str]:
        return {key for call in self.calls for key in call.keys}


@asynccontextmanager
async def hooked(settings: Settings, name: str, more: str = "") -> AsyncIterator[tuple[Flow, Hook]]:
    """Yield a pipeline whose alerts go to a server of this test."""
    hook = Hook()
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with flowing(settings, name, text=_TOML.format(url=hook.url) + more) as flow:
        yield flow, hook
    server.close()


async def alarm(flow: Flow, first: int, count: int, every_s: float = 0.0) -> dict[str, float]:
    """Send an alarm for each of some keys; return when, by key."""
    sent: dict[str, float] = {}
    async with Producer(flow.settings, linger_ms=0) as producer:
        for number in range(first, first + count):
            key, now = f"k{number}", time.time()
            sent[key] = now
            await producer.send(flow.source, {"id": f"e{number}", "key": key, "at": now, "alarm": 1}, key=key)
            if every_s:
                await asyncio.sleep(every_s)
        await producer.flush()
    return sent


async def deliveries(flow: Flow) -> list[Delivery]:
    return [message.record for message in await flow.read(f"{flow.name}.deliveries")]


async def outbox(flow: Flow, receiver: str) -> list[Notification]:
    records = [message.record for message in await flow.read(f"{flow.name}.outbox")]
    return [one for one in records if one.receiver == receiver]


async def test_an_alert_is_told_once_and_signed_and_a_replay_tells_nobody(settings: Settings, unique: Unique) -> None:
    async with hooked(settings, unique("told")) as (flow, hook):
        worker = flow.worker(**ENVIRONMENT)
        warm = await alarm(flow, 0, 20)
        await until(lambda: set(warm) <= hook.keys, f"it is warm\n{flow.tails()}")
        sent = await alarm(flow, 20, 100, every_s=0.03)
        await until(lambda: set(sent) <= hook.keys, f"all is told\n{flow.tails()}")
        took = sorted((call.at - sent[key]) * 1000 for call in hook.calls for key in call.keys if key in sent)
        print(f"event to webhook: p50 {took[len(took) // 2]:.0f} ms, p99 {took[int(len(took) * 0.99)]:.0f} ms")
        assert await worker.stop() == 0
        for call in hook.calls:
            Webhook(SECRET).verify(call.body, call.headers)
        assert Counter(call.id for call in hook.calls) == {one.id: 1 for one in await outbox(flow, "hook")}
        assert {call.attempt for call in hook.calls} == {1}
        told = len(hook.calls)
        replayed = await flow.replay("quiet")
        await flow.compare(replayed)
        assert len(hook.calls) == told


async def test_kill_9_loses_nothing_and_what_comes_twice_says_so(settings: Settings, unique: Unique) -> None:
    async with hooked(settings, unique("kill"), _DEAD) as (flow, hook):
        hook.slow_s = 0.02
        worker = flow.worker(**ENVIRONMENT)
        sent = await alarm(flow, 0, 300)
        for least in (50, 120, 200):
            await until(lambda least=least: len(hook.calls) >= least, f"it is at work\n{flow.tails()}", every_s=0.01)
            worker.kill()
            worker.start()
        await until(lambda: set(sent) <= hook.keys, f"all is told\n{flow.tails()}")
        wanted = {one.id for one in await outbox(flow, "hook")}

        async def all_sent() -> bool:
            return {one.id for one in await deliveries(flow) if one.outcome == "sent"} >= wanted

        await until(all_sent, f"all is written down\n{flow.tails()}", every_s=0.5)
        assert await worker.stop() == 0
        assert {call.id for call in hook.calls} == wanted
        pairs = Counter((call.id, call.attempt) for call in hook.calls)
        assert max(pairs.values()) == 1, "the same attempt never comes twice"
        again = [call for call in hook.calls if call.attempt > 1]
        assert len(again) <= 3, "one for each kill at most: others are known to be done, though one receiver is dead"


async def test_workers_that_come_and_go_as_they_should_tell_nobody_twice(settings: Settings, unique: Unique) -> None:
    async with hooked(settings, unique("move")) as (flow, hook):
        hook.slow_s = 0.03
        flow.worker("--agents", "collect,score,decide,notify")
        first = flow.worker("--agents", "deliver", **ENVIRONMENT)
        sent = await alarm(flow, 0, 300)
        await until(lambda: len(hook.calls) >= 30, f"the first is at work\n{flow.tails()}", every_s=0.01)
        second = flow.worker("--agents", "deliver", **ENVIRONMENT)
        await until(lambda: second.said("worker started"), f"the second is there\n{flow.tails()}")
        await until(lambda: len(hook.calls) >= 150, f"they go on\n{flow.tails()}", every_s=0.01)
        assert await first.stop() == 0
        await until(lambda: set(sent) <= hook.keys, f"all is told\n{flow.tails()}")
        assert await second.stop() == 0
        assert Counter(call.id for call in hook.calls) == {one.id: 1 for one in await outbox(flow, "hook")}
        assert {call.attempt for call in hook.calls} == {1}


async def test_what_fails_is_tried_again_and_what_has_failed_is_told_when_somebody_asks(
    settings: Settings, unique: Unique
) -> None:
    async with hooked(settings, unique("again")) as (flow, hook):
        hook.statuses = [503, 204, 400]
        flow.worker("--agents", "collect,score,decide,notify")
        alone = flow.worker("--agents", "deliver", **ENVIRONMENT)
        await alarm(flow, 0, 1)
        await until(lambda: len(hook.calls) == 2, f"it is tried again\n{flow.tails()}")
        assert [(call.keys, call.attempt) for call in hook.calls] == [(["k0"], 1), (["k0"], 2)]
        await alarm(flow, 1, 1)
        await until(lambda: len(hook.calls) == 3, f"the other is told\n{flow.tails()}")
        assert await alone.stop() == 0
        (failed,) = (await flow.printed("deliveries", "list", flow.name, "--failed"))[0]
        assert (failed["outcome"], failed["status"], failed["id"]) == ("failed", 400, hook.calls[2].id)
        asked = await flow.command("deliveries", "redeliver", flow.name, failed["id"][:8])
        assert asked.returncode == 0, asked.stderr
        alone.start()
        await until(
            lambda: len(hook.calls) == 4, f"it is told again, though nobody was there to be asked\n{alone.tail()}"
        )
        assert (hook.calls[3].id, hook.calls[3].attempt) == (failed["id"], 2)
        asked = await flow.command("deliveries", "redeliver", flow.name, failed["id"][:8])
        await until(lambda: len(hook.calls) == 5, f"and while it runs\n{alone.tail()}")
        assert (hook.calls[4].id, hook.calls[4].attempt) == (failed["id"], 3)
        assert await alone.stop() == 0
