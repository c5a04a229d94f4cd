"""Faults put into data: each is what its name says, those that count are marked, and what is found is added up."""

import random
from dataclasses import replace
from itertools import pairwise

import orjson
import pytest

from aimass.quality.contracts.contract import Check, Contract
from benchmarks.fault_kinds import KINDS, Injected
from benchmarks.fault_streams import Recorded, facts_of, iso, rows_of
from benchmarks.fault_trial import LETTER, Outcome, Trial
from benchmarks.faults import Score, kind_of

KIND = {kind.name: kind for kind in KINDS}


def records(count=400):
    chance = random.Random(3)
    made = []
    for _ in range(count):
        low = round(chance.gauss(50, 5), 2)
        made.append(
            {"low": low, "high": round(low + abs(chance.gauss(2, 1)), 2), "state": chance.choice(["idle", "busy"])}
        )
    return rows_of(made)


ROWS = records()
FACTS = facts_of(ROWS, Contract(name="c", checks=(Check(name="order", that="low <= high"),)))


def put(name, rate=0.1, clean=None):
    return KIND[name].inject(ROWS, FACTS, random.Random(5), set(range(len(ROWS))) if clean is None else clean, rate)


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if kind.edit is not None and kind.name != "date"])
def test_one_record_in_ten_is_changed_and_marked(name):
    found = put(name)
    assert sum(row.is_bad for row in found.rows) == len(found.times) == 40
    assert all((row.value != ROWS[row.origin].value) == row.is_bad for row in found.rows)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_records_come_in_the_order_of_their_arrival_and_say_when_they_happened(kind):
    found = put(kind.name)
    if found is None:
        assert kind.name == "date"  # the stream has no other date
        return
    arrivals = [row.arrival for row in found.rows]
    assert arrivals == sorted(arrivals)
    if kind.name not in ("date-of-event", "encoding"):
        assert all(orjson.loads(row.value)["at"] == iso(row.at) for row in found.rows)


def test_faults_count_only_where_nothing_was_wrong_before():
    clean = set(range(0, 400, 2))
    assert all(
        row.origin in clean
        for kind in ("sign", "late", "drift-two")
        for row in put(kind, clean=clean).rows
        if row.is_bad
    )


def test_what_contradicts_breaks_the_check():
    assert all(row.data["low"] > row.data["high"] for row in put("relation").rows if row.is_bad)


def test_half_of_an_episode_is_lost_and_all_of_a_silence():
    assert len(put("half-lost").times) == pytest.approx(40, abs=12)
    gone = put("silence")
    assert len(gone.rows) == 400 - (len(gone.times) - 1)  # the record before tells it
    times = [row.at for row in gone.rows]
    assert max(later - earlier for earlier, later in pairwise(times)) > 5


def test_the_same_seed_gives_the_same_faults():
    assert [row.value for row in put("typo").rows] == [row.value for row in put("typo").rows]


def test_a_share_counts_faults_and_what_else_was_set_apart_for_them():
    rows = [replace(row, is_bad=at in (1, 2)) for at, row in enumerate(ROWS[:4])]
    score = Score()
    first, causes = rows[0].at, {0: ("low:most",), 1: (LETTER,), 3: ("low:most",)}
    clean = Outcome({0: ("low:most",)}, {first: frozenset(), first + 5: frozenset()})
    outcome = Outcome(causes, {first: frozenset({"validity"})}, {"validity": rows[1].at + 10})
    score.add(Injected(rows, [rows[1].at, rows[2].at]), outcome, clean, {0})
    figures = score.figures()
    assert (figures["records"], figures["records_found"], figures["other_records_set_apart"]) == (2, 0.5, 1)
    assert (figures["panes"], figures["panes_found"], figures["other_panes_found"]) == (1, 1.0, 0.0)
    assert (figures["streams_gated"], figures["median_panes_to_gate"]) == (1.0, 2.0)


def test_a_pane_of_which_the_clean_run_said_something_is_not_asked():
    said = {ROWS[0].at: frozenset({"robustness"})}
    score = Score()
    score.add(Injected(ROWS[:4], [ROWS[1].at]), Outcome({}, said), Outcome({}, said), set())
    assert score.panes == score.judged == 0


def test_causes_are_told_by_what_found_them():
    assert [kind_of(one) for one in ("low:most", "low-at-most-high", LETTER)] == ["most", "check", LETTER]


@pytest.fixture(scope="module")
def trial():
    return Trial(Recorded("here", ROWS))


def test_a_clean_half_is_not_set_apart(trial):
    assert trial.clean.broken == {}


@pytest.mark.parametrize(
    ("name", "cause"), [("missing", "required"), ("number-as-text", "type"), ("twice", "unique"), ("encoding", LETTER)]
)
def test_faults_are_found_by_what_is_meant_to_find_them(trial, name, cause):
    injected = trial.inject(KIND[name], 0.1, 1)
    found = trial.run(injected.rows)
    assert {at for at, row in enumerate(injected.rows) if row.is_bad} == set(found.broken)
    assert {kind_of(causes[0]) for causes in found.broken.values()} == {cause}


def test_trials_do_not_know_of_each_other(trial):
    trial.run(trial.inject(KIND["sign"], 0.1, 1).rows)
    assert trial.run(trial.second) == trial.clean
