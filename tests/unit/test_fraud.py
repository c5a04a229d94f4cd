"""The simulator of payments and the rules against its frauds; rules to measure with mean the same in every language."""

import random

import pytest

from benchmarks.fraud import MEANT, figures, run
from benchmarks.payments import KINDS, simulate
from benchmarks.rule_mix import clause, events, mix


def test_the_rules_find_frauds_of_every_kind():
    found = figures(run(simulate(10_000, seed=5, frauds=5)))
    assert min(one["recall"] for one in found["kinds"].values()) >= 0.8
    assert found["precision"] > 0.8


def test_honest_customers_are_never_in_two_places_at_once():
    honest = [one for one in run(simulate(3_000, seed=6, frauds=0)).alerts if MEANT.get(one[0]) == "cloned-card"]
    assert honest == []


def test_each_fraud_is_of_one_customer():
    log = [one for one in simulate(3_000, seed=7, frauds=3) if one.fraud is not None]
    victims = {one.fraud: one.key for one in log}
    assert len(victims) == len(set(victims.values())) == 3 * len(KINDS)
    assert all(victims[one.fraud] == one.key for one in log)


def test_zen_and_cel_agree_with_us():
    pytest.importorskip("zen")
    pytest.importorskip("cel")
    from benchmarks.rules import agreement

    raw, plain = events(100, keys=10)
    rng = random.Random(4)
    assert agreement([clause(rng) for _ in range(60)], raw, plain)["unknown"] == 0


def test_a_mix_has_rules_that_remember_and_rules_that_do_not():
    assert len({rule.text for rule in mix(30)}) > 25
