"""Kernels: plain loops over arrays, compiled to machine code, exact to the last bit.

A kernel is written as what it means, one event after the other, so that no one can tell how a batch was cut. Compiled
code does what Python's floats do: nothing is reordered, contracted or approximated. What might differ between two
machines is not used: no BLAS (``@``, `numpy.dot`), no threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile a function at its first call; its machine code is kept on disk for the next process.

    Its arguments are arrays and numbers. ``function.py_func`` is the same function, not compiled.

    Examples
    --------
    >>> @kernel
    ... def total(values):
    ...     found = 0.0
    ...     for i in range(len(values)):
    ...         found += values[i]
    ...     return found
    >>> total(np.array([1.0, 2.0]))
    3.0
    """
    try:
        return cast(F, njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # there is nowhere to keep machine code: each process compiles for itself
        return cast(F, njit(error_model="numpy")(function))
