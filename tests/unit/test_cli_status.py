"""What `aimass status` makes of metrics and offsets, and how `aimass tail` shows records."""

import os
from pathlib import Path

import msgspec
import orjson
import pytest
from aiokafka import TopicPartition
from rich.console import Console

from aimass.client import Message
from aimass.codec import dead_letter_headers, encode
from aimass.commands.status import registered, render
from aimass.commands.status_facts import AgentFacts, Status, from_metrics, lag_from_kafka, rates
from aimass.commands.tail import json_line, pretty
from aimass.records import Alert, Anomaly, DeadLetter, Estimate, Event, Prediction, Source, Tick
from aimass.runtime.metrics import Metrics

AT = {"pipeline": "p", "agent": "score"}


def test_workers_metrics_are_put_together() -> None:
    from prometheus_client import generate_latest

    texts = []
    for lag, restored, commit in ((3, 1.0, 50.0), (4, 0.5, 90.0)):
        metrics = Metrics()
        metrics.events_in.labels("p", "score").inc(10)
        metrics.lag_records.labels("p", "score", "p.log", str(lag)).set(lag)
        metrics.restore_ratio.labels("p", "score", "p.log", str(lag)).set(restored)
        metrics.last_commit.labels("p", "score", "p.log", str(lag)).set(commit)
        texts.append(generate_latest(metrics.registry).decode())
    found = from_metrics(texts)["p", "score"]
    assert (found.events_in, found.lag, found.restore_ratio, found.last_commit) == (20, 7, 0.5, 90.0)
    assert found.partitions == 2


def test_rates_are_what_was_taken_between_two_looks() -> None:
    before = {("p", "score"): AgentFacts(events_in=100)}
    after = {("p", "score"): AgentFacts(events_in=300), ("p", "decide"): AgentFacts(events_in=9)}
    rates(before, after, 2.0)
    assert (after["p", "score"].rate, after["p", "decide"].rate) == (100.0, None)


def test_lag_comes_from_kafka_when_nobody_tells() -> None:
    log, source = TopicPartition("p.log", 0), TopicPartition("s", 1)
    change = TopicPartition("p.score.p.log-changelog", 0)
    assert lag_from_kafka("p", {log: 7}, {source: 5}, {log: 10, source: 8, change: 99}) == {"score": 3, "collect": 3}


def test_the_status_is_readable_and_json() -> None:
    kafka = {"embedded": True, "running": False, "data_dir": "/d"}
    workers = [
        {"pid": 1, "started": 5.0, "pipelines": ["p"], "agents": ["score"], "healthy": False, "problem": "stuck"}
    ]
    found = Status(kafka, workers, {("p", "score"): AgentFacts(lag=1200, last_commit=90.0, restore_ratio=0.25)})
    console = Console(width=140, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(render(found, 100.0))
    text = console.export_text()
    for words in ("not running", "stuck", "1,200", "25%", "10.0 s ago"):
        assert words in text
    (agent,) = orjson.loads(orjson.dumps(found.as_json(100.0)))["pipelines"][0]["agents"]
    assert (agent["lag"], agent["commit_age_s"]) == (1200, 10.0)


def test_only_workers_that_live_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    folder.mkdir()
    (folder / "1.json").write_bytes(orjson.dumps({"pid": os.getpid(), "url": None}))
    (folder / "2.json").write_bytes(orjson.dumps({"pid": 2**22 + 1}))
    (folder / "3.json").write_bytes(b"{")
    assert [worker["pid"] for worker in registered(tmp_path)] == [os.getpid()]


DATA = msgspec.Raw(b'{"x":[1]}')
SOURCE = Source("s", 0, 1)
ANOMALY = Anomaly(6.2, "x", "x jumped", 9.0, 1.0)
LETTER = DeadLetter("s", 0, 1, "collect", "not [JSON]", "", None, b"\xff[", (), 0)


@pytest.mark.parametrize(
    ("topic", "value", "headers", "said"),
    [
        ("p.log", encode(Event("s-0-1", "k", 1e9, "p", SOURCE, DATA)), [], r'{"x":\[1]}'),
        ("p.log", encode(Tick(1e9)), [], "tick"),
        (
            "p.predictions",
            encode(Prediction("s-0-1", "k", 1e9, "p", SOURCE, {"odd": ANOMALY}, {"m": Estimate(1)}, DATA)),
            [],
            "odd=6.2",
        ),
        ("p.alerts", encode(Alert("i", "k", 1e9, "p", SOURCE, "r", "critical", "why", {}, DATA)), [], "why"),
        ("p.deadletters", LETTER.value, dead_letter_headers(LETTER), "not"),
        ("p.alerts", b"\xff[/]", [], "xff"),
        ("s", None, [], "tombstone"),
    ],
)
def test_every_record_has_a_line(topic: str, value: bytes | None, headers: list[tuple[str, bytes]], said: str) -> None:
    message = Message(topic, 0, 3, 1_000_000_000_000, b"k[/]", value, tuple(headers))
    console = Console(width=400, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(pretty(message))
    assert said.replace("\\", "") in console.export_text()
    assert orjson.loads(json_line(message))["offset"] == 3
