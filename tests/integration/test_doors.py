"""What stands between a topic and the log, on a real Kafka: registries that fail at first, and gates that close."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import fastavro
import orjson
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from aimass.records import Event, Gate
from aimass.settings import Settings, kafka_options
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
SCHEMA = {
    "type": "record",
    "name": "Reading",
    "fields": [{"name": "pump", "type": "string"}, {"name": "heat", "type": ["null", "double"]}],
}
_AVRO = """
name = "{name}"
[[source]]
topic = "{name}.in"
key = "pump"
format = "avro"
registry = "http://127.0.0.1:PORT"
"""
_GATED = """
name = "{name}"
[[source]]
topic = "{name}.in"
key = "k"
contract = "c.toml"
[[gate]]
name = "valid"
source = "{name}.in"
least = 20
action = "stop"
[quality]
pane = "5s"
"""


@asynccontextmanager
async def registry() -> AsyncIterator[tuple[int, list[str]]]:
    """Yield the port of a registry that is ill at first and knows schema 7 alone, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) < 12:
            return web.Response(status=503)
        if request.path != "/schemas/ids/7":
            return web.json_response({"error_code": 40403, "message": "Schema not found"}, status=404)
        return web.json_response({"schema": json.dumps(SCHEMA)})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], asked
    finally:
        await runner.cleanup()


def avro(number: int, id: int = 7) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(SCHEMA), {"pump": f"p{number % 3}", "heat": number / 2})
    return b"\0" + id.to_bytes(4, "big") + body.getvalue()


async def produce(flow: Flow, values: Sequence[bytes]) -> None:
    producer = AIOKafkaProducer(**kafka_options(flow.settings))
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(flow.source, value, key=b"k") for value in values])
    finally:
        await producer.stop()


async def data_of(flow: Flow) -> list[dict[str, Any]]:
    return [
        orjson.loads(bytes(one.record.data)) for one in await flow.read(f"{flow.name}.log") if type(one.record) is Event
    ]


async def log_has(flow: Flow, count: int) -> None:
    async def is_so() -> bool:
        flow.check_workers()
        return len(await data_of(flow)) == count

    await until(is_so, f"{count} events are in the log\n{flow.tails()}", every_s=0.5)


async def test_values_wait_for_a_registry_that_is_ill_and_unknown_schemas_are_dead_letters(
    settings: Settings, unique: Unique
) -> None:
    async with (
        registry() as (port, asked),
        flowing(settings, unique("avro"), text=_AVRO.replace("PORT", str(port))) as flow,
    ):
        flow.worker()
        await produce(flow, [*map(avro, range(50)), avro(0, id=9), b"no avro", avro(50)])
        await log_has(flow, 51)
        assert sorted(one["heat"] for one in await data_of(flow)) == [number / 2 for number in range(51)]
        letters = [dict(one.headers)["aimass.reason"].decode() for one in await flow.read(f"{flow.name}.deadletters")]
        assert len(letters) == 2
        assert any("schema 9" in reason for reason in letters)
        assert len(asked) > 12


async def test_a_gate_stops_a_source_until_somebody_opens_it_and_nothing_is_lost(
    settings: Settings, unique: Unique
) -> None:
    settings.home.joinpath("c.toml").write_text(
        'name = "c"\n[fields.n]\ntype = "integer"\nleast = 0\nrequired = true\n'
    )
    async with flowing(settings, unique("gate"), text=_GATED) as flow:
        worker = flow.worker()
        await produce(flow, [orjson.dumps({"k": "a", "n": number}) for number in range(30)])
        await log_has(flow, 30)
        await produce(flow, [orjson.dumps({"k": "a", "n": -1}) for _ in range(300)])

        async def is_closed() -> bool:
            gates = [one.record for one in await flow.read(f"{flow.name}.gates")]
            return any(type(gate) is Gate and gate.is_closed for gate in gates)

        await until(is_closed, f"the gate closes\n{flow.tails()}", every_s=0.5)
        worker.kill()
        worker.start()
        await until(lambda: "worker started" in worker.tail(), "the worker is there again")
        await produce(flow, [orjson.dumps({"k": "a", "n": 1000 + number}) for number in range(20)])
        await asyncio.sleep(6)
        assert len(await data_of(flow)) == 30, "what comes behind a closed gate stays in its topic"
        await flow.command("quality", "open", flow.name, flow.source, "--why", "mended")
        await log_has(flow, 50)
        assert sorted(one["n"] for one in await data_of(flow)) == [*range(30), *range(1000, 1020)]
