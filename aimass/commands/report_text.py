"""A report on the quality of data, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape

from aimass.commands.console import table
from aimass.commands.report_words import (
    FATE_WORDS,
    MEANINGS,
    cells,
    change,
    headline,
    interval,
    lasted,
    minute,
    models_said,
    percent,
    unknowns,
)
from aimass.quality.reports.report import FATES, FieldReport, Report, SourceReport

_STEPS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉█"
_FIELDS, _CAUSES, _WIDTH = 6, 5, 24
#: Columns of a screen that has room for bars and for what each indicator says.
_ROOMY = 150


def bar(share: float, width: int = 10) -> str:
    """Return a share as a bar.

    Examples
    --------
    >>> bar(0.55), bar(0.0, 4), bar(1.0, 4)
    ('█████▌    ', '    ', '████')
    """
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_PARTS[part] if part else "")).ljust(width)


def sparkline(values: Sequence[float | None], width: int = _WIDTH) -> str:
    """Return values over time, from the least to 1 on eight steps; a dot where nothing is known.

    Examples
    --------
    >>> sparkline([1.0, 0.5, None, 1.0]), sparkline([1.0, 1.0])
    ('█▁·█', '██')
    """
    shown = cells(values, width)
    known = [one for one in shown if one is not None]
    low = min(known, default=1.0)
    span = 1.0 - low
    steps = [None if one is None else 7 if span <= 0 else round(7 * (one - low) / span) for one in shown]
    return "".join("·" if one is None else _STEPS[max(0, min(7, one))] for one in steps)


def render(report: Report, width: int = 160) -> RenderableType:
    """Return the report for a screen of so many columns."""
    parts: list[RenderableType] = [_head(report)]
    for source in report.sources:
        parts += ["", *_source(source, width)]
    parts += ["", *_reviews(report), "", *_gates(report), "", "[bold]Models[/bold]"]
    parts += [f"  {escape(line)}" for line in models_said(report)]
    if any(one.value is not None for source in report.sources for one in source.indicators.values()):
        parts += ["", "[dim]Intervals hold the true share with 95 % confidence; what each indicator is: "
                      "docs/reference/quality.md[/dim]"]  # fmt: skip
    return Group(*parts)


def _head(report: Report) -> str:
    score = "–" if report.score is None else percent(report.score)
    when = f"{minute(report.start)} to {minute(report.end)} UTC"
    open_ = f", {report.incomplete} of them not over yet" if report.incomplete else ""
    return (
        f"[bold]Quality of {escape(report.pipeline)}[/bold], {when}: {report.panes:,} panes{open_}\n"
        f"Score [bold]{score}[/bold] (all that is known as one number). {escape(headline(report))}"
    )


def _source(source: SourceReport, width: int) -> list[RenderableType]:
    score = "unknown" if source.score is None else percent(source.score)
    head = f"[bold]{escape(source.source)}[/bold]: {source.records:,} records, {source.valid:,} valid, score {score}"
    parts: list[RenderableType] = [head, _indicators(source, width)]
    parts += [f"  [dim]{name}: unknown, {escape(why)}[/dim]" for name, why in unknowns(source)]
    parts += ["", _fates(source)]
    if source.causes:
        parts += ["", _causes(source, width)]
    worst = [one for one in source.fields if _least(one) < 1][:_FIELDS]
    if worst:
        parts += ["", _fields(worst)]
    parts += [f"  [yellow]proposal[/yellow] {escape(one)}" for one in source.proposals]
    return parts


def _indicators(source: SourceReport, width: int) -> RenderableType:
    """Return a row for each that is known: bars and meanings only where the screen has room."""
    rows = []
    for name, one in source.indicators.items():
        if one.value is None:
            continue
        seen = [point.indicators[name].value if name in point.indicators else None for point in source.points]
        shown = f"[bold]{name}[/bold]" if name == source.weakest and one.value < 1 else name
        row = [f"  {shown}", percent(one.value), interval(one), change(one)]
        row += [sparkline(seen, _WIDTH if width >= _ROOMY else _WIDTH // 2), percent(one.lowest)]
        rows.append(row + ([bar(one.value), MEANINGS[name][0]] if width >= _ROOMY else []))
    columns = ["  indicator", "#value", "true share", "#change", "over time", "#worst"]
    return table(columns + (["", "which says"] if width >= _ROOMY else []), rows)


def _fates(source: SourceReport) -> RenderableType:
    total = sum(source.counts[name] for name in FATES) or 1
    rows = [
        [f"  {FATE_WORDS[name]}", bar(count / total) if name in FATES else "", count]
        for name, count in source.counts.items()
        if count
    ]
    return table(["  records", "", "#"], rows)


def _causes(source: SourceReport, width: int) -> RenderableType:
    rows = []
    for one in source.causes[:_CAUSES]:
        shown = next((each for each in one.examples if each.value is not None), None)
        ids = ", ".join(each.id for each in one.examples)
        said = ids if shown is None else f"{shown.id}: {shown.value}"
        rows.append([f"  {escape(one.cause)}", one.count, escape(_short(said, max(40, width - 40)))])
    return table(["  most often broken", "#times", "for example"], rows)


def _fields(fields: Iterable[FieldReport]) -> RenderableType:
    rows = []
    for one in fields:
        known = {name: each.value for name, each in one.indicators.items()}
        wrong = ", ".join(f"{kind} ×{count:,}" for kind, count in one.wrong.items())
        shares = [percent(known.get(name)) for name in ("completeness", "validity", "accuracy")]
        rows.append([f"  {escape(one.path)}", *shares, wrong])
    return table(["  worst fields", "#completeness", "#validity", "#accuracy", "broken"], rows)


def _least(field: FieldReport) -> float:
    return min((one.value for one in field.indicators.values() if one.value is not None), default=1.0)


def _reviews(report: Report) -> list[RenderableType]:
    found = report.reviews
    if not found.tasks and not found.waiting_all:
        return ["[bold]Reviews[/bold]\n  No record waited for a person."]
    verdicts = ", ".join(f"{count:,} {name}" for name, count in found.verdicts.items() if count) or "no verdict yet"
    lines = [f"[bold]Reviews[/bold]\n  {found.tasks:,} records were to be looked at: {verdicts}."]
    if found.by:
        who = ", ".join(f"{escape(name or 'nobody named')} {count:,}" for name, count in found.by.items())
        often = "" if found.median_s is None else f"; half of the verdicts came within {lasted(found.median_s)}"
        lines.append(f"  By {who}{often}.")
    if found.audits:
        looked = f"of {found.audits_judged:,} that were looked at {found.audits_right:,} were right"
        lines.append(f"  {found.audits:,} were a sample of what is valid: {looked}.")
    oldest = "" if found.oldest is None else f", the oldest of {minute(found.oldest)} UTC"
    lines.append(f"  {found.waiting_all:,} wait now{oldest}: `aimass review list {escape(report.pipeline)}`.")
    return list(lines)


def _gates(report: Report) -> list[RenderableType]:
    if not report.gates:
        return ["[bold]Gates[/bold]\n  There is none."]
    lines: list[RenderableType] = ["[bold]Gates[/bold]"]
    for one in report.gates:
        stands = "closed" if one.is_closed else one.state
        often = f"closed {len(one.closings)} ×, {lasted(one.closed_s)}" if one.closings else "never closed"
        lines.append(f"  {escape(one.gate)} of {escape(one.source)}: {stands}; {often}")
        for each in one.closings:
            till = "is closed still" if each.opened is None else f"opened {minute(each.opened)}"
            by = f" by {escape(each.by)}" if each.by else ""
            lines.append(f"    {minute(each.closed)}{by}, {till}: {escape(each.why)}")
    return lines


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
