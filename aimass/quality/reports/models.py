"""Whether bad data harmed the models: how they did while it was bad, and while it was not; said where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from aimass.quality.reports.people import GateHistory
from aimass.quality.reports.sums import pooled
from aimass.records import Evaluation, Indicator, Judgement

#: Fewer events on either side, and nothing is said.
LEAST = 30
#: Metrics that are means over events, so that what lies between two evaluations can be told.
_MEANS = ("accuracy", "mae")


class ModelEffect(msgspec.Struct, frozen=True):
    """How a model did: its ``metric`` over ``events`` while data was bad, and while it was not.

    It is a comparison, no proof: what makes data bad may make events harder to predict, too.
    """

    model: str
    metric: str
    bad: float | None
    bad_events: int
    good: float | None
    good_events: int
    why: str = ""


class Models(msgspec.Struct, frozen=True):
    """The effect on the models; ``why`` it is not known, where it is not."""

    effects: list[ModelEffect]
    bad_panes: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Stretch:
    start: float
    end: float
    events: int
    total: float


def models_of(
    evaluations: Sequence[Evaluation],
    judged: Sequence[Judgement],
    gates: Sequence[GateHistory],
    start: float,
    end: float,
) -> Models:
    """Return how models did in bad panes and in others; bad: with a closed gate, or surely less valid than the rest.

    What lies between two evaluations counts as bad when more than half of its time is.
    """
    bad = bad_panes(judged, gates)
    known = [one for one in evaluations if not one.segment and one.time < end]
    if not any(start <= one.time for one in known):
        return Models([], len(bad), "not known: no model was evaluated in this period")
    if not bad:
        return Models([], 0, "nothing to compare: no gate was closed, and no pane was surely less valid than the rest")
    found = [_effect(name, [one for one in known if one.about == name], bad, start) for name in _names(known)]
    return Models([one for one in found if one is not None], len(bad))


def bad_panes(judged: Sequence[Judgement], gates: Sequence[GateHistory]) -> list[tuple[float, float]]:
    """Return the panes of bad data, as stretches of time, those of all sources together."""
    found = set()
    for source in {one.key for one in judged}:
        own = [one for one in judged if one.key == source]
        usual = pooled("validity", own).value
        for one in own:
            seen = one.indicators.get("validity")
            is_low = usual is not None and seen is not None and _is_surely_below(seen, usual)
            if is_low or any(_was_closed(gate, one) for gate in gates if gate.source == source):
                found.add((one.time, one.time + one.length))
    return sorted(found)


def _is_surely_below(seen: Indicator, usual: float) -> bool:
    return seen.value is not None and seen.high is not None and max(seen.value, seen.high) < usual


def _was_closed(gate: GateHistory, pane: Judgement) -> bool:
    end = pane.time + pane.length
    return any(one.closed < end and (one.opened is None or one.opened > pane.time) for one in gate.closings)


def _names(evaluations: Iterable[Evaluation]) -> list[str]:
    return sorted({one.about for one in evaluations})


def _effect(
    name: str, evaluations: Sequence[Evaluation], bad: Sequence[tuple[float, float]], start: float
) -> ModelEffect | None:
    metric = next((one for one in _MEANS if any(one in each.metrics for each in evaluations)), None)
    if metric is None:
        return None
    sums = {True: [0, 0.0], False: [0, 0.0]}
    for one in _stretches(evaluations, metric):
        if one.end <= start:
            continue
        covered = sum(max(0.0, min(end, one.end) - max(begin, one.start)) for begin, end in bad)
        is_bad = covered > (one.end - one.start) / 2
        sums[is_bad][0] += one.events
        sums[is_bad][1] += one.total
    (bads, bad_total), (goods, good_total) = sums[True], sums[False]
    why = "" if min(bads, goods) >= LEAST else f"not known: fewer than {LEAST} labelled events on one side"
    return ModelEffect(
        name,
        metric,
        bad_total / bads if bads and not why else None,
        int(bads),
        good_total / goods if goods and not why else None,
        int(goods),
        why,
    )


def _stretches(evaluations: Sequence[Evaluation], metric: str) -> list[_Stretch]:
    """Return what lies between one evaluation of a partition and the next: its events and the sum of the metric."""
    last: dict[tuple[str, int], Evaluation] = {}
    found = []
    for one in evaluations:
        place = one.key, one.source.partition
        before, now = last.get(place), one.metrics.get(metric)
        if now is None:
            continue
        last[place] = one
        if before is None or one.events <= before.events:
            continue
        total = now * one.events - before.metrics[metric] * before.events
        found.append(_Stretch(before.time, one.time, one.events - before.events, total))
    return found
