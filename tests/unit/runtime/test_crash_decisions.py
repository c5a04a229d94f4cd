"""A crash at every step of the protocol, with rules, alerts' lives and people's commands inside.

What subscribers see, who is told, and what is in the state afterwards is what an undisturbed run gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from aimass.alerts.policy import fingerprint
from aimass.codec import decoder, encode
from aimass.pipeline import compile_stages, parse
from aimass.records import Alert, Command, PredictionRecord, RuleChange, Signal, Source, Tick
from aimass.rules.document import Rule
from aimass.rules.read import condition
from aimass.runtime.outputs import Channel
from aimass.testing import prediction
from tests.unit.runtime.crashing import survives, undisturbed
from tests.unit.runtime.harness import CHANGELOG, World, stream

PIPELINE = parse("""
name = "p"
profiles = true
[[source]]
topic = "t"
[[rule]]
name = "many"
when = "count(f == 1, 10s) >= 2 and x > avg(x, 1m)"
tag = "busy"
cooldown = "5s"
[[rule]]
name = "busy"
when = 'tagged("busy") and new(f, 20s)'
severity = "critical"
cooldown = "4s"
[[rule]]
name = "pair"
when = "a: f == 1 then b: f == 2 and x > a.x within 8s gap 5s"
notify = ["pager"]
review = true
[[rule]]
name = "quiet"
when = "known(f) then not known(f) within 6s"
[[rule]]
name = "held"
when = "deviation(x) > -0.8"
hold = "1s"
cooldown = "6s"
emit = "odd"
[[rule]]
name = "shadow"
when = "usual(f) != f"
mode = "shadow"
[[recommend]]
name = "shop"
item = "x"
within = "20s"
[[receiver]]
name = "pager"
kind = "webhook"
url = "https://pager.example"
per_hour = 3
[alerts]
group_wait = "3s"
group_interval = "8s"
repeat_interval = "30s"
escalate_after = "15s"
escalate_to = ["pager"]
[time]
tick = "2s"
""")
SIDES = ("alerts", "signals", "shadow", "reviews", "odd", "recommendations", "outcomes", "transitions", "outbox")
CHANNELS = {"": Channel("out", 1), "tick": Channel("in", 1), **{name: Channel(name, 1) for name in SIDES}}
T = 1.7e9


def predictions() -> list[Any]:
    """Return what DECIDE reads: events of two keys, late ones, poison, a change of a rule, a command and a tick."""
    found: list[Any] = []
    for i in range(110):
        fields = {"x": (i * i) % 11, "f": (i * 7) % 4} if i % 9 else {"x": "?"}
        found.append(encode(prediction(fields, key="ab"[i % 5 == 0], time=T + i - (i * 3) % 4, offset=i)))
    where = Source("c", 0, 1)
    text = "count(f == 1, 10s) >= 1 and x > avg(x, 1m)"
    rule = Rule("many", condition(text), text, version=2, cooldown_s=5.0, tag="busy")
    found.insert(70, encode(RuleChange("c-0-1", "many", T, "p", where, msgspec.Raw(encode(rule)))))
    found.insert(80, encode(Command("c-0-2", "a", T, "p", where, "silence", match={"key": "b"}, until=T + 99)))
    found[40:40] = [b"{not json", encode(Tick(T + 39.0))]
    return found


def world(part: int, record: Any, records: Sequence[Any], **more: Any) -> World:
    """Return a world whose stage is DECIDE (2) or NOTIFY (3)."""
    own = {"slice_records": 30, "max_live": 6} | more
    return World(
        stream(list(records)),
        stage=lambda: compile_stages(PIPELINE)[part],
        decode=decoder(record),
        channels=CHANNELS,
        **own,
    )


def signals() -> list[bytes]:
    """Return what NOTIFY reads: what DECIDE says, and people's commands about it."""
    decided = world(2, PredictionRecord, predictions())
    decided.run(chunk=1000)
    read = decoder(Signal)
    (place,) = [target for target in decided.log.targets() if target.topic == "signals"]
    found = [record.value or b"" for _, record in decided.log.committed(place)]
    alerts = [one for one in map(read, found) if type(one) is Alert]
    name = fingerprint("demo", alerts[0].rule, alerts[0].key)
    orders = [("ack", None), ("snooze", T + 60), ("resolve", None)]
    for i, (do, until) in enumerate(orders):
        order = Command(f"c-1-{i}", alerts[0].key, T, "p", Source("c", 1, i), do, name, until=until, by="ada")
        for copy in range(2):
            found.insert((i + 1) * len(found) // 5 + copy, encode(order))
    found[10:10] = [b"{", b"null"]
    return [*found, encode(Tick(T + 400.0))]


@pytest.fixture(scope="module", params=["decide", "notify"])
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., World], Any, list[str], set[bytes], set[str]]:
    """A stage, what an uninterrupted run of it leaves, its steps, its tables and its topics."""
    part, record, records = {
        "decide": (2, PredictionRecord, predictions()),
        "notify": (3, Signal, signals()),
    }[request.param]

    def made(**more: Any) -> World:
        return world(part, record, records, **more)

    expected, steps = undisturbed(made)
    one = made()
    one.run(chunk=1000)
    tables = {(record.key or b"").split(b"\0")[0].split(b".")[0] for _, record in one.log.committed(CHANGELOG)}
    return made, expected, steps, tables, {target.topic for target in expected[0]}


def test_the_run_has_everything_to_lose(case: Any) -> None:
    made, _, _, tables, topics = case
    if made().stage().name == "decide":
        assert tables >= {b"count", b"avg", b"new", b"pattern", b"episodes", b"deadlines"}
        assert tables >= {b"tags", b"rules", b"profile"}
        assert topics >= {"out", "signals", "shadow", "reviews", "odd", "recommendations", "outcomes", "dead"}
    else:
        assert topics >= {"out", "outbox", "dead"}


def test_a_crash_at_any_step_leaves_no_trace(case: Any) -> None:
    made, expected, steps, *_ = case
    survives(made, expected, steps)
