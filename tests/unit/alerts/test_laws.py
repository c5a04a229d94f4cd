"""What holds of every stream of signals, however it is cut and whatever people do."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.alerts.policy import Inhibition, Policy, Receiver, fingerprint
from aimass.memory import run_stage
from aimass.stages.notify import NotifyStage
from aimass.testing import check_stage
from tests.unit.alerts.signals import HOUR, T, alert, command, over, tick

RULES, KEYS, SEVERITIES = ("fast", "slow", "down"), ("ada", "bo"), ("info", "warning", "critical")
RECEIVERS = [
    Receiver("pager", severities=("critical", "warning")),
    Receiver("chat", rules=("fa*", "down")),
    Receiver("few", per_hour=4),
    Receiver("boss", severities=("critical",)),
]
POLICY = Policy(
    escalate_after_s=900.0,
    escalate_to=("boss",),
    inhibit=(Inhibition.of_text("down > slow"),),
    retention_s=6 * HOUR,
)
LOOSE = Policy(inhibit_by_severity=False, flap_episodes=10**6, retention_s=6 * HOUR)


def stream(seed, count=120, leap=5 * HOUR, do=("ack", "unack", "snooze", "resolve", "silence", "unsilence")):
    """Return signals as they may come: episodes that begin, worsen and end, late ones, commands, and long quiet."""
    rng, at, found = random.Random(seed), 0.0, []
    episodes = {}
    for i in range(count):
        at += rng.choice((0.3, 2.0, 15.0, 120.0, 700.0)) if rng.random() < 0.97 else leap
        rule, key, kind = rng.choice(RULES), rng.choice(KEYS), rng.random()
        when = at - rng.choice((0.0, 0.0, 40.0))
        if kind < 0.5:
            state = "pending" if rng.random() < 0.1 and (rule, key) not in episodes else "firing"
            notify = ("chat",) if rng.random() < 0.2 else ()
            one = alert(rule, key, when, rng.choice(SEVERITIES), state, notify, episodes.get((rule, key)))
            one = msgspec.structs.replace(one, id=f"{one.id}-{i}")
            episodes.setdefault((rule, key), one.id)
            found.append(one)
        elif kind < 0.7:
            episodes.pop((rule, key), None)
            found.append(msgspec.structs.replace(over(rule, key, when), id=f"over-{i}"))
        elif kind < 0.85 and do:
            what = rng.choice(do)
            more = {"match": {rng.choice(("rule", "key")): rng.choice(("*", rule, key))}} if what == "silence" else {}
            if what == "unsilence":
                more = {"alert": f"c-0-{rng.randrange(i + 1)}"}
            found.append(command(what, rule, key, f"c-0-{i}", at + rng.choice((60.0, 4000.0)), **more))
        else:
            found.append(tick(at))
    return [*found, tick(at + HOUR), tick(at + 2 * HOUR)]


def make(policy=POLICY):
    return NotifyStage("p", RECEIVERS, policy)


def tales(out, kinds):
    return [(note, one) for note in out.records("outbox") if note.kind in kinds for one in note.alerts]


def test_a_rich_stream_keeps_every_promise_of_a_stage():
    check_stage(make, stream(1, 400))
    check_stage(lambda: make(LOOSE), stream(2, 400))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True))
def test_the_fold_of_any_part_and_then_the_rest_is_the_fold_of_the_whole(seed, cuts):
    check_stage(make, stream(seed, 100), cuts=[sorted(cuts)], alone=[])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_commands_that_come_again_change_nothing(seed, rng):
    signals = stream(seed, leap=700.0)
    again, silences = [], []
    for one in signals:
        again.append(one)
        if hasattr(one, "do"):
            again += [one] * rng.randrange(3)
            silences += [one] if not one.alert else []
        elif silences and rng.random() < 0.3:
            again.append(rng.choice(silences))
    assert run_stage(make(), again)[0].seen() == run_stage(make(), signals)[0].seen()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((POLICY, LOOSE)))
def test_a_receiver_is_told_once_of_an_episode_and_severity(seed, policy):
    out, _ = run_stage(make(policy), stream(seed))
    told = [(note.receiver, one.alert, one.since, one.severity) for note, one in tales(out, ("firing",))]
    assert len(told) == len(set(told))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_nobody_is_told_while_silenced(seed):
    silence = command("silence", name="all", until=8000, match={"key": "ada"})
    out, _ = run_stage(make(), [tick(-1), silence, *stream(seed, do=("ack", "resolve", "snooze"))])
    for note, one in tales(out, ("firing", "resolved", "repeated", "escalated", "acknowledged")):
        assert one.key != "ada" or note.time >= T + 8000


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((POLICY, LOOSE)))
def test_who_was_told_that_it_fires_is_told_once_that_it_is_over(seed, policy):
    signals = stream(seed, do=("ack", "unack", "resolve"))
    end = max(one.time for one in signals) - T
    signals += [over(rule, key, end + 1) for rule in RULES for key in KEYS]
    out, state = run_stage(make(policy), [*signals, tick(end + HOUR), tick(end + 3 * HOUR), tick(end + 5 * HOUR)])
    told = {
        (note.receiver, one.alert, one.since)
        for note, one in tales(out, ("firing", "escalated"))
        if note.receiver != "few"
    }
    ended = [(note.receiver, one.alert, one.since) for note, one in tales(out, ("resolved",)) if note.receiver != "few"]
    assert sorted(ended) == sorted(told)
    assert not state.commit().get("groups")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_no_more_is_told_in_an_hour_than_a_receiver_wants(seed):
    out, _ = run_stage(make(LOOSE), stream(seed, 200))
    hours = {}
    for note in out.records("outbox"):
        if note.receiver == "few" and note.kind != "digest":
            hours[note.time // HOUR] = hours.get(note.time // HOUR, 0) + 1
    assert max(hours.values(), default=0) <= 4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_history_is_a_walk_and_every_id_is_one_of_a_kind(seed):
    out, _ = run_stage(make(), stream(seed))
    steps, notes = out.records(""), out.records("outbox")
    assert len({one.id for one in steps}) == len(steps)
    assert len({one.id for one in notes}) == len(notes)
    last = {}
    for one in steps:
        state, at = last.get(one.alert, ("", 0.0))
        assert one.before == state or (one.before, state) == ("", "resolved")  # forgotten in between
        assert one.time >= at
        assert one.alert == fingerprint("p", one.rule, one.key)
        last[one.alert] = one.state, one.time


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_what_fires_and_is_not_held_is_told_in_the_end(seed):
    signals = stream(seed)
    end = max(one.time for one in signals) - T
    out, _ = run_stage(make(LOOSE), [*signals, tick(end + 3 * HOUR), tick(end + 5 * HOUR)])
    open_now = {one.alert: one for one in out.records("")}
    told = {(note.receiver, one.alert, one.since) for note, one in tales(out, ("firing", "repeated"))}
    for one in open_now.values():
        if one.state == "firing":
            assert one.severity == "info" or ("pager", one.alert, one.since) in told
            assert one.rule == "slow" or ("chat", one.alert, one.since) in told
