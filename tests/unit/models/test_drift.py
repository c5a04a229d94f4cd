"""Drift: found soon, named rightly, and not found where there is none; the same however rows were cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.errors import SnapshotVersionMismatch
from aimass.models.drift import Finding, Watch
from aimass.models.drift_kernel import WIDTH
from aimass.models.kernel import Floats

BIG = 1e100


def normal(n: int, width: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, width))


def dependent(n: int, width: int, rho: float) -> Floats:
    rows = normal(n, width)
    for i in range(1, n):
        rows[i] += rho * rows[i - 1]
    return rows


def alone(rows: Floats) -> list[list[Finding]]:
    """Each column watched by itself."""
    return [Watch(1).update(np.ascontiguousarray(column)) for column in rows.T]


def test_a_step_of_one_deviation_is_found_within_forty_events_by_half_and_named() -> None:
    rows = normal(4_000, 60)
    rows[3_000:] += 1.0
    found = alone(rows)
    first = [one[0] for one in found if one]
    delays = [one.row - 3_000 for one in first]
    assert min(delays) >= 0
    assert len(first) == 60
    assert np.median(delays) <= 40
    assert abs(np.median([one.deviations for one in first]) - 1.0) < 0.3
    assert abs(np.median([one.before for one in first])) < 0.1
    assert abs(np.median([one.after for one in first]) - 1.0) < 0.3
    assert np.median([abs(one.events - 1 - (one.row - 3_000)) for one in first]) < 30
    assert not any(one.is_spread for one in first)


def test_a_large_step_is_found_at_once_and_told_in_its_own_unit() -> None:
    rows = 1e6 + 3.0 * normal(2_000, 1)
    rows[1_500:] += 3_000.0
    [found] = Watch(1).update(rows)
    assert found.row - 1_500 < 8
    assert found.before == pytest.approx(1e6, abs=1.0)
    assert found.after == pytest.approx(1e6 + 3_000.0, abs=30.0)


def test_a_change_of_spread_is_found_and_told_as_deviations() -> None:
    rows = normal(4_000, 20)
    rows[3_000:] *= 2.0
    first = [one[0] for one in alone(rows)]
    assert min(one.row for one in first) >= 3_000
    assert np.median([one.row - 3_000 for one in first]) < 80
    assert sum(one.is_spread for one in first) >= 15
    told = [one for one in first if one.is_spread]
    assert np.median([one.before for one in told]) == pytest.approx(1.0, abs=0.1)
    assert np.median([one.after for one in told]) == pytest.approx(2.0, abs=0.5)


def test_small_and_slow_changes_are_found_later() -> None:
    rows = normal(8_000, 20)
    rows[3_000:, :10] += 0.5
    rows[3_000:5_000, 10:] += np.linspace(0.0, 1.0, 2_000)[:, None]
    rows[5_000:, 10:] += 1.0
    found = alone(rows)
    assert all(one and one[0].row >= 3_000 for one in found)
    assert np.median([one[0].row - 3_000 for one in found[:10]]) < 400
    assert np.median([one[0].row - 3_000 for one in found[10:]]) < 1_200


STEADY = {
    "normal": normal(50_000, 8),
    "heavy tails": np.random.default_rng(2).standard_t(1.5, size=(50_000, 8)),
    "skewed": np.random.default_rng(3).lognormal(0.0, 1.5, size=(50_000, 8)),
    "rare": (np.random.default_rng(4).random((50_000, 8)) < 0.01) * 1.0,
    "zeros and ones": (np.random.default_rng(5).random((50_000, 8)) < 0.3) * 1.0,
    "dependent": dependent(50_000, 8, 0.9),
    "constant": np.full((5_000, 8), 3.7),
}


@pytest.mark.parametrize("kind", STEADY)
def test_no_change_is_found_where_there_is_none(kind: str) -> None:
    assert sum(map(len, alone(STEADY[kind]))) <= 1


def test_a_daily_profile_is_learned_to_be_usual() -> None:
    rows = normal(50_000, 4) + 3.0 * np.sin(np.arange(50_000) * (2 * np.pi / 288))[:, None]
    found = [one.row for column in alone(rows) for one in column]
    assert len(found) <= 8
    assert not [row for row in found if row > 5 * 288]


def test_the_first_different_value_of_a_constant_is_no_change_but_a_new_constant_is() -> None:
    rows = np.zeros((3_000, 2))
    rows[1_000, 0] = 5.0
    rows[1_000:, 1] = 5.0
    found = Watch(2).update(rows)
    assert {one.column for one in found} == {1}
    assert found[0].row < 1_080
    assert (found[0].before, found[0].after) == (0.0, pytest.approx(5.0, rel=0.2))


def test_wide_rows_raise_no_more_alarms_than_narrow_ones() -> None:
    assert len(Watch(128).update(normal(8_000, 128))) <= 1


def test_after_a_finding_the_new_state_is_the_reference() -> None:
    rows = normal(7_500, 20)
    rows[2_500:5_000] += 2.0
    for one in alone(rows):
        assert [found.row // 2_500 for found in one] == [1, 2]
        assert one[1].deviations == pytest.approx(-2.0, abs=1.0)


def test_causes_are_the_inputs_that_moved_at_the_same_time_largest_first() -> None:
    rows = normal(2_000, 8)
    rows[600:, 5] += 9.0
    rows[1_900:, 2] -= 3.0
    rows[1_900:, 6] += 1.5
    watch = Watch(8)
    watch.update(rows)
    found = watch.causes(100, list("abcdefgh"))
    assert list(found) == ["c", "g"]
    assert found["c"] == pytest.approx(-3.0, abs=0.9)
    assert found["g"] == pytest.approx(1.5, abs=0.6)


def drifting(n: int, width: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width)) * rng.choice([1e-3, 1.0, 1e50], width)
    for at in rng.integers(0, n, 3):
        rows[at:] *= rng.choice([-2.0, 1.0, 3.0], width)
    rows[rng.random((n, width)) < 0.1] = np.nan
    return rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 900), max_size=5), width=st.integers(1, 5))
def test_cuts_and_restarts_do_not_show(seed: int, cuts: list[int], width: int) -> None:
    rows = drifting(900, width, seed)
    whole, cut, found, at = Watch(width), Watch(width), [], 0
    expected = whole.update(rows)
    for until in [*sorted(cuts), 900]:
        for one in cut.update(rows[at:until]):
            found.append((at + one.row, one.column, one.deviations, one.events))
        cut, at = Watch.decode(cut.encode()), until
    assert found == [(one.row, one.column, one.deviations, one.events) for one in expected]
    assert cut.encode() == whole.encode()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, -0.0, 1.0, BIG, -BIG, 1e-300, 5e-324, np.nan]), min_size=1, max_size=40),
    st.integers(1, 60),
)
def test_whatever_comes_the_state_stays_finite(values: list[float], times: int) -> None:
    watch = Watch(1)
    found = watch.update(np.array(values * times))
    assert np.isfinite(watch._state).all()
    assert all(np.isfinite([one.before, one.after, one.deviations]).all() for one in found)


def test_columns_are_apart_and_more_can_be_watched_later() -> None:
    rows = drifting(2_000, 3, 5)
    wide, narrow = Watch(3), Watch(1)
    narrow.update(rows[:500, :1])
    narrow.grow(3)
    narrow.grow(2)
    gaps = rows.copy()
    gaps[:500, 1:] = np.nan
    wide.update(gaps)
    narrow.update(rows[500:])
    assert narrow.width == 3
    assert (narrow._state[:, :20] == wide._state[:, :20])[1:].all()
    narrow.reset(1)
    assert not narrow._state[1].any()
    assert narrow._state[2].any()


def test_a_column_costs_a_kilobyte_and_another_version_is_refused() -> None:
    raw = Watch(3).encode()
    assert len(raw) - len(Watch(2).encode()) == 8 * WIDTH == 1024
    for bad in (b"", raw[:-1], b"XXXX" + raw[4:], raw[:4] + b"\x09\x00" + raw[6:]):
        with pytest.raises(SnapshotVersionMismatch, match="replay"):
            Watch.decode(bad)
