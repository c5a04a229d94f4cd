"""What is pushed is in Kafka before it is answered, whole or not at all; what is refused says why."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from aimass.errors import ClientError, ConfigurationError, WorldFault
from aimass.feeds.push import PushServer
from aimass.feeds.push_bodies import Bounds
from aimass.feeds.push_kafka import Event
from aimass.settings import Settings

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
CLOUD = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "order.paid"}
BINARY = {f"ce-{name}": value for name, value in CLOUD.items()}


@dataclass
class MemoryWriter:
    """Keeps what it is given; holds it back while it is told to."""

    events: list[Event] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    is_closed: bool = False

    def __post_init__(self) -> None:
        self.open.set()

    async def write(self, topic: str, events: Sequence[Event], wait_s: float) -> list[tuple[int, int]]:
        try:
            await asyncio.wait_for(self.open.wait(), wait_s)
        except TimeoutError as exc:
            raise WorldFault("Kafka did not answer") from exc
        if self.failure is not None:
            raise self.failure
        first = len(self.events)
        self.events += events
        return [(0, first + n) for n in range(len(events))]

    async def close(self) -> None:
        self.is_closed = True

    @property
    def values(self) -> list[bytes]:
        return [event.value for event in self.events]


@dataclass
class Pushing:
    """A server of the test's own, and a client."""

    server: PushServer
    writer: MemoryWriter
    client: httpx.AsyncClient

    async def post(self, body: Any, headers: dict[str, str] = JSON, path: str = "/push/orders") -> httpx.Response:
        return await self.client.post(path, content=body, headers=headers)


@asynccontextmanager
async def pushing(bounds: Bounds | None = None, **settings: Any) -> AsyncIterator[Pushing]:
    writer = MemoryWriter()
    where = Settings(bootstrap_servers="localhost:1", push_port=0, **settings)
    server = PushServer("shop", ["orders", "visits"], where, writer=writer, bounds=bounds)
    url = await server.start()
    async with httpx.AsyncClient(base_url=url) as client:
        yield Pushing(server, writer, client)
    await server.stop()


def headers_of(event: Event) -> dict[str, str]:
    return {name: value.decode() for name, value in event.headers}


# -- what is taken -----------------------------------------------------------------------------------------------------


async def test_an_object_is_one_event_as_it_came() -> None:
    async with pushing() as push:
        answer = await push.post(b' {"id": 123456789012345678901234567890} \n')
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "offsets": [[0, 0]]})
        assert push.writer.events == [Event(b'{"id": 123456789012345678901234567890}')]


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b'[{"a": 1}, {"a":[2, 3]}]', JSON), (b'{"a": 1}\r\n\n{"a":[2, 3]}\n', LINES)],
)
async def test_an_array_and_lines_are_an_event_each(body: bytes, headers: dict[str, str]) -> None:
    async with pushing() as push:
        assert (await push.post(body, headers)).json() == {"accepted": 2, "offsets": [[0, 0], [0, 1]]}
        assert push.writer.values == [b'{"a": 1}', b'{"a":[2, 3]}']


async def test_an_array_of_none_is_nothing() -> None:
    async with pushing() as push:
        assert (await push.post(b"[]")).json() == {"accepted": 0, "offsets": []}


async def test_offsets_of_a_large_batch_are_the_first_hundred() -> None:
    async with pushing() as push:
        answer = (await push.post(orjson.dumps([{"n": n} for n in range(150)]))).json()
        assert (answer["accepted"], len(answer["offsets"])) == (150, 100)


async def test_anything_else_is_one_value_as_it_came() -> None:
    async with pushing() as push:
        await push.post(b"a,b\n1,2\n", {"content-type": "text/csv; header=present"})
        await push.post(b"\x82\x00\xff", {"content-type": "application/msgpack"})
        assert push.writer.values == [b"a,b\n1,2\n", b"\x82\x00\xff"]
        assert headers_of(push.writer.events[0]) == {"content-type": "text/csv"}


async def test_what_is_packed_is_unpacked() -> None:
    async with pushing() as push:
        await push.post(gzip.compress(b'{"a": 1}'), {**JSON, "content-encoding": "gzip"})
        assert push.writer.values == [b'{"a": 1}']


async def test_the_key_comes_with_the_query_or_a_header() -> None:
    async with pushing() as push:
        await push.post(b"{}", path="/push/orders?key=k%2F1")
        await push.post(b"[{},{}]", {**JSON, "aimass-key": "k2"})
        assert [event.key for event in push.writer.events] == [b"k/1", b"k2", b"k2"]


async def test_an_idempotency_key_names_each_event_of_a_batch() -> None:
    async with pushing() as push:
        await push.post(b"{}", {**JSON, "idempotency-key": "a"})
        await push.post(b"[{},{}]", {**JSON, "idempotency-key": "b"})
        assert [headers_of(event)["aimass.dedupe"] for event in push.writer.events] == ["a", "b/0", "b/1"]


# -- CloudEvents -------------------------------------------------------------------------------------------------------


async def test_a_cloud_event_in_binary_mode_is_its_body() -> None:
    async with pushing() as push:
        more = {"ce-partitionkey": "k1", "ce-subject": "b%C3%A4r", "content-type": "application/json"}
        assert (await push.post(b'{"a": 1}', {**BINARY, **more})).status_code == 200
        (event,) = push.writer.events
        assert (event.value, event.key) == (b'{"a": 1}', b"k1")
        assert headers_of(event) == {
            "ce_specversion": "1.0",
            "ce_id": "e1",
            "ce_source": "/shop",
            "ce_type": "order.paid",
            "ce_partitionkey": "k1",
            "ce_subject": "bär",
            "content-type": "application/json",
            "aimass.dedupe": "/shop e1",
        }


async def test_a_structured_cloud_event_is_its_data_as_it_came() -> None:
    async with pushing() as push:
        kind = {"content-type": "application/cloudevents+json; charset=UTF-8"}
        body = orjson.dumps({**CLOUD, "n": 7, "late": True})[:-1] + b',"data": {"a": 1.50}}'
        assert (await push.post(body, kind)).status_code == 200
        (event,) = push.writer.events
        assert event.value == b'{"a": 1.50}'
        assert headers_of(event) | {"ce_n": "7", "ce_late": "true", "ce_id": "e1"} == headers_of(event)


async def test_data_of_a_cloud_event_may_be_base64_or_text() -> None:
    async with pushing() as push:
        packed = {"data_base64": base64.b64encode(b"\x00\xff").decode(), "datacontenttype": "application/avro"}
        text = {"data": "a,b", "datacontenttype": "text/csv"}
        for data in (packed, text):
            body = orjson.dumps({**CLOUD, **data})
            assert (await push.post(body, {"content-type": "application/cloudevents+json"})).status_code == 200
        assert push.writer.values == [b"\x00\xff", b"a,b"]
        assert headers_of(push.writer.events[0])["content-type"] == "application/avro"


async def test_a_batch_of_cloud_events_has_keys_and_ids_of_its_own() -> None:
    async with pushing() as push:
        batch = [{**CLOUD, "id": f"e{n}", "partitionkey": f"k{n}", "data": {"n": n}} for n in range(2)]
        kind = {"content-type": "application/cloudevents-batch+json"}
        assert (await push.post(orjson.dumps(batch), kind)).json()["accepted"] == 2
        assert [(event.key, event.value) for event in push.writer.events] == [(b"k0", b'{"n":0}'), (b"k1", b'{"n":1}')]
        assert [headers_of(event)["aimass.dedupe"] for event in push.writer.events] == ["/shop e0", "/shop e1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": None}, "without id"),
        ({"specversion": "0.3"}, "'0.3'"),
        ({"data": None, "x_y": 1}, "'x_y' is no name"),
        ({"more": {"a": 1}}, "'more' is no text"),
        ({"data_base64": "%%"}, "no base64"),
    ],
)
async def test_a_cloud_event_that_is_none_says_which_and_why(change: dict[str, Any], said: str) -> None:
    async with pushing() as push:
        batch = [{**CLOUD, "data": {}}, {**CLOUD, "data": {}, **change}]
        answer = await push.post(orjson.dumps(batch), {"content-type": "application/cloudevents-batch+json"})
        assert answer.status_code == 400
        assert said in answer.json()["error"]
        assert answer.json()["where"].startswith("element 1")
        assert push.writer.events == []


async def test_a_cloud_event_without_data_is_refused() -> None:
    async with pushing() as push:
        answer = await push.post(orjson.dumps(CLOUD), {"content-type": "application/cloudevents+json"})
        assert (answer.status_code, answer.json()["error"]) == (400, "a CloudEvent without data")


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "where"),
    [
        (b'[{"a": 1}, 7]', JSON, "element 1"),
        (b'[{"a": [1,2], "b": "],["}, {"a": nope}, {}]', JSON, "element 1"),
        (b'[{"a": 1}, {"a": "\xff"}]', JSON, "element 1"),
        (b'[{"a": 1}, {"a": ', JSON, "element 1"),
        (b"[" * 5000, JSON, "body"),
        (b'{"a": 1}\n\n{"a": \n', LINES, "line 3"),
        (b'{"a": NaN}', JSON, "body"),
        (b'"text"', JSON, "body"),
        (b" ", JSON, "body"),
    ],
)
async def test_what_is_wrong_says_where_and_nothing_of_it_is_taken(body: bytes, headers: Any, where: str) -> None:
    async with pushing() as push:
        answer = await push.post(body, headers)
        assert answer.status_code == 400
        assert answer.json()["where"] == where
        assert answer.json().keys() == {"error", "where", "what to do"}
        assert push.writer.events == []


async def test_an_unknown_topic_says_which_are_known() -> None:
    async with pushing() as push:
        answer = await push.post(b"{}", path="/push/order")
        assert answer.status_code == 404
        assert answer.json()["what to do"] == "push to one of: orders, visits"


async def test_another_path_or_method_is_answered_in_json_too() -> None:
    async with pushing() as push:
        assert (await push.client.get("/pull")).json()["where"] == "GET /pull"
        assert (await push.client.delete("/push/orders")).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=latin-1"},
        {**JSON, "content-encoding": "zstd"},
    ],
)
async def test_what_cannot_be_read_is_415(headers: dict[str, str]) -> None:
    async with pushing() as push:
        assert (await push.post(b"{}", headers)).status_code == 415


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * (1 << 20)


@pytest.mark.parametrize("how", ["declared", "in chunks", "packed"])
async def test_what_is_too_large_is_413(how: str) -> None:
    async with pushing() as push:
        body: Any = {"declared": b" " * (9 << 20), "in chunks": chunks(9), "packed": gzip.compress(b" " * (9 << 20))}[
            how
        ]
        answer = await push.post(body, {**JSON, **({"content-encoding": "gzip"} if how == "packed" else {})})
        assert answer.status_code == 413
        assert "8,388,608" in answer.json()["error"]


async def test_more_events_than_a_transaction_takes_are_413() -> None:
    async with pushing() as push:
        assert (await push.post(b"[" + b"{}," * 20_000 + b"{}]")).status_code == 413
        assert (await push.post(b"{}\n" * 20_001, LINES)).status_code == 413


async def test_a_packed_body_that_is_broken_is_refused() -> None:
    async with pushing() as push:
        whole = gzip.compress(b"a,b\n" * 1000)
        for body in (b"garbage", whole[:-10]):
            answer = await push.post(body, {"content-type": "text/csv", "content-encoding": "gzip"})
            assert answer.status_code == 400
        assert push.writer.events == []


async def test_a_body_that_breaks_off_is_not_taken() -> None:
    async with pushing() as push:
        host, port = push.server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /push/orders HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\na,b"
        )
        await writer.drain()
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert push.writer.events == []
        assert (await push.post(b"{}")).status_code == 200


# -- who may -----------------------------------------------------------------------------------------------------------


async def test_with_a_token_only_who_has_it_may_push() -> None:
    async with pushing(push_token="hush") as push:
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic hush"}):
            answer = await push.post(b"{}", {**JSON, **given})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "AIMASS_PUSH_TOKEN" in answer.json()["what to do"]
        assert (await push.client.get("/push")).status_code == 401
        assert (await push.post(b"{}", {**JSON, "authorization": "Bearer hush"})).status_code == 200
        assert "hush" not in push.server.example("orders")


async def test_a_web_page_in_a_browser_may_not_push_without_a_token() -> None:
    async with pushing() as push:
        answer = await push.post(b"x", {"content-type": "text/plain", "origin": "https://evil.example"})
        assert answer.status_code == 403
        assert push.writer.events == []


async def test_the_topics_are_listed_with_a_command_that_works() -> None:
    async with pushing() as push:
        (first, _) = (await push.client.get("/push")).json()["topics"]
        assert first["topic"] == "orders"
        command = await asyncio.create_subprocess_shell(first["example"], stdout=asyncio.subprocess.PIPE)
        said, _ = await command.communicate()
        assert orjson.loads(said)["accepted"] == 1
        assert push.writer.events == [Event(b"{}", b"k1")]


# -- pressure and faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bounds", "body"), [(Bounds(records=3), b"[{},{}]"), (Bounds(bytes=10), b'{"a": 1}')])
async def test_more_than_fits_is_429_until_there_is_room_again(bounds: Bounds, body: bytes) -> None:
    async with pushing(bounds) as push:
        push.writer.open.clear()
        first = asyncio.create_task(push.post(body))
        await asyncio.sleep(0.1)
        answer = await push.post(body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        push.writer.open.set()
        assert (await first).status_code == 200
        assert (await push.post(body)).status_code == 200


async def test_a_request_larger_than_all_bounds_fits_when_it_is_alone() -> None:
    async with pushing(Bounds(bytes=1, records=1)) as push:
        assert (await push.post(b"[{},{},{}]")).status_code == 200


async def test_while_kafka_is_down_the_answer_is_503_in_time() -> None:
    async with pushing(Bounds(wait_s=0.1)) as push:
        push.writer.open.clear()
        answer = await push.post(b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "never a part of it" in answer.json()["what to do"]


async def test_what_kafka_refuses_is_not_asked_for_again() -> None:
    async with pushing() as push:
        push.writer.failure = ClientError("raise `max.message.bytes`")
        answer = await push.post(b"{}")
        assert answer.status_code == 413
        assert "max.message.bytes" in answer.json()["error"]


async def test_a_stop_ends_what_is_under_way_and_refuses_what_is_new() -> None:
    async with pushing() as push:
        push.writer.open.clear()
        first = asyncio.create_task(push.post(b"{}"))
        await asyncio.sleep(0.1)
        stop = asyncio.create_task(push.server.stop())
        await asyncio.sleep(0.1)
        assert (await push.post(b"{}")).status_code == 503
        assert not stop.done()
        assert not push.writer.is_closed
        push.writer.open.set()
        assert (await first).status_code == 200
        await stop
        assert push.writer.is_closed


async def test_run_serves_until_it_is_cancelled() -> None:
    writer = MemoryWriter()
    server = PushServer("shop", ["orders"], Settings(push_port=0), writer=writer)
    run = asyncio.create_task(server.run())
    await asyncio.sleep(0.1)
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{server.url}/push/orders", content=b"{}", headers=JSON)).status_code == 200
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert writer.is_closed


async def test_a_port_that_is_taken_says_what_to_set() -> None:
    async with pushing() as push:
        port = int(push.server.url.rpartition(":")[2])
        other = PushServer("shop", ["orders"], Settings(push_port=port), writer=MemoryWriter())
        with pytest.raises(ConfigurationError, match="AIMASS_PUSH_PORT"):
            await other.run()
