"""How the numbers of a field were spread in a period: the distributions of its panes, mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from aimass.models.kernel import Floats
from aimass.quality.indicators import SHARES
from aimass.records import FieldJudgement

_PLACES = np.array([0.0, *SHARES, 1.0])
_HAIR = 1e-12


class Distribution(msgspec.Struct, frozen=True):
    """Numbers as a few: ``quantiles`` are the 1st, 5th, 25th, 50th, 75th, 95th and 99th percentile."""

    least: float
    most: float
    quantiles: list[float]


def distribution(panes: Sequence[FieldJudgement]) -> Distribution | None:
    """Return how numbers of panes are spread together; ``None`` where there are none.

    Examples
    --------
    >>> low = FieldJudgement(10, least=0.0, most=10.0, quantiles=(0.1, 0.5, 2.5, 5.0, 7.5, 9.5, 9.9))
    >>> high = FieldJudgement(10, least=20.0, most=30.0, quantiles=(20.1, 20.5, 22.5, 25.0, 27.5, 29.5, 29.9))
    >>> [round(one, 1) for one in distribution([low, high]).quantiles]
    [0.2, 1.0, 5.0, 10.0, 25.0, 29.0, 29.8]
    """
    return mixed(
        [
            (one.present, Distribution(one.least, one.most, list(one.quantiles)))
            for one in panes
            if one.quantiles and one.least is not None and one.most is not None
        ]
    )


def mixed(parts: Sequence[tuple[float, Distribution]]) -> Distribution | None:
    """Return the mixture of distributions, each with its weight.

    A distribution is known at nine places; between them it is taken for even. So the quantiles of a period lie between
    those of its panes, but not as close to the truth as these.
    """
    if not parts:
        return None
    curves = [np.clip([one.least, *one.quantiles, one.most], one.least, one.most) for _, one in parts]
    weights = np.array([weight for weight, _ in parts], np.float64)
    grid = np.unique(np.concatenate(curves))
    upto, below = np.zeros(len(grid)), np.zeros(len(grid))
    for weight, curve in zip(weights / weights.sum(), curves, strict=True):
        upto += weight * _shares(grid, curve, "right")
        below += weight * _shares(grid, curve, "left")
    return Distribution(float(grid[0]), float(grid[-1]), [_inverse(share, grid, upto, below) for share in SHARES])


def _shares(grid: Floats, curve: Floats, side: Literal["left", "right"]) -> Floats:
    """Return which share of a distribution is below each number, itself among it (right) or not (left)."""
    places = np.searchsorted(curve, grid, side)
    at = np.clip(places, 1, len(curve) - 1)
    width = curve[at] - curve[at - 1]
    part = (grid - curve[at - 1]) / np.where(width > 0, width, 1.0)
    found: Floats = _PLACES[at - 1] + part * (_PLACES[at] - _PLACES[at - 1])
    found[places == 0] = 0.0
    found[places == len(curve)] = 1.0
    return found


def _inverse(share: float, grid: Floats, upto: Floats, below: Floats) -> float:
    """Return the number that so large a share is below of."""
    at = min(int(np.searchsorted(upto, share - _HAIR)), len(grid) - 1)
    if at == 0 or share >= below[at] or below[at] <= upto[at - 1]:
        return float(grid[at])
    part = (share - upto[at - 1]) / (below[at] - upto[at - 1])
    return float(grid[at - 1] + max(0.0, part) * (grid[at] - grid[at - 1]))
