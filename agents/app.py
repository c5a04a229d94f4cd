"""Builds the application of one pipeline: its topics, its stages, and the agents that run them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import topics.alerts
import topics.anomalies
import topics.changelogs
import topics.control
import topics.deadletters
import topics.deliveries
import topics.drifts
import topics.evaluations
import topics.gates
import topics.links
import topics.log
import topics.observations
import topics.outbox
import topics.outcomes
import topics.positions
import topics.predictions
import topics.quality
import topics.recommendations
import topics.redrive
import topics.reviews
import topics.series
import topics.shadow
import topics.signals
import topics.transitions
from agents import (
    collect_events,
    correlate_sources,
    decide_alerts,
    deliver_notifications,
    feed_sources,
    judge_quality,
    notify_people,
    score_events,
)
from aimass.delivery.service import DeliveryService
from aimass.formats.book import SchemaBook
from aimass.pipeline import Pipeline, compile_stages
from aimass.quality.gates import AT_THE_DOOR
from aimass.runtime.chunk import Chunk, ChunkSchema
from aimass.runtime.engine import Engine, Wiring
from aimass.runtime.gates import GateBoard
from aimass.runtime.outputs import Channel
from aimass.runtime.schemas import Registry
from aimass.stages.base import Stage
from aimass.topic import Topic

_COMPUTED = (
    topics.predictions.TOPIC,
    topics.alerts.TOPIC,
    topics.deadletters.TOPIC,
    topics.anomalies.TOPIC,
    topics.drifts.TOPIC,
    topics.evaluations.TOPIC,
    topics.shadow.TOPIC,
    topics.observations.TOPIC,
    topics.recommendations.TOPIC,
    topics.outcomes.TOPIC,
    topics.signals.TOPIC,
    topics.transitions.TOPIC,
    topics.outbox.TOPIC,
)
_CORRELATED = (topics.series.TOPIC, topics.links.TOPIC)
_JUDGED = (topics.quality.TOPIC, topics.reviews.TOPIC, topics.redrive.TOPIC, topics.gates.TOPIC)


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics of one pipeline. A replay writes beside the originals: its outputs are under another place.

    Parameters
    ----------
    place
        The first part of the names of what is computed from the log.
    sources
        The topics that it collects from, those of labels and of control among them; none for a replay.
    control, log, deliveries, positions
        What is there once, and never made by a replay.
    computed
        What is computed from the log, and would be again by a replay, by its last name.
    emits
        The names of the topics that rules emit to, among these.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> layout = Layout.of(parse('name = "shuttle"\\n[[source]]\\ntopic = "telemetry"'))
    >>> layout.predictions.name, layout.changelog("score", "shuttle.log").name
    ('shuttle.predictions', 'shuttle.score.shuttle.log-changelog')
    """

    place: str
    sources: tuple[str, ...]
    control: Topic
    log: Topic
    deliveries: Topic
    positions: Topic | None
    computed: Mapping[str, Topic]
    emits: tuple[str, ...]

    @classmethod
    def of(cls, pipeline: Pipeline, outputs: str | None = None) -> Layout:
        """Return the topics of a pipeline; a replay has its outputs under another name."""
        name, place = pipeline.name, outputs or pipeline.name
        control = topics.control.TOPIC.of(name)
        emits = tuple(dict.fromkeys(rule.emit for rule in pipeline.rules if rule.emit is not None))
        computed = [*_COMPUTED, *(_CORRELATED if pipeline.correlations else ())]
        computed += [replace(topics.alerts.TOPIC, name=emit) for emit in emits]
        judges = pipeline.has_judge and not outputs
        computed += _JUDGED if judges else ()
        redrive = (topics.redrive.TOPIC.of(name).name,) if judges else ()
        return cls(
            place=place,
            sources=() if outputs else (*pipeline.inputs, control.name, *redrive),
            control=control,
            log=topics.log.TOPIC.of(name),
            deliveries=topics.deliveries.TOPIC.of(name),
            positions=topics.positions.TOPIC.of(name) if any(one.feed for one in pipeline.sources) else None,
            computed={topic.name: topic.of(place) for topic in computed},
            emits=emits,
        )

    @property
    def predictions(self) -> Topic:
        """What SCORE says."""
        return self.computed["predictions"]

    @property
    def alerts(self) -> Topic:
        """What DECIDE says."""
        return self.computed["alerts"]

    @property
    def own(self) -> list[Topic]:
        """All topics that the pipeline writes, but the changelogs."""
        feeds = [] if self.positions is None else [self.positions]
        return [self.control, self.log, *self.computed.values(), self.deliveries, *feeds]

    def changelog(self, agent: str, source: str) -> Topic:
        """Return the changelog of an agent for one of its input topics."""
        place = topics.changelogs.TOPIC
        return Topic(f"{self.place}.{agent}.{source}-changelog", cleanup=place.cleanup, config=place.config)

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """Return by agent which topics it reads."""
        found = {"collect": self.sources, "score": (self.log.name,)}
        reads = {"decide": "predictions", "notify": "signals", "correlate": "series"}
        if "quality" in self.computed:
            reads["judge"] = "observations"
        for agent, topic in reads.items():
            if topic in self.computed:
                found[agent] = (self.computed[topic].name,)
        return found

    def changelogs(self, partitions: Mapping[str, int]) -> list[tuple[str, int, dict[str, str]]]:
        """Return name, partitions and settings of every changelog, given how many partitions each topic has."""
        pairs = [(agent, name) for agent, names in self.inputs().items() for name in names]
        logs = [(self.changelog(agent, name), partitions[name]) for agent, name in pairs]
        return [(topic.name, count, topic.settings()) for topic, count in logs]


#: How often NOTIFY commits where nobody is told: people who look at alerts do not look more often.
_UNTOLD_S = 1.0
_SIDES = {
    "score": ("anomalies", "drifts", "evaluations"),
    "decide": ("shadow", "recommendations", "outcomes"),
    "notify": ("outbox",),
    "judge": ("reviews", "redrive", "gates", "signals"),
    "correlate": (),
}
_MAIN = {
    "score": "predictions",
    "decide": "alerts",
    "notify": "transitions",
    "judge": "quality",
    "correlate": "links",
}
_ATTACH = {
    "collect": collect_events.attach,
    "score": score_events.attach,
    "decide": decide_alerts.attach,
    "notify": notify_people.attach,
    "judge": judge_quality.attach,
    "correlate": correlate_sources.attach,
}


def build(
    engine: Engine, pipeline: Pipeline, layout: Layout, partitions: Mapping[str, int], agents: frozenset[str]
) -> None:
    """Declare the chosen stages on the engine, and attach their agents to its application.

    Parameters
    ----------
    partitions
        How many partitions each topic has.
    agents
        Which agents run here; there is a ``correlate`` only where the pipeline correlates.
    """
    schema = ChunkSchema()

    def channel(topic: Topic, *, by_key: bool = False, to_all: bool = False) -> Channel:
        return Channel(topic.name, partitions[topic.name], by_key, to_all)

    def channels(agent: str) -> dict[str, Channel]:
        if agent == "collect":
            found = {"": channel(layout.log, by_key=True), "everywhere": channel(layout.log, to_all=True)}
            return found | {"observations": channel(layout.computed["observations"], by_key=True)}
        sides = (*_SIDES[agent], *(layout.emits if agent == "decide" else ()))
        found = {name: channel(layout.computed[name]) for name in sides}
        if agent == "judge":
            found["control"] = channel(layout.control)
        if agent == "decide":
            found["reviews"] = channel(layout.computed["observations"], by_key=True)
            found["signals"] = channel(layout.computed["signals"], by_key=True)
        if agent == "score" and pipeline.judged:
            found["observations"] = channel(layout.computed["observations"], by_key=True)
        if agent == "score" and "series" in layout.computed:
            found["series"] = channel(layout.computed["series"], by_key=True)
        return found | {"": channel(layout.computed[_MAIN[agent]])}

    door = _Door(pipeline, engine)
    records = {topic.name: topic.record for topic in (layout.log, *layout.computed.values())}
    dead = channel(layout.computed["deadletters"])
    for agent, names in layout.inputs().items():
        if agent not in agents or not names:
            continue
        wiring = Wiring(
            stage=partial(_stage, pipeline, agent, door),
            inputs={name: records.get(name) for name in names},
            channels=channels(agent),
            deadletters=dead,
            changelog=partial(_changelog, layout, agent),
            lateness_s=0.0 if agent == "notify" else pipeline.time.lateness,
            rest_s=_UNTOLD_S if agent == "notify" and not pipeline.receivers else 0.0,
            prepare=door.prepare if agent == "collect" else None,
        )
        _ATTACH[agent](engine.app, engine.app.topic(*names, schema=schema), engine.add(agent, wiring))
    if "collect" in agents and door.gates is not None:
        engine.app.task(door.gates.run)
    if "feed" in agents and layout.positions is not None:
        feed_sources.attach(engine, pipeline)
    if "deliver" in agents and pipeline.receivers:
        service = DeliveryService(pipeline.name, pipeline.receivers, engine.settings, observe=engine.delivered)
        deliver_notifications.attach(engine.app, service)


def _changelog(layout: Layout, agent: str, source: str) -> str:
    return layout.changelog(agent, source).name


def _stage(pipeline: Pipeline, name: str, door: _Door) -> Stage:
    return next(stage for stage in compile_stages(pipeline, door.gates, door.book) if stage.name == name)


class _Door:
    """What COLLECT is told from outside: which gates are closed, and what schema registries say."""

    def __init__(self, pipeline: Pipeline, engine: Engine) -> None:
        at_the_door = any(gate.action in AT_THE_DOOR for gate in pipeline.gates)
        self.gates = GateBoard(pipeline.name, engine.settings) if at_the_door else None
        self.book = SchemaBook()
        registries = {one.topic: one.registry for one in pipeline.sources if one.registry is not None}
        made = {url: Registry(url, os.environ) for url in registries.values()}
        self._registries = {topic: made[url] for topic, url in registries.items()}
        self.prepare = self._prepare if registries else None

    async def _prepare(self, chunk: Chunk) -> None:
        registry = self._registries.get(chunk.tp.topic)
        if registry is not None:
            await registry.learn(self.book, [record.value for record in chunk.records])
