"""Labels that come later, on topics of their own, and links between series, through a kill -9 of the only worker."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from aimass.admin import committed_offsets, end_offsets
from aimass.client import Producer
from aimass.records import Drift, Evaluation, Label, Link
from aimass.settings import Settings, kafka_options
from tests.integration.support import Flow, by_partition, flowing, until

pytestmark = pytest.mark.kafka
EVENTS, PART, TURN = 6_000, 500, 4_000
KEYS, LAG = 6, 4
TEXT = """
name = "{name}"

[[source]]
topic = "{name}.in"
key = "key"
time = "at"
id = "id"

[[model]]
name = "m"
recipe = "linear"
wait = "1h"

[[label]]
topic = "{name}.truth"
about = "m"
event = "of"
value = "was"
key = "key"

[[detector]]
name = "odd"
fields = ["x"]

[[label]]
topic = "{name}.words"
about = "odd"
event = "of"
value = "was"
key = "key"

[[correlation]]
name = "moves"
fields = ["z"]
every = "1s"
max_lag = "8s"

[[rule]]
name = "hot"
when = "m.value == 1 and m.probability > 0.9"
cooldown = "0s"

[time]
lateness = "5m"  # after a kill one partition of SCORE may be that far ahead of another, and links want both
"""


def events(count: int) -> list[dict[str, Any]]:
    """Return events of six keys, one a second of each: what k0 does, k1 does four seconds later."""
    dice, walk = random.Random(1), [0.0]
    for _ in range(count // KEYS + LAG):
        walk.append(walk[-1] + dice.gauss(0.0, 1.0))
    made = []
    for n in range(count):
        key, second = n % KEYS, n // KEYS
        z = dice.gauss(0.0, 1.0) if key > 1 else walk[second + (LAG if key == 0 else 0)] + 0.1 * dice.random()
        x = dice.gauss(20.0, 1.0) + (60.0 if n % 97 == 96 else 0.0)
        made.append({"id": f"e{n}", "key": f"k{key}", "at": 1.7e9 + n / KEYS, "x": x, "z": z})
    return made


def truths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was true of events: from one of them on, the contrary."""
    return [
        {"of": one["id"], "key": one["key"], "was": int((one["x"] > 20.0) ^ (int(one["id"][1:]) >= TURN))}
        for one in rows
    ]


def words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what analysts say of the peaks: those of one key are none."""
    return [{"of": one["id"], "key": one["key"], "was": one["key"] != "k3"} for one in rows if one["x"] > 60.0]


async def send(flow: Flow, rows: list[dict[str, Any]], earlier: list[dict[str, Any]]) -> None:
    """Send events, and the labels of events before them."""
    parts = {"in": rows, "truth": truths(earlier), "words": words(earlier)}
    async with Producer(flow.settings) as producer:
        for last, values in parts.items():
            await producer.send_many(f"{flow.name}.{last}", values, keys=[one["key"] for one in values])
    flow.sent += [one["id"] for one in rows]


async def records(flow: Flow, kind: type, topic: str) -> list[Any]:
    """Return the records of one kind on a topic."""
    return [one.record for one in await flow.read(topic) if type(one.record) is kind]


async def test_labels_feedback_and_links_survive_a_kill(settings: Settings, unique: Callable[[str], str]) -> None:
    async with flowing(settings, unique("labels"), text=TEXT) as flow:
        rows, worker = events(EVENTS), flow.worker()
        for at in range(0, EVENTS, PART):
            await send(flow, rows[at : at + PART], rows[max(at - PART, 0) : at])
            if at in (1_500, 4_500):
                await until(lambda: flow.ids("predictions"), f"it is at work\n{flow.tails()}")
                worker.kill()
                worker.start()
        await send(flow, [], rows[-PART:])
        labels = EVENTS + len(words(rows))

        async def learned() -> bool:
            await flow.done()
            found = await records(flow, Label, f"{flow.name}.log")
            return len(found) == labels and await taken(flow)

        await until(learned, f"labels are learned\n{flow.tails()}", every_s=0.5)
        assert await worker.stop() == 0
        await check(flow)


async def taken(flow: Flow) -> bool:
    """Return whether SCORE and CORRELATE have read what they read to its end."""
    options = kafka_options(flow.settings)
    ends = await end_offsets(options, [f"{flow.name}.log", f"{flow.name}.series"])
    committed = await committed_offsets(options, f"aimass.{flow.name}")
    return all(committed.get(at, 0) >= end - 1 for at, end in ends.items())


async def check(flow: Flow) -> None:
    """Check that everything is there once, says what it must, and is what a replay gives."""
    found = Counter(await flow.ids("predictions"))
    assert found == Counter(flow.sent)
    assert max(Counter(one.id for one in await records(flow, Label, f"{flow.name}.log")).values()) == 1
    evaluations = await records(flow, Evaluation, f"{flow.name}.evaluations")
    assert {one.about for one in evaluations} == {"m"}
    assert max(one.metrics["accuracy"] for one in evaluations) > 0.75
    drifts = await records(flow, Drift, f"{flow.name}.drifts")
    assert any(one.what == "loss" and one.about == "m" for one in drifts)
    for told in (evaluations, drifts):
        assert max(Counter(one.id for one in told).values()) == 1
    links = [one for one in await records(flow, Link, f"{flow.name}.links") if one.change == "found"]
    for link in links:  # none, where a kill has set SCORE's partitions so far apart that one's series come too late
        assert (link.leader, link.follower, link.lag_s) == (f"{flow.source}/z@k0", f"{flow.source}/z@k1", float(LAG))
    assert len(links) < 2
    [compared] = await flow.printed("replay", str(flow.file), "--compare")
    assert [one["same"] for one in compared["comparisons"]] == [True, True]
    for last in ("anomalies", "drifts", "evaluations"):
        again = next(topic for topic in compared["topics"] if topic.endswith(last))
        assert by_partition(await flow.read(f"{flow.name}.{last}")) == by_partition(await flow.read(again)), last
