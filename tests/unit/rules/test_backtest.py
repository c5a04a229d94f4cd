"""What a rule would have done is counted right, and a rule that did nothing says why."""

from aimass.memory import run_stage
from aimass.rules.backtest import Backtest, compared, overlap
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.stages.decide import DecideStage
from aimass.testing import prediction


def rule(name, text, **more):
    return Rule(name, condition(text), text, **more)


def ran(rules, events, cuts=(), label=lambda event: None):
    test, stage = Backtest(rules, label), DecideStage("p", rules, tick_s=1.0)
    out, _ = run_stage(stage, events, cuts=cuts, after=lambda batch, state: test.take(batch, stage.ruleset(state)))
    test.alerts(out.records(""))
    return test


def events(*script):
    return [prediction(fields, key=key, time=1e6 + at, offset=i) for i, (key, at, fields) in enumerate(script)]


SCRIPT = events(
    ("a", 0, {"x": 1}),
    ("a", 10, {"x": 9, "fraud": True}),
    ("b", 20, {"x": 9}),
    ("b", 500, {"x": 8, "fraud": True}),
    ("b", 510, {"fraud": True}),
    ("c", 900, {"x": 2, "y": 1}),
)


def labelled(event):
    return b"fraud" in bytes(event.data)


def test_what_a_rule_did_is_counted_against_the_truth():
    tally = ran([rule("high", "x > 5")], SCRIPT, label=labelled).tallies["high"]
    assert (tally.seen, tally.true, tally.unknown) == (6, 3, 1)
    assert [(one.key, one.time - 1e6) for one in tally.alerts] == [("a", 10), ("b", 20), ("b", 500)]
    assert (tally.precision, tally.recall) == (2 / 3, 2 / 3)


def test_how_the_history_is_cut_never_shows():
    rules = [rule("high", "x > 5"), rule("pair", "a: x > 5 then b: x > 5 within 10m")]
    whole = ran(rules, SCRIPT, label=labelled)
    parts = ran(rules, SCRIPT, cuts=[1, 2, 4], label=labelled)
    assert [one.facts(whole.tallies.values()) for one in whole.tallies.values()] == [
        one.facts(parts.tallies.values()) for one in parts.tallies.values()
    ]


def test_a_rule_that_never_fired_says_why():
    rules = [
        rule("no-such", "y == 7 and x > 1"),
        rule("too-high", "x > 100"),
        rule("not-together", "y == 1 and x > 5"),
        rule("held", "x > 5", hold_s=1e6),
    ]
    tallies = ran(rules, SCRIPT).tallies
    assert tallies["no-such"].verdict == "no event met y == 7"
    assert tallies["too-high"].verdict == "no event met x > 100; there it was between 1 and 9"
    assert tallies["not-together"].verdict == "each of its parts was met, never all together"
    assert tallies["held"].verdict == "it was true, but did not hold long enough"
    assert ran(rules, []).tallies["held"].verdict == "there was no event"


def test_rules_that_alert_on_the_same_overlap():
    tallies = ran([rule("high", "x > 5"), rule("higher", "x > 8.5")], SCRIPT).tallies
    assert overlap(tallies["high"], tallies["higher"]) == 1.0  # keys and hours
    assert tallies["high"].facts(tallies.values())["overlap"] == {"higher": 1.0}


def test_a_rule_that_must_hold_fires_when_it_has_held():
    held = rule("held", "x > 5", hold_s=400.0, cooldown_s=1000.0)
    (alert,) = ran([held], SCRIPT[2:4]).tallies["held"].alerts
    assert alert.time == 1e6 + 500


def test_a_pattern_is_measured_by_the_events_that_its_alerts_speak_of():
    tally = ran([rule("pair", "a: x > 5 then b: x > 5 within 10m")], SCRIPT, label=labelled).tallies["pair"]
    assert (tally.found, tally.labelled, tally.right, tally.judged) == (1, 3, 1, 1)


def test_rules_beside_those_that_are_counted_give_their_tags():
    rules = [rule("seen", "x > 5", tag="seen"), rule("again", 'tagged("seen")')]
    test, stage = Backtest(rules[1:]), DecideStage("p", rules, tick_s=1.0)
    out, _ = run_stage(stage, SCRIPT, after=lambda batch, state: test.take(batch, stage.ruleset(state)))
    test.alerts(out.records(""))
    assert [len(one.alerts) for one in test.tallies.values()] == [1]


def test_two_versions_are_compared_by_their_alerts():
    new, old = (ran([rule("high", text)], SCRIPT) for text in ("x > 8.5", "x > 5"))
    assert compared(new, old) == {"high": {"only_new": [], "only_old": ["t-0-3-high"]}}
    assert compared(old, old) == {}
