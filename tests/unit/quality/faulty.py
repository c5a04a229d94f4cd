"""A day in the life of two sources, with known faults: what COLLECT, JUDGE and people made of it, for reports."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from aimass.pipeline import compile_stages, load
from aimass.records import Gate, Judgement, Quarantined, Review, Source
from aimass.records.alerts import Command
from aimass.testing import MemoryRecord, run_stage

START = 1_700_006_400.0
MINUTES = 60
#: Minutes from this to that: the units of the temperatures are wrong.
BAD = (30, 40)
PIPELINE = """
name = "plant"
[[source]]
topic = "plant.pumps"
key = "pump"
time = "ts"
id = "id"
contract = "pumps.toml"
dedupe = "1h"
[[source]]
topic = "plant.orders"
key = "customer"
time = "ts"
[quality]
all = true
pane = "1m"
keep = "10m"
audit = 0.05
[[gate]]
name = "hot"
source = "plant.pumps"
indicator = "validity"
field = "temperature"
below = 0.9
least = 30
over = "2m"
action = "pause-learning"
"""
CONTRACT = """
name = "pumps"
delay = "5s"
fresh = "5m"
season = "5m"
[fields.pump]
type = "text"
required = true
[fields.temperature]
type = "number"
required = true
least = -20
most = 120
[fields.state]
type = "text"
values = ["on", "off", "idle"]
level = "warning"
[fields.pressure]
type = "number"
least = 0
[[check]]
name = "off-is-cold"
that = 'state != "off" or temperature < 100'
level = "warning"
"""


@dataclass(frozen=True)
class Day:
    """What stands on the topics at the end."""

    judgements: list[Judgement]
    reviews: list[Review]
    gates: list[Gate]
    tasks: list[Quarantined]


def records() -> list[MemoryRecord]:
    """Return what the two sources sent, in the order of its arrival."""
    chance, found, offsets = random.Random(7), [], {"plant.pumps": 0, "plant.orders": 0}

    def put(topic: str, data: object, at: float) -> None:
        value = data if isinstance(data, bytes) else orjson.dumps(data)
        found.append(MemoryRecord(value, None, topic, 0, offsets[topic], int(at * 1000)))
        offsets[topic] += 1

    for minute in range(MINUTES):
        for second in range(60):
            at = START + minute * 60 + second
            one = _pump(minute, second, at, chance)
            put("plant.pumps", one, at + (20 if chance.random() < 0.03 else 1))
            if chance.random() < 0.01:
                put("plant.pumps", one, at + 2)
            if chance.random() < 0.005:
                put("plant.pumps", b'{"pump": "p1", ', at + 2)
            if second % 5 == 0:
                put("plant.orders", {"customer": f"c{second % 7}", "ts": at, "total": chance.gauss(50, 9)}, at + 1)
    return found


def _pump(minute: int, second: int, at: float, chance: random.Random) -> dict[str, object]:
    temperature = chance.gauss(70 + 5 * (minute > 45), 4)
    one: dict[str, object] = {
        "id": f"r{minute}-{second}",
        "pump": f"p{second % 3}",
        "ts": at,
        "temperature": round(temperature, 2),
        "pressure": round(chance.lognormvariate(0, 0.3), 3),
        "state": chance.choice(["on", "on", "on", "off", "idle"]),
    }
    if BAD[0] <= minute < BAD[1] and chance.random() < 0.5:
        one["temperature"] = round(temperature * 1.8 + 32, 1)
    if chance.random() < 0.02:
        del one["temperature"]
    if chance.random() < 0.01:
        one["state"] = "<script>alert(1)</script>"
    return one


@lru_cache(maxsize=1)
def day() -> Day:
    """Return what the real stages made of it, people's verdicts among it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "plant.toml").write_text(PIPELINE)
        (Path(folder) / "pumps.toml").write_text(CONTRACT)
        stages = {one.name: one for one in compile_stages(load(Path(folder) / "plant.toml"))}
        seen, _ = run_stage(stages["collect"], records(), cuts=range(0, 9000, 40))
        observed = seen.records("observations")
        judged, _ = run_stage(stages["judge"], [*observed, *_verdicts(observed)], until=START + MINUTES * 60 + 60)
    gates = [orjson.loads(value)["gate"] for to, _, value in judged.emitted if to == "control"]
    return Day(
        judgements=judged.records(""),
        reviews=judged.records("reviews"),
        gates=[_gate(one) for one in gates],
        tasks=[one for one in observed if type(one) is Quarantined],
    )


def _gate(body: dict[str, object]) -> Gate:
    import msgspec

    body.pop("type", None)
    return msgspec.convert({"type": "gate", **body}, Gate)


def _verdicts(observed: list[object]) -> list[Command]:
    """Let Ada and Bob look at most of what waits, after a minute and after five."""
    found = []
    for i, task in enumerate(one for one in observed if type(one) is Quarantined):
        if i % 4 == 3:
            continue
        do = "accept" if task.causes == ("audit",) else ("correct" if i % 2 else "reject")
        patch = {"temperature": 70} if do == "correct" else {}
        at = task.arrived + (60 if i % 3 else 300)
        source = Source("plant.control", 0, i)
        found.append(
            Command(source.id, "", at, "plant", source, do, task.id, {}, None, "ada" if i % 3 else "bob", "seen", patch)
        )
    return found
