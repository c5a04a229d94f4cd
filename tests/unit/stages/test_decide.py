"""DECIDE: what fires, once an episode, in which order, and what changes when rules change."""

import msgspec
import pytest

from aimass.codec import encode
from aimass.records import Alert, Anomaly, Command, RuleChange, Source
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.rules.vocabulary import Vocabulary
from aimass.stages.decide import DecideStage
from aimass.testing import MemoryOutputs, check_stage, prediction, run_stage

WORDS = Vocabulary(("odd",), ("fraud",))
T = 1e6


def rule(name, text, **more):
    return Rule(name, condition(text, WORDS), text, **more)


def events(*script, key="k"):
    """Return predictions of (seconds, fields) of one key."""
    return [prediction(fields, key=key, time=T + at, offset=i) for i, (at, fields) in enumerate(script)]


def decided(rules, stream, topic="", until=T + 10_000, **more):
    out, _ = run_stage(DecideStage("p", rules, tick_s=1.0, **more), stream, until=until)
    return out.records(topic)


def steps(alerts):
    return [(one.rule, one.state, one.time - T) for one in alerts]


def test_an_episode_is_one_alert_and_its_end():
    stream = events(*[(at, {"x": x}) for at, x in [(0, 1), (1, 9), (5, 9), (30, 9), (40, 1)]])
    alerts = decided([rule("high", "x > 5", cooldown_s=60.0)], stream)
    assert steps(alerts) == [("high", "firing", 1), ("high", "resolved", 90)]
    assert alerts[1].episode == alerts[0].id == "t-0-1-high"


def test_a_worse_severity_alerts_again_within_an_episode():
    scores = [(0, 5.5), (1, 6.0), (2, 9.0), (3, 8.5)]
    stream = [prediction({}, time=T + at, offset=at, odd=Anomaly(score, "f", "jump")) for at, score in scores]
    alerts = decided([rule("odd", "odd.score > 5")], stream, until=None)
    assert [(one.id, one.severity, one.episode) for one in alerts] == [
        ("t-0-0-odd", "warning", None),
        ("t-0-2-odd", "critical", "t-0-0-odd"),
    ]


def test_what_must_hold_is_pending_first_and_fires_when_it_has_held():
    stream = events((0, {"x": 9}), (3, {"x": 9}), (6, {"x": 9}), (9, {"x": 9}))
    assert steps(decided([rule("high", "x > 5", hold_s=5.0)], stream))[:2] == [
        ("high", "pending", 0),
        ("high", "firing", 6),
    ]


def test_what_does_not_hold_never_fires():
    stream = events((0, {"x": 9}), (3, {"x": 1}), (6, {"x": 9}), (9, {"x": 1}))
    states = [state for _, state, _ in steps(decided([rule("high", "x > 5", hold_s=5.0)], stream))]
    assert states == ["pending", "resolved"] * 2


def test_unknown_fires_nothing_and_ends_nothing_that_is_pending():
    stream = events((0, {"x": 9}), (3, {}), (6, {"x": 9}))
    assert "firing" in [state for _, state, _ in steps(decided([rule("high", "x > 5", hold_s=5.0)], stream))]
    assert decided([rule("low", "not x > 5")], events((0, {}))) == []


def test_an_absence_fires_without_a_further_event():
    alerts = decided([rule("cart", 'a: type == "add" then not type == "pay" within 30s')], events((0, {"type": "add"})))
    assert steps(alerts)[0] == ("cart", "firing", 30)
    assert alerts[0].evidence["a"]["id"] == "t-0-0"


def test_a_tag_counts_from_the_next_event_on_until_it_runs_out():
    rules = [
        rule("large", 'amount > 100 and tagged("suspect")'),
        rule("burst", "failed == true", tag="suspect", tag_s=50.0, alert=False),
    ]
    script = [(0, {"amount": 200}), (1, {"amount": 200, "failed": True}), (40, {"amount": 200}), (200, {"amount": 200})]
    alerts = decided(rules, events(*script), until=None)
    assert [step for step in steps(alerts) if step[1] == "firing"] == [("large", "firing", 40)]


def test_rules_that_wait_for_each_other_are_not_asked():
    rules = [rule("a", 'tagged("b") or x > 0', tag="a"), rule("b", 'tagged("a")', tag="b"), rule("c", "x > 0")]
    assert {one.rule for one in decided(rules, events((0, {"x": 1})), until=None)} == {"c"}


@pytest.mark.parametrize(
    ("more", "topics"),
    [
        ({}, {"", "signals"}),
        ({"mode": "shadow"}, {"shadow"}),
        ({"mode": "draft"}, set()),
        ({"mode": "retired"}, set()),
        ({"review": True}, {"", "signals", "reviews"}),
        ({"emit": "odd-ones"}, {"", "signals", "odd-ones"}),
        ({"alert": False}, set()),
        ({"alert": False, "notify": ("pager",)}, {"signals"}),
    ],
)
def test_where_a_firing_goes(more, topics):
    out, _ = run_stage(DecideStage("p", [rule("high", "x > 5", **more)], emits=["odd-ones"]), events((0, {"x": 9})))
    assert {topic for topic, *_ in out.emitted} == topics


def test_an_alert_shows_what_its_rule_looked_at():
    (alert,) = decided([rule("high", "x > 2 * avg(x, 1h) - 90")], events((0, {"x": 40})), until=None)
    assert {name: alert.evidence[name] for name in ("x", "avg(x, 1h)")} == {"x": 40, "avg(x, 1h)": 40.0}
    assert alert.cause == "x is 40; avg(x, 1h) is 40"


def change(one, offset=0, time=T):
    return RuleChange(f"c-0-{offset}", one.name, time, "p", Source("c", 0, offset), msgspec.Raw(encode(one)))


def test_a_change_is_in_force_from_its_place_on():
    first, second, third = events((0, {"x": 5}), (1, {"x": 5}), (2, {"x": 50}))
    changes = [change(rule("high", f"x > {x}", version=v, cooldown_s=0.5)) for v, x in ((2, 4), (3, 40))]
    stream = [first, changes[0], second, changes[1], third]
    alerts = decided([rule("high", "x > 10", cooldown_s=0.5)], stream, until=None)
    assert [(one.version, one.time - T) for one in alerts if one.state == "firing"] == [(2, 1), (3, 2)]


def test_a_change_that_leaves_a_window_leaves_what_it_holds():
    calm = events(*[(at, {"x": 1}) for at in range(5)])
    last = prediction({"x": 1}, time=T + 6, offset=9)
    stream = [*calm, change(rule("many", "count(1h) > 5", version=2)), last]
    assert [one.evidence["count(1h)"] for one in decided([rule("many", "count(1h) > 99")], stream, until=None)] == [6.0]


def test_a_new_rule_comes_after_those_of_the_file():
    stream = [change(rule("extra", "x > 0")), *events((0, {"x": 9}))]
    assert [one.rule for one in decided([rule("high", "x > 5")], stream, until=None)] == ["high", "extra"]


def test_episodes_of_a_rule_that_is_retired_are_over():
    one = rule("high", "x > 5")
    stream = [*events((0, {"x": 9})), change(msgspec.structs.replace(one, mode="retired"), time=T + 3)]
    assert steps(decided([one], stream, until=None)) == [("high", "firing", 0), ("high", "resolved", 3)]


def test_episodes_of_a_rule_that_the_file_has_no_longer_are_over():
    first, second = events((0, {"x": 9}), (3, {"x": 1}))
    _, state = run_stage(DecideStage("p", [rule("high", "x > 5"), rule("low", "x < 0")]), [first])
    out = MemoryOutputs()
    DecideStage("p", [rule("low", "x < 0")]).on_batch([second], state.restart(), out)
    assert steps(out.records("")) == [("high", "resolved", 3)]


def test_an_episode_ends_by_the_cool_down_of_its_changed_rule():
    stream = [
        *events((0, {"x": 9})),
        change(rule("high", "x > 5", version=2, cooldown_s=600.0)),
        *events((10, {"x": 9})),
    ]
    assert steps(decided([rule("high", "x > 5", cooldown_s=5.0)], stream))[-1] == ("high", "resolved", 610)


def test_commands_go_on_to_those_who_keep_alerts():
    command = Command("c-0-0", "", T, "p", Source("c", 0, 0), "ack", "3f")
    assert decided([], [*events((0, {})), command], topic="signals", until=None) == [command]


RULES = [
    rule("burst", "count(f == 1, 10s) >= 3", tag="suspect", tag_s=9.0),
    rule("large", 'x > 2 * mean(x) and tagged("suspect")', severity="critical", cooldown_s=5.0),
    rule("cart", "a: f == 1 then b: f == 2 and x > a.x within 8s gap 5s"),
    rule("quiet", "known(f) then not known(f) within 6s", tag="gone", tag_s=60.0),
    rule("back", 'tagged("gone")', cooldown_s=1.0),
    rule("held", "x > 4", hold_s=3.0, cooldown_s=4.0),
    rule("shadow", "usual(f) != f and last(x) < x", mode="shadow"),
    rule("seen", "profile.events > 4 and new(f, 20s) and deviation(x) > 1", review=True),
]


def test_how_events_are_cut_and_where_it_stops_never_shows():
    stream = []
    for i in range(90):
        fields = {"x": (i * i) % 11, "f": (i * 7) % 4} if i % 9 else {"x": "?"}
        stream.append(prediction(fields, key="ab"[i % 5 == 0], time=T + i - (i * 3) % 4, offset=i))
    stream.insert(30, change(rule("large", "x > 5 and count(f == 1, 10s) >= 1", version=2), 1))
    stream.insert(60, change(rule("burst", "count(f == 1, 10s) >= 2", version=2, mode="retired"), 2))
    check_stage(lambda: DecideStage("p", RULES, tick_s=2.0), stream)
    out, _ = run_stage(DecideStage("p", RULES, tick_s=2.0), stream)
    fired = {one.rule for one in [*out.records(""), *out.records("shadow")] if type(one) is Alert}
    assert fired == {one.name for one in RULES}, "or it would show nothing"
