"""A report on the quality of data in a period: a fold of judgements, reviews, gates and evaluations.

What the keys mean is in docs/reference/report.md; they are the keys of the JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from aimass.quality.indicators import INDICATORS, score_of
from aimass.quality.reports.fields import Distribution, distribution, mixed
from aimass.quality.reports.models import Models, models_of
from aimass.quality.reports.people import Example, GateHistory, Reviews, example_of, gates_of, reviews_of
from aimass.quality.reports.sums import Measure, least, measured, point_of
from aimass.records import Evaluation, Gate, Indicator, Judgement, Review

#: A period is shown in so many points at the most: panes are taken together where there are more.
POINTS = 96
#: What becomes of a record; each is of one of these.
FATES = ("log", "tagged", "quarantined", "filtered", "duplicates", "deadletters")
#: What is counted of records besides.
ASIDES = ("redriven", "late", "future")
_CAUSES, _EXAMPLES, _TOP = 10, 3, 8


@dataclass(frozen=True, slots=True)
class Known:
    """All that a report is made of; of judgements and reviews whatever the topics hold.

    Parameters
    ----------
    judgements, reviews, gates, evaluations
        The records, in their order.
    """

    judgements: Sequence[Judgement]
    reviews: Sequence[Review] = ()
    gates: Sequence[Gate] = ()
    evaluations: Sequence[Evaluation] = ()


class Point(msgspec.Struct, frozen=True):
    """What a source was like in a stretch of the period: one pane, or several taken together."""

    start: float
    length: float
    records: int
    valid: int
    counts: dict[str, int]
    score: float | None
    indicators: dict[str, Indicator]


class Cause(msgspec.Struct, frozen=True):
    """What was broken, how often, and by which records."""

    cause: str
    count: int
    examples: list[Example]


class FieldReport(msgspec.Struct, frozen=True):
    """What a field was like in the period, and pane by pane."""

    path: str
    present: int
    indicators: dict[str, Measure]
    wrong: dict[str, int]
    numbers: Distribution | None
    top: list[tuple[str, int]]
    distinct: int | None
    outliers: int
    shift: float | None
    points: list[dict[str, Indicator]]
    boxes: list[list[float]]


class SourceReport(msgspec.Struct, frozen=True):
    """What a source was like in the period."""

    source: str
    panes: int
    records: int
    valid: int
    score: float | None
    weakest: str | None
    indicators: dict[str, Measure]
    counts: dict[str, int]
    causes: list[Cause]
    fields: list[FieldReport]
    gates: dict[str, str]
    proposals: list[str]
    points: list[Point]


class Weakest(msgspec.Struct, frozen=True):
    """The least of all indicators."""

    source: str
    indicator: str
    value: float


class Report(msgspec.Struct, frozen=True):
    """How good the data of a pipeline was in a period of event time."""

    pipeline: str
    start: float
    end: float
    panes: int
    incomplete: int
    before: tuple[float, float] | None
    score: float | None
    weakest: Weakest | None
    sources: list[SourceReport]
    reviews: Reviews
    gates: list[GateHistory]
    models: Models


def last_revisions(judgements: Iterable[Judgement]) -> dict[str, Judgement]:
    """Return the judgement that holds of each pane, by its id: the one of the highest revision.

    Examples
    --------
    >>> said = [Judgement("t|0", "t", 0.0, "p", 60.0, revision, True, 9, 9 - revision) for revision in (1, 3, 2)]
    >>> last_revisions(said)["t|0"].valid
    6
    """
    found: dict[str, Judgement] = {}
    for one in judgements:
        known = found.get(one.id)
        if known is None or one.revision >= known.revision:
            found[one.id] = one
    return found


def newest(judgements: Iterable[Judgement]) -> float | None:
    """Return the end of the newest pane that has records: what cannot be read has no time but that of its arrival."""
    return max((one.time + one.length for one in judgements if one.records), default=None)


def report_of(pipeline: str, known: Known, start: float, end: float, source: str | None = None) -> Report:
    """Return the report on a period: all panes that begin in it, ``end`` not among it.

    Examples
    --------
    >>> said = Judgement("t|0", "t", 0.0, "p", 60.0, 1, True, 10, 9, indicators={"validity": Indicator(0.9, n=10)})
    >>> found = report_of("p", Known([said]), 0.0, 60.0)
    >>> [source] = found.sources
    >>> source.indicators["validity"].value, found.weakest.indicator, source.indicators["timeliness"].why
    (0.9, 'validity', 'no `delay` in the contract')
    """
    held = [one for one in last_revisions(known.judgements).values() if source in (None, one.key)]
    inside = [one for one in held if start <= one.time < end]
    earlier = [one for one in held if start - (end - start) <= one.time < start]
    examples = example_of(known.reviews)
    sources = [
        _source(name, _of(name, inside), _of(name, earlier), start, end, examples)
        for name in sorted({one.key for one in inside})
    ]
    score, weakest = _overall(sources)
    gates = gates_of([one for one in known.gates if source in (None, one.key)], inside, start, end)
    return Report(
        pipeline=pipeline,
        start=start,
        end=end,
        panes=len(inside),
        incomplete=sum(not one.is_complete for one in inside),
        before=(start - (end - start), start) if earlier else None,
        score=score,
        weakest=weakest,
        sources=sources,
        reviews=reviews_of([one for one in known.reviews if source in (None, one.source.topic)], start, end),
        gates=gates,
        models=models_of(known.evaluations, inside, gates, start, end),
    )


def _of(source: str, judgements: Iterable[Judgement]) -> list[Judgement]:
    return sorted((one for one in judgements if one.key == source), key=lambda one: one.time)


def _overall(sources: Sequence[SourceReport]) -> tuple[float | None, Weakest | None]:
    """Return all indicators of all sources as one number, and the least of them."""
    known = {
        f"{at}|{name}": Indicator(one.value)
        for at, source in enumerate(sources)
        for name, one in source.indicators.items()
    }
    score, name = score_of(known)
    if name is None:
        return None, None
    at, _, indicator = name.partition("|")
    value = known[name].value
    return score, Weakest(sources[int(at)].source, indicator, 0.0 if value is None else value)


def _source(
    name: str,
    panes: Sequence[Judgement],
    earlier: Sequence[Judgement],
    start: float,
    end: float,
    examples: Mapping[str, Example],
) -> SourceReport:
    indicators = {one: measured(one, panes, earlier) for one in INDICATORS}
    score, weakest = score_of({one: Indicator(each.value) for one, each in indicators.items()})
    groups = _groups(panes, start, end)
    last = panes[-1]
    return SourceReport(
        source=name,
        panes=len(panes),
        records=sum(one.records for one in panes),
        valid=sum(one.valid for one in panes),
        score=score,
        weakest=weakest,
        indicators=indicators,
        counts=counts_of(panes),
        causes=_causes(panes, examples),
        fields=_fields(panes, groups),
        gates=last.gates,
        proposals=list(max(panes, key=lambda one: (one.revision, one.time)).proposals or last.proposals),
        points=[point_of(group, Point) for group in groups],
    )


def counts_of(panes: Iterable[Judgement]) -> dict[str, int]:
    """Return what became of the records: every fate, and what is counted besides.

    Examples
    --------
    >>> counts_of([Judgement("t|0", "t", 0.0, "p", 60.0, 1, True, 10, 9, {"log": 9, "tagged": 1})])["tagged"]
    1
    """
    found = dict.fromkeys((*FATES, *ASIDES), 0)
    for one in panes:
        for name in found:
            found[name] += one.counts.get(name, 0)
    return found


def _groups(panes: Sequence[Judgement], start: float, end: float) -> list[list[Judgement]]:
    """Return the panes by point: alone where there are few, together where there are many; none is empty."""
    length = max(one.length for one in panes)
    width = length * max(1, -(-int((end - start) / length) // POINTS))
    found: dict[int, list[Judgement]] = {}
    for one in panes:
        found.setdefault(int((one.time - start) // width), []).append(one)
    return [found[at] for at in sorted(found)]


def _causes(panes: Sequence[Judgement], examples: Mapping[str, Example]) -> list[Cause]:
    counts: dict[str, int] = {}
    ids: dict[str, dict[str, None]] = {}
    for pane in panes:
        for name, count, seen in pane.causes:
            counts[name] = counts.get(name, 0) + count
            ids.setdefault(name, {}).update(dict.fromkeys(seen))
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_CAUSES]
    return [
        Cause(name, count, [examples.get(one, Example(one)) for one in _shown(ids[name], examples)])
        for name, count in ranked
    ]


def _shown(ids: Iterable[str], examples: Mapping[str, Example]) -> list[str]:
    """Return a few ids, those first whose records are at hand."""
    return sorted(ids, key=lambda one: one not in examples)[:_EXAMPLES]


def _fields(panes: Sequence[Judgement], groups: Sequence[Sequence[Judgement]]) -> list[FieldReport]:
    """Return the fields, the worst first; those of which nothing is asked come last, by name."""
    paths = dict.fromkeys(path for one in panes for path in one.fields)
    found = [_field(path, panes, groups) for path in sorted(paths)]
    return sorted(found, key=lambda one: (least(one.indicators), one.path))


def _field(path: str, panes: Sequence[Judgement], groups: Sequence[Sequence[Judgement]]) -> FieldReport:
    seen = [one.fields[path] for one in panes if path in one.fields]
    wrong: dict[str, int] = {}
    top: dict[str, int] = {}
    for one in seen:
        for kind, count in one.wrong.items():
            wrong[kind] = wrong.get(kind, 0) + count
        for text, count in one.top:
            top[text] = top.get(text, 0) + count
    names = [name for name in INDICATORS if any(name in one.indicators for one in seen)]
    parts = [[one.fields[path] for one in group if path in one.fields] for group in groups]
    boxes = [distribution(part) for part in parts]
    weights = [sum(one.present for one in part) for part in parts]
    return FieldReport(
        path=path,
        present=sum(one.present for one in seen),
        indicators={name: measured(name, seen, ()) for name in names},
        wrong=dict(sorted(wrong.items(), key=lambda one: (-one[1], one[0]))),
        numbers=mixed([(weight, box) for weight, box in zip(weights, boxes, strict=True) if box is not None]),
        top=sorted(top.items(), key=lambda one: (-one[1], one[0]))[:_TOP],
        distinct=max((one.distinct for one in seen if one.distinct is not None), default=None),
        outliers=sum(one.outliers for one in seen),
        shift=max((one.shift for one in seen if one.shift is not None), default=None),
        points=[{name: measured(name, part, ()).indicator for name in names} for part in parts],
        boxes=[[] if box is None else box.quantiles for box in boxes],
    )
