"""Relations between fields are what the textbook says, and stay finite whatever comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.relations import FOUND, REFRESH, RIDGE, forgetting, relate, width


def related(x, times=None, within=0.0, cuts=(), is_lagged=False):
    """Return what is found of the events of one key, and its row."""
    d = x.shape[1] * (2 if is_lagged else 1)
    state, found = np.zeros((1, width(d))), np.zeros((len(x), FOUND))
    times = np.arange(len(x)) * 1.0 if times is None else times
    for a, b in zip((0, *cuts), (*cuts, len(x)), strict=True):
        rows = np.zeros(b - a, np.int64)
        relate(state, rows, x[a:b].copy(), times[a:b], is_lagged, within, forgetting(d), 3.5, found[a:b])
    return found, state[0]


def reference(x):
    """The squared distances and largest residuals, by matrices: covariances, not precisions, are carried on."""
    d, alpha, out = x.shape[1], forgetting(x.shape[1]), []
    count, mean, s, ridged, kept, age = np.zeros(d), np.zeros(d), np.zeros((d, d)), None, None, 0
    for n, v in enumerate(x):
        active, has = count >= 16, v == v
        p, lacks = np.flatnonzero(active & has), np.flatnonzero(active & ~has)
        e, c, weight = np.where(has & (count > 0), v - mean, 0.0), np.zeros((d, d)), 1.0
        mean = np.where(has & (count == 0), v, mean)
        square = top = 0.0
        if len(p):
            if kept is None or age >= REFRESH or list(kept) != list(p) or len(lacks):
                ridged, age = s[np.ix_(p, p)] + RIDGE * np.diag(np.diag(s)[p]), 0
            age, kept = age + 1, None if len(lacks) else p
            q = np.linalg.inv(ridged)
            g = q @ e[p]
            square = e[p] @ g
            top = np.abs(g / np.sqrt(np.diag(q))).max() if len(p) > 1 else 0.0
            if square > 36 + 4 * len(p) and n > 8 * len(p) + 16:
                weight = np.sqrt((36 + 4 * len(p)) / square)
            e[lacks] = s[np.ix_(lacks, p)] @ g
            c[np.ix_(lacks, lacks)] = s[np.ix_(lacks, lacks)] - s[np.ix_(lacks, p)] @ q @ s[np.ix_(p, lacks)]
        out.append((square if len(p) > 1 else 0.0, top))
        a = np.where(has, np.maximum(1 / (count + 1), alpha), 0.0)
        if len(p):
            a[lacks] = alpha
        e *= weight
        scale = np.sqrt(np.outer(1 - a, 1 - a))
        s = scale * (s + np.sqrt(np.outer(a, a)) * (np.outer(e, e) + c))
        if kept is not None:
            ridged = scale[np.ix_(p, p)] * (ridged + np.sqrt(np.outer(a[p], a[p])) * np.outer(e[p], e[p]))
        mean, count = mean + a * e, count + has
    return np.array(out)


def correlated(n, d, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 10.0 ** rng.integers(-3, 4, d) + 5


@pytest.mark.parametrize("lacking", [0.0, 0.02, 0.4])
def test_distances_and_residuals_are_those_of_plain_matrices(lacking):
    x = correlated(900, 4, 1)
    x[500] += 40 * x.std(axis=0)
    x[np.random.default_rng(2).random(x.shape) < lacking] = np.nan
    found, expected = related(x)[0], reference(x)
    assert np.allclose(found[:, 6:8], expected, rtol=1e-6, atol=1e-9)
    assert expected[-1, 0] > 0


def test_a_broken_relation_is_named_and_the_rest_is_quiet():
    rng, events = np.random.default_rng(3), 20_000
    pump = rng.normal(size=events)
    x = np.stack([rng.normal(size=events), pump, 3 * pump + 0.3 * rng.normal(size=events), rng.normal(size=events)], 1)
    x[-1] = 0.1, 1.5, -3.0, 0.2  # neither 1.5 nor -3 is unusual by itself
    score, field, cause, value, usual, tied = related(x)[0][-1, :6]
    assert score > 5
    assert (field, cause, value, tied) == (1, 0, 1.5, 2) or (field, cause, value, tied) == (2, 0, -3.0, 1)
    assert usual == pytest.approx(-1.0 if field == 1 else 4.5, abs=0.5)
    assert (related(x)[0][:-1, 0] >= 3.5).mean() < 3e-4


def test_what_several_sources_said_last_is_related():
    rng, n = np.random.default_rng(4), 8000
    pump = 5 * np.sin(np.arange(n) / 40)
    x = np.stack([pump + 0.1 * rng.normal(size=n), 2 * pump + 0.1 * rng.normal(size=n)], 1)
    x[0::2, 1] = x[1::2, 0] = np.nan  # each source has one field, and they take turns
    x[-2, 0], x[-1, 1] = 4.0, -8.0
    assert related(x, within=60.0)[0][-2:, 0].max() > 5
    assert related(x, within=0.5)[0][-1, 0] == -1


def test_what_follows_from_the_event_before_is_not_strange_and_what_does_not_is():
    rng, n = np.random.default_rng(7), 8000
    pump = np.cumsum(rng.choice([-1.0, 1.0], n))
    flow = np.concatenate([[0.0], 2 * pump[:-1]]) + 0.1 * rng.normal(size=n)  # follows one event later
    x = np.stack([pump, flow], 1)
    x[-1, 1] = 2 * pump[-1]  # at once
    assert related(x)[0][-1, 0] < 2
    score, field, cause, _, usual, tied = related(x, is_lagged=True)[0][-1, :6]
    assert (score > 5, field, cause, tied) == (True, 1, 0, 2)
    assert usual == pytest.approx(2 * pump[-2], abs=0.5)


NASTY = st.sampled_from([0.0, 1.0, -1e100, 1e100, 1e-100, 1e-300, 3.0, float("nan"), 1e9, 1e9 + 1e-7, 7.5])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NASTY, NASTY, NASTY), max_size=60), st.integers(1, 6), st.booleans(), st.data())
def test_it_stays_finite_and_no_cut_shows(events, times, is_lagged, data):
    x = np.array(events * times, np.float64).reshape(-1, 3)
    x = np.vstack([x, correlated(200, 3, 5)])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(x)), max_size=5)))
    found, row = related(x, is_lagged=is_lagged)
    again, same = related(x, cuts=cuts, is_lagged=is_lagged)
    assert np.isfinite(row).all()
    assert np.isfinite(found[found[:, 0] >= 0]).all()
    assert (found.tobytes(), row.tobytes()) == (again.tobytes(), same.tobytes())


def test_fields_that_are_one_and_the_same_do_no_harm():
    x = np.repeat(correlated(5000, 1, 6), 4, axis=1)
    found, row = related(x)
    assert np.isfinite(row).all()
    assert (found[:, 0] >= 3.5).mean() < 1e-3
