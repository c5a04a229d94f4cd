"""The benchmark of rules measures what it says: a mix from a seed, and the same answers from everyone."""

from __future__ import annotations

import pytest

from benchmarks.payments import KINDS, simulate
from benchmarks.rule_mix import clauses, events, mix


def test_payments_come_from_their_seed_alone() -> None:
    assert simulate(2_000, seed=5, frauds=2) == simulate(2_000, seed=5, frauds=2)
    assert simulate(2_000, seed=5, frauds=2) != simulate(2_000, seed=6, frauds=2)


def test_every_kind_of_fraud_is_put_among_the_payments() -> None:
    found = {one.fraud[0] for one in simulate(2_000, seed=5, frauds=2) if one.fraud is not None}
    assert found == set(KINDS)


def test_a_third_of_the_mix_remembers() -> None:
    texts = [rule.text for rule in mix(30)]
    about_one_event = [text for i, text in enumerate(texts) if i % 3 < 2]
    assert len(texts) == 30
    assert sum("(" in text or " then " in text for text in texts[2::3]) == 10
    assert not any(" then " in text or "count(" in text or "sum(" in text for text in about_one_event)


def test_events_come_from_their_seed_alone() -> None:
    assert events(50, 5) == events(50, 5)


def test_peers_answer_as_we_do() -> None:
    pytest.importorskip("zen", reason="zen-engine is not installed (extra bench)")
    pytest.importorskip("cel", reason="common-expression-language is not installed (extra bench)")
    from benchmarks.rules import agreement

    raw, plain = events(60, 5)
    assert agreement(clauses(20), raw, plain)["answers"] == 20 * 60
