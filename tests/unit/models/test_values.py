"""The kernel is its plain reference to the last bit, however a batch is cut; and what scores mean."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.values import CAUSES, CRITICAL, FOUND, LIMIT, LINE, TOLD, WIDTH, forgive, run, score_batch

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, LIMIT, -LIMIT, 1e300, 1e-160, math.nan, math.nan, 3.0, 3.0]),
    st.floats(-LIMIT, LIMIT, allow_nan=False),
    st.integers(0, 3).map(float),
    st.floats(-10, 10),
)


class Tail:
    """Exponential tail over a moving threshold; of the first 150 sizes only the three highest are kept."""

    def __init__(self):
        self.n, self.mean, self.top = 0, 0.0, [0.0, 0.0, 0.0]

    def score(self, x):
        if self.n < 150:
            first, second, u = self.top
            m = 0.5 * ((first - u) + (second - u))
            base = math.log10(max(float(self.n), 3.0) / 3.0)
        else:
            if self.n == 150:
                first, second, self.u = self.top
                self.m, self.big = 0.5 * ((first - self.u) + (second - self.u)), first - self.u
            u, m, base = self.u, self.m, -math.log10(0.02)
        e, unit = x - u, max(m, 0.3 * self.mean)
        if e > 0.0:
            found = min(base + (e / unit if e < 1e9 * unit else 1e9) / math.log(10.0), 300.0)
        else:
            found = base * x / u if u > 0.0 else 0.0
        self._learn(x, e, unit)
        return found

    def _learn(self, x, e, unit):
        bound = x
        if self.n < 150:
            self.top = sorted([*self.top, x], reverse=True)[:3]
        elif e > 0.0:
            bound = min(x, self.u + 20.0 * unit)
            self.u += 0.05 * unit * 0.98
            self.m += 0.01 * (min(e, max(20.0 * unit, min(self.big, e))) - self.m)
            self.big = max(0.98 * self.big, e)
        else:
            bound = min(x, self.u + 20.0 * unit)
            self.u = max(self.u - 0.05 * unit * 0.02, 0.3 * self.mean)
        self.n += 1
        self.mean += max(1.0 / self.n, 0.002) * (bound - self.mean)


class Rank:
    """How often a score was as high before, by episodes."""

    def __init__(self):
        self.n, self.episodes, self.age, self.peak, self.highest = 0, 0, 0, 0.0, [0.0] * 8

    def score(self, s):
        n, self.n, self.age = self.n, self.n + 1, self.age + 1
        if s <= -math.log10(0.02) or n < 32:
            return s
        if self.age > 50:
            if self.peak > 0.0:
                self.episodes += 1
                if self.episodes % 64 == 0:
                    self.highest = [*self.highest[1:], 0.0]
                self.highest = sorted([*self.highest, self.peak], reverse=True)[:8]
            self.peak = 0.0
        if s > self.peak:
            self.peak, self.age = s, 0
        above = sum(peak >= s for peak in self.highest)
        rare = math.log10(min(n + 1.0, 20000.0) / (above + 1.0))
        if above == 8:
            rare = min(rare, math.log10((n + 1.0) / (self.episodes + 1.0)))
        bounds = [s, 0.5 * (s + rare), 3.0 * rare]
        if above:
            bounds.append(rare + (1.0 if s < 300.0 else 0.0))
        return max(min(bounds), 0.0)


class Slow:
    """A running mean, and its variance where asked: quick at first, then at a fixed rate."""

    def __init__(self, rate):
        self.n, self.rate, self.mean, self.var = 0, rate, 0.0, 0.0

    def learn(self, off):
        self.n += 1
        a = max(1.0 / self.n, self.rate)
        self.mean, self.var = self.mean + a * off, (1.0 - a) * (self.var + a * off * off)


def ratio(size, unit):
    return 0.0 if not unit > 0.0 else size / unit if size < 1e9 * unit else 1e9


class Field:
    """One field of one key: what `run` does, written plainly."""

    def __init__(self):
        self.n = 0
        self.tails, self.ranks = [Tail() for _ in range(6)], [Rank() for _ in range(7)]
        self.level, self.restless = Slow(0.001), Slow(0.001)
        self.usual_jump, self.usual_left = Slow(0.002), Slow(0.002)
        self.hours = {(end, hour): [0.0, 0.0] for end in (False, True) for hour in range(24)}
        self.spreads = [0.0] * 24
        self.short = self.long = self.quick = self.gap = self.bar = self.bar_age = self.pardon = 0.0

    def score(self, t, v):
        if self.n == 0:
            self.last = self.level.mean = self.low = self.high = v
        hour, end = min(int(t % 86400.0 / 3600.0), 23), (math.floor(t / 86400.0) + 4.0) % 7.0 in (0.0, 6.0)
        usual, last, mean = self._usual(hour, end), self.last, self.level.mean
        constant = self.low == self.high and v != last
        left, jump, off = v - usual, abs(v - last), v - mean
        share = self.hours[False, hour][1] / (self.hours[False, hour][1] + 2.0)
        spread = share * self.spreads[hour] + (1.0 - share) * self.usual_left.mean
        self.short += 0.1 * (left - self.short)
        self.long += 0.025 * (left - self.long)
        self.quick += 0.1 * (jump - self.quick)
        stir = self.quick - self.restless.mean
        sizes = [
            jump,
            ratio(abs(left), spread + 0.3 * self.usual_left.mean),
            ratio(abs(off), math.sqrt(self.level.var)),
            abs(self.short),
            abs(self.long),
            ratio(abs(stir), math.sqrt(self.restless.var)),
        ]
        scores = [self.ranks[0].score(self._record(v))]
        scores += [rank.score(tail.score(x)) for rank, tail, x in zip(self.ranks[1:], self.tails, sizes, strict=True)]
        scores[3] *= 0.7
        scores[6] *= 0.7
        score = max(scores)
        cause = scores.index(score)
        expected = {1: last, 3: mean}.get(cause, usual)
        self.level.learn(off)
        self.restless.learn(stir)
        self.usual_jump.learn(jump - self.usual_jump.mean)
        self.usual_left.learn(abs(left) - self.usual_left.mean)
        self._learn_hour(hour, end, v, abs(left))
        self.last = v
        if constant:
            score, cause, expected = (math.log10(float(self.n)) if self.n else 0.0), 7, last
        self.n += 1
        return (*self._tell(score, constant), cause, expected)

    def _usual(self, hour, end):
        mean, seen = self.hours[False, hour]
        share = seen / (seen + 2.0)
        usual = share * mean + (1.0 - share) * self.level.mean
        if end:
            mean, seen = self.hours[True, hour]
            share = seen / (seen + 8.0)
            usual = share * mean + (1.0 - share) * usual
        return usual

    def _learn_hour(self, hour, end, v, left):
        own = self.hours[end, hour]
        own[1] += 1.0
        own[0] += max(0.1, 1.0 / own[1]) * (v - own[0])
        self.spreads[hour] += max(0.1, 1.0 / max(self.hours[False, hour][1], 1.0)) * (left - self.spreads[hour])

    def _record(self, v):
        over = max(v - self.high, self.low - v)
        self.gap += 1.0
        if over <= 0.0 or self.n == 0:
            return 0.0
        since, self.gap = self.gap, 0.0
        self.high, self.low = max(self.high, v), min(self.low, v)
        return min(math.log10(since) + ratio(over, self.usual_jump.mean) / math.log(10.0), 300.0)

    def _tell(self, score, constant):
        if self.pardon > 0.0:
            score *= 3.5 / max(self.pardon, 3.5)
            self.pardon -= 2e-5 * self.pardon
        self.bar_age += 1
        if self.n <= 32:
            return -1.0, -1.0
        if self.bar_age > 120:
            self.bar = 0.0
        if score > self.bar + 0.1:
            self.bar, self.bar_age = (300.0 if constant else score), 0
            return score, score
        return min(score, 2.0), score


def reference(rows, times, values):
    fields, found = {}, []
    for row, t, numbers in zip(rows, times, values, strict=True):
        best, raw, live = (-1.0, -1, 0.0, 0.0, 0.0), 0.0, 0
        for i, v in enumerate(numbers):
            if v == v:
                held = min(max(v, -LIMIT), LIMIT)
                told, score, cause, expected = fields.setdefault((row, i), Field()).score(t, held)
                if told >= 0.0:
                    live, raw = live + 1, max(raw, score)
                    if told > best[0]:
                        best = (told, i, cause, v, expected)
        fair = math.log10(live) if live > 1 else 0.0
        found.append([max(best[0] - fair, 0.0), max(raw - fair, 0.0), *best[1:]])
    return np.array(found)


def apply(state, rows, times, values):
    found = np.zeros((len(rows), FOUND))
    run(state, np.array(rows, np.int64), np.array(times, np.float64), np.ascontiguousarray(values), found)
    return found


def past(seed, count):
    rng = random.Random(seed)
    rows = [rng.randrange(3) for _ in range(count)]
    times = [1.4e9 + 700.0 * i + rng.uniform(-3000, 3000) for i in range(count)]
    values = [[rng.gauss(row, 1) * rng.choice([1, 1, 1, 9]), float(rng.random() < 0.02)] for row in rows]
    return rows, times, values


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=60), st.integers(0, 99), st.data())
def test_the_kernel_is_the_plain_reference_however_it_is_cut(numbers, seed, data):
    rows, times, values = past(seed, data.draw(st.sampled_from([0, 120, 450])))
    rows, values = rows + [i % 3 for i in range(len(numbers))], values + numbers
    times = times + [1.5e9 + 600.0 * i for i in range(len(numbers))]
    wanted = reference(rows, times, values)
    whole, parts = np.zeros((3, 2, WIDTH)), np.zeros((3, 2, WIDTH))
    found = apply(whole, rows, times, np.array(values))
    assert found.tobytes() == wanted.tobytes()
    assert np.isfinite(found).all()
    assert np.isfinite(whole).all()
    cut = data.draw(st.integers(0, len(rows)))
    first = apply(parts, rows[:cut], times[:cut], np.array(values[:cut]).reshape(-1, 2))
    parts = np.frombuffer(parts.tobytes()).reshape(parts.shape).copy()
    second = apply(parts, rows[cut:], times[cut:], np.array(values[cut:]).reshape(-1, 2))
    assert np.concatenate([first, second]).tobytes() == found.tobytes()
    assert parts.tobytes() == whole.tobytes()


def test_the_kernel_is_the_reference_over_a_long_stream():
    rows, times, values = past(5, 9000)
    found = apply(np.zeros((3, 2, WIDTH)), rows, times, np.array(values))
    assert found.tobytes() == reference(rows, times, values).tobytes()


def alone(values, times=None, state=None):
    state = np.zeros((1, 1, WIDTH)) if state is None else state
    times = 1.4e9 + 300.0 * np.arange(len(values)) if times is None else times
    return apply(state, [0] * len(values), times, np.array(values, np.float64).reshape(-1, 1))


def noise(seed, count):
    return np.random.default_rng(seed).normal(10, 2, count).tolist()


def test_noise_crosses_the_line_seldom():
    crossed = sum(int((alone(noise(seed, 5000))[:, 0] >= LINE).sum()) for seed in range(6))
    assert crossed < 30


@pytest.mark.parametrize("values", [[5.0] * 3000, [float(i) for i in range(3000)], [float(i % 2) for i in range(3000)]])
def test_constants_counters_and_switches_are_usual(values):
    assert (alone(values)[:, 0] >= LINE).sum() <= 3  # a counter's first new day is off the profile of its first


def test_an_outlier_scores_high_early():
    found = alone([i % 5 for i in range(99)] + [90.0])
    assert found[-1, 0] > 5
    assert CAUSES[int(found[-1, 3])] == "never seen"


def test_an_outlier_does_not_blind():
    found = alone([*noise(2, 600), 60.0, *noise(3, 900), 60.0])
    assert found[600, 0] > CRITICAL
    assert found[-1, 0] >= LINE


def test_an_episode_is_told_once():
    found = alone([*noise(2, 600), 60.0, 61.0, 60.0])
    assert found[600, 0] >= LINE
    assert found[602, 0] <= TOLD < found[602, 1]


def test_a_number_that_is_usual_at_another_hour_is_off_the_daily_profile():
    values = [math.sin(2 * math.pi * i / 24) * 10 + math.sin(i * 1.7) * 0.1 for i in range(24 * 40)]
    values += [values[-24], values[-24 + 13]]
    found = alone(values, 1.4e9 + 3600.0 * np.arange(len(values)))
    assert found[-1, 1] >= LINE
    assert CAUSES[int(found[-1, 3])] in ("daily profile", "jump")


def test_a_change_of_volatility_and_of_level_are_found():
    calm = noise(7, 2000)
    wild = alone(calm + [10 + 3 * (v - 10) for v in noise(8, 60)])
    raised = alone(calm + [v + 5 for v in noise(9, 60)])
    assert wild[2000:, 0].max() >= LINE
    assert raised[2000:, 0].max() >= LINE


def test_the_first_change_of_a_constant_scores_by_how_long_it_was_constant():
    found = alone([5.0] * 1000 + [5.5, 5.0, 5.5])
    assert found[1000].tolist() == [3.0, 3.0, 0.0, 7.0, 5.5, 5.0]
    assert (found[1001:, 0] <= TOLD).all()


def test_what_an_analyst_pardons_is_not_flagged_again():
    values = [*noise(4, 1000), 40.0]
    state = np.zeros((1, 1, WIDTH))
    alone(values[:-1], state=state)
    told = alone(values[-1:], np.array([1.5e9]), state.copy())[0, 0]
    assert told >= LINE
    forgive(state[0, 0], told)
    assert alone(values[-1:], np.array([1.5e9]), state)[0, 0] < LINE


def test_width_is_paid_for():
    values = np.random.default_rng(5).normal(size=(3000, 40))
    found = apply(np.zeros((1, 40, WIDTH)), [0] * 3000, 300.0 * np.arange(3000), values)
    assert (found[500:, 0] >= LINE).sum() < 40


def test_anomalies_say_how_bad_and_why():
    values = np.array([*noise(3, 2000), 1e9]).reshape(-1, 1)
    found = score_batch(np.zeros((1, 1, WIDTH)), np.zeros(2001, np.int64), 60.0 * np.arange(2001), values, ["x"])
    assert (found[0].score, found[0].field, found[0].severity) == (0.0, None, None)
    assert (found[-1].field, found[-1].value, found[-1].severity) == ("x", 1e9, "critical")
    assert found[-1].score >= CRITICAL
