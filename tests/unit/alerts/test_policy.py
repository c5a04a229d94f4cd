"""Names, patterns and groups of alerts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.alerts.policy import Inhibition, Policy, Receiver, fingerprint, is_like, level_of


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.text())
def test_any_text_is_like_itself_and_like_its_parts_between_stars(before, middle, after):
    whole = before + middle + after
    assert is_like("*", whole)
    if "*" not in whole:
        assert is_like(whole, whole)
        assert is_like(f"{before}*{after}", whole)
        assert is_like(f"*{middle}*", whole)


@pytest.mark.parametrize("glob", ["disk?", "disk[a]", "di.k", "DISK", "disk-", ""])
def test_only_stars_are_special(glob):
    assert not is_like(glob, "disk")


def test_fingerprints_tell_rules_keys_and_pipelines_apart():
    names = {fingerprint(*one) for one in [("p", "r", "k"), ("q", "r", "k"), ("p", "s", "k"), ("p", "r", "l")]}
    assert len(names) == 4
    assert all(len(one) == 16 for one in names)


def test_a_receiver_without_a_choice_is_told_of_everything():
    assert Receiver("a").wants("info", "x")
    assert not Receiver("a", rules=("y*",)).wants("info", "x")


def test_groups_are_named_by_what_their_alerts_have_in_common():
    assert Policy(group_by=("key", "rule")).group_of("r", "k", "info") == "key=k, rule=r"


def test_no_alert_holds_back_itself():
    assert not Inhibition("*", ("*",)).holds("a", "a")
    assert not Policy().holds("a", level_of("critical"), "b", level_of("critical"))
