"""From a pipeline's definition to COLLECT and JUDGE: what is done with records, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimass.formats.book import SchemaBook
from aimass.pipeline.data_checks import format_of
from aimass.pipeline.definition import Pipeline, SourceDef
from aimass.pipeline.files import beside, contract_of, table_of
from aimass.quality.check import Checker
from aimass.quality.clean import Cleaner, Lookup, read_steps
from aimass.quality.contracts.conditions import record_condition
from aimass.quality.contracts.contract import Contract
from aimass.quality.contracts.plain import names_of
from aimass.quality.indicators import Asked
from aimass.quality.panes import PaneKeeper
from aimass.stages.collect import CollectStage
from aimass.stages.control import ControlReader
from aimass.stages.intake import Plan
from aimass.stages.judge import JudgeStage
from aimass.stages.judging import SourceSpec
from aimass.stages.labels import LabelReader
from aimass.stages.reader import Reader
from aimass.stages.references import References


def collect_stage(pipeline: Pipeline, gates: Mapping[str, str], book: SchemaBook) -> CollectStage:
    """Return what makes events of a pipeline's sources."""
    labels = [LabelReader(one.topic, one.about, one.event, one.value, one.key, one.time) for one in pipeline.labels]
    plans = [_plan(pipeline, one, book) for one in pipeline.sources]
    control, redrives = ControlReader(f"{pipeline.name}.control"), f"{pipeline.name}.redrive"
    return CollectStage(pipeline.name, plans, labels, control, redrives, gates)


def contract_for(source: SourceDef) -> Contract:
    """Return the contract of a source; one that says nothing, where it has none."""
    return Contract(name=source.topic) if source.contract is None else contract_of(source.contract)


def _plan(pipeline: Pipeline, source: SourceDef, book: SchemaBook) -> Plan:
    reader = Reader(source.topic, source.key, source.time, source.id)
    lookups = [
        Lookup(one.by, table_of(one.file, one.key), one.fields, one.prefix)
        for one in pipeline.lookups
        if one.source == source.topic
    ]
    cleaner = Cleaner([read_steps(path, steps) for path, steps in source.clean], lookups)
    plan: dict[str, Any] = {
        "format": format_of(source, book),
        "cleaner": cleaner or None,
        "only": None if source.only is None else record_condition(source.only),
        "dedupe_s": source.dedupe,
        "on_breach": source.breach,
    }
    if source in pipeline.judged:
        contract = contract_for(source)
        plan |= {"checker": _checker(source, contract), "panes": _panes(pipeline, source, contract)}
        plan["audit"] = pipeline.quality.audit or 0.0
    return Plan(reader, **plan)


def _checker(source: SourceDef, contract: Contract) -> Checker:
    truths = {}
    for one in contract.fields:
        if one.truth is not None:
            table = table_of(beside(source.contract or "", one.truth.file), one.truth.key)
            truths[one.path] = {key: row[one.truth.value] for key, row in table.items() if one.truth.value in row}
    return Checker(contract, source.topic, truths)


def _panes(pipeline: Pipeline, source: SourceDef, contract: Contract) -> PaneKeeper:
    quality = pipeline.quality
    return PaneKeeper(
        pipeline.name,
        source.topic,
        quality.pane,
        max(quality.keep, pipeline.time.lateness),
        contract.delay_s,
        names_of(contract),
        sum(one.required for one in contract.fields),
    )


def references_of(pipeline: Pipeline) -> References:
    """Return what SCORE asks of sources about each other."""
    quality = pipeline.quality
    asked = {one.topic: contract_for(one).references for one in pipeline.judged}
    return References(pipeline.name, asked, quality.pane, max(quality.keep, pipeline.time.lateness))


def judge_stage(pipeline: Pipeline) -> JudgeStage:
    """Return what judges the data of a pipeline."""
    quality = pipeline.quality
    sources = [
        SourceSpec(
            one.topic,
            Asked(contract_for(one), dedupes=one.dedupe is not None),
            tuple(gate.spec for gate in pipeline.gates if gate.source == one.topic),
        )
        for one in pipeline.judged
    ]
    keep = max(quality.keep, pipeline.time.lateness)
    return JudgeStage(pipeline.name, sources, quality.pane, pipeline.time.lateness, keep, quality.wait)
