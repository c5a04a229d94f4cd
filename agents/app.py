"""Builds the application of one pipeline: its topics, its three stages, and the agents that run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import topics.alerts
import topics.anomalies
import topics.changelogs
import topics.deadletters
import topics.drifts
import topics.evaluations
import topics.links
import topics.log
import topics.predictions
import topics.series
from agents import collect_events, correlate_sources, decide_alerts, score_events
from aimass.pipeline import Pipeline, compile_stages
from aimass.runtime.chunk import ChunkSchema
from aimass.runtime.engine import Engine, Wiring
from aimass.runtime.outputs import Channel
from aimass.stages.base import Stage
from aimass.topic import Topic

AGENTS = ("collect", "score", "decide", "correlate")


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
    anomalies: Topic
    drifts: Topic
    evaluations: Topic
    series: Topic | None
    links: Topic | None

    @classmethod
    def of(
        cls, pipeline: str, sources: tuple[str, ...], outputs: str | None = None, correlates: bool = False
    ) -> Layout:
        """Return the topics of a pipeline.

        Parameters
        ----------
        sources
            The topics that it collects from, those of labels among them.
        outputs
            Another place for what is computed from the log.
        correlates
            Whether it looks for links between series, which have two topics of their own.
        """
        place = outputs or pipeline
        return cls(
            outputs=place,
            sources=sources,
            log=topics.log.TOPIC.of(pipeline),
            predictions=topics.predictions.TOPIC.of(place),
            alerts=topics.alerts.TOPIC.of(place),
            deadletters=topics.deadletters.TOPIC.of(place),
            anomalies=topics.anomalies.TOPIC.of(place),
            drifts=topics.drifts.TOPIC.of(place),
            evaluations=topics.evaluations.TOPIC.of(place),
            series=topics.series.TOPIC.of(place) if correlates else None,
            links=topics.links.TOPIC.of(place) if correlates else None,
        )

    @property
    def computed(self) -> list[Topic]:
        """What is computed from the log, and would be again by a replay."""
        found = (self.predictions, self.alerts, self.deadletters, self.anomalies, self.drifts, self.evaluations)
        return [*found, *(topic for topic in (self.series, self.links) if topic is not None)]

    @property
    def own(self) -> list[Topic]:
        """All topics that the pipeline writes, but the changelogs."""
        return [self.log, *self.computed]

    def changelog(self, agent: str, source: str) -> Topic:
        """Return the changelog of an agent for one of its input topics."""
        place = topics.changelogs.TOPIC
        return Topic(f"{self.outputs}.{agent}.{source}-changelog", cleanup=place.cleanup, config=place.config)

    def changelogs(self, partitions: Mapping[str, int]) -> list[tuple[str, int, dict[str, str]]]:
        """Return name, partitions and settings of every changelog, given how many partitions each topic has."""
        inputs = [("collect", name) for name in self.sources]
        inputs += [("score", self.log.name), ("decide", self.predictions.name)]
        inputs += [("correlate", self.series.name)] if self.series else []
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
        Which of `AGENTS` run here; there is a ``correlate`` only where the pipeline correlates.
    """
    app = engine.app
    schema = ChunkSchema()
    dead = Channel(layout.deadletters.name, partitions[layout.deadletters.name])

    def channel(topic: Topic, by_key: bool = False) -> Channel:
        return Channel(topic.name, partitions[topic.name], by_key)

    def wiring(agent: str, inputs: Mapping[str, object], channels: Mapping[str, Channel]) -> Wiring:
        return Wiring(
            stage=partial(_stage, pipeline, agent),
            inputs=inputs,
            channels=channels,
            deadletters=dead,
            changelog=lambda source: layout.changelog(agent, source).name,
            lateness_s=pipeline.time.lateness,
        )

    def reads(topic: Topic) -> Mapping[str, object]:
        return {topic.name: topic.record}

    if "collect" in agents:
        found = engine.add(
            "collect", wiring("collect", dict.fromkeys(layout.sources), {"": channel(layout.log, by_key=True)})
        )
        collect_events.attach(app, app.topic(*layout.sources, schema=schema), found)
    if "score" in agents:
        sides = {topic: channel(getattr(layout, topic)) for topic in ("anomalies", "drifts", "evaluations")}
        sides |= {"series": channel(layout.series, by_key=True)} if layout.series else {}
        found = engine.add("score", wiring("score", reads(layout.log), {"": channel(layout.predictions), **sides}))
        score_events.attach(app, app.topic(layout.log.name, schema=schema), found)
    if "decide" in agents:
        found = engine.add("decide", wiring("decide", reads(layout.predictions), {"": channel(layout.alerts)}))
        decide_alerts.attach(app, app.topic(layout.predictions.name, schema=schema), found)
    if "correlate" in agents and layout.series and layout.links:
        found = engine.add("correlate", wiring("correlate", reads(layout.series), {"": channel(layout.links)}))
        correlate_sources.attach(app, app.topic(layout.series.name, schema=schema), found)


def _stage(pipeline: Pipeline, name: str) -> Stage:
    return next(stage for stage in compile_stages(pipeline) if stage.name == name)
