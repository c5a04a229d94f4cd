"""Decide alerts once an episode, says how bad and why, and fires on nothing that it does not know."""

import pytest

from aimass.pipeline import compile_stages, parse
from aimass.records import Anomaly, Estimate
from aimass.testing import prediction, run_stage

HEAD = 'name = "p"\n[[source]]\ntopic = "t"\n[[model]]\nname = "fault"\ntarget = "y"\n'


def alerts(rule, *predictions):
    stage = compile_stages(parse(f"{HEAD}{rule}"))[2]
    return run_stage(stage, predictions)[0].records("")


def odd(score, time=0.0, key="k", **data):
    return prediction(data, key, 1.7e9 + time, int(time), odd=Anomaly(score, "f2", "jump", 812.0, 3.0))


def test_an_alert_says_who_how_bad_and_why():
    (alert,) = alerts("", odd(6.2, 7))
    assert (alert.id, alert.key, alert.rule, alert.severity) == ("t-0-7-odd", "k", "odd", "warning")
    assert alert.cause == "f2 jumped to 812 (expected about 3); 1 in 10^6.2"
    assert alert.evidence == {
        "when": "odd.score > 5",
        "odd.score": 6.2,
        "odd.field": "f2",
        "odd.cause": "jump",
        "odd.value": 812.0,
        "odd.expected": 3.0,
    }


def test_an_episode_alerts_once_and_again_when_it_gets_worse():
    found = alerts("", odd(6, 0), odd(6, 50), odd(6, 100), odd(9, 101), odd(6, 102), odd(9, 103))
    assert [(alert.time - 1.7e9, alert.severity) for alert in found] == [(0, "warning"), (101, "critical")]


def test_an_episode_ends_after_its_cooldown():
    found = alerts("", odd(6, 0), odd(1, 30), odd(6, 60), odd(1, 61), odd(6, 121))
    assert [alert.time - 1.7e9 for alert in found] == [0, 121]


def test_late_events_do_not_shorten_an_episode():
    assert len(alerts("", odd(6, 100), odd(6, 10), odd(6, 155))) == 1


def test_episodes_are_per_key_and_rule():
    rules = '[[rule]]\nname="a"\nwhen="odd.score > 1"\n[[rule]]\nname="b"\nwhen="odd.score > 2"\nseverity="info"\n'
    found = alerts(rules, odd(3), odd(3, key="other"), odd(3))
    assert [(alert.key, alert.rule) for alert in found] == [("k", "a"), ("k", "b"), ("other", "a"), ("other", "b")]
    assert [alert.severity for alert in found[:2]] == ["info", "info"]


def test_models_and_fields_are_evidence():
    rule = '[[rule]]\nname="r"\nwhen="fault.value == 1 and fault.probability > 0.5 and a.b != \\"x\\""\n'
    one = prediction({"a": {"b": "y"}}, estimates={"fault": Estimate(1, 0.92, 0)})
    (alert,) = alerts(rule, one)
    assert alert.severity == "warning"
    assert alert.cause == "fault is predicted to be 1 (92% sure); a.b is y"
    assert alert.evidence["fault.label"] == 0
    assert alert.evidence["a.b"] == "y"


def test_a_cause_can_be_given():
    (alert,) = alerts('[[rule]]\nname="r"\nwhen="f < 3"\ncause="too low"\n', prediction({"f": 2}))
    assert alert.cause == "too low"


@pytest.mark.parametrize("when", ["f < 3", "f > 3", "not f == 3", "f != 3", "fault.value == 1", "odd.score < 9", "f"])
def test_what_is_unknown_fires_nothing(when):
    assert alerts(f'[[rule]]\nname="r"\nwhen="{when}"\n', prediction({}, estimates={"fault": Estimate()})) == []


def test_large_fields_are_cut_in_the_evidence():
    (alert,) = alerts(
        '[[rule]]\nname="r"\nwhen="a != 1 and b != 1"\n', prediction({"a": "x" * 10**6, "b": ["y" * 10**6]})
    )
    assert len(alert.evidence["a"]) == len(alert.evidence["b"]) == 1024
    assert len(alert.cause) < 300
