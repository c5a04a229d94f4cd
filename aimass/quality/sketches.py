"""Sketches of a field's values: small, without chance, and the same whatever order the values came in.

Numbers are counted in buckets whose borders are floats with six bits of mantissa: a value and the middle of its bucket
differ by at most 1/128 of it (the log-linear buckets of HdrHistogram; like DDSketch, Masson et al., VLDB 2019, but
found by a shift instead of a logarithm, so that every machine finds the same). Texts are counted exactly while there
are few; of more, those with the smallest hashes are kept, with exact counts still, and their largest hash says how many
there are (bottom-k: Bar-Yossef et al., RANDOM 2002; Cohen & Kaplan, PODC 2007). What is frequent among many is found by
Misra & Gries' counters (1982), merged as Agarwal et al. (PODS 2012) do: the one part that is exact only up to a stated
error.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from zlib import crc32

import msgspec
import numpy as np

from aimass.models.kernel import Floats, Ints
from aimass.records import FieldPane

_SHIFT = 46
#: A number and the middle of its bucket differ by at most this share of it.
ERROR = 1 / 128
#: How many buckets a field has at the most: 32 powers of two, as fine as they are.
BUCKETS = 2_048
#: How many texts a sample has at the most.
SAMPLE = 256
#: How many frequent texts are followed, and after how many occurrences they are cut down to as many.
HOT = 32
_HOT_EVERY = 512
_LONGEST = 48
_DENSE = 8_192  # a batch whose buckets span no more is counted in one pass
_WHOLE = 1 << 64


def buckets(numbers: Floats) -> list[int]:
    """Return the bucket of each number.

    Examples
    --------
    >>> [round(middle(one), 2) for one in buckets(np.array([100.0, 101.0, -3.0, 0.0]))]
    [100.5, 101.5, -3.02, 0.0]
    """
    return _buckets(numbers).tolist()  # type: ignore[no-any-return]


def _buckets(numbers: Floats) -> Ints:
    found: Ints = (numbers + 0.0).view(np.int64) >> _SHIFT  # + 0.0: there is one zero
    return found


def count_buckets(counts: dict[int, int], numbers: Floats, coarse: int = 0) -> None:
    """Count how many numbers fall into each bucket; ``coarse`` bits of a bucket's number are not told apart."""
    found = _buckets(numbers)
    if coarse:
        found = (found >> coarse << coarse) + (1 << coarse >> 1)
    first = int(found.min())
    if int(found.max()) - first < _DENSE:
        tally = np.bincount(found - first)
        there = np.flatnonzero(tally)
        pairs = zip((there + first).tolist(), tally[there].tolist(), strict=True)
    else:
        pairs = zip(*np.unique(found, return_counts=True), strict=True)
    for bucket, count in pairs:
        counts[int(bucket)] = counts.get(bucket, 0) + int(count)


def middle(bucket: int) -> float:
    """Return the number in the middle of a bucket."""
    if bucket == 0:
        return 0.0
    ends = np.array([bucket << _SHIFT, (bucket + 1) << _SHIFT], np.int64).view(np.float64)
    return float(ends[0] + (ends[1] - ends[0]) / 2) if np.isfinite(ends[1]) else float(ends[0])


def ordered(counts: Mapping[int, int]) -> list[tuple[float, int]]:
    """Return the middles of buckets and their counts, by size."""
    return sorted((middle(bucket), count) for bucket, count in counts.items())


def quantiles(counts: Mapping[int, int], shares: Sequence[float]) -> list[float]:
    """Return the values below which these shares of all numbers lie, each within `ERROR` of itself.

    Examples
    --------
    >>> counts = Counter(buckets(np.arange(1.0, 1001.0)))
    >>> [round(one) for one in quantiles(counts, [0.01, 0.5, 0.99])]
    [10, 502, 988]
    """
    rows = ordered(counts)
    sums = list(accumulate(count for _, count in rows))
    if not rows:
        return []
    return [rows[min(bisect_left(sums, share * sums[-1]), len(rows) - 1)][0] for share in shares]


def spread(counts: Mapping[int, int]) -> tuple[float, float]:
    """Return the median and the robust deviation, 1.4826 times the median distance from it."""
    (median,) = quantiles(counts, [0.5])
    distances = sorted((abs(value - median), count) for value, count in ordered(counts))
    half = sum(counts.values()) / 2
    total = 0
    for distance, count in distances:
        total += count
        if total >= half:
            return median, 1.4826 * distance
    return median, 0.0


def divergence(ours: Mapping[int, int], theirs: Mapping[int, int]) -> float | None:
    """Return the Jensen–Shannon divergence, base 2, of two counts: from 0, the same, to 1, nothing in common.

    Buckets are taken together by eights, so that noise of few values does not look like a change.
    """
    ours, theirs = _coarse(ours), _coarse(theirs)
    mine, other = sum(ours.values()), sum(theirs.values())
    if not mine or not other:
        return None
    found = 0.0
    for bucket in sorted(set(ours) | set(theirs)):
        p, q = ours.get(bucket, 0) / mine, theirs.get(bucket, 0) / other
        mean = (p + q) / 2
        found += sum(0.5 * one * float(np.log2(one / mean)) for one in (p, q) if one > 0)
    return min(1.0, max(0.0, found))


def _coarse(counts: Mapping[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for bucket, count in counts.items():
        found[bucket >> 3] = found.get(bucket >> 3, 0) + count
    return found


def add_numbers(pane: FieldPane, numbers: Floats) -> None:
    """Count numbers, all of them finite."""
    count_buckets(pane.numbers, numbers, pane.coarse)
    _coarsen(pane)
    least, most = float(numbers.min()) + 0.0, float(numbers.max()) + 0.0
    pane.least = least if pane.least is None or least < pane.least else pane.least
    pane.most = most if pane.most is None or most > pane.most else pane.most


def _coarsen(pane: FieldPane, least: int = 0) -> None:
    """Take buckets together, by twos, until they are few enough: each such step doubles the error."""
    while len(pane.numbers) > BUCKETS or pane.coarse < least:
        pane.coarse += 1
        grown: dict[int, int] = {}
        for bucket, count in pane.numbers.items():
            name = (bucket >> pane.coarse << pane.coarse) + (1 << pane.coarse >> 1)
            grown[name] = grown.get(name, 0) + count
        pane.numbers = grown


def add_texts(pane: FieldPane, texts: Sequence[str]) -> None:
    """Count texts, in the order in which they came."""
    start = 0
    while start < len(texts):
        stop = min(len(texts), start + _HOT_EVERY - pane.hot_seen % _HOT_EVERY)
        part = Counter(texts[start:stop])
        pane.hot_seen += stop - start
        start = stop
        short = {_shown(text): count for text, count in part.items()} if max(map(len, part)) > _LONGEST else part
        _count(pane, short)
        _count_hot(pane, short)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 9]}…{crc32(text.encode()):08x}"


def _count(pane: FieldPane, part: Mapping[str, int]) -> None:
    values = pane.values
    if pane.border is None:
        for text, count in part.items():
            values[text] = values.get(text, 0) + count
    else:
        border = pane.border
        for text, number in zip(part, hashes(part), strict=True):
            if number <= border:
                values[text] = values.get(text, 0) + part[text]
    if len(values) > 2 * SAMPLE:  # not at once: hashes cost time
        settle(pane)


def add_truths(pane: FieldPane, truths: Sequence[bool]) -> None:
    """Count truths."""
    count = sum(truths)
    _count(pane, {name: n for name, n in (("true", count), ("false", len(truths) - count)) if n})


def settle(pane: FieldPane) -> None:
    """Keep the texts with the smallest hashes: the same ones whenever this is done.

    What is dropped can never come back, so counts stay exact.
    """
    if len(pane.values) <= SAMPLE:
        return
    kept = sorted(zip(hashes(pane.values), pane.values, strict=True))[:SAMPLE]
    pane.border = kept[-1][0]
    pane.values = {text: pane.values[text] for _, text in kept}


def _count_hot(pane: FieldPane, part: Mapping[str, int]) -> None:
    hot = pane.hot
    for text, count in part.items():
        hot[text] = hot.get(text, 0) + count
    if pane.hot_seen % _HOT_EVERY == 0:
        _cut_hot(pane)


def _cut_hot(pane: FieldPane) -> None:
    """Keep the most frequent, each less the count of the first that goes."""
    if len(pane.hot) <= HOT:
        return
    less = sorted(pane.hot.values(), reverse=True)[HOT]
    pane.hot_error += less
    pane.hot = {text: count - less for text, count in pane.hot.items() if count > less}


def told(pane: FieldPane) -> FieldPane:
    """Return what is told of a field: of the frequent texts only as many as are followed for good."""
    if len(pane.hot) <= HOT:
        return pane
    copy = msgspec.structs.replace(pane, hot=dict(pane.hot))
    _cut_hot(copy)
    return copy


def hashes(texts: Iterable[str]) -> list[int]:
    """Return a number below 2⁶⁴ for each text, as if by chance and the same everywhere: CRC-32, well mixed."""
    mixed = np.array([crc32(text.encode()) + (len(text) << 32) for text in texts], np.uint64)
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    mixed ^= mixed >> np.uint64(33)
    found: list[int] = mixed.tolist()
    return found


def distinct(pane: FieldPane) -> int:
    """Return how many different texts there were: exactly while they are few, else within about 12 % in 19 of 20 cases.

    The standard error of a sample of k hashes is 1/√(k−2): 6.3 %.

    Examples
    --------
    >>> pane = FieldPane()
    >>> add_texts(pane, [f"user-{i % 3}" for i in range(100)])
    >>> distinct(pane), pane.values["user-0"]
    (3, 34)
    """
    settle(pane)
    if pane.border is None:
        return len(pane.values)
    return round((len(pane.values) - 1) / (pane.border / _WHOLE))


def top(pane: FieldPane, count: int = 10) -> list[tuple[str, int]]:
    """Return the most frequent texts, and how often they came at the least."""
    found = pane.values if pane.border is None else pane.hot
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))[:count]


def merge(into: FieldPane, other: FieldPane) -> None:
    """Add what another part of the same field saw."""
    into.present += other.present
    into.checked += other.checked
    into.agreed += other.agreed
    for mine, theirs in ((into.kinds, other.kinds), (into.wrong, other.wrong), (into.hot, other.hot)):
        add(mine, theirs)
    _coarsen(into, other.coarse)
    for bucket, count in other.numbers.items():
        name = (bucket >> into.coarse << into.coarse) + (1 << into.coarse >> 1)
        into.numbers[name] = into.numbers.get(name, 0) + count
    _coarsen(into)
    into.least = _either(min, into.least, other.least)
    into.most = _either(max, into.most, other.most)
    borders = [one for one in (into.border, other.border) if one is not None]
    add(into.values, other.values)
    if borders:
        into.border = min(borders)
        kept = [text for text, number in zip(into.values, hashes(into.values), strict=True) if number <= into.border]
        into.values = {text: into.values[text] for text in kept}
    settle(into)
    into.hot_error += other.hot_error
    into.hot_seen += other.hot_seen
    _cut_hot(into)


def add(into: dict[str, int], other: Mapping[str, int]) -> None:
    """Add counts to counts."""
    for name, count in other.items():
        into[name] = into.get(name, 0) + count


def _either(pick: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return pick(one, other)
