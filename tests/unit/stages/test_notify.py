"""Each decision of the keeper of alerts, in the smallest stream that shows it."""

from aimass.alerts.policy import Inhibition, Receiver
from aimass.stages.notify import NotifyStage
from tests.unit.alerts.signals import HOUR, PAGER, T, alert, command, over, run, steps, tick, told


def test_a_critical_alert_is_told_at_once():
    assert told(alert(severity="critical")) == [("pager", "firing", 0.0, ["ada"])]


def test_others_wait_for_company_and_go_together():
    found = told(alert(), alert(key="bo", at=4), tick(9), tick(10), tick(11))
    assert found == [("pager", "firing", 10.0, ["ada", "bo"])]


def test_critical_ones_that_follow_at_once_go_together():
    signals = [alert(key=f"k{i}", at=i / 10, severity="critical") for i in range(30)]
    found = told(*signals, until=60)
    assert [(kind, at, len(keys)) for _, kind, at, keys in found] == [("firing", 0.0, 1), ("firing", 10.0, 29)]


def test_news_of_a_group_that_was_told_waits_longer():
    found = told(alert(), tick(10), alert(key="bo", at=20), until=400)
    assert [(at, keys) for _, _, at, keys in found] == [(10.0, ["ada"]), (310.0, ["bo"])]


def test_alerts_of_other_rules_are_another_group():
    found = told(alert(), alert("slow"), until=10)
    assert [len(keys) for *_, keys in found] == [1, 1]
    assert [len(keys) for *_, keys in told(alert(), alert("slow"), until=10, group_by=())] == [2]


def test_an_alert_that_goes_on_is_told_once_until_it_is_worse():
    found = told(
        alert(severity="info"), tick(10), alert(at=20, severity="info"), alert(at=30, severity="critical"), until=900
    )
    assert [(kind, at) for _, kind, at, _ in found] == [("firing", 10.0), ("firing", 30.0)]


def test_the_end_is_told_once_to_those_who_were_told():
    found = told(alert(), tick(10), over(at=20), over(at=30), until=900)
    assert [(kind, at) for _, kind, at, _ in found] == [("firing", 10.0), ("resolved", 310.0)]


def test_the_end_is_not_told_to_those_who_do_not_want_it():
    silent = Receiver("silent", resolved=False)
    assert [kind for _, kind, *_ in told(alert(), tick(10), over(at=20), receivers=[silent], until=900)] == ["firing"]


def test_an_alert_over_before_it_was_told_is_told_to_nobody():
    assert told(alert(), over(at=5), until=900) == []


def test_it_is_told_again_while_it_fires():
    found = told(alert(severity="critical"), until=9 * HOUR)
    assert [(kind, at) for _, kind, at, _ in found] == [
        ("firing", 0.0),
        ("repeated", 4 * HOUR),
        ("repeated", 8 * HOUR),
    ]


def test_a_leap_of_time_tells_again_once():
    found = told(alert(severity="critical"), tick(100 * HOUR))
    assert [(kind, at) for _, kind, at, _ in found] == [("firing", 0.0), ("repeated", 100 * HOUR)]


def test_an_acknowledged_alert_is_told_again_to_nobody():
    signals = [alert(severity="critical"), tick(10), command("ack", by="ada", why="mine")]
    assert [kind for _, kind, *_ in told(*signals, until=24 * HOUR)] == ["firing", "acknowledged"]


def test_who_acknowledged_and_why_is_in_the_history():
    _, found, _ = run(alert(), command("ack", by="bo", why="mine"))
    assert [(one.before, one.state, one.by, one.why) for one in found][-1] == ("firing", "acknowledged", "bo", "mine")


def test_a_worse_severity_ends_an_acknowledgement():
    found = steps(alert(), command("ack"), alert(at=5), alert(at=9, severity="critical"))
    assert found == [("", "firing"), ("firing", "acknowledged"), ("acknowledged", "firing")]


def test_what_is_acknowledged_can_be_given_back():
    found = steps(alert(), command("ack"), command("unack", name="c-0-2"))
    assert found[-1] == ("acknowledged", "firing")


def test_a_snooze_ends_at_its_time_and_tells_again():
    signals = [alert(severity="critical"), tick(1), command("snooze", until=100)]
    notes, found, _ = run(*signals, until=200)
    assert [(one.before, one.state, one.time - T, one.held) for one in found] == [
        ("", "firing", 0.0, None),
        ("firing", "snoozed", 1.0, "snoozed"),
        ("snoozed", "firing", 100.0, None),
    ]
    assert [(one.kind, one.time - T) for one in notes] == [("firing", 0.0), ("repeated", 100.0)]


def test_a_snooze_that_ends_before_it_begins_is_none():
    assert len(steps(alert(), command("snooze", until=-5))) == 1


def test_a_person_may_resolve_and_it_fires_again_when_it_is_worse():
    found = steps(alert(), command("resolve"), over(at=4), alert(at=5, severity="critical"))
    assert found == [("", "firing"), ("firing", "resolved"), ("resolved", "firing")]


def test_pending_is_told_to_nobody_and_firing_then_is():
    signals = [alert(state="pending"), tick(30), alert(at=60, episode="ada-0-fast-pending")]
    notes, found, _ = run(*signals, until=100)
    assert [(one.before, one.state) for one in found] == [("", "pending"), ("pending", "firing")]
    assert [(one.kind, one.time - T) for one in notes] == [("firing", 70.0)]
    assert found[1].episode == found[0].id


def test_pending_may_end_quietly():
    assert steps(alert(state="pending"), over(at=5)) == [("", "pending"), ("pending", "resolved")]


def test_an_episode_begins_anew_after_its_end():
    _, found, _ = run(alert(), over(at=5), alert(at=9))
    assert [(one.before, one.state) for one in found][-1] == ("resolved", "firing")
    assert len({one.alert for one in found}) == 1
    assert len({one.episode for one in found}) == 2


def test_nobody_is_told_while_silenced_and_all_after():
    silence = command("silence", until=500, match={"rule": "fa*", "key": "ada"})
    found = told(alert("slow"), silence, alert(), alert(key="bo"), until=900)
    assert [(at, keys) for _, _, at, keys in found] == [(10.0, ["ada"]), (10.0, ["bo"]), (500.0, ["ada"])]


def test_a_silence_may_be_lifted():
    silence = command("silence", until=900, match={"severity": "*"})
    lift = command("unsilence", name="c-0-2", alert="c-0-1")
    assert [at for _, _, at, _ in told(alert(at=-1), silence, tick(100), lift, until=300)] == [100.0]


def test_a_silence_that_matches_nothing_by_name_holds_nothing():
    for match in ({}, {"colour": "*"}, {"rule": "fas"}):
        assert len(told(tick(-1), command("silence", until=900, match=match), alert(), until=50)) == 1


def test_the_end_of_what_is_silenced_is_told_after_the_silence():
    silence = command("silence", until=1000, match={"rule": "*"})
    found = told(alert(), tick(10), silence, over(at=20), until=2000)
    assert [(kind, at) for _, kind, at, _ in found] == [("firing", 10.0), ("resolved", 1000.0)]


def test_a_critical_alert_holds_back_lesser_ones_of_its_key():
    signals = [alert(), alert("down", severity="critical", at=1), alert(key="bo", at=1), tick(10)]
    found = told(*signals, over("down", at=600, severity="critical"), until=1000)
    assert [(kind, at, keys) for _, kind, at, keys in found] == [
        ("firing", 1.0, ["ada"]),
        ("firing", 10.0, ["bo"]),
        ("resolved", 600.0, ["ada"]),
        ("firing", 600.0, ["ada"]),
    ]


def test_rules_hold_back_others_that_are_named():
    inhibit = (Inhibition.of_text("down > disk-*"),)
    found = told(alert("down"), alert("disk-full"), alert("cpu"), until=20, inhibit=inhibit)
    assert [one[1:3] for one in found] == [("firing", 10.0)] * 2
    _, history, _ = run(alert("down"), alert("disk-full"), inhibit=inhibit)
    assert [one.held for one in history] == [None, "inhibited"]


def test_two_that_hold_back_each_other_are_both_told():
    inhibit = (Inhibition.of_text("down > fast"),)
    found = told(alert("down"), alert("fast", severity="critical"), until=60, inhibit=inhibit)
    assert [kind for _, kind, *_ in found] == ["firing", "firing"]


def flaps(count, every=120):
    for i in range(count):
        yield alert(at=i * every, severity="critical")
        yield over(at=i * every + 60, severity="critical")


def test_what_comes_and_goes_is_told_to_flap_once_and_then_held_until_calm():
    notes, found, _ = run(*flaps(12), until=4 * HOUR, group_interval_s=0.0)
    firing = [one for one in notes if one.kind == "firing"]
    assert len(firing) == 5
    assert firing[-1].alerts[0].cause == "flapping, 5 episodes within an hour: much"
    assert [one.held for one in found if one.state == "firing"] == [None] * 5 + ["flapping"] * 7
    assert [one.why for one in found if one.why] == ["flapping, 5 episodes within an hour"] * 2
    assert [one.time - T for one in notes][-1] == 11 * 120 + HOUR
    assert notes[-1].kind == "resolved"


def test_what_still_fires_when_flapping_ends_is_told():
    notes, _, _ = run(*flaps(8), alert(at=1000, severity="critical"), until=3 * HOUR)
    assert [one.time - T for one in notes if one.kind == "firing"][-1] == 1000 + HOUR
    assert "flapping" not in notes[-1].alerts[0].cause


def test_it_is_escalated_when_nobody_acknowledges():
    boss = Receiver("boss")
    options = {"receivers": [PAGER, boss], "escalate_after_s": 600.0, "escalate_to": ("boss",)}
    found = told(alert(), tick(10), tick(600), over(at=1000), until=2000, **options)
    assert [(name, kind, at) for name, kind, at, _ in found] == [
        ("pager", "firing", 10.0),
        ("boss", "escalated", 600.0),
        ("pager", "resolved", 1000.0),
        ("boss", "resolved", 1000.0),
    ]
    assert len(told(alert(), tick(10), command("ack"), until=2000, **options)) == 2


def test_receivers_choose_by_severity_and_rule():
    receivers = [Receiver("a", severities=("critical",)), Receiver("b", rules=("fa*",)), Receiver("c", rules=("x",))]
    assert [name for name, *_ in told(alert(), until=20, receivers=receivers)] == ["b"]


def test_a_rule_tells_those_whom_it_names_at_once_and_its_group_does_not_tell_them_again():
    receivers = [PAGER, Receiver("chat")]
    found = told(alert(notify=("chat", "nobody")), until=20, receivers=receivers)
    assert found == [("chat", "firing", 0.0, ["ada"]), ("pager", "firing", 10.0, ["ada"])]


def test_a_rule_that_does_not_alert_may_tell_without_a_life():
    notes, found, state = run(alert(state="notice", notify=("pager",)), until=8 * HOUR)
    assert ([one.alerts[0].state for one in notes], found) == (["notice"], [])
    assert not state.commit().get("alerts")
    silence = command("silence", until=900, match={"key": "ada"})
    assert told(tick(-1), silence, alert(state="notice", notify=("pager",))) == []


def test_what_is_over_the_limit_comes_as_a_digest_at_the_end_of_the_hour():
    few = Receiver("few", per_hour=3)
    signals = [alert(key=f"k{i}", at=20 * i, severity="critical") for i in range(10)]
    found = told(*signals, over(key="k9", at=250, severity="critical"), until=HOUR, receivers=[few])
    assert [kind for _, kind, *_ in found] == ["firing"] * 3 + ["digest"]
    notes, _, _ = run(*signals, over(key="k9", at=250, severity="critical"), until=HOUR, receivers=[few])
    assert len(notes[-1].alerts) == 7
    assert [one.state for one in notes[-1].alerts] == ["firing"] * 6 + ["resolved"]
    assert notes[-1].time % HOUR == 0


def test_the_budget_is_new_each_hour():
    few = Receiver("few", per_hour=1)
    signals = [alert(key=f"k{i}", at=i * HOUR / 2, severity="critical") for i in range(6)]
    kinds = [kind for _, kind, *_ in told(*signals, until=4 * HOUR, receivers=[few])]
    assert kinds[:2] == ["firing", "digest"]


def test_many_alerts_are_counted_where_they_are_not_listed():
    notes, _, _ = run(*(alert(key=f"k{i:03}", at=i / 1000) for i in range(250)), until=20)
    assert [(len(one.alerts), one.more, one.title) for one in notes] == [(100, 150, "warning: 250 alerts, rule=fast")]


def test_a_command_counts_once_however_often_it_comes():
    once = [alert(severity="critical"), command("ack"), command("unack", name="c-0-2")]
    again = [*once, command("ack"), command("ack"), command("unack", name="c-0-2")]
    assert steps(*once) == steps(*again)


def test_commands_about_what_is_not_there_do_nothing():
    for do in ("ack", "unack", "snooze", "resolve", "unsilence"):
        assert run(tick(0), command(do, until=9))[:2] == ([], [])


def test_ids_tell_the_signal_or_the_timer():
    _, found, _ = run(alert(), command("snooze", until=100), until=200)
    name = found[0].alert
    assert [one.id for one in found] == ["ada-0-fast-firing", f"c-0-1-{name}", f"{name}-snooze-{T + 100!r}"]


def test_the_resolved_are_forgotten_and_nothing_is_left():
    silence = command("silence", until=100, match={"rule": "*"})
    signals = [silence, *flaps(8), alert("slow", notify=("pager",)), over("slow", at=1500), tick(8 * 24 * HOUR)]
    _, _, state = run(*signals, tick(9 * 24 * HOUR), receivers=[Receiver("pager", per_hour=2)])
    assert state.commit().keys() <= {"commands", "wheel.notify", "receivers"}


def test_time_is_told_less_often_where_nobody_waits_for_it():
    assert (NotifyStage("p").tick_s, NotifyStage("p", [PAGER]).tick_s) == (10.0, 1.0)
