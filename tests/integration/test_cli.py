"""The commands against a real Kafka, in this process: what goes in comes out, dead letters go back as they came."""

import asyncio
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest

from aimass.admin import ensure_topics
from aimass.cli import main
from aimass.client import Message, Producer, Subscriber
from aimass.codec import dead_letter_headers
from aimass.commands.compare import compare
from aimass.commands.demo_worker import environment
from aimass.records import DeadLetter, Event, Source
from aimass.settings import Settings, kafka_options

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]


@pytest.fixture(autouse=True)
def _configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMASS_HOME", str(settings.home))
    monkeypatch.setenv("AIMASS_BOOTSTRAP_SERVERS", str(settings.bootstrap_servers))
    monkeypatch.setenv("AIMASS_WEB_PORT", "0")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[Any]:
    """Run a command with --json; return the documents that it prints."""
    capsys.readouterr()
    ended = main([*arguments, "--json"])
    said = capsys.readouterr()
    assert ended == code, said.err
    return [orjson.loads(line) for line in said.out.splitlines()]


def read(settings: Settings, topic: str) -> list[Message]:
    async def everything() -> list[Message]:
        async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
            return [message async for message in subscriber.messages()]

    return asyncio.run(everything())


def test_a_file_goes_in_and_comes_out(
    tmp_path: Path, settings: Settings, unique: Unique, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, file = unique("produce"), tmp_path / "events.jsonl"
    file.write_bytes(b"".join(b'{"k":  "%d", "n": %d}\n' % (n % 3, n) for n in range(1000)) + b"{wrong\n")
    (said,) = printed(capsys, "produce", topic, str(file), "--key", "k", "--create", "2", code=1)
    assert (said["sent"], [bad["line"] for bad in said["bad_lines"]]) == (1000, [1001])
    messages = read(settings, topic)
    assert sorted(orjson.loads(m.value or b"")["n"] for m in messages) == list(range(1000))
    assert messages[0].value is not None
    assert b'{"k":  "' in messages[0].value
    lines = printed(capsys, "tail", topic, "--from", "beginning", "--key", "1", "-n", "5")
    assert [line["value"]["n"] for line in lines] == [1, 4, 7, 10, 13]
    (shown,) = printed(capsys, "topics", "show", topic)
    assert sum(row["end"] for row in shown["partitions"]) == 1000
    assert {"topic": topic, "partitions": 2, "offsets": 1000} in printed(capsys, "topics", "list")[0]
    assert printed(capsys, "topics", "delete", topic) == [{"deleted": [topic]}]
    assert main(["topics", "show", topic]) == 1


def test_standard_input_is_sent_as_it_comes(
    settings: Settings, unique: Unique, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = unique("stdin")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a": 1}\n{"a": 2}\n')))
    assert printed(capsys, "produce", topic, "-", "--create", "1")[0]["sent"] == 2
    assert [message.record for message in read(settings, topic)] == [{"a": 1}, {"a": 2}]


def test_speed_follows_the_events_own_times(tmp_path: Path, unique: Unique, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.csv"
    file.write_text("t,x\n100,1\n101,2\n104,3\n")
    (said,) = printed(capsys, "produce", unique("speed"), str(file), "--time", "t", "--speed", "8", "--create", "1")
    assert 0.5 <= said["seconds"] < 2.0


LETTERS = [
    (b"k", b"{broken", (("trace", b"\x00\xff"),), "not JSON: unexpected end"),
    (None, b"\xff\xfe", (), "not UTF-8"),
    (b"\xff", None, (), "empty value"),
    (None, None, (), "neither key nor value"),
]


async def dead_letters(settings: Settings, pipeline: str, source: str) -> None:
    topic = f"{pipeline}.deadletters"
    await ensure_topics(kafka_options(settings), [(topic, 1, {}), (source, 2, {})])
    async with Producer(settings) as producer:
        for offset, (key, value, headers, reason) in enumerate(LETTERS):
            letter = DeadLetter(source, 1, offset, "collect", reason, "", key, value, headers, 5)
            await producer.send(topic, value, key=key, headers=dead_letter_headers(letter))


def test_dead_letters_go_back_as_they_came_and_once(
    settings: Settings, unique: Unique, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline, source = unique("p"), unique("source")
    asyncio.run(dead_letters(settings, pipeline, source))
    listed = printed(capsys, "deadletters", "list", pipeline)
    assert [(letter["reason"], letter["redriven"]) for letter in listed] == [(reason, False) for *_, reason in LETTERS]
    assert main(["deadletters", "list", pipeline]) == 0
    last = listed[-1]["id"]
    assert printed(capsys, "deadletters", "show", pipeline, "--id", last)[0]["partition"] == 1
    assert main(["deadletters", "show", pipeline, "--id", "none"]) == 1
    assert main(["deadletters", "redrive", pipeline]) == 1
    some = printed(capsys, "deadletters", "redrive", pipeline, "--all", "--reason", "json")
    assert some == [{"redriven": [listed[0]["id"]]}]
    assert printed(capsys, "deadletters", "redrive", pipeline, "--all") == [
        {"redriven": [letter["id"] for letter in listed[1:]]}
    ]
    assert printed(capsys, "deadletters", "redrive", pipeline, "--all") == [{"redriven": []}]
    back = read(settings, source)
    assert [(m.partition, m.key, m.value, m.headers) for m in back] == [
        (1, key, value, (*headers, ("aimass.redriven", letter["id"].encode())))
        for (key, value, headers, _), letter in zip(LETTERS, listed, strict=True)
    ]
    assert [letter["redriven"] for letter in printed(capsys, "deadletters", "list", pipeline)] == [True] * 4
    assert printed(capsys, "deadletters", "redrive", pipeline, "--id", last) == [{"redriven": [last]}]


async def test_topics_are_compared_by_id(settings: Settings, unique: Unique) -> None:
    first, second = unique("a") + ".log", unique("b") + ".log"
    await ensure_topics(kafka_options(settings), [(first, 2, {}), (second, 1, {})])
    data = msgspec.Raw(b"{}")
    events = [Event(f"s-0-{n}", f"k{n}", 1.0, "p", Source("s", 0, n), data) for n in range(5)]
    async with Producer(settings) as producer:
        for event in events:
            await producer.send(first, event, key=event.key)
        for event in reversed(events[1:]):
            changed = msgspec.structs.replace(event, time=2.0) if event.id == "s-0-3" else event
            await producer.send(second, changed, key=event.key)
    found = await compare(settings, first, second)
    assert (found.equal, found.different, found.only_first, found.only_second) == (3, 1, 1, 0)
    assert [one.id for one in found.differences] == ["s-0-3", "s-0-0"]
    assert '"time":2.0' in str(found.differences[0].second)
    assert found.differences[1].second is None
    assert (await compare(settings, first, second, part=True)).only_first == 0
    assert (await compare(settings, first, first)).same


PIPELINE = """
name = "{name}"
[[source]]
topic = "{name}.events"
key = "k"
"""


def test_a_pipeline_runs_is_seen_and_replays_the_same(
    tmp_path: Path, settings: Settings, unique: Unique, capsys: pytest.CaptureFixture[str]
) -> None:
    name, file, data = unique("p"), tmp_path / "p.toml", tmp_path / "data.jsonl"
    file.write_text(PIPELINE.format(name=name))
    data.write_bytes(b"".join(b'{"k": "%d", "x": %d}\n' % (n % 5, 900 if n == 1500 else n % 7) for n in range(2000)))
    env = environment(replace(settings, state_dir=tmp_path / "state")) | {"AIMASS_WEB_PORT": "6071"}
    command = [sys.executable, "-m", "aimass", "worker", str(file)]
    early = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert early.returncode == 2
    assert "aimass topics create" in early.stderr.replace("\n", " ")
    created = printed(capsys, "topics", "create", str(file))[0]["created"]
    assert f"{name}.alerts" in created
    assert printed(capsys, "produce", f"{name}.events", str(data))[0]["sent"] == 2000
    worker = subprocess.Popen(command, env=env)
    try:
        deadline = time.monotonic() + 60
        while len(read(settings, f"{name}.predictions")) < 2000:
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)
        (status,) = printed(capsys, "status", name)
        (known,) = status["workers"]
        assert (known["pid"], known["pipelines"]) == (worker.pid, [name])
        agents = {agent["agent"]: agent for agent in status["pipelines"][0]["agents"]}
        assert agents["collect"]["events_in"] == 2000
        assert main(["status"]) == 0
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    (done,) = printed(capsys, "replay", str(file), "--compare")
    predictions, alerts = done["comparisons"]
    assert (predictions["equal"], predictions["same"], alerts["same"]) == (2000, True, True)
    (part,) = printed(capsys, "replay", str(file), "--from", "100")
    assert part["events"] < done["events"]
    assert part["comparisons"] == []
