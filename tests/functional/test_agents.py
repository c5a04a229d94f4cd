"""Each agent reads the right topics, and hands what comes to its stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import faust
import pytest
from faust.types import TP

from agents import app as agents_app
from agents import collect_events, correlate_sources, decide_alerts, score_events
from aimass.pipeline import parse
from aimass.records import LogRecord, Prediction
from aimass.runtime.chunk import Chunk, ChunkSchema
from aimass.runtime.engine import Engine
from aimass.runtime.metrics import Metrics
from aimass.runtime.store import RocksStore
from aimass.settings import AGENTS, Settings

PIPELINE = parse('name = "p"\n[[source]]\ntopic = "one"\n[[source]]\ntopic = "two"\n[[correlation]]\nname = "moves"')
LAYOUT = agents_app.Layout.of(PIPELINE)
PARTITIONS = {"one": 2, "two": 3, **{topic.name: topic.partitions or 4 for topic in LAYOUT.own}}
READS = {
    "collect": {"one", "two", "p.control"},
    "score": {"p.log"},
    "decide": {"p.predictions"},
    "notify": {"p.signals"},
    "correlate": {"p.series"},
}
WRITES = {
    "collect": "p.log",
    "score": "p.predictions",
    "decide": "p.alerts",
    "notify": "p.transitions",
    "correlate": "p.links",
}

Build = Callable[..., Engine]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Build the application of the pipeline with some agents; nothing connects."""
    settings = Settings(home=tmp_path, bootstrap_servers="127.0.0.1:1", web_port=0)
    store = RocksStore(tmp_path / "rocks")

    def built(*agents: str) -> Engine:
        engine = Engine("p", settings, store, Metrics())
        agents_app.build(engine, PIPELINE, LAYOUT, PARTITIONS, frozenset(agents))
        return engine

    yield built
    store.close()


async def test_each_agent_is_attached_to_the_right_topics(build: Build) -> None:
    engine = build(*AGENTS)
    attached = {name: set(agent.channel.topics) for name, agent in engine.app.agents.items()}
    assert attached == READS
    assert engine.app.conf.id == "aimass.p"


async def test_each_stage_reads_and_writes_the_right_topics(build: Build) -> None:
    engine = build(*AGENTS)
    assert {name: set(stage.wiring.inputs) for name, stage in engine.stages.items()} == READS
    assert {name: stage.wiring.channels[""].topic for name, stage in engine.stages.items()} == WRITES
    assert {stage.wiring.stage().name for stage in engine.stages.values()} == READS.keys()
    assert {stage.wiring.deadletters.topic for stage in engine.stages.values()} == {"p.deadletters"}
    by_key = {name: stage.wiring.channels[""].by_key for name, stage in engine.stages.items()}
    assert [name for name, anew in by_key.items() if anew] == ["collect"], "only the log is distributed anew"


async def test_stages_are_given_what_their_topics_hold(build: Build) -> None:
    stages = build(*AGENTS).stages
    assert set(stages["collect"].wiring.inputs.values()) == {None}, "bytes as they came"
    assert stages["score"].wiring.inputs["p.log"] == LogRecord
    assert Prediction in (*getattr(stages["decide"].wiring.inputs["p.predictions"], "__args__", ()), Prediction)


async def test_every_input_has_a_changelog_of_its_own(build: Build) -> None:
    stages = build(*AGENTS).stages
    used = [stage.wiring.changelog(topic) for stage in stages.values() for topic in sorted(stage.wiring.inputs)]
    made = {name: count for name, count, _ in LAYOUT.changelogs(PARTITIONS)}
    assert len(set(used)) == len(used) == 7
    assert made.keys() == set(used)
    assert made["p.collect.two-changelog"] == PARTITIONS["two"], "as many partitions as its input"


@pytest.mark.parametrize("agents", [("collect",), ("score", "decide"), ("decide",)])
async def test_only_the_chosen_agents_are_there(build: Build, agents: tuple[str, ...]) -> None:
    engine = build(*agents)
    assert set(engine.app.agents) == set(engine.stages) == set(agents)


class FakeRuntime:
    """Keeps the chunks that an agent hands over."""

    def __init__(self) -> None:
        self.chunks: list[Any] = []

    async def process(self, chunk: Any) -> None:
        self.chunks.append(chunk)


@pytest.mark.parametrize("module", [collect_events, score_events, decide_alerts, correlate_sources])
async def test_agents_hand_chunks_to_their_runtime(module: ModuleType) -> None:
    app = faust.App("functional", broker="aimass://127.0.0.1:1", store="memory://", web_enabled=False)
    runtime = FakeRuntime()
    agent = module.attach(app, app.topic("in", schema=ChunkSchema()), runtime)
    chunks = [Chunk(TP("in", 0), [], 0, n, 1) for n in range(3)]
    async with agent.test_context() as context:
        for chunk in chunks:
            await context.put(chunk)
    assert runtime.chunks == chunks
