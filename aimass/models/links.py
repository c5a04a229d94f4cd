"""Finds which series of a group move together, with what lag, since when, and notices when they cease to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimass.models.kernel import Bools, Floats, Ints
from aimass.models.links_kernel import (
    BEFORE,
    BEST,
    BINS,
    BLOCK,
    COUNT,
    EVIDENCE,
    HISTORY,
    JUDGED_WIDTH,
    LAG,
    LINKED,
    OWN_STRENGTH,
    PAIR_WIDTH,
    RATIO,
    SEEN,
    SERIES_WIDTH,
    SIGNIFICANCE,
    SINCE,
    SLL,
    STREAK,
    STRENGTH,
    TRIAL,
    accumulate,
    judge,
    watch,
    whiten,
)
from aimass.models.members.base import pack, unpack, widened
from aimass.models.screening import screen

#: Series of a group; more are not looked at.
MAX_SERIES = 4096
#: Up to so many series every pair is verified; of more, only nominated pairs are, and never more than `MAX_PAIRS`.
SMALL = 32
MAX_PAIRS = 512
MAX_LAG = 64
#: −log10 of the chance at which a link counts as broken.
BROKEN = 6.0
_CHANCE = 1e-4
_HOLD = 2
_KEEP = 0.7
_BETTER = 0.05
_STRONGER = 0.1
_STEP = 16
_KIND = "links"


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """What counts as a link.

    Parameters
    ----------
    lags
        The longest lag, in bins, at most 64.
    links
        How many links are kept, the strongest.
    strength
        The least correlation of a link.
    """

    lags: int = 30
    links: int = 64
    strength: float = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a link.

    Parameters
    ----------
    what
        ``found``, ``changed``, ``broken`` or ``gone``.
    leader, follower
        The series, by number.
    lag
        In bins.
    strength
        The correlation at that lag.
    since
        The bin from which on the link has been there.
    bin
        The bin of the change.
    score
        For a break: −log10 of its chance were the link still there.
    """

    what: str
    leader: int
    follower: int
    lag: int
    strength: float
    since: int
    bin: int
    score: float = 0.0


class LinkFinder:
    """Finds links between the series of one group, from blocks of `BLOCK` bins.

    A value is whitened first: its change, less what its own past foretells (second order, by Yule–Walker), in
    deviations, clipped at 4. So levels, trends and random walks, which correlate with anything, do not.
    Of up to 32 series all pairs are verified, of more those that one-bit sketches nominate (`aimass.models.screening`),
    512 at the most: products at every lag and their squares, fading over some 500 to 1,000 bins in which something
    happens. Their sum over the root of the
    sum of squares is significant beyond √(2 ln(2 pairs lags / 1e-4)): self-normalised, so that few or wild values make
    no link (de la Peña, Lai & Shao, Self-Normalized Processes, 2009), widened by what autocorrelation is left.
    A link that was found is watched bin by bin by Page's test of "it follows" against "it goes its own way".

    Parameters
    ----------
    spec
        What counts as a link.

    Examples
    --------
    >>> import numpy as np
    >>> walk = np.random.default_rng(3).normal(size=405).cumsum()
    >>> finder = LinkFinder(LinkSpec(lags=10))
    >>> found = []
    >>> for n in range(50):
    ...     at = slice(n * 8 + 5, n * 8 + 13)
    ...     found += finder.step(n, np.stack([walk[at], walk[n * 8 : n * 8 + 8]]))
    >>> [(one.what, one.leader, one.follower, one.lag) for one in found]
    [('found', 0, 1, 5)]
    """

    def __init__(self, spec: LinkSpec) -> None:
        self.spec = spec
        self.cursor = 0
        self.series: Floats = np.zeros((0, SERIES_WIDTH))
        self.history: Floats = np.zeros((0, HISTORY))
        self.pairs: Ints = np.zeros((0, 2), np.int64)
        self.stats: Floats = np.zeros((0, PAIR_WIDTH))
        self.sums: Floats = np.zeros((0, 2, 2 * spec.lags + 1))

    def step(self, number: int, block: Floats) -> list[Change]:
        """Take the next block, series × bins, NaN where there is no value; return what became of links.

        Blocks are numbered in time: bin ``number * BLOCK`` is its first. More rows than before are new series.
        """
        self._grow(block.shape[0])
        values = block if len(block) == len(self.series) else _filled(block, len(self.series))
        whiten(np.ascontiguousarray(values), self.series, self.history, float(number))
        changes = self._watched(number)
        self._nominate()
        accumulate(self.history, self.pairs, 0, HISTORY - BLOCK, HISTORY, self.sums, self.stats)
        changes += self._judged((number + 1) * BLOCK - 1)
        self._evict()
        return changes

    @property
    def newest(self) -> Floats:
        """The newest block of whitened values, series × bins: what a restored finder needs of the last 40."""
        return self.history[:, HISTORY - BLOCK :]

    def _grow(self, count: int) -> None:
        if count > len(self.series):
            more = -(-count // _STEP) * _STEP
            self.series = widened(self.series, more, SERIES_WIDTH)
            self.history = widened(self.history, more, HISTORY)

    def _watched(self, number: int) -> list[Change]:
        """Return the links that broke in the newest block; what was known of their pairs is forgotten."""
        broke = np.full(len(self.pairs), -1, np.int64)
        watch(self.history, self.pairs, self.stats, self.series, BROKEN * math.log(10), broke)
        changes = []
        for p in np.flatnonzero(broke >= 0).tolist():
            score = float(self.stats[p, EVIDENCE]) / math.log(10)
            changes.append(self._change("broken", p, self._strength(p), number * BLOCK + int(broke[p]), score))
            lag = self.stats[p, LAG]
            self.stats[p], self.sums[p] = 0.0, 0.0
            self.stats[p, BEFORE] = 1.0 + lag + MAX_LAG
        return changes

    def _strength(self, p: int) -> float:
        where = self.spec.lags + int(self.stats[p, LAG])
        return max(-1.0, min(1.0, float(self.sums[p, 0, where]) / math.sqrt(self.stats[p, 0] * self.stats[p, 1])))

    def _nominate(self) -> None:
        """Add pairs to be verified: all of a small group, those that look alike of a large one."""
        live = np.flatnonzero(self.series[:, COUNT] > 0.0).tolist()
        if len(live) <= SMALL:
            if len(self.pairs) < len(live) * (len(live) - 1) // 2:
                self._add([(i, j) for n, i in enumerate(live) for j in live[n + 1 :]])
            return
        named, self.cursor = screen(self.history, self.spec.lags, self.cursor)
        self._add(named)

    def _add(self, wanted: Sequence[tuple[int, int]]) -> None:
        there = set(map(tuple, self.pairs.tolist()))
        fresh = [pair for pair in wanted if pair not in there][: max(MAX_PAIRS - len(there), 0)]
        if not fresh:
            return
        first, count = len(self.pairs), len(self.pairs) + len(fresh)
        self.pairs = np.concatenate([self.pairs, np.array(fresh, np.int64)])
        self.stats = widened(self.stats, count, PAIR_WIDTH)
        self.sums = widened(self.sums, count, *self.sums.shape[1:])
        past = HISTORY - TRIAL  # what is remembered counts at once; the newest block is added with all others'
        accumulate(self.history, self.pairs, first, past, HISTORY - BLOCK, self.sums, self.stats)

    def _judged(self, now: int) -> list[Change]:
        """Return what became of links now that a block was added."""
        seen = np.zeros((len(self.pairs), JUDGED_WIDTH))
        judge(self.pairs, self.sums, self.stats, self.series, seen)
        strong = np.abs(seen[:, STRENGTH])
        able = (strong >= self.spec.strength) & (seen[:, SIGNIFICANCE] >= self._least())
        linked = self.stats[:, LINKED] > 0.0
        moved = (seen[:, BEST] != self.stats[:, LAG]) & (strong > np.abs(seen[:, OWN_STRENGTH]) + _BETTER)
        waits = able & (~linked | moved)
        self.stats[:, STREAK] = np.where(waits, self.stats[:, STREAK] + 1.0, 0.0)
        weak = np.abs(seen[:, OWN_STRENGTH]) < _KEEP * self.spec.strength
        gone = linked & ~waits & weak
        changes = [self._end(p, float(seen[p, OWN_STRENGTH]), now) for p in np.flatnonzero(gone).tolist()]
        ready = np.flatnonzero(self.stats[:, STREAK] >= _HOLD)
        is_full = False
        for p in ready[np.argsort(-strong[ready], kind="stable")].tolist():
            if not linked[p] and not is_full:
                ended = self._make_room(strong[p], seen, now)
                is_full = ended is None  # for all the weaker ones that follow, too
                changes += ended or []
            if linked[p] or not is_full:
                changes.append(self._promote(p, seen, now))
        return changes

    def _least(self) -> float:
        """Return the significance of a link: one false among all pairs and lags, in one of 10,000 memories."""
        live = max(int(np.count_nonzero(self.series[:, COUNT])), 2)
        return math.sqrt(2.0 * math.log(live * (live - 1) * (2 * self.spec.lags + 1) / _CHANCE))

    def _make_room(self, strength: float, seen: Floats, now: int) -> list[Change] | None:
        """End the weakest link where there are as many as there may be; ``None`` when that one is about as strong."""
        linked = np.flatnonzero(self.stats[:, LINKED] > 0.0)
        if len(linked) < self.spec.links:
            return []
        own = np.abs(seen[linked, OWN_STRENGTH])
        weakest = int(linked[np.argmin(own)])
        if strength <= own.min() + _STRONGER:
            return None
        return [self._end(weakest, float(seen[weakest, OWN_STRENGTH]), now)]

    def _promote(self, p: int, seen: Floats, now: int) -> Change:
        """Make a pair a link, or move its lag."""
        stat = self.stats[p]
        before = stat[BEFORE]
        is_moved = stat[LINKED] > 0.0 or (before > 0.0 and before != 1.0 + seen[p, BEST] + MAX_LAG)
        stat[SINCE] = now - stat[STREAK] * BLOCK + 1
        stat[LINKED], stat[LAG], stat[RATIO] = 1.0, seen[p, BEST], 1.0
        stat[STREAK] = stat[EVIDENCE] = stat[BEFORE] = 0.0
        stat[SLL:] = 0.0
        seen[p, OWN_STRENGTH] = seen[p, STRENGTH]
        return self._change("changed" if is_moved else "found", p, float(seen[p, STRENGTH]), now)

    def _end(self, p: int, strength: float, now: int) -> Change:
        change = self._change("gone", p, strength, now)
        self.stats[p, LINKED], self.stats[p, STREAK] = 0.0, 0.0
        return change

    def _change(self, what: str, p: int, strength: float, now: int, score: float = 0.0) -> Change:
        (i, j), lag = self.pairs[p].tolist(), int(self.stats[p, LAG])
        leader, follower = (i, j) if lag >= 0 else (j, i)
        return Change(what, leader, follower, abs(lag), strength, int(self.stats[p, SINCE]), now, score)

    def _evict(self) -> None:
        """In a large group, give up pairs that have had their trial and are not strong."""
        if np.count_nonzero(self.series[:, COUNT]) <= SMALL:
            return
        best = np.abs(self.sums[:, 0]).max(axis=1, initial=0.0)
        whole = np.sqrt(self.stats[:, 0] * self.stats[:, 1])
        weak = (self.stats[:, BINS] >= TRIAL) & (best < _KEEP * self.spec.strength * whole)
        self._keep_pairs(~weak | (self.stats[:, LINKED] > 0.0))

    def _keep_pairs(self, those: Bools) -> None:
        kept = np.flatnonzero(those)
        if len(kept) < len(self.pairs):
            self.pairs, self.stats, self.sums = self.pairs[kept], self.stats[kept], self.sums[kept]

    def quiet(self, before: int) -> list[int]:
        """Return the series that have had no value since block ``before``."""
        return np.flatnonzero((self.series[:, COUNT] > 0.0) & (self.series[:, SEEN] < before)).tolist()

    def drop(self, those: Sequence[int], now: int) -> list[Change]:
        """Forget series, and with them their links; their numbers are free for others."""
        touched: Bools = np.asarray(np.isin(self.pairs, list(those)).any(axis=1))
        linked = np.flatnonzero(touched & (self.stats[:, LINKED] > 0.0)).tolist()
        changes = [self._end(p, self._strength(p), now) for p in linked]
        self._keep_pairs(~touched)
        self.series[list(those)], self.history[list(those)] = 0.0, 0.0
        return changes

    def encode(self) -> bytes:
        """Return the state but for the history, as bytes."""
        return pack(_KIND, 1, {"cursor": self.cursor}, [self.series, self.pairs, self.stats, self.sums])

    @classmethod
    def decode(cls, raw: bytes, spec: LinkSpec) -> LinkFinder:
        """Return the finder that wrote these bytes; its history is empty."""
        settings, arrays = unpack(raw, _KIND, 1)
        made = cls(spec)
        made.cursor = settings["cursor"]
        made.series, made.pairs, made.stats, made.sums = arrays
        made.history = np.zeros((len(made.series), HISTORY))
        return made


def _filled(block: Floats, count: int) -> Floats:
    more = np.full((count, BLOCK), np.nan)
    more[: len(block)] = block
    return more
