"""From a definition to the stages that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aimass.formats.book import SchemaBook
from aimass.models.encode import Encoder
from aimass.models.features import Numbers
from aimass.models.links import MAX_LAG, LinkSpec
from aimass.models.tasks import OTHERS
from aimass.models.values import LINE
from aimass.pipeline.collecting import collect_stage, judge_stage, references_of
from aimass.pipeline.definition import DetectorDef, ModelDef, Pipeline
from aimass.pipeline.recommending import RecommendDef
from aimass.pipeline.rules import rule_of, vocabulary_of
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.rules.syntax import Any_, Pattern
from aimass.rules.vocabulary import Vocabulary
from aimass.stages.base import Stage
from aimass.stages.budget import Budgeted
from aimass.stages.correlate import CorrelateStage, Correlation
from aimass.stages.decide import DecideStage
from aimass.stages.detecting import Detector
from aimass.stages.detectors import CategoryDetector, MissingDetector, RelationDetector, ShapeDetector, SilenceDetector
from aimass.stages.inputs import Features
from aimass.stages.joins import Join
from aimass.stages.models import ModelJudge, ModelSpec
from aimass.stages.notify import NotifyStage
from aimass.stages.recommend import Recommender
from aimass.stages.score import Judge, ScoreStage
from aimass.stages.values import ValueDetector

_KINDS = {
    "values": ValueDetector,
    "shapes": ShapeDetector,
    "categories": CategoryDetector,
    "missing": MissingDetector,
}


def compile_stages(
    pipeline: Pipeline, gates: Mapping[str, str] | None = None, book: SchemaBook | None = None
) -> tuple[Stage, ...]:
    """Return new stages for one partition or for all: what they learn is in the state, not in them.

    ``gates`` and ``book`` are filled by whoever runs COLLECT: what closed gates do at the door, and what a schema
    registry said.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> stages = compile_stages(parse('name = "x"\\n[[source]]\\ntopic = "t"'))
    >>> [stage.name for stage in stages]
    ['collect', 'score', 'decide', 'notify']
    """
    stages: list[Stage] = [
        collect_stage(pipeline, {} if gates is None else gates, SchemaBook() if book is None else book),
        _score(pipeline),
    ]
    stages.append(decide_stage(pipeline, rules_of(pipeline)))
    stages.append(NotifyStage(pipeline.name, [one.receiver for one in pipeline.receivers], pipeline.alerts.policy))
    if pipeline.has_judge:
        stages.append(judge_stage(pipeline))
    if pipeline.correlations:
        stages.append(CorrelateStage(_correlations(pipeline), pipeline.time.lateness))
    return tuple(stages)


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
    references = references_of(pipeline)
    if references:
        own = pipeline.time.tick or pipeline.quality.pane
        tick = own if tick is None else min(tick, own)
    about = [one.about for one in pipeline.labels]
    gates = [(one.source, one.name) for one in pipeline.gates]
    correlations = _correlations(pipeline)
    return ScoreStage(pipeline.name, detectors, models, joins, correlations, about, tick, gates, references)


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


def words_of(pipeline: Pipeline) -> Vocabulary:
    """Return what names mean in the conditions of a pipeline."""
    names = [one.name for one in pipeline.detectors], [one.name for one in pipeline.models]
    return vocabulary_of(*names, pipeline.tables)


def rules_of(pipeline: Pipeline) -> list[Rule]:
    """Return the rules of a pipeline's file."""
    words = words_of(pipeline)
    return [rule_of(one, words) for one in pipeline.rules]


def decide_stage(pipeline: Pipeline, rules: Sequence[Rule]) -> DecideStage:
    """Return what asks these rules, in place of the file's, as the pipeline would."""
    words = words_of(pipeline)
    recommenders = [(Recommender(one.spec(pipeline.name)), _conditions(one, words)) for one in pipeline.recommends]
    spans = [4 * rule.cooldown_s for rule in rules]  # that an episode is over may be noticed a little later
    spans += [rule.when.within_s for rule in rules if type(rule.when) is Pattern]
    spans += [recommender.tick_s * 8 for recommender, _ in recommenders]
    return DecideStage(
        pipeline.name,
        rules,
        recommenders=recommenders,
        emits=[rule.emit for rule in pipeline.rules if rule.emit is not None],
        lateness_s=pipeline.time.lateness,
        keeps_profiles=pipeline.profiles,
        tick_s=_tick(pipeline, [*spans]),
    )


def _conditions(one: RecommendDef, words: Vocabulary) -> dict[str, Any_]:
    texts = {name: getattr(one, name) for name in Recommender.conditions}
    found = {name: condition(text, words) for name, text in texts.items() if text is not None}
    return {name: node for name, node in found.items() if not isinstance(node, Pattern)}


def _tick(pipeline: Pipeline, ttls: list[float | None]) -> float | None:
    """Return how often a stage needs ticks that uses them to forget: a few times in what it remembers.

    Each tick cuts a batch in two, so more would cost speed.
    """
    finite = [ttl for ttl in ttls if ttl is not None]
    if pipeline.time.tick is None or not finite:
        return None
    return max(pipeline.time.tick, min(finite) / 8)
