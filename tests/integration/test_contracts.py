"""A contract is suggested from the newest committed records of a topic, of all its partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from aimass.admin import ensure_topics
from aimass.cli import main
from aimass.client import Producer
from aimass.pipeline.contracts import load
from aimass.settings import Settings, kafka_options

pytestmark = pytest.mark.kafka


async def fill(settings: Settings, topic: str) -> None:
    """Send old records that are other than the newest 400, and one that is no JSON."""
    await ensure_topics(kafka_options(settings), [(topic, 3, {})], replication=1)
    async with Producer(settings) as producer:
        old = [orjson.dumps({"n": "old", "at": 1}) for _ in range(300)]
        await producer.send_many(topic, old, keys=[str(n % 7) for n in range(300)])
        await asyncio.sleep(0.05)  # later by Kafka's clock
        new = [orjson.dumps({"n": n, "id": f"A{n:05d}", "at": 1.7e9 + n}) for n in range(400)]
        await producer.send_many(topic, new, keys=[str(n % 7) for n in range(400)])
        await producer.send_many(topic, [b"{"], keys=["1"])


def test_a_contract_is_learned_of_the_newest_records(
    tmp_path: Path,
    settings: Settings,
    unique: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIMASS_BOOTSTRAP_SERVERS", settings.bootstrap_servers or "")
    monkeypatch.setenv("AIMASS_HOME", str(tmp_path))
    topic, output, pipeline = unique("suggest"), tmp_path / "c.toml", tmp_path / "p.toml"
    asyncio.run(fill(settings, topic))
    assert main(["contract", "suggest", topic, "--last", "401", "-o", str(output)]) == 0
    assert "1 left out" in capsys.readouterr().err.replace("\n", " ")
    contract = load(output)
    found = {one.path: (one.type, one.required, one.pattern, one.order) for one in contract.fields}
    assert found["n"] == ("integer", True, None, "rising")
    assert found["id"] == ("text", True, "A[0-9]{5}", None)
    assert found["at"] == ("time", True, None, "rising")
    pipeline.write_text(f'name = "p"\n[[source]]\ntopic = "{topic}"\ntime = "at"\nkey = "n"')
    assert main(["contract", "suggest", str(pipeline), "--last", "401", "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)
    assert told["contract"]["delay_s"] > 86400  # they are said to have happened in 2023
    assert told["learned"] + told["tried"] == 400
