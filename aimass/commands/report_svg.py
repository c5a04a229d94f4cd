"""Charts of reports as inline SVG: shapes only, stretched to where they stand; words are HTML beside them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from aimass.commands.report_words import minute, percent
from aimass.quality.reports.report import FATES, Point
from aimass.records import Indicator

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
#: From which share on a cell has which colour: the first that fits.
LEVELS = ((1.0, "100 %"), (0.99, "99 %"), (0.95, "95 %"), (0.9, "90 %"), (0.75, "75 %"), (0.5, "50 %"), (-1.0, "less"))


_PERCENTS = (1, 5, 25, 50, 75, 95, 99)


def esc(text: object) -> str:
    """Return text that HTML takes as nothing but text; what no page can hold shows as a replacement character.

    Examples
    --------
    >>> esc('<script x="1">'), esc("a\\x00b")
    ('&lt;script x=&quot;1&quot;&gt;', 'a�b')
    """
    return html.escape(_CONTROLS.sub("\ufffd", str(text)))


def coded(text: str) -> str:
    """Return text as HTML in which what stands between backticks is code.

    Examples
    --------
    >>> coded("no `delay` < 5")
    'no <code>delay</code> &lt; 5'
    """
    return re.sub("`([^`]*)`", r"<code>\1</code>", esc(text))


def number(value: float) -> str:
    """Return a number for people: four digits are enough.

    Examples
    --------
    >>> number(1234567.0), number(0.123456), number(1_700_000_000.0), number(12.0)
    ('1,234,567', '0.1235', '1,700,000,000', '12')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def level(value: float | None) -> str:
    """Return the class of a cell's colour.

    Examples
    --------
    >>> level(1.0), level(0.97), level(0.1), level(None)
    ('h0', 'h2', 'h6', 'hx')
    """
    if value is None:
        return "hx"
    return f"h{next(at for at, (least, _) in enumerate(LEVELS) if value >= least)}"


def _svg(width: float, height: float, shapes: Iterable[str], name: str, label: str = "") -> str:
    said = f'role="img" aria-label="{esc(label)}"' if label else 'aria-hidden="true"'
    body = "".join(shapes)
    return f'<svg class="{name}" viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" {said}>{body}</svg>'


def _dot(x: float, y: float, name: str, title: str = "") -> str:
    """Return a dot that stays round however its picture is stretched."""
    said = f"<title>{esc(title)}</title>" if title else ""
    return f'<path class="{name}" d="M{x:.2f} {y:.2f}h0.001">{said}</path>'


def whisker(one: Indicator, before: float | None, least: float) -> str:
    """Return a share as a dot with its interval, on a scale from ``least`` to 1; a ring is what it was before.

    Examples
    --------
    >>> whisker(Indicator(0.9, 0.8, 0.95, 40), None, 0.5).count("<title>90.0 % (80.0 % to 95.0 %)")
    1
    """
    span = max(1e-9, 1 - least)

    def at(value: float) -> float:
        return 2 + 96 * max(0.0, min(1.0, (value - least) / span))

    assert one.value is not None
    lines = [f'<path class="scale" d="M{at(x):.2f} 0v20"/>' for x in (least, (1 + least) / 2, 1.0)]
    low, high = one.value if one.low is None else one.low, one.value if one.high is None else one.high
    marks = [f'<path class="whisker" d="M{at(low):.2f} 10H{at(high):.2f}"/>']
    if before is not None:
        marks.append(_dot(at(before), 10, "before", f"before: {percent(before)}"))
    marks.append(_dot(at(one.value), 10, "dot", f"{percent(one.value)} ({percent(low)} to {percent(high)})"))
    return _svg(100, 20, [*lines, *marks], "whiskers", percent(one.value))


def trend(points: Sequence[Point], name: str, start: float, end: float, least: float) -> str:
    """Return an indicator over time, with the band of its intervals; where nothing is known the line is broken."""
    span, width = max(1e-9, 1 - least), 300.0

    def x(time: float) -> float:
        return width * (time - start) / (end - start)

    def y(value: float) -> float:
        return 4 + 92 * (1 - max(0.0, min(1.0, (value - least) / span)))

    shapes = [f'<path class="grid" d="M0 {y(value):.1f}H{width:g}"/>' for value in (least, (1 + least) / 2, 1.0)]
    for run in _runs(points, name):
        places = [(x(one.start + one.length / 2), one.indicators[name]) for one in run]
        upper = [f"{at:.1f} {y(_known(seen.high, seen)):.1f}" for at, seen in places]
        lower = [f"{at:.1f} {y(_known(seen.low, seen)):.1f}" for at, seen in places]
        if len(places) > 1:
            shapes.append(f'<path class="band" d="M{"L".join([*upper, *reversed(lower)])}Z"/>')
            line = "L".join(f"{at:.1f} {y(seen.value or 0.0):.1f}" for at, seen in places)
            shapes.append(f'<path class="line" d="M{line}"/>')
        else:
            shapes.append(_dot(places[0][0], y(places[0][1].value or 0.0), "single"))
    step = width * points[0].length / (end - start) if points else 0
    for one in points:
        if name in one.indicators:
            said = f"{minute(one.start)}: {percent(one.indicators[name].value)}, {one.records:,} records"
            area = f"M{x(one.start):.1f} 0h{step:.1f}v100h-{step:.1f}z"
            shapes.append(f'<path class="hover" d="{area}"><title>{esc(said)}</title></path>')
    return _svg(width, 100, shapes, "trend", f"{name} over time")


def _known(end: float | None, seen: Indicator) -> float:
    return (seen.value or 0.0) if end is None else end


def _runs(points: Sequence[Point], name: str) -> list[list[Point]]:
    """Return the points where an indicator is known, cut where it is not, or where time is missing."""
    found: list[list[Point]] = []
    last: Point | None = None
    for one in points:
        if name in one.indicators and one.indicators[name].value is not None:
            is_next = last is not None and one.start <= last.start + last.length * 1.5
            if is_next:
                found[-1].append(one)
            else:
                found.append([one])
            last = one
        else:
            last = None
    return found


def heat(cells: Sequence[tuple[float, float, float | None, str]], start: float, end: float) -> str:
    """Return a row of a heat map: from when, for how long, which value, and what is said of it."""
    span = end - start
    shapes = [
        f'<rect class="{level(value)}" x="{1000 * (at - start) / span:.2f}" y="0" '
        f'width="{1000 * length / span:.2f}" height="20"><title>{esc(said)}</title></rect>'
        for at, length, value, said in cells
    ]
    return _svg(1000, 20, shapes, "heat")


def stacks(points: Sequence[Point], start: float, end: float) -> str:
    """Return what became of records over time, as stacked bars."""
    most = max((sum(one.counts.get(name, 0) for name in FATES) for one in points), default=0) or 1
    shapes = []
    for one in points:
        left, width, top = 1000 * (one.start - start) / (end - start), 1000 * one.length / (end - start), 100.0
        for name in FATES:
            count = one.counts.get(name, 0)
            if count:
                height = 100 * count / most
                top -= height
                shapes.append(
                    f'<rect class="f-{name}" x="{left + 0.06 * width:.2f}" y="{top:.2f}" width="{0.88 * width:.2f}" '
                    f'height="{height:.2f}"><title>{minute(one.start)}: {name} {count:,}</title></rect>'
                )
    return _svg(1000, 100, shapes, "stacks", f"records over time, at most {most:,} in a bar")


def shares(counts: Mapping[str, int]) -> str:
    """Return what became of all records, as one bar."""
    total, left, shapes = sum(counts.get(name, 0) for name in FATES) or 1, 0.0, []
    for name in FATES:
        width = 1000 * counts.get(name, 0) / total
        if width:
            shapes.append(
                f'<rect class="f-{name}" x="{left:.2f}" y="0" width="{width:.2f}" height="20">'
                f"<title>{name} {counts[name]:,}</title></rect>"
            )
            left += width
    return _svg(1000, 20, shapes, "shares", "what became of the records")


def boxes(
    rows: Sequence[tuple[float, float, Sequence[float]]], least: float, most: float, span: tuple[float, float]
) -> str:
    """Return how a field's numbers were spread over time: a strip a stretch, from 1 % to 99 %, darker to the middle."""
    high = (most - least) or 1.0
    start, end = span

    def y(value: float) -> float:
        return 2 + 96 * (1 - (value - least) / high)

    shapes = []
    for at, length, found in rows:
        if len(found) != 7:
            continue
        left, width = 1000 * (at - start) / (end - start), 1000 * length / (end - start)
        said = ", ".join(f"{share} % {number(value)}" for share, value in zip(_PERCENTS, found, strict=True))
        parts = [_strip(left, width, y(found[6 - i]), y(found[i]), f"q{i}") for i in range(3)]
        line = f'<path class="median" d="M{left:.2f} {y(found[3]):.2f}h{width:.2f}"/>'
        shapes.append(f"<g>{''.join(parts)}{line}<title>{minute(at)}: {said}</title></g>")
    return _svg(1000, 100, shapes, "boxes", "percentiles over time")


def _strip(left: float, width: float, top: float, bottom: float, name: str) -> str:
    return (
        f'<rect class="{name}" x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{max(0.6, bottom - top):.2f}"/>'
    )


def top(counts: Sequence[tuple[str, int]], total: int) -> str:
    """Return the most frequent texts with bars; each count is that at the least."""
    most = max((count for _, count in counts), default=1) or 1
    rows = [
        f'<tr><th scope="row">{esc(text)}</th><td class="barcell"><i style="width:{100 * count / most:.1f}%"></i></td>'
        f'<td class="n">{count:,}</td><td class="n">{percent(min(1.0, count / max(1, total)))}</td></tr>'
        for text, count in counts
    ]
    return f'<table class="top">{"".join(rows)}</table>'
