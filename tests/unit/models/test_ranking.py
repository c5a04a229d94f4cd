"""Ranking: tastes of groups are found from pairs alone, cuts and restarts never show."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.ensemble import LEARN, PREDICT
from aimass.models.kernel import Floats
from aimass.models.ranking import Ranker


def pairs(n: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.integers(0, 60, n), rng.integers(1000, 1040, n)]).astype(float)
    return x, ((x[:, 0] % 3 == x[:, 1] % 3) ^ (rng.random(n) < 0.05)).astype(float)


def test_what_a_key_likes_comes_before_what_it_does_not() -> None:
    x, y = pairs(20_000)
    p = Ranker().run(x, y, np.full(20_000, LEARN))[15_000:]
    liked, other = p[y[15_000:] == 1.0], p[y[15_000:] == 0.0]
    assert (liked[:1000, None] > other[None, :1000]).mean() > 0.85


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, 300))
def test_cuts_and_restarts_never_show(cut: int) -> None:
    x, y = pairs(300)
    x[5, 0], x[7, 1], y[9] = np.nan, 1e100, np.nan
    ops = np.where(np.arange(300) % 5 == 0, PREDICT, LEARN)
    whole, parts = Ranker(keys=64, items=64), Ranker(keys=64, items=64)
    expected = whole.run(x, y, ops)
    early = parts.run(x[:cut], y[:cut], ops[:cut])
    again = Ranker.decode(parts.encode())
    late = again.run(x[cut:], y[cut:], ops[cut:])
    np.testing.assert_array_equal(np.concatenate([early, late]), expected)
    assert again.encode() == whole.encode()
