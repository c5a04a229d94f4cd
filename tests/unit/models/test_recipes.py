"""Models predict before they learn, survive anything, and go on from a snapshot as if nothing had been."""

import hashlib
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass import codec
from aimass.errors import SnapshotVersionMismatch
from aimass.models.recipes import RECIPES, PartitionModel
from aimass.records import Estimate


def stream(count, labels, seed=1):
    rng = random.Random(seed)
    for _ in range(count):
        at = rng.randrange(len(labels))
        x = {f"f{i}": rng.gauss(5.0 * (at == i), 1) for i in range(4)}
        yield x, labels[at] if rng.random() < 0.9 else None


@pytest.mark.parametrize("labels", [["ok", "fault"], [0, 1, 2, 3], [True, False], [1.5, 2.5]])
def test_a_classifier_learns(labels):
    model, right = PartitionModel("classifier"), []
    for x, label in stream(1500, labels):
        estimate = model.judge(x, label)
        if label is not None:
            right.append(estimate.value == label)
    assert sum(right[500:]) / len(right[500:]) > 0.9


def test_a_regressor_learns():
    model, rng, wrong = PartitionModel("regressor"), random.Random(2), []
    for _ in range(3000):
        x = {"a": rng.random(), "b": rng.random()}
        y = 1000 + 50 * x["a"] - 20 * x["b"]
        estimate = model.judge(x, y)
        wrong.append(abs((estimate.value or 0) - y))
    assert sum(wrong[2000:]) / 1000 < 3


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_estimate_knows_nothing_of_its_label(recipe):
    for label in (0, 1):
        model = PartitionModel(recipe)
        for x, one in stream(200, [0, 1]):
            model.judge(x, one)
        estimates = {label: model.judge({"f0": 1.0}, label).value}
        assert len(set(estimates.values())) == 1
    assert PartitionModel(recipe).judge({"a": 1.0}, 1) == Estimate(None, None, 1)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2]])
def test_where_the_snapshot_was_taken_never_matters(recipe, labels):
    events = list(stream(300, labels))
    whole, cut = PartitionModel(recipe), PartitionModel(recipe)
    for i, (x, label) in enumerate(events):
        if i % 7 == 0:
            raw = cut.encode()
            cut = PartitionModel.decode(raw)
            assert cut.encode() == raw == whole.encode()
        assert codec.encode(whole.judge(x, label)) == codec.encode(cut.judge(x, label))


def digest_of_a_run():
    total = hashlib.sha256()
    for recipe in RECIPES:
        model = PartitionModel(recipe)
        for x, label in stream(400, [3, 1, 2]):
            total.update(codec.encode(model.judge(x, label)))
        total.update(model.encode())
    return total.hexdigest()


def test_the_hash_seed_never_matters():
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"  # noqa: PTH120
    code += "import test_recipes; print(test_recipes.digest_of_a_run())"
    run = [sys.executable, "-c", code]
    other = subprocess.run(run, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, check=True)
    assert other.stdout.strip() == digest_of_a_run().encode()


PLAIN = st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
LABELS = PLAIN | st.integers(-(2**63), 2**64 - 1) | st.sampled_from([[], {"a": 1}])
NUMBERS = st.one_of(st.floats(-1e100, 1e100), st.sampled_from([0.0, 1e100, -1e100, 5e-324, 1.0]))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(RECIPES)),
    st.lists(st.tuples(st.dictionaries(st.sampled_from("abcd"), NUMBERS), LABELS), max_size=40),
)
def test_any_numbers_and_labels_are_survived(recipe, events):
    model = PartitionModel(recipe)
    for x, label in events:
        estimate = model.judge(x, label)
        assert b"NaN" not in codec.encode(estimate)
        if type(estimate.value) is float:
            assert estimate.value - estimate.value == 0
        if estimate.probability is not None:
            assert 0 <= estimate.probability <= 1
    PartitionModel.decode(model.encode())


def test_a_snapshot_of_another_version_is_refused():
    raw = PartitionModel("classifier").encode()
    for other in (raw.replace(b"river 0", b"river 9", 1), raw.replace(b"model 1", b"model 0", 1), b"", b"junk\njunk"):
        with pytest.raises(SnapshotVersionMismatch, match="install that version"):
            PartitionModel.decode(other)


def test_a_snapshot_stays_small():
    model = PartitionModel("classifier")
    for x, label in stream(500, [0, 1]):
        model.judge(x, label)
    assert len(model.encode()) < 4000


def test_too_many_classes_are_not_learned():
    model = PartitionModel("classifier")
    for i in range(200):
        model.judge({"a": float(i)}, f"user-{i}")
    assert len(model.model.classes) == 64


def test_too_many_features_are_not_learned():
    model = PartitionModel("classifier")
    for i in range(50):
        model.judge({f"f{i}-{j}": float(j) for j in range(100)} | {"a": float(i)}, i % 2)
    assert len(model.encode()) < 40_000
