"""Streams for tests of members, made from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from aimass.models.kernel import Floats
from aimass.models.members import (
    BayesClassifier,
    ForestClassifier,
    ForestRegressor,
    LinearClassifier,
    LinearRegressor,
    NeighboursClassifier,
    NeighboursRegressor,
    NewtonClassifier,
    NewtonRegressor,
    NoChange,
    Prior,
)

CLASSIFIERS: list[Any] = [
    BayesClassifier, ForestClassifier, LinearClassifier, NeighboursClassifier, NewtonClassifier, NoChange, Prior
]  # fmt: skip
REGRESSORS: list[Any] = [ForestRegressor, LinearRegressor, NeighboursRegressor, NewtonRegressor]
LEARNERS = [kind for kind in CLASSIFIERS if kind not in (NoChange, Prior)]


def rows(n: int, width: int = 3, seed: int = 0) -> Floats:
    """Return events with some columns missing and the last one never there."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, width)) * [1.0, 100.0, 1e-3][:width]
    x[random.random((n, width)) < 0.05] = np.nan
    return np.concatenate((x, np.full((n, 1), np.nan)), axis=1)


def labels(x: Floats, classes: int) -> Floats:
    """Return labels that a sum of columns decides: classes, or a number."""
    s = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) / 100.0
    if classes == 1:
        return np.asarray(50.0 + 10.0 * s)
    return np.asarray((s > 0.0) + (s > 1.0) * (classes > 2), np.float64)
