"""What a source's events refer to was there, or is counted as missing: compared with the whole history."""

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass import codec
from aimass.pipeline import compile_stages, parse
from aimass.quality.contracts.contract import Reference
from aimass.records import Event, Source, Tick
from aimass.stages.references import References, Seen
from aimass.stages.score import ScoreStage
from aimass.testing import MemoryOutputs, MemoryState, check_stage, run_stage

PAID = Reference(name="paid", path="order.id", source="orders", field="id", within_s=20.0)
SOON = Reference(name="soon", path="order.id", source="orders", field="id", within_s=3.0)
VALUES = [1, 1.0, 2, "1", "two", True, [1, {"a": 2}], None, 2**70]


def stage(tick_s=5.0, references=(PAID, SOON), **settings):
    asked = References("p", {"payments": references}, pane_s=10.0, **settings)
    return ScoreStage("p", references=asked, tick_s=tick_s)


def one(topic, time, value, key="k", offset=0):
    data = {"id": value} if topic == "orders" else {"order": {"id": value}}
    source = Source(topic, 0, offset)
    return Event(f"{source.id}", key, time, "p", source, msgspec.Raw(codec.encode(data)))


def history(seed, count=300):
    """Return events of both sources: late ones, ones out of order, repeated ones, and time that leaps."""
    dice, time = random.Random(seed), 1000.0
    for i in range(count):
        time += dice.choice([0.0, 0.3, 1.0, 2.5]) + (dice.random() < 0.01) * dice.choice([100.0, 5000.0])
        late = dice.choice([0.0, 0.0, 0.0, 1.0, 4.0, 15.0, 30.0]) * dice.random()
        yield one(
            dice.choice(["orders", "payments"]), time - late, dice.choice(VALUES), dice.choice(["a", "b"]), offset=i
        )


def run(made, events, lateness):
    """Run a stage as the runtime does, with events that may be late; return what it counted, by check and pane."""
    state, out, newest = MemoryState(), MemoryOutputs(), -math.inf
    for event in [*events, Tick(1e6)]:
        newest = max(newest, event.time)
        tick = math.floor((newest - lateness) / made.tick_s) * made.tick_s
        if tick > state.now:
            state.now = tick
            made.on_time(tick, state, out)
        made.on_batch([event], state, out)
    panes = {pane.start: pane.checks for pane in out.records("observations")}  # the last revision of each
    return {(name, start): counts for start, checks in panes.items() for name, counts in checks.items()}, state


def expected(events, references, tick_s, lateness):
    """Return the same, by looking at all that had come when time passed each event."""
    nows, newest, now = [], -math.inf, -math.inf
    for event in [*events, Tick(1e6)]:
        newest = max(newest, event.time)
        now = max(now, math.floor((newest - lateness) / tick_s) * tick_s)
        nows.append(now)
    counts = {}
    for i, event in enumerate(events):
        data = msgspec.json.decode(bytes(event.data))
        value = data.get("order", {}).get("id")
        for reference in references:
            if event.source.topic != "payments" or value is None:
                continue
            if event.time < math.floor(nows[i]) - reference.within_s:
                continue
            until = next(
                j for j in range(i + 1, len(nows)) if nows[j] > nows[i] and nows[j] >= math.floor(event.time) + 1
            )
            was = any(
                order.source.topic == "orders"
                and order.key == event.key
                and event.time - reference.within_s <= order.time <= event.time
                and same(msgspec.json.decode(bytes(order.data))["id"], value)
                for order in events[:until]
            )
            own = counts.setdefault((reference.name, math.floor(event.time / 10.0) * 10.0), [0, 0])
            own[0] += 1
            own[1] += not was
    return counts


def same(a, b):
    return (a is True) == (b is True) and a == b


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([5.0, 0.7]), st.sampled_from([0.0, 3.5, 40.0]))
def test_it_counts_what_the_whole_history_says(seed, tick_s, lateness):
    events = list(history(seed))
    found, _ = run(stage(tick_s), events, lateness)
    assert found == expected(events, (PAID, SOON), tick_s, lateness)


def test_some_are_there_and_some_are_not():
    counts = expected(list(history(1)), (PAID, SOON), 5.0, 0.0)
    asked, broken = (sum(own[i] for own in counts.values()) for i in (0, 1))
    assert 50 < broken < asked - 50


@pytest.mark.parametrize("seed", range(3))
def test_cuts_and_restarts_do_not_show(seed):
    events = list(history(seed, 200))
    check_stage(stage, events, cuts=[list(range(1, 200)), [50, 51, 120], [7, 100, 199]], alone=events[::20])


def test_what_comes_late_but_before_time_has_passed_counts():
    records = [one("payments", 12.0, 7), one("orders", 11.0, 7), Tick(15.0)]
    assert run(stage(), records, 0.0)[0] == {("paid", 10.0): [1, 0], ("soon", 10.0): [1, 0]}
    assert run(stage(), [records[0], Tick(15.0), records[1]], 0.0)[0]["paid", 10.0] == [1, 1]
    assert run(stage(), [records[0], Tick(15.0), records[1]], 60.0)[0]["paid", 10.0] == [1, 0]


def test_what_came_after_the_event_or_of_another_key_does_not_count():
    records = [one("orders", 13.0, 7), one("orders", 11.0, 7, "other"), one("payments", 12.0, 7)]
    assert run(stage(), records, 0.0)[0]["paid", 10.0] == [1, 1]


def test_an_event_that_is_later_than_what_is_remembered_is_not_asked():
    records = [one("orders", 100.0, 7), one("payments", 79.0, 7), one("payments", 81.0, 7)]
    assert run(stage(references=[PAID]), records, 0.0)[0] == {("paid", 80.0): [1, 1]}


def test_values_are_forgotten_when_they_matter_no_longer():
    events = list(history(5))
    _, state = run(stage(), events, 0.0)
    assert not [name for name, rows in state.commit().items() if name.startswith("seen.") and rows]


def test_a_value_that_comes_again_and_again_takes_no_more_room():
    seen, state = Seen("orders", "id", step_s=1.0, keep_s=16.0), MemoryState()
    for i in range(5000):
        state.now = float(i // 100)
        seen.remember([("k", 7, i / 100)], state)
    [row] = state.commit()["seen.orders.id.1"].values()
    assert len(row) < 18 * 22
    assert seen.was_seen("k", 7, 40.0, 40.005, state)
    assert not seen.was_seen("k", 7, 50.0, 60.0, state)


def test_a_contract_that_asks_no_longer_leaves_nothing_to_answer():
    state, out = MemoryState(), MemoryOutputs()
    stage().on_batch([one("payments", 12.0, 7)], state, out)
    stage(references=[PAID]).on_time(20.0, state, out)
    [pane] = out.records("observations")
    assert pane.checks == {"paid": [1, 1]}


def test_panes_name_the_partition_of_the_log_that_counted_them():
    state, out = MemoryState(), MemoryOutputs()
    state.partition = 3
    made = stage(references=[PAID])
    made.on_batch([one("payments", 12.0, 7)], state, out)
    made.on_time(20.0, state, out)
    [pane] = out.records("observations")
    assert (pane.key, pane.part, pane.start, pane.pipeline) == ("payments", "p.log-3", 10.0, "p")


def test_references_of_contracts_are_asked(tmp_path):
    contract = tmp_path / "payments.toml"
    contract.write_text(
        'name = "payments"\n[[reference]]\nname = "paid"\npath = "order.id"\nsource = "orders"\nfield = "id"\n'
        'within = "20s"\n'
    )
    text = f'name = "p"\n[[source]]\ntopic = "orders"\n[[source]]\ntopic = "payments"\ncontract = "{contract}"\n'
    stages = {made.name: made for made in compile_stages(parse(text))}
    assert stages["score"].tick_s == 10.0
    records = [one("orders", 11.0, 7), one("payments", 12.0, 7), one("payments", 13.0, 8), Tick(30.0), Tick(40.0)]
    out, _ = run_stage(stages["score"], records)
    [pane] = out.records("observations")
    assert pane.checks == {"paid": [2, 1]}
    judged, _ = run_stage(stages["judge"], [pane, Tick(500.0)], until=600.0)
    consistency = judged.records("")[-1].indicators["consistency"]
    assert (consistency.value, consistency.n) == (0.5, 2)
