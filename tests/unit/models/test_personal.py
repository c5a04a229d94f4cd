"""The part of a model that is each key's own: nothing for new keys, much for known ones, nobody else's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.kernel import Floats, Ints
from aimass.models.personal import SHARED, WIDTH, run


def stream(n: int, classes: int) -> tuple[Ints, Floats, Floats, Floats]:
    rng = np.random.default_rng(7)
    rows, x = rng.integers(0, 5, n), rng.normal(size=(n, 4))
    if classes == 1:
        return rows, x, rng.normal(size=(n, 1)), 3.0 * rows + 0.1 * rng.normal(size=n)
    p = rng.dirichlet(np.ones(classes), n)
    return rows, x, p, np.where(rng.random(n) < 0.9, rows % classes, 0).astype(float)


@pytest.mark.parametrize("classes", [1, 2, 4, 12])
def test_a_new_key_gets_the_models_answer_to_the_last_bit(classes: int) -> None:
    rows, x, p, y = stream(200, classes)
    state, shared = np.zeros((6, WIDTH), np.float32), np.zeros(SHARED)
    run(state, rows, x, p, y, np.full(200, True), shared)
    out = run(state, np.full(200, 5), x, p, y, np.full(200, False), shared)
    assert out.tobytes() == p.tobytes()


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_a_known_key_is_known_and_others_rows_stay_as_they_are(classes: int) -> None:
    rows, x, p, y = stream(1500, classes)
    state, shared = np.zeros((6, WIDTH), np.float32), np.zeros(SHARED)
    out = run(state, rows, x, p, y, np.full(1500, True), shared)
    late = slice(1000, None)
    if classes == 1:
        assert np.abs(out[late, 0] - y[late]).mean() < 0.4 * np.abs(p[late, 0] - y[late]).mean()
    else:
        assert (out[late].argmax(1) == y[late]).mean() > (p[late].argmax(1) == y[late]).mean() + 0.2
        np.testing.assert_allclose(out.sum(axis=1), 1.0)
    assert not state[5].any()


@pytest.mark.parametrize("classes", [1, 2, 4])
@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, 300))
def test_cuts_never_show(classes: int, cut: int) -> None:
    rows, x, p, y = stream(300, classes)
    learn = np.arange(300) % 7 > 0
    whole, wholes = np.zeros((5, WIDTH), np.float32), np.zeros(SHARED)
    out = run(whole, rows, x, p, y, learn, wholes)
    parts, shared = np.zeros((5, WIDTH), np.float32), np.zeros(SHARED)
    found = [run(parts, rows[c], x[c], p[c], y[c], learn[c], shared) for c in (slice(0, cut), slice(cut, None))]
    assert np.concatenate(found).tobytes() == out.tobytes()
    assert (parts.tobytes(), shared.tobytes()) == (whole.tobytes(), wholes.tobytes())


@pytest.mark.parametrize("classes", [1, 2])
def test_nasty_numbers_do_no_harm(classes: int) -> None:
    rng = np.random.default_rng(3)
    x = rng.choice([1e100, -1e100, 0.0, 1e-300, np.nan], (400, 4))
    y = rng.choice([1e100, -1e100, 0.0], 400) if classes == 1 else rng.integers(0, 2, 400).astype(float)
    p = rng.choice([1e100, 0.0, np.nan], (400, 1)) if classes == 1 else np.tile([1.0, 0.0], (400, 1))
    state = np.zeros((3, WIDTH), np.float32)
    out = run(state, rng.integers(0, 3, 400), x, p, y, np.full(400, True), np.zeros(SHARED))
    assert np.isfinite(state).all()
    assert np.isfinite(out[~np.isnan(p[:, 0])]).all()


def test_a_class_that_comes_later_in_the_batch_does_not_show_before() -> None:
    rows, x, p, y = stream(100, 2)
    wide = np.pad(p, ((0, 0), (0, 1)))
    narrow, shared = np.zeros((5, WIDTH), np.float32), np.zeros(SHARED)
    out = run(narrow, rows, x, p, y, np.full(100, True), shared)
    grown, shared = np.zeros((5, WIDTH), np.float32), np.zeros(SHARED)
    found = run(grown, rows, x, wide, y, np.full(100, True), shared, np.full(100, 2))
    np.testing.assert_array_equal(found[:, :2], out)
    assert not found[:, 2].any()
    assert grown.tobytes() == narrow.tobytes()
