"""The parts of a report's page that have charts."""

from __future__ import annotations

from collections.abc import Sequence

from aimass.commands import report_svg as svg
from aimass.commands.report_svg import LEVELS, esc, number
from aimass.commands.report_words import FATE_WORDS, MEANINGS, change, interval, lasted, minute, percent, unknowns
from aimass.quality.reports.people import GateHistory
from aimass.quality.reports.report import ASIDES, FATES, FieldReport, Report, SourceReport
from aimass.records import Indicator

_SCALES = (0.99, 0.95, 0.9, 0.75, 0.5)
_HEATED = ("validity", "completeness")
#: So many fields of a source are shown at the most, the worst first; the JSON has all.
_FIELDS = 40
#: Texts that are less of all than this say nothing: ids, as a rule.
_RARE = 0.01


def span_of(source: SourceReport) -> tuple[float, float]:
    """Return from when to when a source has points."""
    last = source.points[-1]
    return source.points[0].start, last.start + last.length


def _axis(span: tuple[float, float]) -> str:
    start, end = span
    shown = [minute(start), minute((start + end) / 2), minute(end)]
    day = shown[0][:10]
    words = [shown[0], *(one[11:] if one[:10] == day else one for one in shown[1:])]
    return f'<div class="axis">{"".join(f"<span>{one}</span>" for one in words)}</div>'


def _scale(values: Sequence[float | None]) -> float:
    """Return where a scale is to begin that ends at 1 and has all of these.

    Examples
    --------
    >>> _scale([0.97, None]), _scale([0.2]), _scale([])
    (0.95, 0.0, 0.99)
    """
    least = min((one for one in values if one is not None), default=1.0)
    return next((one for one in _SCALES if least >= one), 0.0)


def _tick(value: float) -> str:
    return percent(value).replace(".0 %", " %")


# -- indicators -------------------------------------------------------------------------------------------------------


def indicators_part(source: SourceReport) -> str:
    """Return each indicator as a dot with its interval, and why others are unknown."""
    known = {name: one for name, one in source.indicators.items() if one.value is not None}
    least = _scale([end for one in known.values() for end in (one.low, one.value, one.before)])
    rows = []
    for name, one in known.items():
        weak = ' class="weak"' if name == source.weakest and (one.value or 0) < 1 else ""
        rows.append(
            f'<div class="ind"><div><b{weak}>{name}</b> <small class="says">{esc(MEANINGS[name][0])}</small></div>'
            f'<div class="svgcell">{svg.whisker(one.indicator, one.before, least)}</div>'
            f'<div class="n"><b>{percent(one.value)}</b></div><div class="n"><small>{interval(one)}</small></div>'
            f'<div class="n opt"><small>{change(one) or "–"}</small></div>'
            f'<div class="n opt"><small>{percent(one.lowest)}</small></div></div>'
        )
    ticks = "".join(f"<span>{_tick(value)}</span>" for value in (least, (1 + least) / 2, 1.0))
    titles = (
        f'<div class="ind titles"><div></div><div class="axis">{ticks}</div><div class="n">value</div>'
        '<div class="n">95 % interval</div><div class="n opt">change</div><div class="n opt">worst pane</div></div>'
    )
    unknown = "".join(f"<li><b>{name}</b>: {svg.coded(why)}</li>" for name, why in unknowns(source))
    rest = f'<p class="soft">Unknown:</p><ul class="soft">{unknown}</ul>' if unknown else ""
    return f'<div class="card">{titles}{"".join(rows)}{rest}</div>'


def trends_part(source: SourceReport) -> str:
    """Return each known indicator over time, with its interval as a band."""
    if len(source.points) < 2:
        return ""
    span, figures = span_of(source), []
    for name, one in source.indicators.items():
        if one.value is None:
            continue
        seen = [point.indicators[name] for point in source.points if name in point.indicators]
        if not seen:
            continue
        least = _scale([end for each in seen for end in (each.value, each.low)])
        ticks = "".join(f"<span>{_tick(value)}</span>" for value in (1.0, (1 + least) / 2, least))
        figures.append(
            f"<figure><figcaption><b>{name}</b><span>{percent(one.value)}</span></figcaption>"
            f'<div class="plot"><div class="ys">{ticks}</div>'
            f"{svg.trend(source.points, name, *span, least)}{_axis(span)}</div></figure>"
        )
    each = source.points[0].length
    return (
        f'<h3>Over time</h3><p class="soft">A point each {lasted(each)}; the band is the 95 % interval.</p>'
        f'<div class="card many">{"".join(figures)}</div>'
    )


# -- heat maps --------------------------------------------------------------------------------------------------------


def heat_part(report: Report) -> str:
    """Return validity and completeness of each source over time."""
    spans = [span_of(source) for source in report.sources]
    span = min((start for start, _ in spans), default=0.0), max((end for _, end in spans), default=1.0)
    rows = []
    for source in report.sources:
        for name in _HEATED:
            value = source.indicators[name].value
            if value is not None:
                seen = [one.indicators.get(name) for one in source.points]
                rows.append(_heat_row(f"{esc(source.source)} <small>{name}</small>", source, seen, value, span))
    if not rows:
        return ""
    chart = f'<div class="rows">{"".join(rows)}{_gap(span)}</div>{_legend()}'
    return f'<h2>Where and when</h2><div class="card">{chart}</div>'


def _heat_row(
    label: str, source: SourceReport, seen: Sequence[Indicator | None], value: float | None, span: tuple[float, float]
) -> str:
    cells = []
    for point, one in zip(source.points, seen, strict=True):
        share = None if one is None else one.value
        said = f"{minute(point.start)}: {'unknown' if share is None else percent(share)}"
        cells.append((point.start, point.length, share, said))
    return f'<div class="name">{label}</div>{svg.heat(cells, *span)}<div class="n">{percent(value)}</div>'


def _gap(span: tuple[float, float]) -> str:
    return f"<div></div>{_axis(span)}<div></div>"


def _legend() -> str:
    words = [f"{'from ' if 0 < least < 1 else ''}{word}" for least, word in LEVELS]
    items = [f'<span><i class="h{at}"></i>{word}</span>' for at, word in enumerate(words)]
    items.append('<span><i class="hx"></i>unknown</span>')
    return f'<div class="legend">{"".join(items)}</div>'


# -- what became of records -------------------------------------------------------------------------------------------


def fates_part(source: SourceReport) -> str:
    """Return what became of records: all together, and over time."""
    counts = source.counts
    items = "".join(
        f'<span><i class="f-{name}"></i>{FATE_WORDS[name]}: {counts[name]:,}</span>' for name in FATES if counts[name]
    )
    asides = ", ".join(f"{counts[name]:,} {FATE_WORDS[name]}" for name in ASIDES if counts[name])
    more = f'<p class="soft">Besides: {asides}.</p>' if asides else ""
    span = span_of(source)
    most = max((sum(one.counts.get(name, 0) for name in FATES) for one in source.points), default=0)
    over = (
        f'<div class="plot"><div class="ys"><span>{most:,}</span><span>0</span></div>{svg.stacks(source.points, *span)}'
        f"{_axis(span)}</div>"
    )
    return (
        f'<h3>What became of the records</h3><div class="card">{svg.shares(counts)}<div class="legend">{items}</div>'
        f"{over}{more}</div>"
    )


# -- fields -----------------------------------------------------------------------------------------------------------


def fields_part(source: SourceReport) -> str:
    """Return the fields: when each was bad, how its numbers were spread, which texts it had."""
    shown = source.fields[:_FIELDS]
    if not shown:
        return ""
    rows = []
    for one in shown:
        seen = [_worst(point) for point in one.points]
        if any(each is not None for each in seen):
            values = [each.value for each in one.indicators.values() if each.value is not None]
            rows.append(_heat_row(esc(one.path), source, seen, min(values, default=None), span_of(source)))
    heat = (
        "<h3>Fields over time</h3>"
        '<p class="soft">The least of validity, completeness and accuracy; of fields of which something is asked.</p>'
        f'<div class="card"><div class="rows">{"".join(rows)}{_gap(span_of(source))}</div>{_legend()}</div>'
        if rows
        else ""
    )
    more = len(source.fields) - len(shown)
    rest = f'<p class="soft">{more:,} more fields are in the JSON.</p>' if more else ""
    return f'{heat}<h3>Fields</h3><div class="card">{"".join(_field(one, source) for one in shown)}{rest}</div>'


def _worst(indicators: dict[str, Indicator]) -> Indicator | None:
    known = [one for one in indicators.values() if one.value is not None]
    return min(known, key=lambda one: one.value or 0.0, default=None)


def _field(field: FieldReport, source: SourceReport) -> str:
    facts = [f"{field.present:,} values"]
    facts += [f"{name} {percent(one.value)}" for name, one in field.indicators.items() if one.value is not None]
    facts += [f"<code>{esc(kind)}</code> broken {count:,} ×" for kind, count in field.wrong.items()]
    if field.numbers is not None and _is_event_time(field, source):
        facts.append("the time of the event, as its numbers look")
    elif field.numbers is not None:
        low, high = number(field.numbers.least), number(field.numbers.most)
        facts.append(f"from {low} to {high}, median {number(field.numbers.quantiles[3])}")
    if field.outliers:
        facts.append(f"{field.outliers:,} outliers")
    if field.distinct is not None:
        facts.append(f"about {field.distinct:,} different texts a pane, at the most")
    if field.shift is not None and field.shift >= 0.1:
        facts.append(f"its distribution moved by {field.shift:.2f} of 1 at the most")
    charts = _numbers(field, source) + _texts(field)
    return f'<div class="field"><h4>{esc(field.path)}</h4><div class="facts">{"; ".join(facts)}</div>{charts}</div>'


def _numbers(field: FieldReport, source: SourceReport) -> str:
    found = [(point.start, point.length, box) for point, box in zip(source.points, field.boxes, strict=True) if box]
    if not found or _is_event_time(field, source):
        return ""
    low, high = min(box[0] for *_, box in found), max(box[6] for *_, box in found)
    span = span_of(source)
    ticks = f"<span>{number(high)}</span><span>{number(low)}</span>"
    chart = svg.boxes(found, low, high, span)
    note = "Percentiles: 1 to 99, 5 to 95, 25 to 75, and the median."
    return f'<div class="plot"><div class="ys">{ticks}</div>{chart}{_axis(span)}</div><small>{note}</small>'


def _is_event_time(field: FieldReport, source: SourceReport) -> bool:
    """Return whether the numbers are the times of the panes themselves: they say nothing."""
    pairs = [(point, box) for point, box in zip(source.points, field.boxes, strict=True) if box]
    inside = [point.start - 1 <= box[0] and box[-1] <= point.start + point.length + 1 for point, box in pairs]
    return bool(inside) and all(inside)


def _texts(field: FieldReport) -> str:
    if not field.top:
        return ""
    common = [(text, count) for text, count in field.top if count >= _RARE * field.present]
    if not common:
        return '<p class="facts">No text is frequent.</p>'
    return svg.top(common, field.present)


# -- gates ------------------------------------------------------------------------------------------------------------


def gates_part(report: Report) -> str:
    """Return when each gate was closed, and why."""
    if not report.gates:
        return "<h2>Gates</h2><p>There is none: a [[gate]] would act while data is bad.</p>"
    rows = "".join(_gate_row(one, report) for one in report.gates)
    span = (report.start, report.end)
    items = [_closing(one) for one in report.gates if one.closings]
    return (
        f'<h2>Gates</h2><div class="card"><div class="rows">{rows}{_gap(span)}</div>'
        '<div class="legend"><span><i class="h5"></i>closed</span><span><i class="h0"></i>open</span></div>'
        f"{''.join(items)}</div>"
    )


def _gate_row(gate: GateHistory, report: Report) -> str:
    start, end = report.start, report.end
    cells: list[tuple[float, float, float | None, str]] = [(start, end - start, 1.0, "open")]
    for one in gate.closings:
        begin, stop = max(start, one.closed), min(end, end if one.opened is None else one.opened)
        cells.append((begin, stop - begin, 0.5, f"closed from {minute(one.closed)}: {one.why}"))
    label = f"{esc(gate.gate)} <small>{esc(gate.source)}</small>"
    return f'<div class="name">{label}</div>{svg.heat(cells, start, end)}<div class="n">{lasted(gate.closed_s)}</div>'


def _closing(gate: GateHistory) -> str:
    lines = []
    for one in gate.closings:
        by = f" by {esc(one.by)}" if one.by else ""
        till = "closed still" if one.opened is None else f"opened {minute(one.opened)}"
        till += f" by {esc(one.opened_by)}" if one.opened_by else ""
        lines.append(f"<li>{minute(one.closed)}{by}: {esc(one.why)}; {till}</li>")
    return f"<p><b>{esc(gate.gate)}</b> of {esc(gate.source)} ({esc(gate.action)}):</p><ul>{''.join(lines)}</ul>"
