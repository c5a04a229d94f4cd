"""Try the best most of the time, and anything now and then: with probabilities that are known and written down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def uniforms(seed: str) -> tuple[float, float]:
    """Return two numbers from 0 to 1, the same for the same seed everywhere: BLAKE2b as a counter-based generator.

    Examples
    --------
    >>> uniforms("t-0-7") == uniforms("t-0-7"), uniforms("t-0-7") == uniforms("t-0-8")
    (True, False)
    """
    raw = hashlib.blake2b(seed.encode(), digest_size=16).digest()
    return int.from_bytes(raw[:8], "big") / 2.0**64, int.from_bytes(raw[8:], "big") / 2.0**64


def choose(scores: Sequence[float], size: int, explore: float, seed: str) -> list[tuple[int, float]]:
    """Return the places of the candidates to offer, the best first, each with the probability that it stands there.

    The first is the one with the highest score, with probability 1 − explore, else any candidate, each alike: so each
    candidate can come first, and its probability to do so is exact, which is what off-policy evaluation needs
    (epsilon-greedy; Li et al., 2011). The others follow by their scores. Of equal scores the earlier is the higher.

    Examples
    --------
    >>> choose([0.1, 0.9, 0.5, 0.0], 2, explore=0.25, seed="a")
    [(1, 0.8125), (2, 0.8125)]
    """
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    count = len(order)
    if not count or not size:
        return []
    tries, which = uniforms(seed)
    first = order[min(int(which * count), count - 1)] if tries < explore else order[0]
    each = explore / count
    chosen = [(first, 1.0 - explore + each if first == order[0] else each)]
    rest = [one for one in order if one != first]
    for k, one in enumerate(rest[: size - 1], start=1):
        # The k best come before it when the first is one of them, else k − 1 of them do.
        among = 1.0 - explore + k * each
        chosen.append((one, among if one == order[k] else 1.0 - among))
    return chosen
