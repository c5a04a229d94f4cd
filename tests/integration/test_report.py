"""The quality of real data on a real Kafka: what it is now, what it was, and a gate that a person closes and opens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from aimass.client import Producer
from aimass.commands.quality_topics import known_of
from aimass.commands.report import Standing, Where
from aimass.quality.reports.report import newest
from aimass.settings import Settings
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
_TOML = """
name = "{name}"

[[source]]
topic = "{name}.in"
key = "key"
time = "at"
id = "id"
contract = "contract.toml"

[quality]
pane = "10s"

[[gate]]
name = "strict"
source = "{name}.in"
action = "quarantine"
"""
_CONTRACT = 'name = "pumps"\n[fields.heat]\ntype = "number"\nrequired = true\nmost = 100\n'
_AT = 1.7e9


async def send(flow: Flow, first: int, count: int) -> None:
    """Send records of which one in ten is too hot; one a second of event time."""
    records = [
        {"id": f"e{number}", "key": "k", "at": _AT + number, "heat": 500 if number % 10 == 0 else number % 50}
        for number in range(first, first + count)
    ]
    async with Producer(flow.settings) as producer:
        await producer.send_many(flow.source, records, keys=["k"] * count)


async def said(flow: Flow, *arguments: str) -> dict[str, Any]:
    """Return what a command prints as JSON; nothing while there is nothing to print."""
    ended = await flow.command(*arguments, "--json")
    return dict[str, Any]() if ended.returncode else orjson.loads(ended.stdout)


async def gate_is(flow: Flow, is_closed: bool) -> None:
    async def holds() -> bool:
        flow.check_workers()
        found: Any = await said(flow, "quality", "gates", flow.name)
        return bool(found) and found[0]["is_closed"] is is_closed

    await until(holds, f"the gate is {'closed' if is_closed else 'open'}\n{flow.tails()}", every_s=1.0)


async def test_reports_and_gates_say_what_there_is(settings: Settings, unique: Unique) -> None:
    settings.home.joinpath("contract.toml").write_text(_CONTRACT)
    async with flowing(settings, unique("rep"), text=_TOML) as flow:
        flow.worker()
        await send(flow, 0, 200)

        async def is_judged() -> bool:
            flow.check_workers()
            found = await said(flow, "report", "quality", str(flow.file), "--last", "1h")
            return bool(found) and found["sources"][0]["records"] == 200

        await until(is_judged, f"200 records are judged\n{flow.tails()}", every_s=1.0)
        found = await said(flow, "report", "quality", flow.name, "--html", str(flow.root / "page.html"))
        (source,) = found["sources"]
        assert source["indicators"]["validity"]["value"] == 0.9
        assert (source["causes"][0]["cause"], source["causes"][0]["count"]) == ("heat:most", 20)
        assert '"heat":500' in source["causes"][0]["examples"][0]["value"]
        assert (flow.root / "page.html").read_text().startswith("<!DOCTYPE html>")
        now = await said(flow, "quality", flow.name)
        assert (now["waiting"], now["gates"][0]["is_closed"]) == (20, False)

        ended = await flow.command("quality", "close", flow.name, flow.source, "strict", "--why", "test", "--by", "eve")
        assert ended.returncode == 0, ended.stderr
        await gate_is(flow, True)
        await send(flow, 200, 100)

        async def all_wait() -> bool:
            return bool((await said(flow, "quality", flow.name)).get("waiting", 0) >= 20 + 90)

        await until(all_wait, f"a closed gate sets all apart\n{flow.tails()}", every_s=1.0)
        ended = await flow.command("quality", "open", flow.name, flow.source, "--why", "done", "--by", "eve")
        assert ended.returncode == 0, ended.stderr
        await gate_is(flow, False)

        async def last_pane() -> bool:
            known = await asyncio.to_thread(known_of, flow.settings, flow.name)
            return newest(known.judgements) == _AT + 300

        await until(last_pane, f"the last pane is judged\n{flow.tails()}", every_s=1.0)
        writer = Standing(flow.settings, flow.name, 100.0, Where(topic=f"{flow.name}.reports"), None)
        known = await asyncio.to_thread(known_of, flow.settings, flow.name)
        assert len(await asyncio.to_thread(writer.look, known)) == 1
        (sent,) = await flow.read(f"{flow.name}.reports")
        report = orjson.loads(sent.value or b"")
        assert (sent.key, report["start"], report["sources"][0]["records"]) == (flow.name.encode(), _AT + 100, 100)
