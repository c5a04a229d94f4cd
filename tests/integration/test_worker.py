"""A worker process: how it stops, what it tells, what it refuses, and how several share the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from faust.types import TP

from aimass.admin import committed_offsets, delete_topics
from aimass.runtime.engine import health
from aimass.runtime.metrics import Metrics
from aimass.settings import Settings, kafka_options
from tests.integration.support import Flow, flowing, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


def samples(text: str) -> dict[str, float]:
    """Return the sum of each metric, whatever its labels."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


async def test_sigterm_commits_what_is_done_and_nothing_is_done_again(settings: Settings, unique: Unique) -> None:
    async with flowing(settings, unique("stop")) as flow:
        worker = flow.worker()
        await flow.produce(5_000)
        await until(lambda: out(flow), f"it is at work\n{flow.tails()}")
        assert await worker.stop() == 0
        assert "worker stopped" in worker.text()
        assert "Traceback" not in worker.text()
        before = await committed_offsets(kafka_options(settings), f"aimass.{flow.name}")
        written = len(await flow.ids("log"))
        taken = sum(offset for at, offset in before.items() if at.topic == flow.source)
        assert taken == written, "what is committed is out, and what is out is committed: at once, by SIGTERM"
        other = flow.worker(AIMASS_WEB_PORT="26166")
        await flow.finish()
        url = await other.url()
        await until(lambda: has_no_lag(url), "no lag is left")
        assert await collected(url) == len(flow.sent) - taken, "it went on where the other had stopped"
        assert await other.stop() == 0
        await flow.check()


async def out(flow: Flow) -> bool:
    flow.check_workers()
    return bool(await flow.ids("predictions"))


async def has_no_lag(url: str) -> bool:
    return samples((await get(f"{url}/metrics")).text)["aimass_lag_records"] == 0


async def collected(url: str) -> int:
    """Return how many records a worker has collected."""
    lines = (await get(f"{url}/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith("aimass_events_in_total{") and 'agent="collect"' in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in found))


async def test_health_and_metrics(settings: Settings, unique: Unique) -> None:
    async with flowing(settings, unique("web")) as flow:
        worker = flow.worker(AIMASS_WEB_PORT="26266")
        url = await worker.url()
        await flow.produce(500)
        await flow.finish()
        ready = await get(f"{url}/health?check=ready")
        assert (ready.status_code, ready.json()) == (200, {"live": True, "ready": True, "problems": []})
        assert (await get(f"{url}/health")).status_code == 200
        await until(lambda: has_no_lag(url), "no lag is left")
        found = samples((await get(f"{url}/metrics")).text)
        declared = {sample.name for metric in Metrics().registry.collect() for sample in metric.samples}
        assert declared <= found.keys()
        assert all(name.startswith("aimass_") for name in found)
        assert found["aimass_dead_letters_total"] == 0
        assert found["aimass_events_in_total"] >= 3 * len(flow.sent)
        assert "k1" not in (await get(f"{url}/metrics")).text, "no key of a user"
        assert await worker.stop() == 0
        assert not list((flow.root / "workers").iterdir())


@pytest.mark.parametrize(
    ("is_ready", "lag", "idle_s", "live", "ready"),
    [(True, 0, 999, True, True), (True, 5, 1, True, True), (True, 5, 31, False, False), (False, 0, 1, True, False)],
)
def test_health_is_bad_when_offsets_stand_still_while_events_wait(
    is_ready: bool, lag: int, idle_s: float, live: bool, ready: bool
) -> None:
    now = time.monotonic()
    lane = SimpleNamespace(is_ready=is_ready, is_stopped=False, lag=lambda: lag, last_progress=now - idle_s)
    engine: Any = SimpleNamespace(lanes={TP("t", 0): lane})
    found = health([engine], now)
    assert (found.is_live, found.is_ready) == (live, ready)
    assert bool(found.problems) == (not live)


def test_a_source_that_a_gate_has_stopped_is_no_illness() -> None:
    lane = SimpleNamespace(is_ready=False, is_stopped=True, lag=lambda: 5, last_progress=time.monotonic() - 1)
    engine: Any = SimpleNamespace(lanes={TP("t", 0): lane})
    assert health([engine], time.monotonic()).is_ready


async def test_two_pipelines_in_one_worker(settings: Settings, unique: Unique) -> None:
    async with flowing(settings, unique("first")) as first, flowing(settings, unique("second"), 3) as second:
        worker = first.worker(files=[first.file, second.file])
        await first.produce(500)
        await second.produce(300)
        await first.finish()
        await second.finish()
        assert await worker.stop() == 0
        await first.check()
        await second.check()


async def test_agents_split_over_workers(settings: Settings, unique: Unique) -> None:
    async with flowing(settings, unique("split")) as flow:
        collector = flow.worker("--agents", "collect")
        await flow.produce(500)

        async def logged() -> bool:
            return set(flow.sent) <= set(await flow.ids("log"))

        await until(logged, f"all is in the log\n{flow.tails()}")
        assert await flow.ids("predictions") == []
        rest = flow.worker("--agents", "score,decide")
        await flow.finish()
        assert [await collector.stop(), await rest.stop()] == [0, 0]
        await flow.check()


async def test_what_cannot_work_is_said_at_once(settings: Settings, unique: Unique, tmp_path: Path) -> None:
    async with flowing(settings, unique("wrong")) as flow:
        file = str(flow.file)
        nobody = await flow.command("worker", file, AIMASS_BOOTSTRAP_SERVERS="127.0.0.1:1")
        assert nobody.returncode == 1
        assert "no Kafka answers at 127.0.0.1:1" in " ".join(nobody.stderr.split())
        typo = await flow.command("worker", file, AIMASS_SESION_TIMEOUT_S="5")
        assert typo.returncode == 2
        assert "did you mean AIMASS_SESSION_TIMEOUT_S?" in " ".join(typo.stderr.split())
        agent = await flow.command("worker", file, "--agents", "collect,scores")
        assert agent.returncode == 2
        assert "scores" in agent.stderr
        await delete_topics(kafka_options(settings), [f"{flow.name}.alerts"])
        topic = await flow.command("worker", file)
        assert topic.returncode == 2
        assert f"topics are missing: {flow.name}.alerts" in " ".join(topic.stderr.split())
        for ended in (nobody, typo, agent, topic):
            assert "Traceback" not in ended.stderr
