"""The arithmetic of `aimass.models.ensemble`: weighted votes, and weights that follow what the votes were worth."""

from __future__ import annotations

import math

from aimass.models.kernel import Bools, Floats, kernel
from aimass.models.members.numerics import exp

WEIGHT, EVENTS, LOSS, RECENT, LATELY = range(5)  # rows of a member's score: loss summed, and fading with its count
SCORE = 5
SHARE = 1e-3  # of a weight goes to all in equal parts, so that no member is ever lost
FADE = 0.999
SHARP = 0.5  # how strongly one wrong class tells on a weight
SHARP_NUMBER = 0.2  # and an error as large as the best member's usual one
WORST = 10.0  # usual errors: what is further off counts as this far
LEAST = 0.02  # of the largest weight: votes with less are not heard, since many bad ones add up
_MOST = 1e100


@kernel
def _vote(votes: Floats, score: Floats, p: Floats) -> float:
    """Set p to the weighted mean of the votes that count; return their weight."""
    p[:] = 0.0
    total: float = 0.0
    most: float = 0.0
    for m in range(votes.shape[0]):
        if abs(votes[m, 0]) <= _MOST:
            most = max(most, score[WEIGHT, m])
    for m in range(votes.shape[0]):
        if abs(votes[m, 0]) <= _MOST and score[WEIGHT, m] >= LEAST * most:
            total += score[WEIGHT, m]
            for k in range(len(p)):
                p[k] += score[WEIGHT, m] * votes[m, k]
    for k in range(len(p)):
        p[k] = p[k] / total if total > 0.0 else math.nan
    return total


@kernel
def _unit(score: Floats) -> float:
    """Return the usual error of the member that lately erred least; 0 while none is known."""
    least: float = math.inf
    for m in range(score.shape[1]):
        if score[LATELY, m] > 0.0:
            usual: float = score[RECENT, m] / score[LATELY, m]
            least = min(least, usual)
    if least == math.inf:
        least = 0.0
    return least


@kernel
def _loss(vote: Floats, y: float, is_number: bool) -> float:
    """Return the absolute error of a number, or whether the likeliest class was wrong."""
    if is_number:
        error: float = min(abs(vote[0] - y), _MOST)
        return error
    best = 0
    for k in range(len(vote)):
        if vote[k] > vote[best]:
            best = k
    return 0.0 if best == y else 1.0


@kernel
def _learn(votes: Floats, y: float, is_number: bool, score: Floats) -> None:
    """Move weights among those who voted; what the absent have stays as it is."""
    members = votes.shape[0]
    for m in range(members):
        if abs(votes[m, 0]) <= _MOST:
            loss = _loss(votes[m], y, is_number)
            score[EVENTS, m] += 1.0
            score[LOSS, m] += loss
            score[RECENT, m] = FADE * score[RECENT, m] + loss
            score[LATELY, m] = FADE * score[LATELY, m] + 1.0
    unit = _unit(score) if is_number else 1.0
    before = after = 0.0
    for m in range(members):
        if abs(votes[m, 0]) <= _MOST:
            loss = _loss(votes[m], y, is_number)
            worth = exp(-SHARP * loss)
            if is_number:
                worth = exp(-SHARP_NUMBER * min(loss / unit, WORST)) if unit > 0.0 else 1.0 if loss == 0.0 else 0.0
            before += score[WEIGHT, m]
            score[WEIGHT, m] *= worth
            after += score[WEIGHT, m]
    if before == 0.0:
        return
    for m in range(members):
        w = score[WEIGHT, m]
        if abs(votes[m, 0]) <= _MOST and after > 0.0:
            w *= before / after
        score[WEIGHT, m] = (1.0 - SHARE) * w + SHARE / members


@kernel
def mix(votes: Floats, y: Floats, learn: Bools, told: Bools, is_number: bool, score: Floats, p: Floats) -> None:
    """Answer each event by the members' votes, then weigh them by the truth.

    Parameters
    ----------
    votes
        Events × members × classes (1 for a number); NaN: no vote.
    y, learn
        Labels, and which of them to learn from.
    told
        Events that were answered earlier: their answers stay.
    score
        `SCORE` × members; changed in place.
    p
        Where to put the answers; events × classes.
    """
    for i in range(len(y)):
        if not told[i]:
            _vote(votes[i], score, p[i])
        if learn[i]:
            _learn(votes[i], y[i], is_number, score)
