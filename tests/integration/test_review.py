"""Records that break their contract wait for people, go on as people say, each once; and an audit proves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import orjson
import pytest

from aimass.client import Producer
from aimass.codec import encode
from aimass.records import Event
from aimass.settings import Settings
from tests.integration.support import Flow, Worker, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
_TOML = """
name = "{name}"

[[source]]
topic = "{name}.in"
key = "key"
time = "at"
id = "id"
dedupe = "1h"
only = "kind == 'reading'"
contract = "contract.toml"
clean = {{ heat = "number", place = "trim" }}

[quality]
pane = "10s"
"""
_CONTRACT = """
name = "pumps"

[fields.heat]
type = "number"
required = true
least = 0
most = 100

[fields.place]
values = ["north", "south"]
"""
_AT = 1.7e9


def record(number: int, **more: Any) -> dict[str, Any]:
    own = {"id": f"e{number}", "key": f"k{number % 7}", "at": _AT + number, "kind": "reading", "heat": number % 50}
    return {**own, **more}


def good(first: int, count: int) -> list[dict[str, Any]]:
    """Make records that keep the contract, some of them after cleaning; and some that are filtered, or come twice."""
    made = []
    for number in range(first, first + count):
        more: dict[str, Any] = {"heat": str(number % 50), "place": " north "} if number % 3 == 0 else {}
        made.append(record(number, **more))
        if number % 10 == 0:
            made += [record(number, **more), record(100_000 + number, kind="noise", at=_AT + number)]
    return made


@asynccontextmanager
async def reviewed(settings: Settings, name: str) -> AsyncIterator[Flow]:
    settings.home.joinpath("contract.toml").write_text(_CONTRACT)
    async with flowing(settings, name, text=_TOML) as flow:
        yield flow


async def send(flow: Flow, records: list[Any]) -> None:
    async with Producer(flow.settings) as producer:
        keys = [one["key"] if isinstance(one, dict) else "k0" for one in records]
        await producer.send_many(flow.source, records, keys=keys)


async def waiting(flow: Flow) -> dict[str, list[str]]:
    """Return what waits, as `aimass review list` says it: causes by id."""
    (listed,) = await flow.printed("review", "list", flow.name, "--limit", "1000")
    return {one["id"]: one["causes"] for one in listed["tasks"]}


async def waits(flow: Flow, wanted: set[str]) -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {}

    async def is_so() -> bool:
        nonlocal seen
        seen = await waiting(flow)
        flow.check_workers()
        return set(seen) == wanted

    try:
        await until(is_so, f"{sorted(wanted)} wait", every_s=0.5)
    except AssertionError as exc:
        raise AssertionError(f"{exc}, but {sorted(seen)}\n{flow.tails()}") from exc
    return seen


async def review(flow: Flow, *arguments: str) -> dict[str, Any]:
    (said,) = await flow.printed("review", arguments[0], str(flow.file), *arguments[1:], "--by", "eve")
    return said  # type: ignore[no-any-return]


async def log_of(flow: Flow) -> list[Event]:
    return [one.record for one in await flow.read(f"{flow.name}.log") if isinstance(one.record, Event)]


async def audited(flow: Flow) -> tuple[int, dict[str, Any]]:
    ended = await flow.command("audit", str(flow.file), "--json")
    assert ended.returncode in (0, 1), ended.stderr
    return ended.returncode, orjson.loads(ended.stdout)


async def proven(flow: Flow) -> dict[str, Any]:
    """Wait until nothing is under way any more, and return the last audit; none of them finds anything wrong."""
    said: dict[str, Any] = {}

    async def is_all() -> bool:
        nonlocal said
        code, said = await audited(flow)
        assert code == 0, f"{said['first']}\n{flow.tails()}"
        return not said["unproven"]

    await until(is_all, f"all is proven\n{flow.tails()}", every_s=1.0)
    return said


def kill(worker: Worker) -> None:
    worker.kill()
    worker.start()


async def test_people_decide_workers_die_and_each_record_is_in_the_log_once(settings: Settings, unique: Unique) -> None:
    async with reviewed(settings, unique("rev")) as flow:
        worker = flow.worker()
        wrong = [record(901, heat=500), record(902, heat=-5), record(903, place="moon"), record(904, heat=600)]
        await send(flow, [*good(0, 200), *wrong, b'{"id":"broken"'])
        causes = await waits(flow, {"e901", "e902", "e903", "e904"})
        assert causes["e901"] == causes["e904"] == ["heat:most"]
        assert (causes["e902"], causes["e903"]) == (["heat:least"], ["place:values"])

        refused = await flow.command("review", "correct", str(flow.file), "e901", "--set", "heat=101")
        assert refused.returncode == 1
        assert "heat:most" in refused.stderr
        said = await review(flow, "correct", "e901", "--set", "heat=50", "--why", "typo")
        assert said["tasks"] == {"e901": "corrected, in the log"}
        kill(worker)
        await review(flow, "accept", "e902", "--why", "it is cold")
        await review(flow, "reject", "e903")
        await waits(flow, {"e904"})

        more = [record(910 + number, heat=500 + number) for number in range(30)]
        await send(flow, [*good(200, 200), *more])
        kill(worker)
        await waits(flow, {"e904", *(one["id"] for one in more)})
        await review(flow, "accept", "--cause", "heat:most", "--yes")
        kill(worker)
        await waits(flow, set())

        verdict = await proven(flow)
        before = await log_of(flow)
        now = {one["id"]: one for one in [*wrong, *more, *good(0, 400)] if one["kind"] == "reading"}
        assert sorted(one.id for one in before) == sorted(now.keys() - {"e903"})
        back = {one.id: one for one in before if one.quality is not None and one.quality.review is not None}
        assert set(back) == {"e901", "e902", "e904", *(one["id"] for one in more)}
        assert {one.id: one.time for one in back.values()} == {name: now[name]["at"] for name in back}
        assert orjson.loads(bytes(back["e901"].data)) == {**now["e901"], "heat": 50}
        assert back["e901"].quality is not None
        assert back["e901"].quality.was == {"heat": 500}
        assert orjson.loads(bytes(back["e902"].data)) == now["e902"]
        totals = {name: sum(one[name] for one in verdict["sources"].values()) for name in ("quarantined", "redriven")}
        assert totals == {"quarantined": 34, "redriven": 33}
        steps = await flow.printed("review", "log", flow.name)
        done = {(one["id"], one["do"], one["by"]) for one in steps if one["do"] != "quarantined"}
        assert {("e901", "correct", "eve"), ("e902", "accept", "eve"), ("e903", "reject", "eve")} < done
        assert len(done) == 34
        await tampering_is_found(flow, before[0])
        assert await worker.stop() == 0


async def tampering_is_found(flow: Flow, real: Event) -> None:
    """Write events into the log that no record of the source is: the audit names each."""
    fakes = [
        msgspec.structs.replace(real, id="fake", source=msgspec.structs.replace(real.source, offset=10**6)),
        msgspec.structs.replace(real, data=msgspec.Raw(b'{"heat":1}')),
    ]
    async with Producer(flow.settings) as producer:
        for one in fakes:
            await producer.send(f"{flow.name}.log", encode(one), key=one.key, partition=0)
    code, said = await audited(flow)
    whats = {(one["offset"], one["what"]) for one in said["first"] if one["topic"] in (flow.source, f"{flow.name}.log")}
    assert code == 1
    assert (real.source.offset, "is 2 times in the log") in whats
    assert any("the source ends before that" in what for _, what in whats), whats
