"""Ensembles: cuts and restarts never show, weights follow the best member, budgets are kept to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import ConfigurationError, SnapshotVersionMismatch
from aimass.models import members
from aimass.models.answers import Evaluated
from aimass.models.ensemble import EXPLAIN, LATER, LEARN, PREDICT, Ensemble, Part
from aimass.models.kernel import Bools, Floats, Ints
from aimass.models.monitor import Drifted
from aimass.models.tasks import ensemble


def light(width: int, classes: int) -> list[Part]:
    kind = members.LinearRegressor if classes == 1 else members.LinearClassifier
    return [
        Part("no_change", members.NoChange(width, classes), is_baseline=True),
        Part("linear", kind(width, classes)),
        Part("change", kind(width, classes), of_change=classes == 1),
    ]


def made(is_number: bool = False, **settings: object) -> Ensemble:
    return Ensemble(light, members.decode, classes=0 if is_number else 2, lags=1, **settings)  # type: ignore[arg-type]


def stream(n: int, is_number: bool, seed: int = 1) -> tuple[Floats, Floats, Ints]:
    """Events of all ops, with gaps, a third class and a drift; the last label is column 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    y = np.cumsum(x[:, 1]) if is_number else (x[:, 1] + 0.3 * rng.normal(size=n) > 0).astype(float)
    if not is_number:
        y[rng.random(n) < 0.02] = 2.0
        y[n // 2 :] = (y[n // 2 :] + 1.0) % 2.0
    x[1:, 0] = y[:-1]
    x[rng.random((n, 8)) < 0.05] = np.nan
    ops = rng.choice([PREDICT, LEARN, LATER, LEARN + EXPLAIN], n, p=[0.2, 0.65, 0.13, 0.02])
    y[rng.random(n) < 0.05] = np.nan
    return x, y, ops.astype(np.int64)


@pytest.mark.parametrize("is_number", [False, True])
@pytest.mark.parametrize("policy", ["reset", "fallback"])
@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(1, 699), max_size=4))
def test_cuts_and_restarts_never_show(is_number: bool, policy: str, cuts: list[int]) -> None:
    x, y, ops = stream(700, is_number)
    kept = np.full((700, 12), np.nan)
    whole = made(is_number, policy=policy)
    expected = whole.run(x, y, ops, kept)
    pieces = made(is_number, policy=policy)
    found, happenings, reasons = [], [], {}
    ends = sorted({*cuts, 700})
    for a, b in zip([0, *ends], ends, strict=False):
        answers = pieces.run(x[a:b], y[a:b], ops[a:b], kept[a:b])
        found.append(answers)
        happenings += [(type(one), one.row + a) for one in answers.happenings]
        reasons |= {row + a: one for row, one in answers.reasons.items()}
        pieces = made(is_number, policy=policy).load(pieces.encode())
    wide = [np.pad(one.p, ((0, 0), (0, expected.p.shape[1] - one.p.shape[1]))) for one in found]
    known = ~np.isnan(expected.p[:, 0])
    np.testing.assert_array_equal(np.concatenate(wide)[known], expected.p[known])
    np.testing.assert_array_equal(np.concatenate([one.low for one in found]), expected.low)
    assert happenings == [(type(one), one.row) for one in expected.happenings]
    assert reasons == expected.reasons
    assert pieces.encode() == whole.encode()


@pytest.mark.parametrize("is_number", [False, True])
def test_labels_that_come_at_once_teach_the_same_as_labels_with_the_event(is_number: bool) -> None:
    x, y, _ = stream(300, is_number)
    x = x[:, :8]
    y = np.where(y == 2.0, 0.0, y) if not is_number else y
    at_once, later = made(is_number), made(is_number)
    for i in range(300):
        one = at_once.run(x[i : i + 1], y[i : i + 1], np.array([LEARN]))
        two = later.run(x[i : i + 1], np.array([np.nan]), np.array([PREDICT]))
        later.run(x[i : i + 1], y[i : i + 1], np.array([LATER]), two.kept)
        assert later.evaluator.encode() == at_once.evaluator.encode()
        np.testing.assert_array_equal(one.low, two.low)
    assert later.weights == at_once.weights


class Fixed:
    """A member that answers what it is told to."""

    cost_us = 1.0

    def __init__(self, right: Bools, cost_us: float = 1.0) -> None:
        self.right, self.at, self.cost_us = right, 0, cost_us
        self.ran: list[int] = []

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        right = self.right[x[:, 0].astype(int)]
        one = np.where(right == (y == 1.0), 0.9, 0.1)
        self.ran += x[:, 0].astype(int).tolist()
        return np.column_stack([1.0 - one, one])

    def grow(self, width: int, classes: int) -> None: ...
    def reset(self) -> None: ...
    def quicken(self, factor: float) -> None: ...
    def reasons(self, x: Floats) -> Floats | None:
        return None

    def encode(self) -> bytes:
        return b""


def fixed(*parts: Fixed, **settings: object) -> Ensemble:
    names = [Part(f"m{i}", part) for i, part in enumerate(parts)]
    return Ensemble(lambda width, classes: names, lambda raw: parts[0], width=1, **settings)  # type: ignore[arg-type]


def test_weights_go_to_the_best_member_and_follow_when_another_becomes_best() -> None:
    rng = np.random.default_rng(2)
    n = 4000
    good, bad = rng.random(n) < 0.9, rng.random(n) < 0.7
    half = np.arange(n) < n // 2
    one = fixed(Fixed(np.where(half, good, bad)), Fixed(np.where(half, bad, good)), Fixed(rng.random(n) < 0.6))
    x, y = np.arange(float(n))[:, None], (rng.random(n) < 0.5).astype(float)
    one.run(x[: n // 2], y[: n // 2], np.full(n // 2, LEARN))
    assert one.weights["m0"] > 0.95
    one.run(x[n // 2 : n // 2 + 300], y[n // 2 : n // 2 + 300], np.full(300, LEARN))
    assert one.weights["m1"] > 0.9
    one.run(x[n // 2 + 300 :], y[n // 2 + 300 :], np.full(n // 2 - 300, LEARN))
    assert one.evaluator.metrics()["accuracy"] > 0.885


def test_a_heavy_member_runs_on_the_share_of_events_that_the_budget_leaves_it() -> None:
    n = 6400
    right = np.full(n, True)
    parts = Fixed(right, 1.0), Fixed(right, 40.0), Fixed(right, 1000.0)
    one = fixed(*parts, budget_us=11.0)
    y = np.zeros(n)
    answers = one.run(np.arange(float(n))[:, None], y, np.full(n, LEARN))
    assert len(parts[0].ran) == n
    assert abs(len(parts[1].ran) - n / 4) < 3
    assert abs(len(parts[2].ran) - n / 100) < 3
    assert np.diff(parts[1].ran).max() <= 5
    assert [set(answers.votes(i)) for i in parts[2].ran[:1]] == [{"m0", "m1", "m2"}]
    assert abs(sum(one.weights.values()) - 1.0) < 1e-9


def test_a_member_that_seldom_runs_keeps_its_weight_meanwhile() -> None:
    n = 2000
    right = np.full(n, True)
    one = fixed(Fixed(right, 1.0), Fixed(right, 1e6), budget_us=1.0)
    one.run(np.arange(float(n))[:, None], np.zeros(n), np.full(n, LEARN))
    assert abs(one.weights["m1"] - 0.5) < 1e-9


def test_lagged_labels_are_shown_only_where_labels_depend_on_them() -> None:
    rng = np.random.default_rng(3)
    steady = (np.cumsum(rng.random(600) < 0.05) % 2).astype(float)
    for y, shown in ((steady, True), ((rng.random(600) < 0.5).astype(float), False)):
        x = np.concatenate([[0.0], y[:-1]])[:, None]
        one = Ensemble(light, members.decode, width=1, lags=1)
        late = one.run(x, y, np.full(600, LEARN)).votes(599)["linear"]
        assert (abs(float(late[1]) - 0.5) > 0.3) == shown


@pytest.mark.parametrize(("policy", "forgets"), [("warn", False), ("reset", True), ("nothing", False)])
def test_drift_of_the_loss_is_told_with_what_was_done(policy: str, forgets: bool) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 8))
    y = (x[:, 1] > 0).astype(float)
    y[2000:] = 1.0 - y[2000:]
    one = Ensemble(light, members.decode, policy=policy)
    happenings = one.run(x, y, np.full(3000, LEARN)).happenings
    losses = [drift for drift in happenings if isinstance(drift, Drifted) and drift.is_loss]
    assert losses
    assert losses[0].action == {"nothing": "none"}.get(policy, policy)
    assert 2000 <= losses[0].row < 2200
    assert (losses[0].row + 1) % 64 == 0
    right = one.evaluator.metrics()["rolling.accuracy"]
    assert right > 0.85 or not forgets


def test_an_evaluation_is_due_every_thousand_labels() -> None:
    x, y, _ = stream(2600, False)
    found = made().run(x, np.nan_to_num(y), np.full(2600, LEARN)).happenings
    due = [one for one in found if isinstance(one, Evaluated)]
    assert len(due) == 2
    assert due[0].members.keys() >= {"linear", "fading.linear"}
    assert abs(sum(due[1].weights.values()) - 1.0) < 1e-9


def test_a_new_class_costs_nothing_that_was_known() -> None:
    one = made()
    x = np.zeros((4, 8))
    answers = one.run(x, np.array([0.0, 1.0, 4.0, 4.0]), np.full(4, LEARN))
    assert answers.p.shape == (4, 5)
    assert answers.p[1, 2:].tolist() == [0.0, 0.0, 0.0]
    early = answers.kept[1:2]
    one.run(x[:1], np.array([1.0]), np.array([LATER]), early)
    assert one.evaluator.classes == 5


def test_wider_rows_are_taken_as_they_come() -> None:
    one = ensemble("classifier", width=8)
    one.run(np.zeros((5, 8)), np.array([0.0, 1.0, 0.0, 1.0, 0.0]), np.full(5, LEARN))
    assert one.run(np.zeros((5, 16)), np.zeros(5), np.full(5, PREDICT)).p.shape == (5, 2)
    again = ensemble("classifier").load(one.encode())
    assert again.encode() == one.encode()


@pytest.mark.parametrize("recipe", ["classifier", "regressor"])
def test_nasty_numbers_do_no_harm(recipe: str) -> None:
    rng = np.random.default_rng(5)
    x = rng.choice([0.0, 1e100, -1e100, 1e-300, np.nan, 1.0], (300, 8))
    y = rng.choice([0.0, 1.0], 300) if recipe == "classifier" else rng.choice([0.0, 1e100, -1e100, 1e-300], 300)
    answers = ensemble(recipe, lags=1).run(x, y, np.full(300, LEARN))
    assert np.isfinite(answers.p[5:]).all()


def test_the_snapshot_of_other_members_is_refused() -> None:
    with pytest.raises(SnapshotVersionMismatch, match="linear"):
        ensemble("classifier").load(ensemble("linear").encode())


def test_fallback_goes_back_to_members_as_they_were_before_the_drift() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(13_000, 8))
    y = (x[:, 1] > 0).astype(float)
    y[12_500:] = 1.0 - y[12_500:]
    one = Ensemble(light, members.decode, policy="fallback")
    one.run(x[:8192], y[:8192], np.full(8192, LEARN))
    good = one.parts[1].member.encode()
    happenings: list[object] = []
    at = 8192
    while not any(isinstance(found, Drifted) and found.is_loss for found in happenings):
        happenings = list(one.run(x[at : at + 64], y[at : at + 64], np.full(64, LEARN)).happenings)
        at += 64
    assert 12_500 < at < 12_700
    assert one.parts[1].member.encode() in (good, _at(x, y, 12_288))


def _at(x: Floats, y: Floats, count: int) -> bytes:
    one = Ensemble(light, members.decode, policy="fallback")
    one.run(x[:count], y[:count], np.full(count, LEARN))
    return one.parts[1].member.encode()


def test_an_estimator_of_rivers_runs_beside_the_baselines() -> None:
    one = ensemble("river.linear_model.LogisticRegression")
    assert one.names == ("no_change", "prior", "own")
    x = np.random.default_rng(9).normal(size=(300, 8))
    one.run(x, (x[:, 0] > 0).astype(float), np.full(300, LEARN))
    assert one.weights["own"] > 0.9
    again = ensemble("river.linear_model.LogisticRegression").load(one.encode())
    assert again.encode() == one.encode()


def test_an_unknown_recipe_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"classifier, regressor, linear, forecaster"):
        ensemble("clasifier")
