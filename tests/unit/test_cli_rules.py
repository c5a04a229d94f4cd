"""`aimass rules`, `why` and `backtest`, over files: nothing of Kafka is needed to look at rules."""

import json

import pytest

from aimass import cli

PIPELINE = """
name = "shop"
[[source]]
topic = "shop.events"
key = "card"
time = "at"
[[rule]]
name = "many"
when = "count(1m) >= 3"
[[rule.test]]
events = [{}, { at = 1 }, { at = 2 }]
fires = [{ at = 2 }]
[[rule]]
name = "pair"
when = "a: type == 'add' then b: type == 'pay' and amount > a.amount within 5m"
"""
EVENTS = [
    {"card": "a", "at": 1.7e9, "type": "add", "amount": 1},
    {"card": "a", "at": 1.7e9 + 1, "type": "view", "amount": 5},
    {"card": "b", "at": 1.7e9 + 2, "type": "pay", "amount": 9},
    {"card": "a", "at": 1.7e9 + 3, "type": "pay", "amount": 2, "fraud": True},
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("AIMASS_HOME", str(tmp_path))
    monkeypatch.delenv("AIMASS_BOOTSTRAP_SERVERS", raising=False)
    pipeline, events = tmp_path / "shop.toml", tmp_path / "events.jsonl"
    pipeline.write_text(PIPELINE)
    events.write_text("".join(json.dumps(one) + "\n" for one in EVENTS))
    return pipeline, events


def said(capsys, *arguments):
    code = cli.main([str(one) for one in arguments])
    return code, capsys.readouterr()


def test_check_tells_what_was_tested_and_what_is_odd(files, capsys):
    pipeline, _ = files
    code, printed = said(capsys, "rules", "check", pipeline, "--json")
    assert code == 0
    assert [(one["rule"], one["tests"], one["findings"]) for one in json.loads(printed.out)] == [
        ("many", 1, []),
        ("pair", 0, []),
    ]
    pipeline.write_text(
        PIPELINE.replace("count(1m) >= 3", "count(1m) >= 3 and 1 > 2").replace("fires = [{ at = 2 }]", "fires = []")
    )
    code, printed = said(capsys, "rules", "check", pipeline)
    assert code == 1
    assert "1 > 2 does not depend on the event" in printed.out


def test_a_rule_whose_tests_fail_is_not_accepted(files, capsys):
    pipeline, _ = files
    pipeline.write_text(PIPELINE.replace("fires = [{ at = 2 }]", "fires = [{ at = 1 }]"))
    code, printed = said(capsys, "rules", "check", pipeline)
    assert code == 2
    assert "many, test 1: does not fire after 1 s, which is expected" in printed.err


def test_rules_of_the_file_are_listed_when_there_is_no_kafka(files, capsys):
    code, printed = said(capsys, "rules", "list", files[0], "--json")
    assert code == 0
    assert [(one["name"], one["changed"]) for one in json.loads(printed.out)] == [("many", False), ("pair", False)]


def test_backtest_counts_over_a_file(files, capsys):
    pipeline, events = files
    code, printed = said(capsys, "backtest", pipeline, "--file", events, "--truth", "fraud", "--json")
    found = {one["rule"]: one for one in json.loads(printed.out)["rules"]}
    assert code == 0
    assert {name: one["alerts"] for name, one in found.items()} == {"many": 1, "pair": 1}
    assert found["many"]["precision"] == found["pair"]["precision"] == 1.0
    code, printed = said(capsys, "backtest", pipeline, "--file", events)
    assert "2023-11-14" in printed.out


def test_backtest_compares_two_files(files, capsys, tmp_path):
    pipeline, events = files
    old = tmp_path / "old.toml"
    old.write_text(PIPELINE.replace(">= 3", ">= 2").replace("fires = [{ at = 2 }]", "fires = [{ at = 1 }]"))
    _, printed = said(capsys, "backtest", pipeline, "--file", events, "--against", old, "--json")
    assert json.loads(printed.out)["changes"] == {
        "many": {"only_new": ["shop.events-0-4-many"], "only_old": ["shop.events-0-2-many"]}
    }


def test_why_tells_what_fired_and_what_stood_in_the_way(files, capsys):
    pipeline, events = files
    code, printed = said(capsys, "why", pipeline, "shop.events-0-4", "--file", events, "--json")
    many, pair = json.loads(printed.out)["rules"]
    assert code == 0
    assert many["outcome"] == "firing: shop.events-0-4-many"
    assert pair["outcome"] == "firing: shop.events-0-4-pair"
    _, printed = said(capsys, "why", pipeline, "shop.events-0-2", "--file", events, "--rule", "many")
    assert "count(1m) is 2" in printed.out
    assert "did not fire" in printed.out
    _, printed = said(capsys, "why", pipeline, "shop.events-0-2", "--file", events, "--rule", "pair")
    assert "matched so far: shop.events-0-1" in printed.out


def test_why_tells_of_rules_in_shadow_in_draft_and_of_those_that_must_hold(files, capsys):
    pipeline, events = files
    text = PIPELINE.replace('name = "pair"', 'name = "pair"\nmode = "shadow"')
    text += '[[rule]]\nname = "draft"\nwhen = "amount > 1"\nmode = "draft"\n'
    text += '[[rule]]\nname = "held"\nwhen = "amount > 0"\nhold = "1h"\ncooldown = "2h"\n'
    pipeline.write_text(text)
    _, printed = said(capsys, "why", pipeline, "shop.events-0-4", "--file", events, "--json")
    outcomes = {one["rule"]: one["outcome"] for one in json.loads(printed.out)["rules"]}
    assert outcomes["pair"] == "in shadow: it would fire"
    assert outcomes["draft"] == "not asked: it is draft"
    assert outcomes["held"].startswith("pending since 2023-11-14")


def test_an_absence_that_began_in_a_file_is_told(files, capsys):
    pipeline, events = files
    pipeline.write_text(
        PIPELINE + "[[rule]]\nname = \"left\"\nwhen = \"type == 'add' then not type == 'x' within 1h\"\n"
    )
    _, printed = said(capsys, "backtest", pipeline, "--file", events, "--rule", "left", "--json")
    assert [one["alerts"] for one in json.loads(printed.out)["rules"]] == [1]


def test_an_event_or_rule_that_is_not_there_is_told(files, capsys):
    pipeline, events = files
    code, printed = said(capsys, "why", pipeline, "nope", "--file", events)
    assert (code, "no event has the id 'nope'" in printed.err) == (1, True)
    code, printed = said(capsys, "why", pipeline, "shop.events-0-2", "--rule", "mny", "--file", events)
    assert 'did you mean "many"' in printed.err


def test_the_library_is_shown(capsys):
    code, printed = said(capsys, "rules", "templates", "--json")
    assert code == 0
    assert "brute-force" in [one["name"] for one in json.loads(printed.out)]
    assert "count($within)" in said(capsys, "rules", "templates", "velocity")[1].out


def test_changes_need_a_reason_and_a_rule(files, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["rules", "apply", str(files[0]), "many"])
    assert ended.value.code == 2
    code, printed = said(capsys, "rules", "apply", files[0], "--why", "x")
    assert (code, "which rules?" in printed.err) == (1, True)
