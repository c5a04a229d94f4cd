"""What functions of windows and of memory mean: over the key's whole history at each event, nothing kept."""

import math
import statistics

PANES = 60
NOTHING = object()


def counted(rows, i):
    """Return the rows of the same key up to the i-th that count."""
    return [row for row in rows[: i + 1] if row["key"] == rows[i]["key"] and row["counts"] and row["x"] is not None]


def window(rows, i, seconds, panes):
    width = seconds / panes
    mine = counted(rows, i)
    panes_of = [math.floor(row["time"] / width) for row in mine]
    top = max([*panes_of, math.floor(rows[i]["time"] / width)])
    return [row for row, pane in zip(mine, panes_of, strict=True) if top - panes < pane <= top], width, top


def session(rows, i, gap):
    start = last = None
    held = []
    for row in counted(rows, i):
        if last is None or row["time"] - last >= gap:
            start, last, held = row["time"], row["time"], []
        if start - row["time"] < gap:
            start, last = min(start, row["time"]), max(last, row["time"])
            held.append(row)
    return held if last is not None and rows[i]["time"] - last < gap else []


def of_window(name, rows, i, kind, seconds):
    if kind == "session":
        held, width, top = session(rows, i, seconds), 1.0, 0
    else:
        held, width, top = window(rows, i, seconds, PANES if kind == "sliding" else 1)
    xs = [row["x"] for row in held]
    if name == "count":
        return len(held)
    if name == "rate":
        times = [row["time"] for row in held]
        return (
            len(held) / (max(1.0, max(times) - min(times)) if times and kind == "session" else seconds) if held else 0
        )
    if name == "sum":
        return math.fsum(xs)
    if name == "distinct":
        return min(64, len(set(xs)))
    if name == "trend":
        return trend(held, width, top)
    if not xs or (name == "stddev" and len(xs) < 2):
        return None
    return {"avg": statistics.fmean, "min": min, "max": max, "stddev": statistics.stdev}[name](xs)


def trend(held, width, top):
    panes = {}
    for row in held:
        panes.setdefault(math.floor(row["time"] / width), []).append(row["x"])
    if len(panes) < 2:
        return None
    points = [((pane - top) * width, statistics.fmean(xs), len(xs)) for pane, xs in panes.items()]
    total = sum(n for *_, n in points)
    mt, mx = sum(t * n for t, _, n in points) / total, sum(x * n for _, x, n in points) / total
    return sum(n * (t - mt) * (x - mx) for t, x, n in points) / sum(n * (t - mt) ** 2 for t, _, n in points)


def of_memory(name, rows, i, seconds=math.inf):
    before = [row for row in rows[:i] if row["key"] == rows[i]["key"]]
    mine = [row for row in before if row["counts"] and row["x"] is not None]
    x, time = rows[i]["x"], rows[i]["time"]
    if name == "elapsed":
        counting = [row["time"] for row in before if row["counts"]]
        return max(0.0, time - max(counting)) if counting else None
    if name == "last":
        return mine[-1]["x"] if mine else NOTHING
    if name == "usual":
        xs = [row["x"] for row in mine]
        return max(dict.fromkeys(xs), key=xs.count) if xs else NOTHING
    if x is None or not rows[i]["counts"]:
        return None
    if name == "changed":
        return mine[-1]["x"] != x if mine else None
    assert name == "new"
    seen = {}
    for row in mine:
        seen[row["x"]] = max(row["time"], seen.get(row["x"], -math.inf))
    alive = {value for value, when in seen.items() if time - when < seconds}
    return False if x in alive else True if alive else None
