"""`aimass alerts` shows what the history says, and sends commands that COLLECT understands."""

import argparse
import json

import pytest

from aimass.alerts.history import current, meant, refusal
from aimass.alerts.holds import Silence
from aimass.cli_alerts import add_alerts
from aimass.cli_help import Arguments, Commands
from aimass.client import Message
from aimass.codec import encode
from aimass.commands import alerts
from aimass.errors import ClientError
from aimass.records import Delivery
from aimass.settings import Settings
from aimass.stages.control import ControlReader
from aimass.testing import MemoryRecord
from tests.unit.alerts.signals import alert, command, over, run, tick

SIGNALS = [
    alert(severity="critical"),
    alert("slow", at=1),
    alert(key="bo", at=2, severity="info"),
    tick(20),
    command("ack", by="eve", why="mine"),
    over("slow", at=60),
]
NOTES, STEPS, _ = run(*SIGNALS, inhibit_by_severity=False, until=100)
FAST, SLOW, BO = (next(one.alert for one in STEPS if (one.rule, one.key) == place) for place in
                  (("fast", "ada"), ("slow", "ada"), ("fast", "bo")))  # fmt: skip


@pytest.fixture
def aimass(monkeypatch, capsys):
    """Runs the command over these topics; returns its exit code, what it printed, and what it sent."""

    def run_command(*arguments, orders=()):
        first = NOTES[0]
        delivery = Delivery(first.id, "pager/1", first.time, "p", "pager", "sent", 2)
        topics = {
            "p.transitions": STEPS,
            "p.outbox": NOTES,
            "p.deliveries": [delivery],
            "p.control": [{"command": one} for one in orders],
        }

        async def messages(settings, topic, pipeline):
            return [Message(topic, 0, i, 0, None, encode(one), ()) for i, one in enumerate(topics[topic])]

        sent = []

        def send(settings, pipeline, key, body):
            sent.append((f"{pipeline}.control", key, body["command"]))

        monkeypatch.setattr(alerts, "_messages", messages)
        monkeypatch.setattr(alerts, "send", send)
        parser = argparse.ArgumentParser()
        add_alerts(Commands(parser))
        given = parser.parse_args(["alerts", *arguments], namespace=Arguments())
        code = given.run(Settings(bootstrap_servers="nowhere:9092"), given)
        return code, capsys.readouterr().out, sent

    return run_command


def test_open_alerts_are_listed_those_that_want_somebody_first():
    assert [(one.key, one.state) for one in current(STEPS)] == [
        ("bo", "firing"),
        ("ada", "acknowledged"),
        ("ada", "resolved"),
    ]


def test_the_list_shows_what_is_open(aimass):
    code, said, _ = aimass("list", "p")
    assert code == 0
    assert (FAST[:8] in said, BO[:8] in said, SLOW[:8] in said) == (True, True, False)
    assert SLOW[:8] in aimass("list", "p", "--all")[1]


def test_the_list_is_json_for_programs(aimass):
    _, said, _ = aimass("list", "p", "--json", orders=[{"do": "silence", "match": {"key": "bo"}, "until": 9e9}])
    assert [(one["alert"], one["state"], one["held"]) for one in json.loads(said)] == [
        (BO, "firing", "silenced"),
        (FAST, "acknowledged", None),
    ]


def test_an_alert_is_meant_by_its_fingerprint_its_key_or_both():
    assert [one.alert for one in meant(STEPS, FAST[:5])] == [FAST]
    assert [one.alert for one in meant(STEPS, "bo")] == [BO]
    assert [one.alert for one in meant(STEPS, "ada")] == [FAST]
    assert [one.alert for one in meant(STEPS, "slow/ada")] == [SLOW]
    assert meant(STEPS, "nobody") == meant(STEPS, "") == []


def test_a_word_that_means_none_or_several_is_refused():
    with pytest.raises(ClientError, match="no alert 'x'"):
        alerts.one_of(STEPS, "x")
    several = [*STEPS, *run(alert("other", key="bo"))[1]]
    with pytest.raises(ClientError, match="means 2 alerts"):
        alerts.one_of(several, "bo")


def test_show_tells_the_whole_story(aimass):
    code, said, _ = aimass("show", "p", "fast/ada", "--json")
    found = json.loads(said)
    assert code == 0
    assert [(one["state"], one["by"], one["why"]) for one in found["history"]] == [
        ("firing", "", ""),
        ("acknowledged", "eve", "mine"),
    ]
    assert [(one["kind"], one["outcome"], one["attempt"]) for one in found["told"]] == [
        ("firing", "sent", 2),
        ("acknowledged", "waiting", 0),
    ]
    assert "mine" in aimass("show", "p", "fast/ada")[1]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["ack", "p", "bo", "--why", "seen"], {"do": "ack", "alert": BO, "key": "bo", "why": "seen"}),
        (["snooze", "p", "bo", "--for", "2h", "--by", "eve"], {"do": "snooze", "alert": BO, "by": "eve"}),
        (["unack", "p", FAST[:8]], {"do": "unack", "alert": FAST}),
        (["resolve", "p", FAST[:8]], {"do": "resolve", "alert": FAST}),
        (["silence", "p", "--rule", "f*", "--for", "1d"], {"do": "silence", "match": {"rule": "f*"}}),
    ],
)
def test_commands_are_orders_that_collect_understands(aimass, arguments, wanted):
    code, said, [(topic, _, order)] = aimass(*arguments)
    assert (code, topic) == (0, "p.control")
    assert wanted.items() <= order.items()
    assert order["by"]
    read = ControlReader(topic).order(MemoryRecord(encode({"command": order})), "p")
    assert (read.do, read.alert, read.until) == (order["do"], order.get("alert", ""), order.get("until"))
    assert said


def test_what_cannot_be_done_is_refused_with_the_reason(aimass):
    with pytest.raises(ClientError, match="it is resolved; ack is for an alert that is firing or snoozed"):
        aimass("ack", "p", "slow/ada")
    with pytest.raises(ClientError, match="at least one of --rule"):
        aimass("silence", "p", "--for", "2h")
    with pytest.raises(ClientError, match="no silence 'x'"):
        aimass("unsilence", "p", "x")
    assert refusal("ack", STEPS[0]) is None


def test_silences_stand_until_they_end_or_are_lifted(aimass):
    orders = [
        {"do": "silence", "match": {"rule": "a"}, "until": 9e9, "by": "eve", "why": "late"},
        {"do": "silence", "match": {"rule": "b"}, "until": 5.0},
        {"do": "silence", "match": {"rule": "c"}, "until": 9e9},
        {"do": "unsilence", "alert": "p.control-0-2"},
        {"do": "nonsense"},
    ]
    found = json.loads(aimass("silences", "p", "--json", orders=orders)[1])
    assert [(one["id"], one["match"], one["by"]) for one in found] == [("p.control-0-0", {"rule": "a"}, "eve")]
    assert "late" in aimass("silences", "p", orders=orders)[1]
    assert aimass("unsilence", "p", "p.control-0-0", orders=orders)[2][0][2]["alert"] == "p.control-0-0"


def test_a_silence_shows_what_it_holds_and_one_that_is_over_does_not():
    step = STEPS[0]
    quiet = [Silence("x", {"rule": "fast"}, 9.0)]
    assert (alerts.held(step, quiet, 8.0), alerts.held(step, quiet, 9.0)) == ("silenced", None)


@pytest.mark.parametrize("wrong", ["2", "0s", "soon"])
def test_a_duration_has_a_unit(aimass, wrong):
    with pytest.raises(SystemExit):
        aimass("snooze", "p", "bo", "--for", wrong)
