"""`aimass deliveries` shows what became of notifications, asks for them again, and tries receivers."""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aimass.cli_deliveries import add_deliveries
from aimass.cli_help import Commands
from aimass.commands import deliveries
from aimass.errors import ClientError, ConfigurationError
from aimass.records import Delivery
from aimass.settings import Settings


def tried(id, outcome, attempt=1, time=1.0, receiver="pager", **more):
    return Delivery(id, f"{receiver}/{id}", time, "shop", receiver, outcome, attempt, **more)


WRITTEN = [
    tried("aa1", "sending"),
    tried("aa1", "retrying", 1, 2.0, status=503, error="503 Busy", next=9.0),
    tried("aa2", "failed", 9, 3.0, status=400, error="400 [bad]"),
    tried("bb1", "refused", 1, 4.0, receiver="chat", error="an internal address"),
    tried("aa1", "sent", 2, 5.0, status=204),
]


@pytest.fixture
def aimass(monkeypatch, capsys):
    """Runs the command over these deliveries; returns its exit code, what it printed, and what it asked for."""

    def run(*arguments, written=tuple(WRITTEN)):
        asked = []

        async def read(settings, pipeline):
            return list(written)

        async def ask(settings, pipeline, chosen):
            asked.extend(one.id for one in chosen)

        monkeypatch.setattr(deliveries, "_read", read)
        monkeypatch.setattr(deliveries, "_ask", ask)
        monkeypatch.setattr(deliveries, "find_kafka", lambda settings: settings)
        parser = argparse.ArgumentParser()
        add_deliveries(Commands(parser))
        given = parser.parse_args(["deliveries", *arguments])
        code = given.run(Settings(), given)
        return code, capsys.readouterr().out, asked

    return run


def test_the_last_of_each_notification_is_listed_the_newest_first(aimass):
    code, said, _ = aimass("list", "shop", "--json")
    assert code == 0
    assert [(one["id"], one["outcome"]) for one in json.loads(said)] == [
        ("aa1", "sent"),
        ("bb1", "refused"),
        ("aa2", "failed"),
    ]


def test_what_was_not_delivered_is_listed_alone_with_the_reason(aimass):
    _, said, _ = aimass("list", "shop", "--failed")
    assert "aa2" in said
    assert "[bad]" in said, "what a receiver says is no markup"
    assert "aa1" not in said


def test_the_list_can_be_of_one_receiver(aimass):
    _, said, _ = aimass("list", "shop", "--receiver", "chat", "--json")
    assert [one["id"] for one in json.loads(said)] == ["bb1"]


def test_nothing_is_said_to_be_nothing(aimass):
    assert "Nobody was told anything yet." in aimass("list", "shop", written=())[1]
    assert "Nothing was not delivered." in aimass("list", "shop", "--failed", written=())[1]


def test_a_notification_is_asked_for_by_how_its_id_begins_and_failures_all_at_once(aimass):
    assert aimass("redeliver", "shop", "aa1")[2] == ["aa1"]
    assert sorted(aimass("redeliver", "shop", "--failed")[2]) == ["aa2", "bb1"]


@pytest.mark.parametrize("arguments", [(), ("aa1", "--failed"), ("zz",)])
def test_a_question_without_an_answer_says_what_to_do(aimass, arguments):
    with pytest.raises(ClientError, match=r"--failed|deliveries list"):
        aimass("redeliver", "shop", *arguments)


@pytest.fixture
def hook():
    """Yields a server's URL and what it was told."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(410 if "gone" in self.path else 202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", told
    server.shutdown()
    thread.join()
    server.server_close()


def pipeline(tmp_path, kind, url, more=""):
    file = tmp_path / "shop.toml"
    file.write_text(
        'name = "shop"\n[[source]]\ntopic = "in"\n[[receiver]]\nname = "pager"\nallow_internal = true\n'
        f'kind = "{kind}"\nurl = "{url}"\n{more}'
    )
    return str(file)


def test_a_receiver_can_be_tried(aimass, tmp_path, hook):
    url, told = hook
    code, said, _ = aimass("test", pipeline(tmp_path, "webhook", url), "pager")
    assert (code, len(told)) == (0, 1)
    assert "pager: sent: 202" in said


@pytest.mark.parametrize("kind", ["pagerduty", "alertmanager"])
def test_who_would_keep_a_test_is_told_that_it_is_over(aimass, tmp_path, hook, kind, monkeypatch):
    monkeypatch.setenv("PD_KEY", "R1")
    url, told = hook
    assert aimass("test", pipeline(tmp_path, kind, url, 'key = "PD_KEY"\n'), "pager")[0] == 0
    first, last = told
    if kind == "pagerduty":
        assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
        assert first["dedup_key"] == last["dedup_key"]
    else:
        assert first[-1]["labels"] == last[-1]["labels"]
        assert first[-1]["endsAt"] > last[-1]["endsAt"]


def test_a_receiver_that_does_not_take_it_is_told_of(aimass, tmp_path, hook):
    code, said, _ = aimass("test", pipeline(tmp_path, "webhook", hook[0] + "gone"), "pager")
    assert code == 1
    assert "gone" in said
    assert "410" in said


def test_a_wrong_name_and_a_missing_secret_are_told_of(aimass, tmp_path, hook):
    with pytest.raises(ClientError, match="did you mean"):
        aimass("test", pipeline(tmp_path, "webhook", hook[0]), "pagr")
    with pytest.raises(ConfigurationError, match="NO_SUCH_SECRET"):
        aimass("test", pipeline(tmp_path, "webhook", hook[0], 'secret = "NO_SUCH_SECRET"\n'), "pager")
