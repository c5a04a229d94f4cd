"""The past of fields, keys and labels equals what the whole list of earlier events says."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models import history
from aimass.models.history import FADE, label_width, labelled, pace, pace_width, recall, value_width

HALF_LIVES = np.array([60.0, 3600.0])
NAN = float("nan")
VALUES = st.one_of(st.floats(-100, 100), st.just(NAN), st.sampled_from([1e100, -1e100, 0.0, 5e-324]))
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1e5), st.tuples(VALUES, VALUES)), min_size=1, max_size=25)


def run_values(events, cuts=(), lags=2, function=recall):
    state = np.zeros((3, 2, value_width(lags, 2)))
    found = np.empty((len(events), 2, len(history.value_names(lags, HALF_LIVES))))
    rows = np.array([one[0] for one in events], np.int64)
    times = np.array([one[1] for one in events], np.float64)
    values = np.array([one[2] for one in events], np.float64)
    borders = [0, *sorted(cuts), len(events)]
    for at, until in pairwise(borders):
        function(state, rows[at:until], times[at:until], values[at:until], HALF_LIVES, lags, found[at:until])
    return found, state


def past_of(events, i, field):
    """Return the earlier values of an event's field, each with the key's clock at it: time that never goes back."""
    clock, past = -math.inf, []
    for key, time, values in events[:i]:
        if key == events[i][0] and values[field] == values[field]:
            clock = max(clock, time)
            past.append((clock, values[field]))
    return past


def expected(past, time, value, lags=2):
    """Return what a field's past tells, from the whole list of its values."""
    if not past:
        return [NAN] * (lags + 1 + 4 * len(HALF_LIVES))
    before = [value for _, value in reversed(past)]
    told = [before[k] if k < len(before) else NAN for k in range(lags)] + [value - before[0]]
    clock = max(past[-1][0], time)
    for half in HALF_LIVES.tolist():
        weights = [0.5 ** ((past[-1][0] - when) / half) for when, _ in past]
        total = sum(weights)
        mean = sum(w * v for w, (_, v) in zip(weights, past, strict=True)) / total
        squares = sum(w * (v - mean) ** 2 for w, (_, v) in zip(weights, past, strict=True))
        low, high = extremes(past, half)
        fade = 0.5 ** ((clock - past[-1][0]) / half)
        told += [mean, math.sqrt(squares / total), mean + (low - mean) * fade, mean + (high - mean) * fade]
    return told


def extremes(past, half):
    """Return the extremes that fade towards the mean of what came before each value."""
    low = high = past[0][1]
    for i in range(1, len(past)):
        weights = [0.5 ** ((past[i - 1][0] - when) / half) for when, _ in past[:i]]
        mean = sum(w * v for w, (_, v) in zip(weights, past, strict=False)) / sum(weights)
        fade = 0.5 ** ((past[i][0] - past[i - 1][0]) / half)
        low = min(past[i][1], mean + (low - mean) * fade)
        high = max(past[i][1], mean + (high - mean) * fade)
    return low, high


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 9e3), st.tuples(st.floats(-9, 9), st.floats(0, 1))),
        min_size=1,
        max_size=25,
    )
)
def test_values_are_what_the_whole_past_says(events):
    """Up to the order of additions: to 1e-7 of the values' size, as squares lose half their digits."""
    found, _ = run_values(events)
    for i, (_, time, values) in enumerate(events):
        for field in range(2):
            told = expected(past_of(events, i, field), time, values[field])
            assert found[i, field].tolist() == pytest.approx(told, abs=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.sets(st.integers(0, 24)))
def test_cuts_never_show_nor_does_the_compiler(events, cuts):
    whole = run_values(events)
    cut = run_values(events, [at for at in cuts if at < len(events)])
    plain = run_values(events, function=recall.py_func)
    for one in (cut, plain):
        assert [part.tobytes() for part in one] == [part.tobytes() for part in whole]


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_whatever_comes_numbers_stay_finite(events):
    found, state = run_values(events)
    assert np.isfinite(state).all()
    assert not np.isinf(found).any()


def test_an_event_that_lacks_a_field_is_told_its_past_and_adds_nothing_to_it():
    found, _ = run_values([(0, 0.0, (5.0, 1.0)), (0, 1.0, (NAN, 2.0)), (0, 2.0, (7.0, 3.0))])
    assert found[1, 0, :2].tolist() == pytest.approx([5.0, NAN], nan_ok=True)
    assert found[2, 0, :3].tolist() == pytest.approx([5.0, NAN, 2.0], nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1e4)), max_size=20))
def test_pace_is_what_the_keys_earlier_events_say(events):
    state, found = np.zeros((2, pace_width(2))), np.empty((len(events), 4))
    rows, times = (np.array([one[k] for one in events], kind) for k, kind in ((0, np.int64), (1, np.float64)))
    pace(state, rows, times, HALF_LIVES, found)
    for i, (key, time) in enumerate(events):
        past, clock = [], -math.inf
        for other, when in events[:i]:
            if other == key:
                clock = max(clock, when)
                past.append(clock)
        gap = math.log1p(max(time - past[-1], 0.0)) if past else NAN
        clock = max([time, *past])
        rates = [sum(0.5 ** ((clock - when) / half) for when in past) * math.log(2) / half for half in HALF_LIVES]
        assert found[i].tolist() == pytest.approx([gap, math.log1p(len(past)), *rates], abs=1e-9, nan_ok=True)


LABELS = st.lists(
    st.tuples(st.integers(1, 3), st.one_of(st.integers(0, 4).map(float), st.just(NAN)), st.booleans()), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.sampled_from([0, 2, 4, 12]), st.integers(1, 3))
def test_labels_are_those_strictly_before(events, classes, lags):
    names = history.label_names(lags, classes)
    state = np.zeros((4, label_width(lags, classes)))
    number = iter(range(len(events)))
    shown = np.array([-1 if is_late else next(number) for _, _, is_late in events], np.int64)
    found = np.empty((next(number, len(events)), len(names)))
    rows = np.array([key for key, _, _ in events], np.int64)
    labels = np.array([label for _, label, _ in events], np.float64)
    labelled(state, rows, rows.astype(np.float64), labels, shown, lags, found)
    for i, (key, _, is_late) in enumerate(events):
        if not is_late:
            past = [(other, label) for other, label, _ in events[:i] if label == label]
            own, everyone = [label for other, label in past if other == key], [label for _, label in past]
            told = tell(own or everyone, lags, classes)
            told += tell(everyone if len({other for other, _ in past}) > 1 else [], lags, classes)
            assert found[shown[i]].tolist() == pytest.approx(told, abs=1e-12, nan_ok=True)


def tell(past, lags, classes):
    count = history.shares(classes)
    if not past:
        return [NAN] * (lags + count)
    fading = [0.0] * count
    for n, label in enumerate(past, 1):
        for k in range(count):
            here = label if count == 1 else float(label == k + 1)
            fading[k] += (here - fading[k]) * max(1 / n, FADE)
    return [past[-k - 1] if k < len(past) else NAN for k in range(lags)] + fading


def test_classes_beyond_the_eighth_have_no_share_of_their_own():
    assert len(history.label_names(1, 100)) == 2 * (1 + 7)
    assert history.label_names(0, 5) == []
