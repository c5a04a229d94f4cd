"""River's estimators as members: what they are given, and that their snapshots are exact and run nothing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import base, compose, forest, linear_model, naive_bayes, neighbors, optim, preprocessing, rules, tree

from aimass.errors import ConfigurationError, SnapshotVersionMismatch, StageError, StateError
from aimass.models.members import Prior, decode
from aimass.models.members.base import pack, unpack
from aimass.models.members.river import RiverMember, load
from aimass.models.members.unpickler import load_pickle
from tests.unit.models.members.samples import labels, rows

QO = tree.splitter.QOSplitter


def estimators() -> list[Any]:
    return [
        preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        naive_bayes.GaussianNB(),
        forest.ARFClassifier(n_models=2, grace_period=20),
        forest.AMFClassifier(n_estimators=2),
        neighbors.KNNClassifier(),
        linear_model.PAClassifier(),
        tree.HoeffdingTreeRegressor(splitter=QO(), grace_period=20),
        forest.ARFRegressor(n_models=2, splitter=QO(), grace_period=20),
        preprocessing.TargetStandardScaler(linear_model.LinearRegression()),
    ]


@pytest.mark.parametrize("estimator", estimators(), ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("classes", [2, 3])
def test_neither_batches_nor_snapshots_show(estimator: Any, classes: int) -> None:
    x = rows(100)
    whole = RiverMember(estimator, 4, classes)
    y, learn = labels(x, whole.classes), np.arange(100) % 5 != 0
    expected = whole.run(x, y, learn)
    member = RiverMember(estimator, 4, classes)
    for part in (slice(0, 1), slice(1, 60), slice(60, 61), slice(61, 100)):
        raw = member.encode()
        member = decode(raw)  # type: ignore[assignment]
        assert member.encode() == raw
        assert np.array_equal(member.run(x[part], y[part], learn[part]), expected[part], equal_nan=True)
    assert member.encode() == whole.encode()
    member.reset()
    assert np.isnan(member.run(x[:1], y[:1], learn[:1])).all()


class Spy(base.Classifier):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[dict[str, float], Any]] = []

    def learn_one(self, x: dict[str, float], y: Any) -> None:
        self.given.append((x, y))

    def predict_proba_one(self, x: dict[str, float]) -> dict[Any, float]:
        return {True: 3.0, False: 1.0}


def test_columns_have_names_and_what_is_missing_is_not_given() -> None:
    member = RiverMember(Spy(), 3, 2, ["heat"], [__name__])
    p = member.run(np.array([[1.0, np.nan, 2.0]] * 2), np.array([1.0, 0.0]), np.full(2, True))
    assert member.model.given == [({"heat": 1.0, "c2": 2.0}, True), ({"heat": 1.0, "c2": 2.0}, False)]
    assert p[1].tolist() == [0.25, 0.75]
    member.grow(4, 2)
    member.run(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([0.0]), np.full(1, True))
    assert member.model.given[2][0] == {"heat": 1.0, "c1": 2.0, "c2": 3.0, "c3": 4.0}


def test_a_learner_of_two_classes_learns_a_third() -> None:
    x = rows(400)
    y = labels(x, 3)
    member = RiverMember(preprocessing.StandardScaler() | linear_model.LogisticRegression(), 4)
    member.run(x, np.minimum(y, 1.0), np.full(400, True))
    member.grow(4, 3)
    p = member.run(x, y, np.full(400, True))
    assert p.shape == (400, 3)
    assert (p[200:].argmax(1) == y[200:]).mean() > 0.7


def test_trees_that_cannot_be_saved_are_refused_with_the_way_out() -> None:
    for estimator in (
        tree.HoeffdingTreeRegressor(),
        rules.AMRules(),
        preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeRegressor(),
        preprocessing.TargetStandardScaler(tree.HoeffdingTreeRegressor()),
    ):
        with pytest.raises(ConfigurationError, match="QOSplitter"):
            RiverMember(estimator)
    with pytest.raises(ConfigurationError, match="neither"):
        RiverMember(preprocessing.StandardScaler())


def test_a_failing_estimator_is_named() -> None:
    class Fails(Spy):
        def learn_one(self, x: dict[str, float], y: Any) -> None:
            raise ValueError("no")

    with pytest.raises(StageError, match="Fails failed"):
        RiverMember(Fails(), 4).run(rows(1, 3), np.zeros(1), np.full(1, True))


class Evil:
    def __init__(self, what: Any, *args: Any) -> None:
        self.what = (what, args)

    def __reduce__(self) -> Any:
        return self.what


def with_pickle(pickled: bytes) -> bytes:
    import hashlib

    member = RiverMember(linear_model.LogisticRegression())
    settings, _ = unpack(member.encode(), "river", 1)
    settings["sha256"] = hashlib.sha256(pickled).hexdigest()
    return pack("river", 1, settings, [np.frombuffer(pickled, np.uint8)])


def test_a_malicious_snapshot_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    there = tmp_path / "ran"
    for evil in (
        Evil(os.system, f"touch {there}"),
        Evil(eval, f"open({str(there)!r}, 'w')"),
        Evil(open, str(there), "w"),
        Evil(getattr, Evil(getattr, linear_model.LogisticRegression(), "learn_one"), "__globals__"),
        compose.FuncTransformer(os.getcwd),
    ):
        with pytest.raises(StateError, match="rebuild"):
            decode(with_pickle(pickle.dumps(evil)))
    assert not there.exists()


@pytest.mark.parametrize(
    "name",
    [
        b"river.datasets.base\nos.system",
        b"river.linear_model.log_reg\n__builtins__",
        b"river.base.base\ntyping",
        b"river.base.base\nBase.__init__.__globals__",
        b"numpy\nfromfile",
        b"river\ndatasets",
    ],
)
def test_nothing_is_reached_through_river(name: bytes) -> None:
    for pickled in (
        b"c" + name + b"\n.",
        b"\x80\x04" + b"".join(b"\x8c" + bytes([len(n)]) + n for n in name.split(b"\n")) + b"\x93.",
    ):
        with pytest.raises(StateError):
            load_pickle(pickled)


def test_damaged_and_old_snapshots_are_refused() -> None:
    raw = RiverMember(linear_model.LogisticRegression()).encode()
    with pytest.raises(StateError, match="damaged"):
        decode(raw[:-3] + b"abc")
    with pytest.raises(SnapshotVersionMismatch):
        RiverMember.decode(pack("river", 2, {}, []))


def test_what_has_no_seed_gets_one() -> None:
    member = RiverMember(preprocessing.StandardScaler() | forest.ARFClassifier())
    assert member.model["ARFClassifier"].seed == 0
    assert RiverMember(forest.ARFClassifier(seed=7)).model.seed == 7


def own(rate: float = 0.1) -> Any:
    return linear_model.LogisticRegression(optim.SGD(rate))


def own_member() -> Any:
    return Prior(width=8)


def test_members_are_made_from_names() -> None:
    made = load("river.forest.ARFClassifier", 4, 3, n_models=3)
    assert isinstance(made, RiverMember)
    assert (made.model.n_models, made.cost_us, made.width, made.classes) == (3, 1500.0, 4, 3)
    assert isinstance(load(f"{__name__}:own", rate=0.5), RiverMember)
    assert isinstance(load(f"{__name__}:own_member"), Prior)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("river.forest.ARFClasifier", "did you mean 'ARFClassifier'"),
        ("forests.ARFClassifier", "did you mean 'forest'"),
        ("no_such_module:make", "module:function"),
        (f"{__name__}:no", "module:function"),
        ("aimass.models.members.numerics:exp", "does not take"),
        (f"{__name__}:estimators", "neither a River estimator nor a member"),
        ("river.forest.ARFClassifier:", "module:function"),
    ],
)
def test_a_wrong_name_is_told(spec: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(spec)
