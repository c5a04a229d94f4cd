"""A window that rules of two levels asked counted each event twice.

Rules that read a tag are asked after those that give it, by a program of their own; both programs asked one memory,
and both let it learn the batch. So ``count(1h)`` was 4 after two events, and ``new(to)`` never true in the later level.
It came to light as a fraud rule, ``tagged("suspect") and new(to)``, that never fired.
"""

from aimass.memory import run_stage
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.stages.decide import DecideStage
from aimass.testing import prediction

TAGGER = Rule("tagger", condition("x > 0"), tag="s", alert=False)
LATE = Rule("late", condition('tagged("s") and count(1h) >= 3 and new(x)'))
EARLY = Rule("early", condition("count(1h) >= 99 and new(x)"))


def test_rules_of_two_levels_that_ask_the_same_count_each_event_once():
    events = [prediction({"x": i + 1}, time=1e6 + i, offset=i) for i in range(4)]
    stage = DecideStage("p", [TAGGER, LATE, EARLY], tick_s=1.0)
    out, _ = run_stage(stage, events)
    assert [(alert.rule, alert.time) for alert in out.records("")] == [("late", 1e6 + 2)]
