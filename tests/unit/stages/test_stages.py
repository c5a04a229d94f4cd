"""Every stage of aimass keeps every promise of a stage."""

import json
import pkgutil
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aimass.stages
from aimass.pipeline import compile_stages, parse
from aimass.testing import MemoryRecord, check_stage, run_stage
from tests.unit.stages.nasty import NASTY

TEXT = """
name = "demo"
[[source]]
topic = "t"
key = "pump"
time = "at"
[[detector]]
name = "odd"
forget = "30s"
[[detector]]
name = "heat"
fields = ["f1", "deep.f"]
[[model]]
name = "fault"
target = "label"
[[model]]
name = "level"
target = "f3"
recipe = "regressor"
[[rule]]
name = "strange"
when = "odd.score > 2 or heat.score > 2"
cooldown = "20s"
[[rule]]
name = "faulty"
when = "fault.value == 1 and (f1 > 0 or not f2 <= 5) and level.value < 100"
severity = "info"
[[receiver]]
name = "pager"
kind = "webhook"
url = "https://pager.example"
[alerts]
group_wait = "5s"
group_interval = "20s"
[[correlation]]
name = "moves"
fields = ["f1", "f3"]
[quality]
all = true
pane = "10s"
[[gate]]
name = "bad"
source = "t"
indicator = "robustness"
below = 0.99
until = 0.995
least = 20
[time]
tick = "10s"
"""


def sources(count=240, seed=1):
    rng = random.Random(seed)
    for i in range(count):
        event = {"pump": f"p{rng.randrange(3)}", "at": 1.7e9 + i / 2 - rng.random() * 3, "label": rng.randrange(2)}
        event |= {"f1": rng.gauss(0, 1) + 40 * (rng.random() < 0.03), "f2": rng.choice([1, 5, None, "x", True])}
        event |= {"f3": 2 * event["f1"] + 7, "deep": {"f": rng.random()}, f"rare{i % 9}": i}
        names = list(event)
        rng.shuffle(names)
        for name in names[: rng.randrange(3)]:
            if rng.random() < 0.2:
                del event[name]
        value = json.dumps({name: event[name] for name in names if name in event}).encode()
        yield MemoryRecord(value if i % 17 else NASTY[i // 17][0], offset=i, timestamp=1_700_000_000_000 + 500 * i)


def streams(records):
    stages = compile_stages(parse(TEXT))
    found = {}
    for stage in stages[:3]:
        found[stage.name] = records
        out, _ = run_stage(stage, records)
        if stage.name == "collect":
            found["judge"] = out.records("observations")
        records = out.records("")
        assert records
        if stage.name == "score":
            found["correlate"] = out.records("series")
        if stage.name == "decide":
            found["notify"] = out.records("signals")
    return found


STREAMS = streams(list(sources()))
assert len(STREAMS["judge"]) > 20
MAKERS = {
    stage.name: (lambda i=i: compile_stages(parse(TEXT))[i]) for i, stage in enumerate(compile_stages(parse(TEXT)))
}
NOT_STAGES = {
    "base": "the protocol itself",
    "batch": "what the parts of score see",
    "budget": "a part of score",
    "control": "a reader of the collect stage",
    "correlate_grid": "the grid of the correlate stage",
    "detecting": "what detectors have in common",
    "detectors": "parts of score",
    "envelope": "how collect writes events",
    "episodes": "a part of decide",
    "gating": "a part of score",
    "inputs": "what models see",
    "intake": "a part of collect",
    "joins": "a part of score",
    "judging": "a part of judge",
    "journal": "how learned objects are written down",
    "labels": "a reader of the collect stage",
    "learned": "how learned objects are kept",
    "models": "a part of score",
    "profiles": "a part of decide",
    "reader": "readers of the collect stage",
    "recommend": "a part of decide",
    "recommend_shelf": "a part of decide",
    "recommend_view": "a part of decide",
    "references": "a part of score",
    "reviews": "a part of judge",
    "rows": "what models run on",
    "saying": "what models say",
    "silent": "a part of score",
    "taken": "a part of collect",
    "values": "a part of score",
    "waiting": "where events wait for labels",
    "wording": "what alerts say",
}


def test_every_stage_of_the_package_is_checked():
    modules = {module.name for module in pkgutil.iter_modules(aimass.stages.__path__)}
    assert modules - NOT_STAGES.keys() == MAKERS.keys()


@pytest.mark.parametrize("name", MAKERS)
def test_the_promises_of_a_stage(name):
    check_stage(MAKERS[name], STREAMS[name])


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(list(MAKERS)), st.lists(st.integers(1, 239), min_size=1, max_size=6))
def test_the_promises_hold_wherever_it_is_cut(name, cuts):
    check_stage(MAKERS[name], STREAMS[name], cuts=[sorted(set(cuts))])


def test_the_order_of_an_events_fields_never_shows():
    def answers(order):
        records = []
        for record in sources(120, seed=2):
            try:
                event = json.loads(record.value)
            except (ValueError, TypeError, RecursionError):
                continue
            if type(event) is dict:
                value = json.dumps(dict(order(event.items()))).encode()
                records.append(MemoryRecord(value, offset=record.offset))
        return [(one.id, one.anomalies, one.estimates) for one in streams(records)["decide"]]

    assert answers(sorted) == answers(lambda items: sorted(items, reverse=True))


def test_state_is_bounded_by_time():
    stage = MAKERS["score"]()
    _, state = run_stage(stage, STREAMS["score"])
    keys = len([key for key, _ in state.rows(stage._detectors[0]._rows).items()])
    state.now += 60
    assert keys > 0
    assert not list(state.rows(stage._detectors[0]._rows).items())
