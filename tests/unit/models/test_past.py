"""What a key's numbers were before: the plain reference to the last bit, never the event itself, cuts never show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.kernel import Floats
from aimass.models.members.numerics import exp
from aimass.models.past import count, names, run, width

LIMIT = 1e100
NUMBERS = st.sampled_from([math.nan, 0.0, 1.0, -2.5, 0.1, 1e100, -1e100, 1e300, 5e-324, math.inf]) | st.floats(-9, 9)
EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.floats(-100, 1000) | st.sampled_from([0.0, 5.0, 1e100, -1e100]), NUMBERS, NUMBERS),
    max_size=40,
)


class Key:
    """The plain reference: one key's history in lists and dictionaries."""

    def __init__(self, fields: int, half_lives: list[float]) -> None:
        self.half_lives = half_lives
        self.newest: float | None = None
        self.counts = [0.0] * len(half_lives)
        self.numbers: list[list[float]] = [[] for _ in range(fields)]
        self.fading = [[[0.0, 0.0, 0.0] for _ in half_lives] for _ in range(fields)]

    def features(self, t: float, lags: int) -> list[float]:
        gap = 0.0
        if self.newest is not None and t > self.newest:
            gap = min(t - self.newest, LIMIT)
            for w, half_life in enumerate(self.half_lives):
                left = exp(-math.log(2.0) * gap / half_life)
                self.counts[w] *= left
                for field in self.fading:
                    field[w][0] *= left
        found = []
        for numbers, fading in zip(self.numbers, self.fading, strict=True):
            found += [numbers[-j] if len(numbers) >= j else math.nan for j in range(1, lags + 1)]
            for _, mean, variance in fading:
                found += [mean, min(math.sqrt(variance), LIMIT)] if numbers else [math.nan, math.nan]
        is_new = self.newest is None
        found.append(math.nan if is_new else gap)
        for n, half_life in zip(self.counts, self.half_lives, strict=True):
            found.append(math.nan if is_new else min(n * math.log(2.0) / half_life, LIMIT))
        self.newest = t if self.newest is None else max(t, self.newest)
        return found

    def take(self, values: list[float]) -> None:
        self.counts = [n + 1.0 for n in self.counts]
        for k, value in enumerate(values):
            if value == value:
                v = min(max(value, -LIMIT), LIMIT)
                self.numbers[k].append(v)
                for one in self.fading[k]:
                    one[0] += 1.0
                    a, d = 1.0 / one[0], v - one[1]
                    one[1] += a * d
                    one[2] = (1.0 - a) * (one[2] + a * d * d)


def reference(events: list[Any], lags: int, half_lives: list[float]) -> Floats:
    keys: dict[int, Key] = {}
    found = []
    for row, t, *values in events:
        key = keys.setdefault(row, Key(len(values), half_lives))
        found.append(key.features(t, lags))
        key.take(values)
    return np.array(found).reshape(len(events), count(2, lags, len(half_lives)))


def fresh(lags: int, half_lives: list[float], fields: int = 2) -> Floats:
    return np.zeros((3, width(fields, lags, len(half_lives))))


def apply(state: Floats, events: list[Any], lags: int, half_lives: list[float], fields: int = 2) -> Floats:
    rows = np.array([event[0] for event in events], np.int64)
    times = np.array([event[1] for event in events], np.float64)
    values = np.array([event[2:] for event in events], np.float64).reshape(len(events), fields)
    return run(state, rows, times, values, lags, np.array(half_lives, np.float64))


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(0, 3), st.sampled_from([[], [60.0], [1e-3, 3600.0]]))
def test_the_kernel_is_the_plain_reference(events: list[Any], lags: int, half_lives: list[float]) -> None:
    state = fresh(lags, half_lives)
    found, wanted = apply(state, events, lags, half_lives), reference(events, lags, half_lives)
    assert found.tobytes() == wanted.tobytes()
    assert np.isfinite(state).all()
    assert not np.isinf(found).any()


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(0, 40))
def test_cuts_and_encoding_never_show(events: list[Any], cut: int) -> None:
    whole, parts = fresh(2, [60.0, 900.0]), fresh(2, [60.0, 900.0])
    found = apply(whole, events, 2, [60.0, 900.0])
    first = apply(parts, events[:cut], 2, [60.0, 900.0])
    parts = np.frombuffer(parts.tobytes()).reshape(parts.shape).copy()
    second = apply(parts, events[cut:], 2, [60.0, 900.0])
    assert np.concatenate([first, second]).tobytes() == found.tobytes()
    assert parts.tobytes() == whole.tobytes()


def told(events: list[Any], lags: int = 2, half_life: float = 60.0) -> dict[str, float]:
    """Return the features of the last event of one field, by name."""
    found = apply(fresh(lags, [half_life], 1), events, lags, [half_life], 1)
    return dict(zip(names(["x"], lags, [half_life]), found[-1].tolist(), strict=True))


def test_an_event_is_not_in_its_own_features() -> None:
    past = [(0, 0.0, 3.0), (0, 10.0, 5.0)]
    assert told([*past, (0, 20.0, 7.0)]) == told([*past, (0, 20.0, -1e9)])


def test_the_features_of_a_new_key_are_missing_whatever_others_have() -> None:
    assert all(math.isnan(one) for one in told([(0, 0.0, 3.0), (0, 1.0, 4.0), (1, 2.0, 5.0)]).values())


def test_a_half_life_back_counts_half() -> None:
    found = told([(0, 0.0, 1.0), (0, 60.0, 4.0), (0, 60.0, 9.0)])
    assert found["x.mean.60s"] == pytest.approx((0.5 * 1 + 4) / 1.5)
    assert found["x.sd.60s"] == pytest.approx(math.sqrt((0.5 * 1 + 16) / 1.5 - 9))


def test_the_rate_is_in_events_per_second() -> None:
    assert told([(0, 2.0 * i, 0.0) for i in range(2000)])["rate.60s"] == pytest.approx(0.5, rel=0.02)


def test_what_an_event_lacks_is_no_number() -> None:
    found = told([(0, 0.0, 1.0), (0, 1.0, 2.0), (0, 2.0, math.nan), (0, 3.0, 8.0)])
    assert (found["x.lag1"], found["x.lag2"], found["gap"]) == (2.0, 1.0, 1.0)


def test_a_time_that_goes_back_takes_no_time() -> None:
    late = [(0, 100.0, 1.0), (0, 40.0, 2.0), (0, 130.0, 3.0)]
    assert told(late[:2])["gap"] == 0.0
    assert told(late)["gap"] == 30.0
    assert told(late) == told([(0, 100.0, 1.0), (0, 100.0, 2.0), (0, 130.0, 3.0)])


def test_names_have_the_order_of_the_columns_and_long_half_lives_their_digits() -> None:
    found = names(["a", "pos.x"], 2, [0.5, 2_592_000.0])
    assert len(found) == len(set(found)) == count(2, 2, 2)
    assert found[8:10] == ["pos.x.mean.0.5s", "pos.x.sd.0.5s"]
    assert found[-1] == "rate.2592000s"
