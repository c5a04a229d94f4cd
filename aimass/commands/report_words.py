"""What reports say in words: shares, times, and what each indicator means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from aimass.quality.reports.report import Report, SourceReport
from aimass.quality.reports.sums import Measure

#: By indicator: what it says, and how it is computed.
MEANINGS = {
    "completeness": (
        "of the values that had to be there, how many were",
        "1 − values missing / (required fields × records)",
    ),
    "validity": (
        "how many records keep their contract",
        "records without a breach of level error / records that could be read",
    ),
    "accuracy": (
        "how much is true",
        "values that agree with a truth / values held against it; else by audits: the share found right of what is "
        "valid and of what is not, each weighed by its records",
    ),
    "timeliness": (
        "how many records arrived soon enough",
        "records that arrived within `delay` of when they happened / records that could be read",
    ),
    "robustness": (
        "how few numbers are wild",
        "1 − numbers further than 5 × 1.4826 × MAD from the median of their pane / numbers",
    ),
    "uniqueness": ("how few records come twice", "1 − (duplicates + repeated values of unique fields) / records"),
    "consistency": (
        "how well fields and sources agree with one another",
        "1 − broken / asked, over checks between fields and references between sources",
    ),
    "freshness": ("whether the source still speaks", "1 while its age is within `fresh`, else `fresh` / age"),
    "volume": (
        "whether as many records came as usual",
        "records / those of a usual pane at that place in `season`, 1 at the most",
    ),
}
#: What became of records.
FATE_WORDS = {
    "log": "into the log",
    "tagged": "into the log, tagged as broken",
    "quarantined": "set apart for people",
    "filtered": "filtered out",
    "duplicates": "dropped: came before",
    "deadletters": "dead letters",
    "redriven": "put back by people",
    "late": "too late for their pane",
    "future": "ahead of their arrival",
}


def percent(value: float | None) -> str:
    """Return a share as people read it; only what is whole is called 100 %.

    Examples
    --------
    >>> [percent(one) for one in (1.0, 0.99996, 0.5, 0.00001, 0.0, None)]
    ['100 %', '99.9 %', '50.0 %', '<0.1 %', '0 %', '–']
    """
    if value is None:
        return "–"
    if value >= 1 or value <= 0:
        return "100 %" if value >= 1 else "0 %"
    shown = min(999, math.floor(value * 1000 + 1e-9)) / 10
    return f"{shown:.1f} %" if shown else "<0.1 %"


def interval(one: Measure) -> str:
    """Return where the true share is with 95 % confidence.

    Examples
    --------
    >>> interval(Measure(0.9, 0.85, 0.934, 99)), interval(Measure(1.0, 1.0, 1.0, 3))
    ('85.0 to 93.4 %', '')
    """
    if one.low is None or one.high is None or one.low == one.high:
        return ""
    low, high = percent(round(one.low, 9)), percent(round(one.high, 9))
    return f"{low.removesuffix(' %')} to {high}"


def change(one: Measure) -> str:
    """Return how an indicator has changed since the period before, in points of a hundred.

    Examples
    --------
    >>> change(Measure(0.9, 0.85, 0.93, 99, 0.92, -0.02)), change(Measure(0.9, 0.85, 0.93, 99))
    ('▼ 2.0', '')
    """
    if one.change is None:
        return ""
    points = abs(one.change) * 100
    if points < 0.05:
        return "="
    return f"{'▲' if one.change > 0 else '▼'} {points:.1f}"


def minute(seconds: float) -> str:
    """Return a time to the minute, in UTC; to the second where it is none.

    Examples
    --------
    >>> minute(1_700_000_040.0), minute(1_700_000_000.0)
    ('2023-11-14 22:14', '2023-11-14 22:13:20')
    """
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    return at.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def lasted(seconds: float) -> str:
    """Return how long something lasted.

    Examples
    --------
    >>> [lasted(one) for one in (42.0, 650.0, 7300.0, 200_000.0)]
    ['42 s', '10 min 50 s', '2 h 1 min', '2 d 7 h']
    """
    whole = round(seconds)
    for small, large, unit, rest in ((1, 60, "s", ""), (60, 3600, "min", "s"), (3600, 86400, "h", "min")):
        if whole < large:
            more = f" {whole % small // max(1, small // 60)} {rest}" if rest and whole % small else ""
            return f"{whole // small} {unit}{more}"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def headline(report: Report) -> str:
    """Return how good the data is, in a sentence."""
    if report.score is None or report.weakest is None:
        return "Nothing is known of this period: no record was judged."
    weakest = report.weakest
    if weakest.value >= 1:
        return "Nothing that can be measured was wrong."
    meaning = MEANINGS[weakest.indicator][0]
    return f"Weakest is the {weakest.indicator} of {weakest.source}, {percent(weakest.value)}: {meaning}."


def unknowns(source: SourceReport) -> list[tuple[str, str]]:
    """Return what is not known of a source, and why."""
    return [(name, one.why) for name, one in source.indicators.items() if one.value is None]


def cells(values: Sequence[float | None], width: int) -> list[float | None]:
    """Return so many cells of a row at the most, the worst value in each.

    Examples
    --------
    >>> cells([0.9, 1.0, None, None, 0.5], 3)
    [0.9, 1.0, 0.5]
    """
    if not values:
        return []
    count = min(width, len(values))
    found: list[float | None] = []
    for at in range(count):
        part = values[at * len(values) // count : max((at + 1) * len(values) // count, at * len(values) // count + 1)]
        found.append(min((one for one in part if one is not None), default=None))
    return found


def models_said(report: Report) -> list[str]:
    """Return the effect on the models, a line each; that it is not known, where it is not."""
    if report.models.why:
        return [report.models.why[0].upper() + report.models.why[1:] + "."]
    found = []
    for one in report.models.effects:
        if one.why:
            found.append(f"{one.model}: {one.why}.")
        else:
            found.append(
                f"{one.model}: {one.metric} {one.bad:.4g} in the {report.models.bad_panes} panes of bad data "
                f"({one.bad_events:,} events), {one.good:.4g} in the others ({one.good_events:,} events)."
            )
    return found or ["Not known: no model has a metric that is a mean over events."]
