"""Events pushed to a real Kafka: each request whole or not at all, also while the broker dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest

from aimass.admin import ensure_topics
from aimass.broker import KafkaSpec, down, start_broker, stop_broker, up
from aimass.client import Message, Subscriber
from aimass.feeds.push import PushServer
from aimass.feeds.push_bodies import Bounds
from aimass.settings import Settings, kafka_options
from tests.integration.support import JARS, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
JSON = {"content-type": "application/json"}
CLOUD = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "order.paid", "partitionkey": "k1"}


@asynccontextmanager
async def pushing(settings: Settings, topic: str, bounds: Bounds | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a server for one topic, which has two partitions and takes a MiB at once."""
    await ensure_topics(kafka_options(settings), [(topic, 2, {"max.message.bytes": "1048576"})])
    server = PushServer("shop", [topic], replace(settings, push_port=0), bounds=bounds)
    url = await server.start()
    async with httpx.AsyncClient(base_url=f"{url}/push", timeout=60, headers=JSON) as client:
        yield client
    await server.stop()


async def stands(settings: Settings, topic: str) -> list[Message]:
    """Return what a read-committed subscriber sees of a topic."""
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        return [message async for message in subscriber.messages()]


async def test_single_events_batches_and_cloud_events_are_there_when_it_is_answered(
    settings: Settings, unique: Unique
) -> None:
    topic = unique("push")
    cloud, clouds = ({"content-type": f"application/cloudevents{more}+json"} for more in ("", "-batch"))
    async with pushing(settings, topic) as client:
        single = (await client.post(f"/{topic}?key=k1", content=b'{"n": 0}')).json()
        await client.post(f"/{topic}", content=orjson.dumps([{"n": n} for n in range(1, 201)]))
        binary = {f"ce-{name}": value for name, value in CLOUD.items()}
        await client.post(f"/{topic}", content=b'{"n":201}', headers=binary)
        await client.post(f"/{topic}", content=orjson.dumps({**CLOUD, "data": {"n": 202}}), headers=cloud)
        batch = [{**CLOUD, "id": f"e{n}", "data": {"n": n}} for n in (203, 204)]
        await client.post(f"/{topic}", content=orjson.dumps(batch), headers=clouds)
        found = await stands(settings, topic)
    assert sorted(message.record["n"] for message in found) == list(range(205))
    by_number = {message.record["n"]: message for message in found}
    assert single["offsets"] == [[by_number[0].partition, by_number[0].offset]]
    assert by_number[0].key == b"k1"
    together = [message for message in found if 1 <= message.record["n"] <= 200]
    assert len({message.partition for message in together}) == 1
    assert [message.record["n"] for message in together] == list(range(1, 201))
    for number in (201, 202, 203, 204):
        assert by_number[number].key == b"k1"
        assert dict(by_number[number].headers)["ce_type"] == b"order.paid"
    assert dict(by_number[204].headers)["aimass.dedupe"] == b"/shop e204"


async def test_many_at_once_are_429_or_written_once(settings: Settings, unique: Unique) -> None:
    topic = unique("pressed")
    async with pushing(settings, topic, Bounds(records=200)) as client:

        async def push(number: int) -> int:
            body = orjson.dumps([{"n": number, "m": m} for m in range(20)])
            return (await client.post(f"/{topic}", content=body)).status_code

        statuses = await asyncio.gather(*(push(number) for number in range(100)))
        found = Counter(message.record["n"] for message in await stands(settings, topic))
    assert set(statuses) == {200, 429}
    assert found == {number: 20 for number, status in enumerate(statuses) if status == 200}


async def test_one_that_kafka_refuses_harms_no_other(settings: Settings, unique: Unique) -> None:
    topic = unique("refused")
    async with pushing(settings, topic) as client:
        large = orjson.dumps({"n": 0, "text": "x" * (2 << 20)})
        bodies = [large if number == 0 else orjson.dumps({"n": number}) for number in range(10)]
        answers = await asyncio.gather(*(client.post(f"/{topic}", content=body) for body in bodies))
        found = [message.record["n"] for message in await stands(settings, topic)]
    assert [answer.status_code for answer in answers] == [413] + [200] * 9
    assert "max.message.bytes" in answers[0].json()["error"]
    assert sorted(found) == list(range(1, 10))


async def test_a_token_is_asked_for(settings: Settings, unique: Unique) -> None:
    topic = unique("token")
    async with pushing(replace(settings, push_token="hush"), topic) as client:
        assert (await client.post(f"/{topic}", content=b"{}")).status_code == 401
        let_in = await client.post(f"/{topic}", content=b"{}", headers={"authorization": "Bearer hush"})
        assert let_in.status_code == 200
        assert len(await stands(settings, topic)) == 1


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a Kafka of the test's own, which it may kill."""
    home = tmp_path / "kafka"
    running = up(KafkaSpec(home=home, port=0, heap_mb=256, cache=JARS))
    yield Settings(home=tmp_path, bootstrap_servers=running.bootstrap, web_port=0)
    down(home, timeout=5.0)


async def test_a_broker_that_is_killed_is_answered_by_503_and_nothing_is_there_by_half(own: Settings) -> None:
    topic, sizes, statuses = "killed", 50, dict[int, int]()
    home = own.home / "kafka"
    async with pushing(own, topic, Bounds(wait_s=4.0)) as client:

        async def push(number: int) -> int:
            body = orjson.dumps([{"n": number, "key": m} for m in range(sizes)])
            statuses[number] = (await client.post(f"/{topic}", content=body)).status_code
            return statuses[number]

        async def pushes(first: int) -> None:
            for number in range(first, first + 1000):
                if await push(number) != 200:
                    return

        assert await push(0) == 200
        load = [asyncio.create_task(pushes(first)) for first in range(1000, 9000, 1000)]
        await until(lambda: len(statuses) > 50, "they are taken", every_s=0.01)
        await asyncio.to_thread(stop_broker, home, 0, kill=True)
        await asyncio.gather(*load)
        assert set(statuses.values()) == {200, 503}
        assert await push(1) == 503
        await asyncio.to_thread(start_broker, home, 0)

        async def is_back() -> bool:
            return await push(20_000 + len(statuses)) == 200

        await until(is_back, "it is taken again", every_s=0.5)
        found = Counter(message.record["n"] for message in await stands(own, topic))
    assert set(found.values()) == {sizes}, "each whole, and none twice"
    taken = {number for number, status in statuses.items() if status == 200}
    assert taken <= set(found)
    print(f"{len(taken)} answered by 200; {len(set(found) - taken)} by 503 are there all the same")
