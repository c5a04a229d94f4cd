"""Links are found where one series follows another, nowhere else, and missed when they break."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.links import MAX_PAIRS, Change, LinkFinder, LinkSpec
from aimass.models.links_kernel import BLOCK, HISTORY, PAIR_WIDTH, accumulate
from aimass.models.screening import BUDGET, NOMINEES, screen


def run(values, spec=None, finder=None, start=0):
    """Return the finder after all blocks of series × bins, and what it said."""
    finder = finder or LinkFinder(spec or LinkSpec())
    said = []
    for n in range(values.shape[1] // BLOCK):
        said += finder.step(start + n, values[:, n * BLOCK : (n + 1) * BLOCK])
    return finder, said


def following(generator, bins, lag, strength, count=4):
    """Return noise in which the second series follows the first."""
    values = generator.normal(size=(count, bins))
    own = np.sqrt(1 - strength**2) * values[1, lag:]
    values[1, lag:] = strength * values[0, : bins - lag] + own
    return values


@pytest.mark.parametrize(("lag", "strength"), [(0, 0.9), (3, 0.7), (30, 0.9), (7, -0.8)])
def test_a_follower_is_found_with_its_lag_and_its_leader(lag, strength):
    (found,) = run(following(np.random.default_rng(1), 800, lag, strength).cumsum(axis=1))[1]
    assert (found.what, found.leader, found.follower, found.lag) == ("found", 0, 1, lag)
    assert found.strength == pytest.approx(strength, abs=0.2)
    assert found.since < found.bin < 400


def test_what_only_trends_walks_or_is_wild_is_not_linked():
    """7,600 pairs at 61 lags over 1,600 bins: none false."""
    said = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        noise, wild = generator.normal(size=(20, 1600)), generator.standard_t(2, size=(20, 1600))
        walks = noise.cumsum(axis=1)
        kinds = [noise, walks, walks + np.arange(1600) * generator.normal(size=(20, 1)) * 5, wild]
        said += run(kinds[seed % 4], LinkSpec(strength=0.3))[1]
    assert said == []


@pytest.mark.parametrize("how", ["goes its own way", "stands still", "is silent"])
def test_a_break_is_noticed_within_a_few_bins(how):
    generator = np.random.default_rng(5)
    values = following(generator, 1200, 3, 0.9)
    values[1, 1000:] = {
        "goes its own way": generator.normal(size=200),
        "stands still": values[1, 1000],
        "is silent": np.nan,
    }[how]
    found, broken = run(values)[1]
    assert (broken.what, broken.leader, broken.follower, broken.lag, broken.since) == ("broken", 0, 1, 3, found.since)
    assert 1000 <= broken.bin < 1040
    assert broken.score > 6


def test_a_link_at_rest_is_kept():
    """The pump stands still for 20 minutes, but for the noise of two sensors."""
    generator = np.random.default_rng(2)
    moves = following(generator, 1000, 3, 0.95, count=2).cumsum(axis=1)
    rests = moves[:, -1:] + generator.normal(size=(2, 1200)) * 0.01
    assert [one.what for one in run(np.concatenate([moves, rests], axis=1))[1]] == ["found"]


def test_a_pump_that_is_switched_now_and_then_is_followed_until_it_is_not():
    """It is set anew every 20 to 60 s, with noise in between; after 4,500 s the flow stops."""
    generator = np.random.default_rng(11)
    lengths = generator.integers(20, 60, size=200)
    points = np.repeat(generator.choice([0.0, 600, 900, 1500], size=200), lengths)[:5000]
    flow = np.concatenate([np.zeros(3), points[:-3]]) / 100
    flow[4500:] = 0
    noise = generator.normal(size=(2, 5000))
    found, broken = run(np.stack([points + noise[0], flow + noise[1] / 100]))[1]
    assert (found.what, found.lag, broken.what) == ("found", 3, "broken")
    assert 4500 <= broken.bin < 4950


def test_wild_values_do_not_break_a_link():
    generator = np.random.default_rng(3)
    wild = generator.standard_t(3, size=(2, 8000))
    wild[1, 3:] += 2 * wild[0, :-3]
    assert [one.what for one in run(wild)[1]] == ["found"]


def test_a_lag_that_moves_is_told():
    generator = np.random.default_rng(4)
    first, second = following(generator, 800, 3, 0.9), following(generator, 800, 9, 0.9)
    said = run(np.concatenate([first, second], axis=1))[1]
    assert [(one.what, one.lag) for one in said] == [("found", 3), ("broken", 3), ("changed", 9)]


def test_the_strongest_links_are_kept():
    generator = np.random.default_rng(6)
    leader = generator.normal(size=800)
    noises = [0.9, 0.8, 0.1]
    values = np.stack([leader, *(leader + generator.normal(size=800) * noise for noise in noises)])
    finder, _ = run(values, LinkSpec(links=1))
    assert finder.pairs[finder.stats[:, 6] > 0].tolist() == [[0, 3]]


def test_links_that_are_about_as_strong_do_not_take_turns():
    """40 series follow one: 780 pairs, of which 512 are verified and 16 are links."""
    generator = np.random.default_rng(12)
    values = generator.normal(size=2000) + 0.5 * generator.normal(size=(40, 2000))
    finder, said = run(values, LinkSpec(lags=5, links=16))
    assert (len(finder.pairs), int((finder.stats[:, 6] > 0).sum())) == (MAX_PAIRS, 16)
    assert len(said) < 40


def test_a_pair_among_hundreds_is_found_and_few_are_verified():
    generator = np.random.default_rng(7)
    values = generator.normal(size=(600, 480))
    values[411, 5:] = 0.9 * values[17, :-5] + 0.44 * values[411, 5:]
    finder = LinkFinder(LinkSpec(lags=20))
    said, most = [], 0
    for n in range(60):
        said += finder.step(n, values[:, n * BLOCK : (n + 1) * BLOCK])
        most = max(most, len(finder.pairs))
    assert [(one.what, one.leader, one.follower, one.lag) for one in said] == [("found", 17, 411, 5)]
    assert 1 <= most <= MAX_PAIRS // 10


def test_screening_does_a_bounded_amount_of_work_and_goes_round():
    history, cursor, leaders = np.random.default_rng(8).normal(size=(3000, HISTORY)), 0, []
    for _ in range(3):
        named, after = screen(history, 60, cursor)
        leaders.append((after - cursor) % 3000)
        cursor = after
        assert len(named) <= NOMINEES
    assert leaders == [BUDGET // (3000 * 61)] * 3


def test_forgotten_series_take_their_links_with_them():
    finder, _ = run(following(np.random.default_rng(1), 400, 3, 0.9))
    (gone,) = finder.drop([1], 400)
    assert (gone.what, gone.leader, gone.follower) == ("gone", 0, 1)
    assert not (finder.pairs == 1).any()
    assert finder.quiet(10) == []


def test_sums_are_what_a_plain_loop_gives():
    history = np.random.default_rng(9).normal(size=(2, HISTORY))
    sums, stats = np.zeros((1, 2, 7)), np.zeros((1, PAIR_WIDTH))
    accumulate(history, np.array([[0, 1]]), 0, HISTORY - 20, HISTORY, sums, stats)
    for k in range(-3, 4):
        total = squares = 0.0
        for t in range(HISTORY - 20, HISTORY):
            product = float(history[0, t - max(k, 0)] * history[1, t + min(k, 0)])
            fade = 1.0 - min(float(history[0, t] ** 2 + history[1, t] ** 2), 4.0) / 512.0
            total = total * fade + product
            squares = squares * (fade * fade) + product * product
        assert (total, squares) == (sums[0, 0, 3 + k], sums[0, 1, 3 + k])


nasty = st.sampled_from([0.0, 1e100, -1e100, 1e-300, float("nan"), 1.0, 3.0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(nasty, min_size=BLOCK * 3, max_size=BLOCK * 3), min_size=4, max_size=4), st.integers(1, 20))
def test_nasty_numbers_and_a_restart_do_no_harm(rows, stop):
    """State stays finite, and a finder that is written down and read back goes on to the same bits."""
    values = np.tile(np.array(rows), 8)
    whole, said = run(values)
    finder, before = run(values[:, : stop * BLOCK])
    read = LinkFinder.decode(finder.encode(), finder.spec)
    read.history[:] = finder.history
    again, after = run(values[:, stop * BLOCK :], finder=read, start=stop)
    assert before + after == said
    assert again.encode() == whole.encode()
    for array in (whole.series, whole.stats, whole.sums, whole.history):
        assert np.isfinite(array).all()
    assert all(isinstance(one, Change) for one in said)
