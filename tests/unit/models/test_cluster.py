"""Clusters: found without labels, new ones make room, cuts and restarts never show."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.cluster import Clusterer
from aimass.models.ensemble import LATER
from aimass.models.kernel import Floats


def blobs(n: int, centres: Floats, seed: int = 1) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(centres), n)
    return centres[which] + 0.3 * rng.normal(size=(n, centres.shape[1])), which.astype(float)


def purity(found: Floats, which: Floats) -> float:
    return sum(np.bincount(which[found == k].astype(int)).max() for k in np.unique(found)) / len(found)


def test_blobs_are_told_apart_also_those_that_come_late() -> None:
    early, _ = blobs(1500, np.array([[0.0, 0.0], [6.0, 0.0]]))
    late, which = blobs(3000, np.array([[0.0, 0.0], [6.0, 0.0], [3.0, 9.0]]), 2)
    one = Clusterer(width=2)
    one.run(early, early[:, 0], np.zeros(1500, np.int64))
    found = one.run(late, late[:, 0], np.zeros(3000, np.int64))
    assert purity(found[1500:, 0], which[1500:]) > 0.95


def test_what_is_far_from_all_is_far() -> None:
    x, _ = blobs(1000, np.array([[0.0, 0.0], [6.0, 0.0]]))
    one = Clusterer(width=2)
    near = one.run(x, x[:, 0], np.zeros(1000, np.int64))[500:, 1]
    far = one.run(np.array([[30.0, 30.0]]), np.zeros(1), np.full(1, LATER))[0, 1]
    assert far > 5.0 * np.quantile(near, 0.99)


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, 300))
def test_cuts_and_restarts_never_show(cut: int) -> None:
    rng = np.random.default_rng(3)
    x = rng.choice([np.nan, 1e100, -1e100, 0.0, 1.0, 2.0], (300, 4), p=[0.1, 0.02, 0.02, 0.3, 0.3, 0.26])
    ops = np.zeros(300, np.int64)
    whole, parts = Clusterer(width=4), Clusterer(width=4)
    expected = whole.run(x, x[:, 0], ops)
    early = parts.run(x[:cut], x[:cut, 0], ops[:cut])
    again = Clusterer.decode(parts.encode())
    late = again.run(x[cut:], x[cut:, 0], ops[cut:])
    np.testing.assert_array_equal(np.concatenate([early, late]), expected)
    assert again.encode() == whole.encode()
    assert np.isfinite(expected[1:]).all()
