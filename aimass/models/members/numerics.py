"""exp and log that are the same to the last bit on every machine: the C library's differ by processor and version."""

from __future__ import annotations

import math

from aimass.models.kernel import kernel

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10
_SQRT_HALF = 0.7071067811865476


@kernel
def exp(x: float) -> float:
    """Return e to the x, right to about 1e-15 of it; 0 below −700, and no more than at 700.

    Examples
    --------
    >>> abs(exp(1.0) - 2.718281828459045) < 1e-14
    True
    """
    if x < -700.0:
        return 0.0
    if x > 700.0:
        x = 700.0
    k = math.floor(x * _LOG2_E + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    # Taylor's series to r^13: the remainder is below 1e-17 where |r| <= ln(2) / 2
    s = 1.0 + r / 13.0
    s = 1.0 + s * r * (1.0 / 12.0)
    s = 1.0 + s * r * (1.0 / 11.0)
    s = 1.0 + s * r * (1.0 / 10.0)
    s = 1.0 + s * r * (1.0 / 9.0)
    s = 1.0 + s * r * (1.0 / 8.0)
    s = 1.0 + s * r * (1.0 / 7.0)
    s = 1.0 + s * r * (1.0 / 6.0)
    s = 1.0 + s * r * (1.0 / 5.0)
    s = 1.0 + s * r * (1.0 / 4.0)
    s = 1.0 + s * r * (1.0 / 3.0)
    s = 1.0 + s * r * 0.5
    return math.ldexp(1.0 + s * r, int(k))


@kernel
def log(x: float) -> float:
    """Return the natural logarithm of a positive number, right to about 1e-15; −745 for 0 and less.

    Examples
    --------
    >>> abs(log(10.0) - 2.302585092994046) < 1e-14
    True
    """
    if not x > 0.0:
        return -745.0
    m, e = math.frexp(x)
    if m < _SQRT_HALF:
        m *= 2.0
        e -= 1
    t = (m - 1.0) / (m + 1.0)
    q = t * t
    s = 1.0 / 21.0
    s = s * q + 1.0 / 19.0
    s = s * q + 1.0 / 17.0
    s = s * q + 1.0 / 15.0
    s = s * q + 1.0 / 13.0
    s = s * q + 1.0 / 11.0
    s = s * q + 1.0 / 9.0
    s = s * q + 1.0 / 7.0
    s = s * q + 1.0 / 5.0
    s = s * q + 1.0 / 3.0
    s = s * q + 1.0
    return 2.0 * t * s + e * _LN2_LOW + e * _LN2_HIGH
