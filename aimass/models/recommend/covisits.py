"""What goes together: items that the same keys looked at within a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aimass.models.recommend.fading import Fading

NEIGHBOURS = 50
#: An item looked at n items before the last one counts this to the n.
FADE = 0.8


def shares(recent: Iterable[tuple[str, Fading | None]]) -> list[tuple[str, float, dict[str, float]]]:
    """Return of each item that was looked at, newest first, what it goes with, and what one unit of weight counts.

    Examples
    --------
    >>> shares([("new", None), ("jam", Fading(0.0, {"pot": 1.0, "tea": 1.0}))])
    [('jam', 0.4, {'pot': 1.0, 'tea': 1.0})]
    """
    found = []
    weight = 1.0
    for item, near in recent:
        if near is not None and near.weights:
            found.append((item, weight / sum(near.weights.values()), near.weights))
        weight *= FADE
    return found


def strengths(recent: Sequence[tuple[str, float, dict[str, float]]]) -> dict[str, float]:
    """Return how strongly items go with those that were looked at.

    The strength of an item is the share it has in what is looked at beside each recent item, the newer ones counting
    more (item-to-item, Linden et al., 2003; weighed by recency as in session-based neighbours).

    Examples
    --------
    >>> strengths([("tea", 0.25, {"cup": 3.0, "pot": 1.0}), ("jam", 0.4, {"pot": 2.0})])
    {'cup': 0.75, 'pot': 1.05}
    """
    found: dict[str, float] = {}
    get = found.get
    for _, scale, weights in recent:
        for other, weight in weights.items():
            found[other] = get(other, 0.0) + scale * weight
    return found


def reasons(item: str, recent: Sequence[tuple[str, float, dict[str, float]]]) -> list[str]:
    """Return which of the items looked at speak most for an item, two at most.

    Examples
    --------
    >>> reasons("pot", [("tea", 0.25, {"cup": 3.0, "pot": 1.0}), ("jam", 0.4, {"pot": 2.0})])
    ['jam', 'tea']
    """
    said = [(scale * weights[item], one) for one, scale, weights in recent if item in weights]
    said.sort(key=lambda pair: -pair[0])
    return [one for _, one in said[:2]]
