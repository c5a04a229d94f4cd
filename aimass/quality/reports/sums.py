"""Indicators of many panes as one: shares weigh as many observations as they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from aimass.quality.indicators import INDICATORS, score_of, wilson
from aimass.records import Indicator, Judgement

P = TypeVar("P")

#: Why an indicator is unknown, where records came.
WHY = {
    "completeness": "no field is required: nothing has to be there",
    "validity": "no record could be read",
    "accuracy": "no truth: nothing says what is right (a `truth` in the contract or `audit` in [quality] would)",
    "timeliness": "no `delay` in the contract",
    "robustness": "no numbers",
    "uniqueness": "nothing says that values come once (`dedupe` of the source or `unique` fields would)",
    "consistency": "no check between fields or sources, or none that could be asked",
    "freshness": "no `fresh` in the contract",
    "volume": "no `season` in the contract, or not yet three panes at the same place in it",
}


class _Judged(Protocol):
    @property
    def indicators(self) -> Mapping[str, Indicator]: ...


class Measure(msgspec.Struct, frozen=True):
    """An indicator over a period.

    Parameters
    ----------
    value, low, high, n
        As of `aimass.records.Indicator`, over all panes.
    before, change
        Its value in the period before, and by how much it has changed since; ``None``: not known.
    lowest
        Its value in the worst pane.
    why
        Why it is unknown; empty where it is not.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    before: float | None = None
    change: float | None = None
    lowest: float | None = None
    why: str = ""

    @property
    def indicator(self) -> Indicator:
        """What it is, without what was before."""
        return Indicator(self.value, self.low, self.high, self.n)


def pooled(name: str, panes: Iterable[_Judged]) -> Indicator:
    """Return an indicator over panes: the mean of its values, weighed by their observations, and Wilson's interval.

    Freshness is the mean of the panes; volume is records against those expected; accuracy that is known by audits
    weighs as many records as its panes have, for a bad pane has more reviews.

    Examples
    --------
    >>> from aimass.records import FieldJudgement
    >>> panes = [FieldJudgement(9, {"validity": Indicator(share, n=n)}) for share, n in ((1.0, 300), (0.5, 100))]
    >>> found = pooled("validity", panes)
    >>> found.value, round(found.low, 3), round(found.high, 3), found.n
    (0.875, 0.839, 0.904, 400)
    """
    panes = list(panes)
    if name == "volume":
        return _volume([one for one in panes if isinstance(one, Judgement)])
    if name == "accuracy":
        judged = [one for one in panes if isinstance(one, Judgement)]
        if judged and not any(name in field.indicators for one in judged for field in one.fields.values()):
            return _audited(judged)
    known = [(one.value, one.n) for pane in panes if (one := pane.indicators.get(name)) and one.value is not None]
    count = sum(n for _, n in known)
    if not count:
        return Indicator()
    value = sum(share * n for share, n in known) / count
    if name == "freshness":
        return Indicator(value, value, value, count)
    low, high = wilson(value * count, count)
    return Indicator(value, low, high, count)


def _volume(panes: Sequence[Judgement]) -> Indicator:
    """Return the share of the expected records that came; what a pane has too much makes up for no other."""
    known = [one for one in panes if one.expected and one.indicators.get("volume", Indicator()).value is not None]
    expected = sum(one.expected or 0.0 for one in known)
    if not expected:
        return Indicator()
    came = sum(min(float(one.records), one.expected or 0.0) for one in known)
    half = 1.96 * math.sqrt(max(came, 1.0))
    low, high = max(0.0, (came - half) / expected), min(1.0, (came + half) / expected)
    return Indicator(came / expected, low, high, sum(one.records for one in known))


def _audited(panes: Sequence[Judgement]) -> Indicator:
    """Return the accuracy that audits show: its parts are independent, so their errors add up as squares.

    The interval is that of Zou & Donner (Statistics in Medicine, 2008).
    """
    known = [(one.indicators["accuracy"], one.records) for one in panes if "accuracy" in one.indicators]
    known = [(one, records) for one, records in known if one.value is not None and records]
    total = sum(records for _, records in known)
    if not total:
        return Indicator()
    value = below = above = 0.0
    for one, records in known:
        weight, mine = records / total, one.value or 0.0
        value += records * mine
        below += (weight * (mine - (one.low or 0.0))) ** 2
        above += (weight * ((1.0 if one.high is None else one.high) - mine)) ** 2
    value /= total
    low, high = max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above))
    return Indicator(value, low, high, sum(one.n for one, _ in known))


def measured(name: str, panes: Sequence[_Judged], earlier: Sequence[_Judged]) -> Measure:
    """Return an indicator over a period, compared with the period before."""
    now, past = pooled(name, panes), pooled(name, earlier)
    if now.value is None:
        records = sum(one.records for one in panes if isinstance(one, Judgement))
        is_source = any(isinstance(one, Judgement) for one in panes)
        why = "no records in this period" if is_source and not records and name != "freshness" else WHY[name]
        return Measure(None, None, None, 0, past.value, why=why)
    values = [one.value for pane in panes if (one := pane.indicators.get(name)) and one.value is not None]
    change = None if past.value is None else now.value - past.value
    return Measure(now.value, now.low, now.high, now.n, past.value, change, min(values))


def least(indicators: Mapping[str, Measure]) -> float:
    """Return the least of all that are known; 2.0 where none is."""
    return min((one.value for one in indicators.values() if one.value is not None), default=2.0)


def point_of(group: Sequence[Judgement], make: Callable[..., P]) -> P:
    """Return panes as one point."""
    counts: dict[str, int] = {}
    for one in group:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
    indicators = {name: pooled(name, group) for name in INDICATORS}
    last = group[-1]
    return make(
        start=group[0].time,
        length=last.time + last.length - group[0].time,
        records=sum(one.records for one in group),
        valid=sum(one.valid for one in group),
        counts=counts,
        score=score_of(indicators)[0],
        indicators={name: one for name, one in indicators.items() if one.value is not None},
    )
