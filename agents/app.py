"""Builds the application of one pipeline: its topics, its three stages, and the agents that run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import topics.alerts
import topics.changelogs
import topics.deadletters
import topics.log
import topics.predictions
from agents import collect_events, decide_alerts, score_events
from aimass.pipeline import Pipeline, compile_stages
from aimass.runtime.chunk import ChunkSchema
from aimass.runtime.engine import Engine, Wiring
from aimass.runtime.outputs import Channel
from aimass.stages.base import Stage
from aimass.topic import Topic

AGENTS = ("collect", "score", "decide")


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics of one pipeline. A replay writes beside the originals: its outputs are under ``outputs``.

    Examples
    --------
    >>> Layout.of("shuttle", ("telemetry",)).predictions.name
    'shuttle.predictions'
    >>> Layout.of("shuttle", ("telemetry",)).changelog("score", "shuttle.log").name
    'shuttle.score.shuttle.log-changelog'
    """

    outputs: str
    sources: tuple[str, ...]
    log: Topic
    predictions: Topic
    alerts: Topic
    deadletters: Topic

    @classmethod
    def of(cls, pipeline: str, sources: tuple[str, ...], outputs: str | None = None) -> Layout:
        """Return the topics of a pipeline; ``outputs`` names another place for what is computed from the log."""
        place = outputs or pipeline
        return cls(
            outputs=place,
            sources=sources,
            log=topics.log.TOPIC.of(pipeline),
            predictions=topics.predictions.TOPIC.of(place),
            alerts=topics.alerts.TOPIC.of(place),
            deadletters=topics.deadletters.TOPIC.of(place),
        )

    def changelog(self, agent: str, source: str) -> Topic:
        """Return the changelog of an agent for one of its input topics."""
        place = topics.changelogs.TOPIC
        return Topic(f"{self.outputs}.{agent}.{source}-changelog", cleanup=place.cleanup, config=place.config)

    def changelogs(self, partitions: Mapping[str, int]) -> list[tuple[str, int, dict[str, str]]]:
        """Return name, partitions and settings of every changelog, given how many partitions each topic has."""
        inputs = [("collect", name) for name in self.sources]
        inputs += [("score", self.log.name), ("decide", self.predictions.name)]
        topics = [(self.changelog(agent, source), partitions[source]) for agent, source in inputs]
        return [(topic.name, count, topic.settings()) for topic, count in topics]


def build(
    engine: Engine, pipeline: Pipeline, layout: Layout, partitions: Mapping[str, int], agents: frozenset[str]
) -> None:
    """Declare the chosen stages on the engine, and attach their agents to its application.

    Parameters
    ----------
    partitions
        How many partitions each topic has.
    agents
        Which of `AGENTS` run here.
    """
    app = engine.app
    schema = ChunkSchema()
    dead = Channel(layout.deadletters.name, partitions[layout.deadletters.name])

    def wiring(index: int, inputs: Mapping[str, object], out: Topic, by_key: bool = False) -> Wiring:
        agent = AGENTS[index]
        return Wiring(
            stage=partial(_stage, pipeline, index),
            inputs=inputs,
            channels={"": Channel(out.name, partitions[out.name], by_key)},
            deadletters=dead,
            changelog=lambda source: layout.changelog(agent, source).name,
            lateness_s=pipeline.time.lateness,
        )

    if "collect" in agents:
        runtime = engine.add("collect", wiring(0, dict.fromkeys(layout.sources), layout.log, by_key=True))
        collect_events.attach(app, app.topic(*layout.sources, schema=schema), runtime)
    if "score" in agents:
        runtime = engine.add("score", wiring(1, {layout.log.name: layout.log.record}, layout.predictions))
        score_events.attach(app, app.topic(layout.log.name, schema=schema), runtime)
    if "decide" in agents:
        runtime = engine.add("decide", wiring(2, {layout.predictions.name: layout.predictions.record}, layout.alerts))
        decide_alerts.attach(app, app.topic(layout.predictions.name, schema=schema), runtime)


def _stage(pipeline: Pipeline, index: int) -> Stage:
    return compile_stages(pipeline)[index]
