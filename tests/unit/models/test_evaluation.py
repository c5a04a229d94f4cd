"""Evaluation: every metric is what its definition says, over all events and over the window; cuts never show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.evaluation import OTHER, Evaluator, Evaluators
from aimass.models.kernel import Floats


def classes_stream(n: int, classes: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, n).astype(float)
    y[1:][rng.random(n - 1) < 0.4] = 0.0
    p = rng.dirichlet(np.ones(classes), n) + 0.5 * np.eye(classes)[y.astype(int)]
    p /= p.sum(axis=1, keepdims=True)
    p[rng.random(n) < 0.05] = np.nan
    y[rng.random(n) < 0.05] = np.nan
    return p, y


def plain(p: Floats, y: Floats, since: int = 0, weigh: float = 1.0) -> dict[str, float]:
    """Return the metrics by their definitions, over the measured events from one on, later ones weighing more."""
    classes, rows, last, counts = p.shape[1], [], None, np.zeros(p.shape[1])
    majority = 0
    for one, label in zip(p, y, strict=True):
        if math.isnan(label):
            continue
        k = int(label)
        if last is not None and one[0] == one[0]:
            rows.append((one, k, one.argmax(), last, majority))
        counts[k] += 1
        if last is None or counts[k] > counts[majority]:
            majority = k
        last = k
    rows = rows[since:]
    w = weigh ** np.arange(len(rows) - 1, -1, -1)
    w /= w.sum()
    true, guess = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    q = np.array([row[0] for row in rows])
    accuracy = (w * (true == guess)).sum()
    chance = sum((w * (true == k)).sum() * (w * (guess == k)).sum() for k in range(classes))
    no_change = (w * np.array([row[3] == row[1] for row in rows])).sum()
    majorities = (w * np.array([row[4] == row[1] for row in rows])).sum()
    own = q[np.arange(len(q)), true]
    recalls = [(w * (guess == k))[true == k].sum() / w[true == k].sum() for k in range(classes) if (true == k).any()]
    confidence, gaps = q.max(axis=1), []
    for step in range(10):
        inside = np.minimum((confidence * 10).astype(int), 9) == step
        gaps.append(abs((w * (confidence - (true == guess)))[inside].sum()))
    return {
        "accuracy": accuracy,
        "kappa": (accuracy - chance) / (1 - chance),
        "kappa_temporal": (accuracy - no_change) / (1 - no_change),
        "kappa_m": (accuracy - majorities) / (1 - majorities),
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": -(w * np.log(np.maximum(own, 1e-6))).sum(),
        "brier": (w * ((q - np.eye(classes)[true]) ** 2).sum(axis=1)).sum(),
        "calibration_error": sum(gaps),
    }


@pytest.mark.parametrize("classes", [2, 5])
def test_metrics_of_classes_are_what_their_definitions_say(classes: int) -> None:
    p, y = classes_stream(3000, classes)
    one = Evaluator(classes)
    known = ~np.isnan(y) & ~np.isnan(p[:, 0])
    end = int(np.flatnonzero(np.cumsum(known) == 2001)[0]) + 1
    one.update(p[:end], y[:end])
    if one.count % 1000:
        end = int(np.flatnonzero(np.cumsum(known) == 2001 + 1000 - one.count % 1000)[0]) + 1
        one = Evaluator(classes)
        one.update(p[:end], y[:end])
    assert one.count % 1000 == 0
    metrics = one.metrics()
    for prefix, expected in (
        ("", plain(p[:end], y[:end])),
        ("fading.", plain(p[:end], y[:end], weigh=0.999)),
        ("rolling.", plain(p[:end], y[:end], since=one.count - 1000)),
    ):
        assert {name: metrics[prefix + name] for name in expected} == pytest.approx(expected)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(5)
    y = (rng.random(1500) < 0.3).astype(float)
    score = 1.0 / (1.0 + np.exp(-(rng.normal(size=1500) + 1.2 * y)))
    one = Evaluator(2)
    one.update(np.column_stack([1.0 - score, score]), y)
    positive, negative = score[1:][y[1:] == 1], score[1:][y[1:] == 0]
    pairs = positive[:, None] - negative[None, :]
    assert one.metrics()["auc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean(), abs=2e-3)


def test_metrics_of_numbers_are_what_their_definitions_say() -> None:
    rng = np.random.default_rng(6)
    y = 1e4 + np.cumsum(rng.normal(size=1001))
    p = y + rng.normal(size=1001)
    one = Evaluator(0)
    one.update(p[:, None], y, p - 1.0, p + 1.0)
    e = (y - p)[1:]
    means = np.cumsum(y)[:-1] / np.arange(1, 1001)
    expected = {
        "mae": np.abs(e).mean(),
        "rmse": np.sqrt((e * e).mean()),
        "r2": 1.0 - (e * e).sum() / ((y[1:] - y[1:].mean()) ** 2).sum(),
        "mase": np.abs(e).mean() / np.abs(np.diff(y)).mean(),
        "coverage": (np.abs(e) <= 1.0).mean(),
        "interval": 2.0,
    }
    metrics = one.metrics()
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert {name: metrics["rolling." + name] for name in expected} == pytest.approx(expected)
    assert one.baselines()["mean"] == pytest.approx(np.abs(y[1:] - means).mean())


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 500), classes=st.sampled_from([0, 2, 3]))
def test_cuts_and_restarts_never_show(cut: int, classes: int) -> None:
    p, y = classes_stream(500, max(classes, 2))
    p = p if classes else p[:, :1]
    whole, parts = Evaluator(classes), Evaluator(classes)
    whole.update(p, y)
    parts.update(p[:cut], y[:cut])
    parts = Evaluator.decode(parts.encode())
    parts.update(p[cut:], y[cut:])
    assert parts.encode() == whole.encode()


def test_more_classes_change_nothing_that_was_measured() -> None:
    p, y = classes_stream(400, 3)
    one = Evaluator(3)
    one.update(p, y)
    before = one.metrics()
    one.grow(5)
    assert one.metrics() == pytest.approx(before)
    one.update(np.full((1, 5), 0.2), np.array([4.0]))
    assert one.count > 0


def test_segments_are_measured_apart_and_the_late_ones_together() -> None:
    bank = Evaluators(2)
    p = np.tile([0.9, 0.1], (200, 1))
    names = [f"s{i % 100}" for i in range(200)]
    bank.update(names, p, np.zeros(200))
    found = dict(bank.items())
    assert len(found) == 65
    assert found["s3"].count == 1
    assert found[OTHER].count == 71
    again = Evaluators.decode(bank.encode())
    assert again.encode() == bank.encode()
    again.grow(3)
    assert found["s3"].metrics()["accuracy"] == dict(again.items())["s3"].metrics()["accuracy"] == 1.0
