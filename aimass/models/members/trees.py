"""The kernels of forests: random trees grown from a window of events, predicting, and learning in their leaves."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Bools, Floats, Ints, kernel
from aimass.models.members.numerics import exp

Singles = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int32]

N, KEPT = range(2)  # head: events learned, events in the ring that still count
SIZE, DUE = range(2)  # slots: a tree's nodes, and at which event it is grown again
LOSS, SPAN, LEAST, DECAY, GOAL = range(5)  # groups: fading loss, events, events a node needs, leaves' memory, goal
_FADE = 0.01  # of the groups' losses
SHARP = 50.0  # how strongly a loss tells on a group's weight
_AGE = 0.4  # of the events that a tree was grown from: when so many more came it is grown again
_SMOOTH = 1.0  # events' worth of the parent's answer in a leaf
_SAMPLE = 256  # events of a node on which its splits are compared
_FIRST = 4.0  # events before the first tree
FAR = 1e30


@kernel
def _draw(rng: Ints) -> float:
    """Return the next random number in [0, 1): SplitMix64 (Steele, Lea and Flood, 2014)."""
    z = np.uint64(rng[0]) + np.uint64(0x9E3779B97F4A7C15)
    rng[0] = np.int64(z)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(np.int64(z >> np.uint64(11))) / 9007199254740992.0


@kernel
def _gain(
    order: Ints, a: int, b: int, step: int, ring: Singles, c: int, cut: float, goal: Floats, right: Floats,
    total: Floats,
) -> float:  # fmt: skip
    """Return by how much a split lowers the sum of squared errors (Gini's impurity when there are classes)."""
    right[:] = 0.0
    n, m = 0, 0
    for q in range(a, b, step):
        i = order[q]
        n += 1
        if ring[c, i] > cut:
            m += 1
            if len(total) == 1:
                right[0] += goal[i]
            else:
                right[int(goal[i])] += 1.0
    if m == 0 or m == n:
        return 0.0
    gain = 0.0
    for k in range(len(total)):
        left = total[k] - right[k]
        gain += right[k] * right[k] / m + left * left / (n - m) - total[k] * total[k] / n
    return gain


@kernel
def _count(order: Ints, a: int, b: int, step: int, goal: Floats, total: Floats) -> None:
    total[:] = 0.0
    for q in range(a, b, step):
        if len(total) == 1:
            total[0] += goal[order[q]]
        else:
            total[int(goal[order[q]])] += 1.0


@kernel
def _cut(u: float, v: float, rng: Ints) -> float:
    """Return a cut between two values; −inf parts the missing from the others, NaN is none."""
    if (u != u and v != v) or u == v:
        return math.nan
    if u != u or v != v:
        return -math.inf
    t = np.float32(u + (v - u) * _draw(rng))
    return float(t) if t < max(u, v) else min(u, v)


@kernel
def _choose(
    order: Ints, a: int, b: int, ring: Singles, goal: Floats, columns: Ints, tries: int, rng: Ints, total: Floats,
    right: Floats, best: Floats,
) -> float:  # fmt: skip
    """Find the best of some splits whose columns and cuts are drawn, and return its gain."""
    step = max(1, (b - a) // _SAMPLE)
    _count(order, a, b, step, goal, total)
    top, left, most = 0.0, min(tries, b - a - 1), 0.0
    for k in range(len(total)):
        top += 1e-12 * total[k] * total[k] / (b - a)  # what rounding may feign
        most = max(most, total[k])
    if len(total) > 1 and most * step >= b - a:  # of one class
        return 0.0
    least = top
    for _ in range(3 * tries):
        if left == 0:
            break
        c = columns[int(_draw(rng) * len(columns))]
        u = ring[c, order[a + int(_draw(rng) * (b - a))]]
        v = ring[c, order[a + int(_draw(rng) * (b - a))]]
        cut = _cut(u, v, rng)
        if cut == cut:
            left -= 1
            gain = _gain(order, a, b, step, ring, c, cut, goal, right, total)
            if gain > top:
                top, best[0], best[1] = gain, c, cut
    return top - least


@kernel
def _part(order: Ints, a: int, b: int, ring: Singles, c: int, cut: float) -> int:
    """Move what is above the cut behind the rest, and return where it begins."""
    i, j = a, b - 1
    while i <= j:
        if ring[c, order[i]] > cut:
            order[i], order[j] = order[j], order[i]
            j -= 1
        else:
            i += 1
    return i


@kernel
def _build(
    ring: Singles, goal: Floats, order: Ints, columns: Ints, tries: int, least: float, nodes: Pairs, cuts: Singles,
    sums: Floats, rng: Ints,
) -> int:  # fmt: skip
    """Grow one tree from the events of the ring that `order` names, breadth first, and return its number of nodes."""
    classes = sums.shape[1] - 1
    ends = np.zeros((len(nodes), 2), np.int64)
    total, right, best = np.zeros(classes), np.zeros(classes), np.zeros(2)
    ends[0, 1] = len(order)
    sums[0, :] = 0.0
    size, i = 1, 0
    while i < size:
        a, b = ends[i]
        _count(order, a, b, 1, goal, total)
        for k in range(classes):
            sums[i, 1 + k] += total[k]
        sums[i, 0] += b - a
        nodes[i, 0] = -1
        if b - a >= least and size + 2 <= len(nodes):
            gain = _choose(order, a, b, ring, goal, columns, tries, rng, total, right, best)
            if gain > 0.0:
                c = int(best[0])
                middle = _part(order, a, b, ring, c, best[1])
                nodes[i, 0], nodes[i, 1], cuts[i] = c, size, best[1]
                ends[size, 0], ends[size, 1], ends[size + 1, 0], ends[size + 1, 1] = a, middle, middle, b
                for k in range(classes + 1):
                    sums[size, k] = sums[size + 1, k] = _SMOOTH * sums[i, k] / sums[i, 0]
                size += 2
        i += 1
    return size


@kernel
def _grow_due(
    ring: Singles, goals: Floats, refs: Floats, tries: float, nodes: Pairs, cuts: Singles, sums: Floats, slots: Floats,
    groups: Floats, head: Floats, rng: Ints,
) -> None:  # fmt: skip
    """Grow the trees anew whose time has come."""
    n, room = int(head[N]), goals.shape[1]
    columns = np.empty(len(ring), np.int64)
    used = -1
    for t in range(len(nodes)):
        if n < slots[t, DUE] or n < _FIRST:
            continue
        if used < 0:
            used = 0
            for j in range(len(ring)):
                if refs[j] == refs[j]:
                    columns[used] = j
                    used += 1
            if used == 0:
                return
        group = groups[t % len(groups)]
        count = int(min(head[KEPT], group[SPAN]))
        order = np.empty(count, np.int64)
        for q in range(count):
            order[q] = (n - count + q) % room
        wanted = int(tries * math.sqrt(used) + 1.0)
        goal = goals[int(group[GOAL])]
        size = _build(ring, goal, order, columns[:used], wanted, group[LEAST], nodes[t], cuts[t], sums[t], rng)
        for i in range(size, int(slots[t, SIZE])):
            nodes[t, i, :] = 0
            cuts[t, i] = 0.0
            sums[t, i, :] = 0.0
        slots[t, SIZE] = size
        slots[t, DUE] = n + max(1.0, count * _AGE * (0.5 + _draw(rng)))


@kernel
def _leaf(row: Singles, nodes: Pairs, cuts: Singles) -> int:
    i = 0
    while nodes[i, 0] >= 0:
        i = nodes[i, 1] + (1 if row[nodes[i, 0]] > cuts[i] else 0)
    return i


@kernel
def _vote(
    row: Singles, base: float, nodes: Pairs, cuts: Singles, sums: Floats, slots: Floats, groups: Floats, at: Ints,
    votes: Floats, p: Floats,
) -> None:  # fmt: skip
    """Predict one event: the groups' means over their trees, weighed by their losses."""
    count, best, weights = len(groups), math.inf, 0.0
    votes[:] = 0.0
    p[:] = 0.0
    for t in range(len(nodes)):
        at[t] = _leaf(row, nodes[t], cuts[t])
        leaf = sums[t, at[t]]
        for k in range(len(p)):
            votes[t % count, k] += leaf[1 + k] / leaf[0]
    for g in range(count):
        best = min(best, groups[g, LOSS])
    for g in range(count):
        gap = groups[g, LOSS] - best
        if len(p) == 1:
            gap = gap / max(best, 1e-300)
        weight = exp(-SHARP * gap)
        weights += weight
        for k in range(len(p)):
            votes[g, k] = votes[g, k] * count / len(nodes) + groups[g, GOAL] * base
            p[k] += weight * votes[g, k]
    for k in range(len(p)):
        p[k] /= weights


@kernel
def _learn_leaves(y: float, base: float, sums: Floats, groups: Floats, at: Ints, votes: Floats, classes: int) -> None:
    """Charge the groups with their losses, and count the event in the leaf that it came to in each tree."""
    for g in range(len(groups)):
        loss = 0.0
        if classes == 1:
            loss = abs(y - votes[g, 0])
        else:  # Brier's
            for k in range(classes):
                d = votes[g, k] - (1.0 if y == k else 0.0)
                loss += 0.5 * d * d
        groups[g, LOSS] += _FADE * (loss - groups[g, LOSS])
    for t in range(len(sums)):
        group, leaf = groups[t % len(groups)], sums[t, at[t]]
        for k in range(classes + 1):
            leaf[k] *= group[DECAY]
        leaf[0] += 1.0
        if classes == 1:
            leaf[1] += y - group[GOAL] * base
        else:
            leaf[1 + int(y)] += 1.0


@kernel
def run_trees(
    x: Floats, y: Floats, learn: Bools, base: Floats, tries: float, ring: Singles, goals: Floats, refs: Floats,
    nodes: Pairs, cuts: Singles, sums: Floats, slots: Floats, groups: Floats, head: Floats, rng: Ints, p: Floats,
) -> None:  # fmt: skip
    """Predict and learn events in order.

    Parameters
    ----------
    x, y, learn, p
        As in `Member.run`; predictions are written to ``p``.
    base
        What another member predicted: the goal of some groups of trees is what it leaves over.
    tries
        Splits compared in a node, per square root of the columns.
    ring, goals, refs
        The last events: columns × events, less the first value of each column (so that times fit); labels, and labels
        less ``base``.
    nodes, cuts, sums
        Trees × nodes: column (−1 in a leaf) and left child (the right one follows); cut; number and sums of goals.
    slots, groups, head, rng
        See the constants above.
    """
    row, at = np.empty(x.shape[1], np.float32), np.zeros(len(nodes), np.int64)
    votes = np.zeros((len(groups), p.shape[1]))
    for i in range(len(x)):
        for j in range(len(row)):
            row[j] = min(max(x[i, j] - refs[j], -FAR), FAR) if refs[j] == refs[j] else math.nan
        ready = slots[0, SIZE] > 0.0
        if ready:
            _vote(row, base[i], nodes, cuts, sums, slots, groups, at, votes, p[i])
        else:
            p[i, :] = math.nan
        if not learn[i]:
            continue
        if ready:
            _learn_leaves(y[i], base[i], sums, groups, at, votes, p.shape[1])
        slot = int(head[N]) % goals.shape[1]
        for j in range(len(row)):
            if refs[j] != refs[j] and x[i, j] == x[i, j]:
                refs[j], row[j] = x[i, j], 0.0
            ring[j, slot] = row[j]
        goals[0, slot], goals[1, slot] = y[i], y[i] - base[i]
        head[N] += 1.0
        head[KEPT] = min(head[KEPT] + 1.0, goals.shape[1])
        _grow_due(ring, goals, refs, tries, nodes, cuts, sums, slots, groups, head, rng)
