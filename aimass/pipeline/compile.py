"""From a definition to the stages that it means."""

from __future__ import annotations

from aimass.models.encode import Encoder
from aimass.models.features import Numbers
from aimass.models.links import MAX_LAG, LinkSpec
from aimass.models.tasks import OTHERS
from aimass.models.values import LINE
from aimass.pipeline.condition import compile_condition
from aimass.pipeline.definition import DetectorDef, ModelDef, Pipeline
from aimass.stages.base import Stage
from aimass.stages.budget import Budgeted
from aimass.stages.collect import CollectStage
from aimass.stages.correlate import CorrelateStage, Correlation
from aimass.stages.decide import DecideStage, Rule
from aimass.stages.detecting import Detector
from aimass.stages.detectors import CategoryDetector, MissingDetector, RelationDetector, ShapeDetector, SilenceDetector
from aimass.stages.inputs import Features
from aimass.stages.joins import Join
from aimass.stages.labels import LabelReader
from aimass.stages.models import ModelJudge, ModelSpec
from aimass.stages.reader import Reader
from aimass.stages.score import Judge, ScoreStage
from aimass.stages.values import ValueDetector

_KINDS = {
    "values": ValueDetector,
    "shapes": ShapeDetector,
    "categories": CategoryDetector,
    "missing": MissingDetector,
}


def compile_stages(pipeline: Pipeline) -> tuple[Stage, ...]:
    """Return new stages for one partition or for all: what they learn is in the state, not in them.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> stages = compile_stages(parse('name = "x"\\n[[source]]\\ntopic = "t"'))
    >>> [stage.name for stage in stages]
    ['collect', 'score', 'decide']
    """
    stages: list[Stage] = [_collect(pipeline), _score(pipeline), _decide(pipeline)]
    if pipeline.correlations:
        stages.append(CorrelateStage(_correlations(pipeline), pipeline.time.lateness))
    return tuple(stages)


def _collect(pipeline: Pipeline) -> CollectStage:
    readers = [Reader(one.topic, one.key, one.time, one.id) for one in pipeline.sources]
    readers += [LabelReader(one.topic, one.about, one.event, one.value, one.key, one.time) for one in pipeline.labels]
    return CollectStage(pipeline.name, readers)


def _hidden(pipeline: Pipeline) -> list[str]:
    """Return the fields that no detector and no model sees: what stands there is no measurement."""
    paths = [path for one in pipeline.sources for path in (one.key, one.time, one.id)]
    paths += [model.target for model in pipeline.models]
    return sorted({path for path in paths if path is not None})


def _score(pipeline: Pipeline) -> ScoreStage:
    hidden = _hidden(pipeline)
    detectors = [_detector(one, hidden) for one in pipeline.detectors]
    models = [_model(one, pipeline, hidden) for one in pipeline.models]
    joins = [Join(one.source, one.fields, one.prefix, one.within, one.history) for one in pipeline.joins]
    ttls = [one.forget for one in pipeline.detectors]
    ttls += [one.wait for one in pipeline.models if _waits(one, pipeline)]
    tick = _tick(pipeline, ttls)
    if any(one.kind == "silence" for one in pipeline.detectors):
        tick = pipeline.time.tick
    about = [one.about for one in pipeline.labels]
    return ScoreStage(pipeline.name, detectors, models, joins, _correlations(pipeline), about, tick)


def _detector(one: DetectorDef, hidden: list[str]) -> Judge:
    line = one.threshold or LINE
    made: Detector
    if one.kind == "silence":
        made = SilenceDetector(one.name, one.forget, line)
    elif one.kind == "relations":
        made = RelationDetector(
            one.name, one.fields, hidden, one.scope, one.lagged, one.within, forget_s=one.forget, line=line
        )
    else:
        made = _KINDS[one.kind](one.name, one.fields, hidden, scope=one.scope, forget_s=one.forget, line=line)
    return Budgeted(made, one.budget) if one.budget is not None else made


def _waits(one: ModelDef, pipeline: Pipeline) -> bool:
    return any(label.about == one.name for label in pipeline.labels) or one.unlabelled is not None


def _model(one: ModelDef, pipeline: Pipeline, hidden: list[str]) -> ModelJudge:
    encoder = Encoder(one.fields, dict(one.encode), [path for path in hidden if path not in dict(one.encode)])
    spec = ModelSpec(
        name=one.name,
        pipeline=pipeline.name,
        recipes=(one.recipe, *one.challengers),
        is_number=one.is_number,
        target=one.target,
        segment=one.segment if one.scope == "segment" else None,
        by_key=one.scope == "key",
        horizon=one.horizon,
        season=one.season,
        item=one.item,
        wait_s=one.wait if _waits(one, pipeline) else 0.0,
        unlabelled=one.unlabelled,
        explain=one.explain,
        settings={"budget_us": one.cpu_us, "policy": one.on_drift, "coverage": one.coverage},
        parameters=dict(one.parameters),
        modules=tuple(recipe.partition(":")[0] for recipe in (one.recipe, *one.challengers) if ":" in recipe),
    )
    lags = one.label_lags if one.target is not None and one.recipe not in OTHERS else 0
    return ModelJudge(spec, Features(one.name, encoder, Numbers(one.fields), one.lags, one.windows, lags))


def _correlations(pipeline: Pipeline) -> list[Correlation]:
    hidden = _hidden(pipeline)
    return [
        Correlation(
            one.name,
            Numbers(one.fields, sorted({*hidden, *([one.group] if one.group else [])})),
            one.group,
            one.every,
            LinkSpec(min(int(one.max_lag // one.every), MAX_LAG), one.links, one.min_strength),
        )
        for one in pipeline.correlations
    ]


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
