"""Windows by key, as loops over rows of panes: what each event sees of its key's window, itself included."""

from __future__ import annotations

import math

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints, kernel

PANES = 60
COUNT, RATE, SUM, AVG, MIN, MAX, STDDEV, TREND = range(8)


@kernel
def _add(op: int, s: int, j: int, x: float, n: Ints, a: Floats, b: Floats) -> None:
    """Add a value to a pane; spreads after Welford, Technometrics 4 (1962)."""
    if op in (SUM, AVG, TREND):
        a[s, j] += x
    elif op == MIN:
        a[s, j] = x if n[s, j] == 0 or x < a[s, j] else a[s, j]
    elif op == MAX:
        a[s, j] = x if n[s, j] == 0 or x > a[s, j] else a[s, j]
    elif op == STDDEV:
        off = x - a[s, j]
        a[s, j] += off / (n[s, j] + 1.0)
        b[s, j] += off * (x - a[s, j])
    n[s, j] += 1


@kernel
def _clear(op: int, s: int, j: int, n: Ints, a: Floats, b: Floats) -> None:
    n[s, j] = 0
    if op >= SUM:
        a[s, j] = 0.0
    if op == STDDEV:
        b[s, j] = 0.0


@kernel
def _seen(
    op: int, s: int, n: Ints, a: Floats, b: Floats, low: int, top: int, panes: int, width: float, seconds: float
) -> float:
    """Return the value of the panes from ``low`` to ``top``; NaN where there is none."""
    total, found, mean, squares = 0, 0.0, 0.0, 0.0
    weight, st, sx, stt, stx, filled = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    if op <= RATE:
        if top - low == panes - 1:
            for j in range(panes):
                total += n[s, j]
        else:
            for pane in range(low, top + 1):
                total += n[s, pane % panes]
        return float(total) if op == COUNT else total / seconds
    j = low % panes - 1
    for pane in range(low, top + 1):
        j += 1
        if j == panes:
            j = 0
        count = n[s, j]
        if count == 0:
            continue
        if op in (SUM, AVG):
            found += a[s, j]
        elif op == MIN:
            found = a[s, j] if total == 0 or a[s, j] < found else found
        elif op == MAX:
            found = a[s, j] if total == 0 or a[s, j] > found else found
        elif op == STDDEV:  # Chan, Golub and LeVeque, COMPSTAT 1982
            off = a[s, j] - mean
            both = total + count
            mean += off * count / both
            squares += b[s, j] + off * off * total * count / both
        elif op == TREND:
            t, x = (pane - top) * width, a[s, j] / count
            weight += count
            st += count * t
            sx += count * x
            stt += count * t * t
            stx += count * t * x
            filled += 1
        total += count
    if op == COUNT:
        return float(total)
    if op == RATE:
        return total / seconds
    if op == SUM:
        return found
    if op == TREND:
        below = weight * stt - st * st
        return (weight * stx - st * sx) / below if filled > 1 and below > 0.0 else np.nan
    if total == 0:
        return np.nan
    if op == AVG:
        return found / total
    if op == STDDEV:
        return math.sqrt(squares / (total - 1)) if total > 1 else np.nan
    return found


@kernel
def slide(
    op: int,
    panes: int,
    seconds: float,
    slots: Ints,
    newest: Ints,
    n: Ints,
    a: Floats,
    b: Floats,
    times: Floats,
    counts: Bools,
    x: Floats,
    out: Floats,
) -> None:
    """Take events in their order; ``newest`` is a row's newest pane and one, 0 for a new row."""
    width = seconds / panes
    for i in range(len(slots)):
        s = slots[i]
        pane = math.floor(times[i] / width)
        last = newest[s] - 1
        if counts[i]:
            if last < 0 or pane - last >= panes:
                for j in range(panes):
                    _clear(op, s, j, n, a, b)
                last = pane
            while last < pane:
                last += 1
                _clear(op, s, last % panes, n, a, b)
            newest[s] = last + 1
            if pane > last - panes:
                _add(op, s, pane % panes, x[i], n, a, b)
        top = max(last, pane)
        low = max(top - panes + 1, last - panes + 1)
        out[i] = _seen(op, s, n, a, b, low, last, panes, width, seconds) if last >= 0 else np.nan
        if last < 0 or low > last:
            out[i] = 0.0 if op <= SUM else np.nan


@kernel
def session(
    op: int,
    gap: float,
    slots: Ints,
    start: Floats,
    last: Floats,
    n: Ints,
    a: Floats,
    b: Floats,
    times: Floats,
    counts: Bools,
    x: Floats,
    out: Floats,
) -> None:
    """Take events in their order; a session is one pane that lasts as long as there is no gap."""
    for i in range(len(slots)):
        s, t = slots[i], times[i]
        is_over = n[s, 0] == 0 or t - last[s] >= gap
        if counts[i]:
            if is_over:
                _clear(op, s, 0, n, a, b)
                start[s] = t
                last[s] = t
                is_over = False
            if start[s] - t < gap:
                start[s] = min(start[s], t)
                last[s] = max(last[s], t)
                _add(op, s, 0, x[i], n, a, b)
        if is_over:
            out[i] = 0.0 if op <= SUM else np.nan
        else:
            lasted = max(last[s] - start[s], 1.0)
            out[i] = _seen(op, s, n, a, b, 0, 0, 1, 1.0, lasted)


@kernel
def distinct(
    panes: int,
    seconds: float,
    slots: Ints,
    newest: Ints,
    names: Ints,
    seen: Ints,
    times: Floats,
    counts: Bools,
    x: Ints,
    out: Floats,
) -> None:
    """Count different values in a window; a row keeps the last that were seen, with the pane of each and one."""
    width = seconds / panes
    room = names.shape[1]
    for i in range(len(slots)):
        s = slots[i]
        pane = math.floor(times[i] / width)
        if counts[i]:
            newest[s] = max(newest[s], pane + 1)
            at, oldest = -1, 0
            for j in range(room):
                if seen[s, j] > 0 and names[s, j] == x[i]:
                    at = j
                    break
                if seen[s, j] < seen[s, oldest]:
                    oldest = j
            if at < 0 and pane + 1 >= seen[s, oldest]:
                at = oldest
                names[s, at] = x[i]
                seen[s, at] = 0
            if at >= 0:
                seen[s, at] = max(seen[s, at], pane + 1)
        top = max(newest[s], pane + 1)
        found = 0
        for j in range(room):
            found += seen[s, j] > max(0, top - panes)
        out[i] = found
