"""What holds for every member: batches do not show, snapshots go anywhere, and nothing makes it ill."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import SnapshotVersionMismatch, StateError
from aimass.models.members import decode
from aimass.models.members.base import pack, unpack
from tests.unit.models.members.samples import CLASSIFIERS, REGRESSORS, labels, rows

ALL = [(kind, classes) for kind in CLASSIFIERS for classes in (2, 3)] + [(kind, 1) for kind in REGRESSORS]
each = pytest.mark.parametrize(("kind", "classes"), ALL)
BATCH = st.lists(st.integers(1, 120), min_size=1, max_size=6)


@each
@given(cuts=BATCH, quick=st.booleans())
@settings(max_examples=8, deadline=None)
def test_neither_batches_nor_snapshots_show(kind: Any, classes: int, cuts: list[int], quick: bool) -> None:
    x = rows(sum(cuts))
    y, learn = labels(x, classes), np.arange(len(x)) % 5 != 0
    y[::7] = np.nan
    whole, pieces = kind(width=4, classes=classes), kind(width=4, classes=classes)
    if quick:
        whole.quicken(2.0)
        pieces.quicken(2.0)
    expected, at = whole.run(x, y, learn), 0
    for cut in cuts:
        pieces = decode(pieces.encode())
        part = slice(at, at + cut)
        assert np.array_equal(pieces.run(x[part], y[part], learn[part]), expected[part], equal_nan=True)
        at += cut
    assert pieces.encode() == whole.encode()


@each
def test_what_is_not_learned_leaves_no_trace(kind: Any, classes: int) -> None:
    x = rows(300)
    member = kind(width=4, classes=classes)
    member.run(x, labels(x, classes), np.full(300, True))
    before = member.encode()
    member.run(x, labels(x, classes), np.full(300, False))
    member.run(x, np.full(300, np.nan), np.full(300, True))
    assert member.encode() == before


@each
def test_nasty_numbers_are_survived(kind: Any, classes: int) -> None:
    random = np.random.default_rng(1)
    x = random.choice([0.0, 1.0, -1.0, 1e-300, 1e100, -1e100, np.nan, 7.0], size=(400, 4))
    y = random.integers(0, classes, 400).astype(float)
    if classes == 1:
        y = random.choice([0.0, 1e100, -1e100, 1e-300, 3.0], size=400)
    member = kind(width=4, classes=classes)
    p = member.run(x, y, np.full(400, True))
    p = np.concatenate((p[100:], member.run(x, np.full(400, np.nan), np.full(400, False))))
    assert np.isfinite(p).all()
    if classes > 1:
        assert np.allclose(p.sum(axis=1), 1.0)
        assert (p >= 0.0).all()


@each
def test_it_grows_on_the_way(kind: Any, classes: int) -> None:
    x, more = rows(200), rows(200, seed=2)
    member = kind(width=4, classes=classes)
    member.run(x, labels(x, classes), np.full(200, True))
    before = member.run(more, np.full(200, np.nan), np.full(200, False))
    wider = 1 if classes == 1 else classes + 2
    member.grow(8, wider)
    more = np.concatenate((more, np.full((200, 4), np.nan)), axis=1)
    after = member.run(more, np.full(200, np.nan), np.full(200, False))
    assert after.shape == (200, wider)
    # the classes that it knew are still told apart as before
    if classes == 1:
        assert np.allclose(after, before)
    else:
        assert (after[:, :classes].argmax(axis=1) == before.argmax(axis=1)).mean() > 0.9
    y = np.full(200, 0.0 if classes == 1 else wider - 1.0)
    member.run(more, y, np.full(200, True))
    p = member.run(more, y, np.full(200, False))
    assert np.isfinite(p).all()
    if classes > 1:
        assert (p.argmax(axis=1) == wider - 1).mean() > 0.4
    assert decode(member.encode()).encode() == member.encode()


@each
def test_a_reset_member_is_as_new(kind: Any, classes: int) -> None:
    x = rows(100)
    member = kind(width=4, classes=classes)
    member.run(x, labels(x, classes), np.full(100, True))
    member.reset()
    assert member.encode() == kind(width=4, classes=classes).encode()


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_labels_of_no_class_are_not_learned(kind: Any) -> None:
    member = kind(width=4)
    before = member.encode()
    member.run(rows(3), np.array([2.0, -1.0, 1e100]), np.full(3, True))
    assert member.encode() == before


@each
def test_alien_old_and_damaged_snapshots_are_refused(kind: Any, classes: int) -> None:
    raw = kind(width=4, classes=classes).encode()
    settings_, arrays = unpack(raw, kind.kind, kind.version)
    with pytest.raises(SnapshotVersionMismatch, match="rebuild"):
        kind.decode(pack(kind.kind, kind.version + 1, settings_, arrays))
    with pytest.raises(SnapshotVersionMismatch, match="rebuild"):
        kind.decode(pack("alien", kind.version, settings_, arrays))
    with pytest.raises(SnapshotVersionMismatch):
        decode(pack("alien", kind.version, settings_, arrays))
    with pytest.raises(SnapshotVersionMismatch):
        decode(b"pickle" * 10)
    for damaged in (raw[:-1], raw + b"x", raw[:20], pack(kind.kind, kind.version, settings_, arrays[1:])):
        with pytest.raises(StateError, match="rebuild"):
            decode(damaged)


def test_trees_that_lead_nowhere_are_refused() -> None:
    from aimass.models.members import ForestClassifier

    x = rows(200)
    member = ForestClassifier(width=4)
    member.run(x, labels(x, 2), np.full(200, True))
    member.nodes[0, 0] = (2, 100000)
    with pytest.raises(StateError, match="nowhere"):
        decode(member.encode())
