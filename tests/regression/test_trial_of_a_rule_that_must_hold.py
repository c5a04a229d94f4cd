"""A right test of a rule with `hold` failed, and so its pipeline did not start.

Its firing carries on the episode that began when it was pending; only alerts without an earlier one were counted.
"""

from aimass.pipeline.trial import trial
from aimass.rules.document import Rule
from aimass.rules.read import condition


def test_a_rule_that_must_hold_can_be_tested():
    held = Rule("held", condition("x > 5"), hold_s=10.0)
    events = [{"x": 9}, {"at": 5, "x": 9}, {"at": 12, "x": 9}, {"at": 14, "x": 9}]
    assert trial(held, {"events": events, "fires": [{"at": 12}]}) == []
    assert trial(held, {"events": events, "fires": []}) != []
