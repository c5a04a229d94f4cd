"""Champion and challengers: few false alarms however often one looks, better ones are found, cuts never show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import SnapshotVersionMismatch
from aimass.models.compare import Contest, Evidence
from aimass.models.ensemble import LATER, LEARN, PREDICT
from aimass.models.monitor import Drifted
from aimass.models.tasks import ensemble


def ever(gains: np.ndarray, line: float) -> bool:  # type: ignore[type-arg]
    evidence = Evidence()
    for part in np.split(gains, 20):
        evidence.update(part, np.zeros(len(part)))
        if evidence.value >= line:
            return True
    return False


def test_looking_all_the_time_cries_wolf_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(11)
    runs = 400
    fair = sum(ever(rng.choice([-1.0, 0.0, 1.0], 2000, p=[0.1, 0.8, 0.1]), 20.0) for _ in range(runs))
    assert fair / runs <= 0.05
    skewed = sum(ever(np.where(rng.random(2000) < 0.1, 0.9, -0.1), 20.0) for _ in range(runs))
    assert skewed / runs <= 0.05


def test_what_is_better_is_found() -> None:
    rng = np.random.default_rng(12)
    found = sum(ever(rng.choice([-1.0, 0.0, 1.0], 4000, p=[0.06, 0.83, 0.11]), 20.0) for _ in range(50))
    assert found >= 45


def contest(policy: str = "warn") -> Contest:
    return Contest({"plain": ensemble("linear", policy=policy), "rich": ensemble("classifier", policy=policy)})


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(1, 399), max_size=3))
def test_cuts_and_restarts_never_show(cuts: list[int]) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 8))
    y, ops = (x[:, 0] * x[:, 1] > 0).astype(float), rng.choice([PREDICT, LEARN], 400)
    whole, pieces, found = contest(), contest(), []
    expected = whole.run(x, y, ops)
    ends = sorted({*cuts, 400})
    for a, b in zip([0, *ends], ends, strict=False):
        found.append(pieces.run(x[a:b], y[a:b], ops[a:b]).p)
        pieces = contest().load(pieces.encode())
    np.testing.assert_array_equal(np.concatenate(found), expected.p)
    assert pieces.encode() == whole.encode()


def test_late_labels_bring_back_what_all_of_them_said() -> None:
    one, two = contest(), contest()
    rng = np.random.default_rng(2)
    x = rng.normal(size=(100, 8))
    y = (x[:, 0] > 0).astype(float)
    for i in range(100):
        said = one.run(x[i : i + 1], np.array([np.nan]), np.array([PREDICT]))
        one.run(x[i : i + 1], y[i : i + 1], np.array([LATER]), said.kept)
        two.run(x[i : i + 1], y[i : i + 1], np.array([LEARN]))
    for name in ("plain", "rich"):
        assert one.ensembles[name].evaluator.encode() == two.ensembles[name].evaluator.encode()
    assert one.evidence["rich"].value == two.evidence["rich"].value


def test_the_better_challenger_takes_over_when_the_champion_drifts() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3000, 8))
    y = (x[:, 0] > 0).astype(float)
    y[1500:] = (x[1500:, 0] * x[1500:, 1] > 0).astype(float)
    one = contest("swap")
    happenings = one.run(x, y, np.full(3000, LEARN)).happenings
    assert one.champion == "rich"
    assert "swap" in [drift.action for drift in happenings if isinstance(drift, Drifted)]


def test_the_snapshot_of_others_is_refused() -> None:
    with pytest.raises(SnapshotVersionMismatch, match="plain"):
        Contest({"plain": ensemble("linear")}).load(contest().encode())


def test_votes_are_the_champions_before_and_after_it_changes() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3000, 8))
    y = (x[:, 0] > 0).astype(float)
    y[1500:] = (x[1500:, 0] * x[1500:, 1] > 0).astype(float)
    answers = contest("swap").run(x, y, np.full(3000, LEARN))
    assert answers.votes(1000).keys() == {"linear"}
    assert answers.votes(2999).keys() >= {"linear", "forest"}
    assert answers.classes.tolist() == [2] * 3000
