"""`[[receiver]]` and `[alerts]` say what is lacking, and what those who decide must know."""

import pytest

from aimass.alerts.policy import Inhibition, Policy, Receiver
from aimass.pipeline.alerting import KINDS_OF_RECEIVER, AlertsDef, ReceiverDef


def test_without_a_word_it_is_the_usual_policy():
    assert AlertsDef().policy == Policy()
    assert AlertsDef().problems(()) == []


def test_a_receiver_is_what_the_file_says():
    made = ReceiverDef(name="a", kind="webhook", url="https://x", severities=("info",), per_hour=3, resolved=False)
    assert made.receiver == Receiver("a", ("info",), (), 3, False)
    assert made.problems() == []


@pytest.mark.parametrize("kind", KINDS_OF_RECEIVER)
def test_each_kind_says_what_it_needs(kind):
    assert ReceiverDef(name="a", kind=kind).problems()


def test_a_severity_that_is_none_is_a_problem():
    assert "fatal" in ReceiverDef(name="a", kind="slack", url="u", severities=("fatal",)).problems()[0]


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"escalate_to": ("boss",), "escalate_after": 9.0}, "escalate_to"),
        ({"escalate_to": ("pager",)}, "escalate_to"),
        ({"escalate_after": 9.0}, "escalate_after"),
        ({"group_by": ("colour",)}, "group_by"),
        ({"inhibit": ("a, b",)}, "inhibit"),
        ({"inhibit": ("a > b,",)}, "inhibit"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(wrong, key):
    assert [one for one, _ in AlertsDef(**wrong).problems(("pager",))] == [key]


def test_inhibitions_are_read():
    assert AlertsDef(inhibit=("a > b, c-*",)).policy.inhibit == (Inhibition("a", ("b", "c-*")),)
