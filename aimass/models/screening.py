"""Nominates pairs of series that may be linked, by one-bit sketches: 64 bins of a pair compared at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aimass.models.kernel import Floats, kernel
from aimass.models.links_kernel import HISTORY

Words = npt.NDArray[np.uint64]
_WORDS = HISTORY // 64
_WINDOW = (_WORDS - 1) * 64
#: Comparisons of 256 bins that one call may make, and pairs it may name.
BUDGET = 1 << 21
NOMINEES = 64
#: Calls after which all have been compared, at the soonest: windows that overlap say the same again.
_ROUND = 16
#: From this many deviations on, squared, an agreement of signs is worth a closer look.
_LEAST = 5.5 * 5.5


def screen(history: Floats, lags: int, cursor: int) -> tuple[list[tuple[int, int]], int]:
    """Compare the next series with all others at every lag; name the pairs that agree best, the best first.

    The sign of a whitened value is a sketch of one bit: of normal series that correlate with *r*, signs agree with
    probability 1 − arccos(*r*)/π (Goemans & Williamson 1995, as in Charikar's SimHash 2002), so a whole window is
    compared by four machine words. A call does a bounded amount of work, and the next one goes on from there: a group
    of more series takes more calls to go round, not more time each.

    Parameters
    ----------
    history
        Series × `HISTORY` whitened values, 0 where there is none.
    lags
        The longest lag, at most 64 bins.
    cursor
        Where the last call ended.

    Returns
    -------
    Pairs of rows, the smaller first; and where to go on.

    Examples
    --------
    >>> walk = np.random.default_rng(1).normal(size=(40, HISTORY))
    >>> walk[30, 5:] = walk[7, :-5]
    >>> screen(walk, 10, 6)
    ([(7, 30)], 9)
    """
    count = history.shape[0]
    signs, there = np.zeros((count, _WORDS), np.uint64), np.zeros((count, _WORDS), np.uint64)
    _pack(history, signs, there)
    leaders = max(min(BUDGET // (count * (lags + 1)), -(-count // _ROUND)), 1)
    found = np.zeros((NOMINEES, 3))
    _compare(signs, there, lags, cursor % count, leaders, np.zeros((lags + 1, 2, _WORDS - 1), np.uint64), found)
    best = found[np.argsort(-found[:, 0], kind="stable")]
    pairs = [(min(i, j), max(i, j)) for score, i, j in best.tolist() if score > 0.0]
    return list(dict.fromkeys((int(i), int(j)) for i, j in pairs)), (cursor + leaders) % count


@kernel
def _ones(word: Any) -> Any:
    """Count the ones of a word."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _pack(history: Floats, signs: Words, there: Words) -> None:
    """Write the signs of values, and whether there are any, as bits: the oldest first."""
    for i in range(history.shape[0]):
        for t in range(HISTORY):
            bit = np.uint64(1) << np.uint64(t % 64)
            if history[i, t] > 0.0:
                signs[i, t // 64] |= bit
            if history[i, t] != 0.0:
                there[i, t // 64] |= bit


@kernel
def _delay(words: Words, by: int, out: Words) -> None:
    """Delay a row of bits; the first word is only there to be shifted in."""
    for w in range(1, _WORDS):
        if by == 0:
            out[w - 1] = words[w]
        elif by == 64:
            out[w - 1] = words[w - 1]
        else:
            out[w - 1] = (words[w] << np.uint64(by)) | (words[w - 1] >> np.uint64(64 - by))


@kernel
def _agreement(one: Words, other: Words, other_there: Words) -> float:
    """Return by how many deviations, squared, signs agree (or disagree) more often than by chance."""
    agree, both = 0, 0
    for w in range(_WORDS - 1):
        common = one[1, w] & other_there[w + 1]
        both += int(_ones(common))
        agree += int(_ones(~(one[0, w] ^ other[w + 1]) & common))
    more = 2.0 * agree - both
    return more * more / both if both >= 32 else 0.0


@kernel
def _keep(found: Floats, score: float, i: int, j: int) -> None:
    """Put a pair among the best, in the place of the least."""
    least = 0
    for n in range(1, found.shape[0]):
        if found[n, 0] < found[least, 0]:
            least = n
    if score > found[least, 0]:
        found[least, 0], found[least, 1], found[least, 2] = score, i, j


@kernel
def _compare(signs: Words, there: Words, lags: int, start: int, leaders: int, late: Words, found: Floats) -> None:
    """Compare each leader, delayed by each lag, with every other series."""
    count = signs.shape[0]
    for n in range(leaders):
        i = (start + n) % count
        for k in range(lags + 1):
            _delay(signs[i], k, late[k, 0])
            _delay(there[i], k, late[k, 1])
        for j in range(count):
            best = _LEAST
            for k in range(lags + 1):
                if j != i:
                    best = max(best, _agreement(late[k], signs[j], there[j]))
            if best > _LEAST:
                _keep(found, best, i, j)
