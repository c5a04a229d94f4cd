"""The scale of columns, learned on the way: mean and variance, forgetting slowly, that far values cannot wreck."""

from __future__ import annotations

import math

from aimass.models.kernel import Floats, kernel

COUNT, MEAN, VAR = range(3)  # the rows of a scale; its columns are those of x
_FORGET = 1e-3
_WARM = 20.0  # numbers before any counts as far
_MOST = 10.0  # standard deviations: learned as no further than this


@kernel
def moments(v: float, n: float, mean: float, var: float) -> tuple[float, float]:
    """Return mean and variance of n numbers once one more is learned."""
    if n == 0.0:
        return v, 0.0
    a, d = max(1.0 / (n + 1.0), _FORGET), v - mean
    if var > 0.0 and n > _WARM:
        most = _MOST * math.sqrt(var)
        d = min(max(d, -most), most)
    return mean + a * d, (1.0 - a) * (var + a * d * d)


@kernel
def learn_scale(x: Floats, scale: Floats) -> None:
    """Learn one row, its missing columns aside."""
    for j in range(len(x)):
        if x[j] == x[j]:
            scale[1, j], scale[2, j] = moments(x[j], scale[0, j], scale[1, j], scale[2, j])
            scale[0, j] += 1.0


@kernel
def scale_row(x: Floats, scale: Floats, far: float, z: Floats) -> None:
    """Set z to a row in standard deviations from the mean, at most ``far`` of them; 0 where it is missing."""
    for j in range(len(x)):
        z[j] = 0.0
        if x[j] == x[j] and scale[2, j] > 0.0:
            z[j] = min(max((x[j] - scale[1, j]) / math.sqrt(scale[2, j]), -far), far)
