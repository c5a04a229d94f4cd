"""A report on the quality of data as one HTML file: no script, nothing from elsewhere, readable for decades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aimass.commands.report_parts import fates_part, fields_part, gates_part, heat_part, indicators_part, trends_part
from aimass.commands.report_style import STYLE
from aimass.commands.report_svg import coded, esc
from aimass.commands.report_words import MEANINGS, headline, lasted, minute, models_said, percent
from aimass.quality.reports.report import Cause, Report, SourceReport


def page(report: Report) -> str:
    """Return the whole file.

    Examples
    --------
    >>> from aimass.quality.reports.report import Known, report_of
    >>> from aimass.records import Indicator, Judgement
    >>> seen = {"validity": Indicator(0.9, 0.6, 1.0, 10)}
    >>> said = Judgement("t|0", "t", 0.0, "p", 60.0, 1, True, 10, 9, indicators=seen)
    >>> "Weakest is the validity of t, 90.0 %" in page(report_of("p", Known([said]), 0.0, 60.0))
    True
    """
    title = f"Data quality of {esc(report.pipeline)}, {minute(report.start)}"
    parts = [_head(report), heat_part(report), *map(_source, report.sources)]
    parts += [_reviews(report), gates_part(report), _models(report), _definitions(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(report: Report) -> str:
    records = sum(one.records for one in report.sources)
    open_ = f" {report.incomplete:,} of them are not over yet: they will be revised." if report.incomplete else ""
    before = (
        "" if report.before is None else f" Compared with {minute(report.before[0])} to {minute(report.before[1])}."
    )
    return (
        f"<header><h1>Data quality of {esc(report.pipeline)}</h1>"
        f'<p class="soft">{minute(report.start)} to {minute(report.end)} UTC, {lasted(report.end - report.start)}</p>'
        f'<div class="card head"><div><div class="score">{percent(report.score)}</div><small>score</small></div>'
        f"<div><p><b>{esc(headline(report))}</b></p>"
        f'<p class="soft">{records:,} records of {len(report.sources):,} sources in {report.panes:,} panes.'
        f"{open_}{before} "
        "The score is the geometric mean of all indicators that are known: one that is zero makes it zero.</p>"
        "</div></div></header>"
    )


def _source(source: SourceReport) -> str:
    score = "nothing is known of it" if source.score is None else f"score {percent(source.score)}"
    proposals = "".join(f"<li>{esc(one)}</li>" for one in source.proposals)
    asked = f"<h3>What people propose by their verdicts</h3><ul>{proposals}</ul>" if proposals else ""
    return (
        f'<section><h2>{esc(source.source)}</h2><p class="soft">{source.records:,} records could be read, '
        f"{source.valid:,} are valid; {score}.</p>"
        f"{indicators_part(source)}{trends_part(source)}{fates_part(source)}{_causes(source.causes)}{asked}"
        f"{fields_part(source)}</section>"
    )


def _causes(causes: Sequence[Cause]) -> str:
    if not causes:
        return "<h3>What was broken</h3><p>Nothing: every record kept all that is expected of it.</p>"
    rows = []
    for one in causes:
        shown = [f"<li><code>{esc(each.id)}</code>{_record(each.value)}</li>" for each in one.examples]
        rows.append(
            f'<tr><th scope="row">{esc(one.cause)}</th><td class="n">{one.count:,}</td>'
            f"<td><ul>{''.join(shown)}</ul></td></tr>"
        )
    return (
        '<h3>What was broken most often</h3><div class="card long"><table><thead><tr><th>expectation</th>'
        f'<th class="n">times</th><th>for example</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _record(value: str | None) -> str:
    return "" if value is None else f'<code class="record">{esc(value)}</code>'


def _reviews(report: Report) -> str:
    found = report.reviews
    if not found.tasks and not found.waiting_all:
        return "<h2>Reviews</h2><p>No record of this period waited for a person.</p>"
    oldest = "" if found.oldest is None else f", the oldest of {minute(found.oldest)} UTC"
    said = [
        f"{found.tasks:,} records of this period were to be looked at; {found.waiting:,} of them wait still.",
        f"{found.waiting_all:,} records of all times wait now{oldest}.",
    ]
    if found.median_s is not None:
        said.append(f"Half of the verdicts came within {lasted(found.median_s)} of when the record was set apart.")
    if found.audits:
        said.append(
            f"{found.audits:,} of them were a sample of what is valid: of {found.audits_judged:,} that were looked at "
            f"{found.audits_right:,} were right."
        )
    tables = _counts("verdict", found.verdicts.items()) + _counts("by", found.by.items())
    return (
        f'<h2>Reviews</h2><div class="card"><ul>{"".join(f"<li>{one}</li>" for one in said)}</ul>'
        f'<div class="many">{tables}</div></div>'
    )


def _counts(title: str, counts: Iterable[tuple[str, int]]) -> str:
    rows = "".join(
        f'<tr><td>{esc(name or "nobody named")}</td><td class="n">{count:,}</td></tr>'
        for name, count in counts
        if count
    )
    head = f'<thead><tr><th>{title}</th><th class="n">records</th></tr></thead>'
    return f"<div><table>{head}<tbody>{rows}</tbody></table></div>" if rows else ""


def _models(report: Report) -> str:
    lines = "".join(f"<p>{esc(one)}</p>" for one in models_said(report))
    note = (
        '<p class="soft">Bad panes are those in which a gate was closed, or validity was surely lower than in the '
        "whole period. It is a comparison and no proof: what spoils data may make events harder to predict.</p>"
        if report.models.effects
        else ""
    )
    return f'<h2>Effect on the models</h2><div class="card">{lines}{note}</div>'


def _definitions(report: Report) -> str:
    items = "".join(
        f"<dt>{name}</dt><dd>{esc(says[0].upper() + says[1:])}: {coded(formula)}</dd>"
        for name, (says, formula) in MEANINGS.items()
    )
    return (
        '<h2>What the indicators are</h2><div class="card">'
        f"<dl>{items}</dl><p>Over a period each is the mean of its panes, weighed by what they rest on. Intervals hold "
        "the true share with 95 % confidence (Wilson, 1927; accuracy by audits: Zou and Donner, 2008). What nothing "
        "says is unknown, not 100 %. Completeness, accuracy, timeliness (currentness) and consistency are "
        "characteristics of ISO/IEC 25012; validity, robustness, uniqueness, freshness and volume are not.</p></div>"
    )
