"""From a definition to the three stages that it means."""

from __future__ import annotations

from aimass.pipeline.condition import compile_condition
from aimass.pipeline.definition import Pipeline
from aimass.stages.collect import CollectStage
from aimass.stages.decide import DecideStage, Rule
from aimass.stages.labels import LabelReader
from aimass.stages.reader import Reader
from aimass.stages.score import KeyDetector, ModelScorer, ScoreStage


def compile_stages(pipeline: Pipeline) -> tuple[CollectStage, ScoreStage, DecideStage]:
    """Return new stages for one partition or for all: what they learn is in the state, not in them.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> stages = compile_stages(parse('name = "x"\\n[[source]]\\ntopic = "t"'))
    >>> [stage.name for stage in stages]
    ['collect', 'score', 'decide']
    """
    return _collect(pipeline), _score(pipeline), _decide(pipeline)


def _collect(pipeline: Pipeline) -> CollectStage:
    readers = [Reader(one.topic, one.key, one.time, one.id) for one in pipeline.sources]
    readers += [LabelReader(one.topic, one.about, one.event, one.value, one.key, one.time) for one in pipeline.labels]
    return CollectStage(pipeline.name, readers)


def _score(pipeline: Pipeline) -> ScoreStage:
    hidden = {path for one in pipeline.sources for path in (one.key, one.time, one.id) if path is not None}
    hidden |= {model.target for model in pipeline.models}
    exclude = sorted(hidden)
    detectors = [KeyDetector(one.name, one.fields, exclude, one.forget) for one in pipeline.detectors]
    models = [ModelScorer(one.name, one.recipe, one.target, one.fields, exclude) for one in pipeline.models]
    return ScoreStage(detectors, models, tick_s=_tick(pipeline, [one.forget for one in pipeline.detectors]))


def _decide(pipeline: Pipeline) -> DecideStage:
    detectors = [one.name for one in pipeline.detectors]
    models = [one.name for one in pipeline.models]
    rules = [
        Rule(one.name, compile_condition(one.when, detectors, models), one.severity, one.cause, one.cooldown)
        for one in pipeline.rules
    ]
    return DecideStage(rules, tick_s=_tick(pipeline, [rule.remember_s for rule in rules]))


def _tick(pipeline: Pipeline, ttls: list[float | None]) -> float | None:
    """Return how often a stage needs ticks that uses them to forget: a few times in what it remembers.

    Each tick cuts a batch in two, so more would cost speed.
    """
    finite = [ttl for ttl in ttls if ttl is not None]
    if pipeline.time.tick is None or not finite:
        return None
    return max(pipeline.time.tick, min(finite) / 8)
