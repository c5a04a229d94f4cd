"""What a key's events leave behind, as loops over rows: the last value, its mean, runs of truths."""

from __future__ import annotations

import math

from aimass.models.kernel import Bools, Floats, Ints, kernel

#: About how many events a fading mean remembers, and how many it needs before it says how far off one is.
FADING = 100.0
WARM = 5.0
#: What is further off, in standard deviations, is learned as if it were so far: one outlier blinds nobody. A little of
#: the mean is added, so that what was constant can begin to move; what really moved is followed within some 60 events.
REACH, SLACK, TINY = 5.0, 0.05, 1e-9
LARGEST = 1e100


@kernel
def elapsed(slots: Ints, last: Floats, seen: Bools, times: Floats, counts: Bools, out: Floats) -> None:
    """Seconds since the key's previous event that counts; one that comes late moves no time."""
    for i in range(len(slots)):
        s = slots[i]
        out[i] = max(0.0, times[i] - last[s]) if seen[s] else math.nan
        if counts[i]:
            last[s] = max(last[s], times[i]) if seen[s] else times[i]
            seen[s] = True


@kernel
def streak(slots: Ints, runs: Ints, truths: Ints, out: Floats) -> None:
    """Of how many events in a row something has been true; where it is unknown, the run goes on unchanged."""
    for i in range(len(slots)):
        s = slots[i]
        if truths[i] == 1:
            runs[s] += 1
        elif truths[i] == 0:
            runs[s] = 0
        out[i] = runs[s]


@kernel
def changed(slots: Ints, last: Ints, seen: Bools, names: Ints, known: Bools, out: Ints) -> None:
    """Whether a value is another than the key's previous one."""
    for i in range(len(slots)):
        s = slots[i]
        out[i] = -1
        if known[i]:
            if seen[s]:
                out[i] = int(last[s] != names[i])
            last[s] = names[i]
            seen[s] = True


@kernel
def fresh(
    seconds: float, slots: Ints, names: Ints, seen: Floats, times: Floats, x: Ints, known: Bools, out: Ints
) -> None:
    """Whether the key never had a value, or not for so long; a row keeps those it had last, with the time and 1."""
    for i in range(len(slots)):
        s = slots[i]
        out[i] = -1
        if not known[i]:
            continue
        t = times[i] + 1.0
        at, oldest, others = -1, 0, False
        for j in range(names.shape[1]):
            if seen[s, j] > 0.0 and names[s, j] == x[i]:
                at = j
            others = others or (seen[s, j] > 0.0 and t - seen[s, j] < seconds)
            if seen[s, j] < seen[s, oldest]:
                oldest = j
        if at >= 0 and t - seen[s, at] < seconds:
            out[i] = 0
        elif others:
            out[i] = 1
        if at < 0 and t >= seen[s, oldest]:
            at = oldest
            names[s, at] = x[i]
            seen[s, at] = 0.0
        if at >= 0:
            seen[s, at] = max(seen[s, at], t)


@kernel
def fade(
    is_deviation: bool, slots: Ints, n: Floats, mean: Floats, var: Floats, x: Floats, known: Bools, out: Floats
) -> None:
    """The fading mean before each event, or how far off it the event is, in standard deviations.

    After West, Communications of the ACM 22 (1979): weights of all events alike at first, then fading.
    """
    for i in range(len(slots)):
        s = slots[i]
        sd = math.sqrt(var[s])
        if is_deviation:
            out[i] = (x[i] - mean[s]) / sd if known[i] and n[s] >= WARM and sd > 0.0 else math.nan
        else:
            out[i] = mean[s] if n[s] > 0.0 else math.nan
        if known[i]:
            value = min(max(x[i], -LARGEST), LARGEST)
            if n[s] >= WARM:
                most = REACH * sd + SLACK * abs(mean[s]) + TINY
                value = min(max(value, mean[s] - most), mean[s] + most)
            n[s] += 1.0
            share = max(1.0 / n[s], 1.0 / FADING)
            off = value - mean[s]
            mean[s] += share * off
            var[s] = (1.0 - share) * (var[s] + share * off * off)


@kernel
def hysteresis(
    on: float, off: float, slots: Ints, held: Bools, x: Floats, known: Bools, out: Ints, seen: Bools
) -> None:
    """True from when a value passes the first bound until it passes back the second."""
    for i in range(len(slots)):
        s = slots[i]
        if known[i]:
            seen[s] = True
            if on >= off:
                held[s] = x[i] >= on or (held[s] and x[i] > off)
            else:
                held[s] = x[i] <= on or (held[s] and x[i] < off)
        out[i] = int(held[s]) if seen[s] else -1
