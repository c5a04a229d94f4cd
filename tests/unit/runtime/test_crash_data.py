"""A crash at every step of the protocol, while data is collected, judged, reviewed and put back.

Events of the log, records set apart, panes, judgements, gates, reviews and what goes on from them are what an
undisturbed run gives: a record that a person let go on takes effect once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from aimass.codec import decoder, encode
from aimass.pipeline import Pipeline, compile_stages, parse
from aimass.records import Command, Event, Observation, Quarantined, Redrive, Source, Tick
from aimass.runtime.outputs import Channel
from tests.unit.runtime.crashing import CUT, survives, undisturbed
from tests.unit.runtime.harness import CHANGELOG, Record, World, stream

CONTRACT = """
name = "c"
delay = "5s"
fresh = "30s"
horizon = "40s"
[fields.heat]
type = "number"
most = 100
required = true
[fields.serial]
unique = true
[fields.n]
type = "integer"
order = "rising"
level = "warning"
[[check]]
name = "small"
that = "heat < 90 or site == 'A'"
level = "warning"
"""
TEXT = """
name = "p"
[[source]]
topic = "in"
key = "pump"
time = "at"
id = "id"
contract = "c.toml"
dedupe = "30s"
only = "not known(skip)"
[source.clean]
heat = "number | last"
[[gate]]
name = "valid"
source = "in"
below = 0.99
until = 0.995
least = 10
over = "60s"
action = "stop"
[quality]
pane = "5s"
keep = "30s"
audit = 0.05
wait = "40s"
"""
SIDES = ("observations", "everywhere", "quality", "reviews", "redrive", "gates", "control", "signals")
CHANNELS = {"": Channel("out", 1), "tick": Channel("in", 2), **{name: Channel(name, 1) for name in SIDES}}
T = 1.7e9


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    place = tmp_path_factory.mktemp("data")
    (place / "c.toml").write_text(CONTRACT)
    return parse(TEXT, file=str(Path(place) / "p.toml"))


def values() -> list[bytes]:
    """Return records of a source: good and bad ones, late ones, twice the same, some that are none."""
    found = []
    for i in range(90):
        one: dict[str, Any] = {"id": f"e{i}", "pump": "ab"[i % 4 == 0], "at": T + i - 7 * (i % 13 == 5), "n": i % 30}
        one |= {"serial": f"s{i - 3 * (i % 17 == 6)}", "heat": str(20 + (i * 37) % 95), "site": "AB"[i % 3 == 0]}
        if i % 19 == 3:
            del one["heat"]
        if i % 23 == 7:
            one["skip"] = 1
        found.append(b"{" if i % 29 == 11 else orjson.dumps(one))
        if i % 15 == 4:
            found.append(found[-1])
    return found


def source(pipeline: Pipeline) -> list[Record]:
    """Return what COLLECT reads: records of the source, and orders to put some of them back."""
    records = [
        replace(record, timestamp=1_700_000_000_000 + 700 * record.offset, headers=()) for record in stream(values())
    ]
    first = world(pipeline, "collect", records, slice_records=1000)
    first.run(chunk=1000)
    apart = [one for one in observations(first) if type(one) is Quarantined and one.causes != ("audit",)]
    assert len(apart) > 5
    end, orders = records[-1].offset + 1, []
    for i, one in enumerate(apart):
        patch = {"heat": 50 + 60 * (i % 4 == 3)} if i % 2 else {}
        order = Redrive(one.id, one.key, one.time, "p", one.source, one, patch, not i % 2, "ann", f"o{i}")
        orders.append(
            Record(end + i, encode(order), topic="p.redrive", timestamp=1_700_000_100_000 + 900 * i, headers=())
        )
    return [*records, *orders]


def observations(one: World) -> list[Any]:
    read = decoder(Observation)
    return [
        read(record.value or b"")
        for target in one.log.targets()
        if target.topic == "observations"
        for _, record in one.log.committed(target)
    ]


def judged(pipeline: Pipeline) -> list[Record]:
    """Return what JUDGE reads: what COLLECT observed, what people say of it, and time that passes."""
    collected = world(pipeline, "collect", source(pipeline), slice_records=1000)
    collected.run(chunk=1000)
    found: list[Any] = []
    for i, one in enumerate(observations(collected)):
        found.append(encode(one))
        if type(one) is Quarantined:
            do = ("accept", "reject", "correct", "claim")[i % 4]
            order = Command(f"c-0-{i}", "", T, "p", Source("p.control", 0, i), do, one.id, by="ann", patch={"heat": 1})
            found += [encode(order), encode(order)]
        if i % 10 == 9:
            found.append(encode(Tick(T + i)))
    bulk = Command("c-0-999", "", T, "p", Source("p.control", 0, 999), "reject", match={"cause": "heat:*"}, by="bob")
    return stream([*found, encode(bulk), b"{", encode(Tick(T + 400.0))])


def world(pipeline: Pipeline, name: str, records: list[Record], **more: Any) -> World:
    own = {"slice_records": 12, "max_live": 6} | more
    return World(
        records,
        stage=lambda: next(stage for stage in compile_stages(pipeline) if stage.name == name),
        decode=None if name == "collect" else decoder(Observation),
        channels=CHANNELS,
        **own,
    )


@pytest.fixture(scope="module", params=["collect", "judge"])
def case(request: pytest.FixtureRequest, pipeline: Pipeline) -> tuple[Callable[..., World], Any, list[str]]:
    """A stage, what an uninterrupted run of it leaves, and its steps."""
    records = {"collect": source, "judge": judged}[request.param](pipeline)

    def made(**more: Any) -> World:
        return world(pipeline, request.param, records, **more)

    expected, steps = undisturbed(made)
    return made, expected, steps


def test_the_run_has_everything_to_lose(case: Any) -> None:
    made, (outputs, *_), _ = case
    one = made()
    one.run(chunk=1000)
    tables = {(record.key or b"").split(b"\0")[0].split(b".")[0] for _, record in one.log.committed(CHANGELOG)}
    topics = {target.topic for target in outputs}
    if one.stage().name == "collect":
        assert tables >= {b"panes", b"unique", b"order", b"ids", b"last"}
        assert topics == {"out", "observations", "dead"}
    else:
        assert tables >= {b"judge", b"reviews", b"wheel", b"verdicts"}
        assert topics == {"out", "reviews", "redrive", "gates", "control", "signals", "dead"}


def test_what_is_put_back_takes_effect_once(pipeline: Pipeline) -> None:
    records = source(pipeline)
    one = world(pipeline, "collect", records)
    one.run(**CUT)
    read = decoder(Event)
    (place,) = [target for target in one.log.targets() if target.topic == "out"]
    events = [read(record.value or b"") for _, record in one.log.committed(place)]
    assert set(Counter(event.source for event in events).values()) == {1}
    let_in = [event for event in events if event.quality is not None and event.quality.review]
    assert len(let_in) > 3
    assert all(event.source.topic == "in" for event in let_in)


def test_a_crash_at_any_step_leaves_no_trace(case: Any) -> None:
    made, expected, steps = case
    survives(made, expected, steps)
