"""Members learn: better than the labels' shares, after a drift too, and they tell why."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from aimass.models.members import (
    BayesClassifier,
    ForestClassifier,
    ForestRegressor,
    LinearClassifier,
    LinearRegressor,
    NeighboursClassifier,
    NewtonClassifier,
    NewtonRegressor,
    NoChange,
    Prior,
)
from aimass.models.members.numerics import exp, log
from tests.unit.models.members.samples import LEARNERS, REGRESSORS, labels, rows

ALWAYS = np.full(2000, True)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", LEARNERS)
def test_classifiers_beat_the_prior(kind: Any, classes: int) -> None:
    x = rows(1000)
    y = labels(x, classes)
    hits = [
        (k(width=4, classes=classes).run(x, y, ALWAYS[:1000])[500:].argmax(1) == y[500:]).mean() for k in (kind, Prior)
    ]
    assert hits[0] > hits[1] + 0.2


@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors_beat_the_mean(kind: Any) -> None:
    x = rows(1000)
    y = labels(x, 1)
    errors = [abs(k(width=4, classes=1).run(x, y, ALWAYS[:1000])[500:, 0] - y[500:]).mean() for k in (kind, Prior)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("kind", [ForestClassifier, NeighboursClassifier])
def test_what_no_line_parts_is_learned(kind: Any) -> None:
    x = np.random.default_rng(0).normal(size=(1000, 2))
    y = (x[:, 0] * x[:, 1] > 0.0).astype(float)
    p = kind(width=2).run(x, y, ALWAYS[:1000])
    assert (p[500:].argmax(1) == y[500:]).mean() > 0.9


@pytest.mark.parametrize("kind", [ForestClassifier, NewtonClassifier])
def test_a_reversed_concept_is_learned_anew(kind: Any) -> None:
    x = rows(2000)
    y = labels(x, 2)
    y[1000:] = 1.0 - y[1000:]
    hits = kind(width=4).run(x, y, ALWAYS).argmax(1) == y
    assert hits[500:1000].mean() > 0.9
    assert hits[1300:].mean() > 0.88


@pytest.mark.parametrize(
    "kind", [ForestClassifier, LinearClassifier, NeighboursClassifier, partial(NewtonClassifier, memory=1000.0)]
)
def test_a_quickened_member_learns_a_new_concept_sooner(kind: Any) -> None:
    x = rows(2000)
    y = labels(x, 2)
    y[1000:] = 1.0 - y[1000:]
    hits = []
    for factor in (0.0, 5.0):
        member = kind(width=4)
        member.run(x[:1050], y[:1050], ALWAYS[:1050])
        if factor:
            member.quicken(factor)
        hits.append((member.run(x[1050:1250], y[1050:1250], ALWAYS[:200]).argmax(1) == y[1050:1250]).mean())
    assert hits[1] > hits[0]


def test_no_change_says_the_last_label() -> None:
    y = np.array([0.0, 1.0, 1.0, 0.0])
    p = NoChange(width=1).run(np.zeros((4, 1)), y, ALWAYS[:4])
    assert p[1:].argmax(1).tolist() == [0, 1, 1]


@pytest.mark.parametrize("kind", [LinearClassifier, NewtonClassifier])
def test_reasons_and_the_intercept_sum_to_the_log_odds(kind: Any) -> None:
    x = rows(500)
    member = kind(width=4)
    member.run(x, labels(x, 2), ALWAYS[:500])
    p = member.run(x[:1], np.zeros(1), np.zeros(1, bool))[0, 1]
    assert member.reasons(x[0]).sum() + member.weights[0, -1] == pytest.approx(math.log(p / (1.0 - p)))


@pytest.mark.parametrize("kind", [LinearRegressor, NewtonRegressor])
def test_reasons_of_a_regression_are_in_its_unit(kind: Any) -> None:
    x = rows(500)
    member = kind(width=4)
    member.run(x, labels(x, 1), ALWAYS[:500])
    p = member.run(np.stack((x[0], x[1])), np.zeros(2), np.zeros(2, bool))[:, 0]
    assert member.reasons(x[0]).sum() - member.reasons(x[1]).sum() == pytest.approx(p[0] - p[1])


@pytest.mark.parametrize("kind", [BayesClassifier, ForestClassifier, ForestRegressor])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_column_that_decides_is_the_reason(kind: Any, classes: int) -> None:
    x = rows(600)
    x[:, 0] = np.nan_to_num(x[:, 0])
    y = 20.0 * x[:, 0] if kind is ForestRegressor else (x[:, 0] > 0.0) + (x[:, 0] > 1.0) * (classes > 2.0)
    member = kind(width=4, classes=classes)
    member.run(x, y, ALWAYS[:600])
    high = member.reasons(np.array([2.0, 0.0, 0.0, np.nan]))
    assert high.argmax() == 0
    assert high[0] > 0.0


def test_exp_and_log_are_those_of_the_library_within_rounding() -> None:
    for x in (-745.5, -30.2, -1e-9, 0.0, 0.3, 5.0, 600.0):
        assert exp(x) == pytest.approx(math.exp(x), rel=1e-13, abs=1e-300)
    for x in (1e-300, 1e-9, 0.5, 0.9999, 1.0, 3.0, 1e100):
        assert log(x) == pytest.approx(math.log(x), rel=1e-14, abs=1e-16)
