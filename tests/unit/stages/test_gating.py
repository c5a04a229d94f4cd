"""While learning is paused, events are judged by what was known, and leave no trace."""

import json

import msgspec
import numpy as np
import pytest

from aimass.models.ensemble import LATER, PREDICT
from aimass.pipeline import compile_stages, parse
from aimass.records import Event, Gate, Quality, Source, Tick
from aimass.stages.gating import Gates, View
from aimass.stages.journal import unpack
from aimass.stages.silent import Wheel
from aimass.state import ObjectSpec, RowSpec
from aimass.testing import MemoryOutputs, MemoryState, check_stage, event, prediction, run_stage
from tests.unit.stages.all_of_score import PIPELINES, cuts, label, log, score, text

GATES = "[quality]\nall = true\n" + "".join(
    f'[[gate]]\nname = "{name}"\nsource = "{source}"\naction = "{action}"\n'
    for name, source, action in (
        ("t-hold", "t", "pause-learning"),
        ("w-hold", "w", "pause-learning"),
        ("tell", "t", "tag"),
    )
)
COUNT, FROM, UNTIL = 120, 40, 90


def gate(name, is_closed, source="t", action="pause-learning"):
    return Gate(f"{source}|{name}|0", source, 0.0, "p", Source("p.control", 0, 1), name, action, "fail", is_closed)


def gated(written):
    """Return a log in whose middle both sources are paused, one longer than the other; and whose events are."""
    found, paused, held = [], [], set()
    for i, one in enumerate(log(written, COUNT)):
        turned = {FROM: ("t", True), FROM + 9: ("w", True), UNTIL: ("w", False), UNTIL + 20: ("t", False)}.get(i)
        if turned is not None:
            source, is_closed = turned
            found.append(gate(f"{source}-hold", is_closed, source))
            (held.add if is_closed else held.discard)(source)
        if type(one) is Event and one.source.topic in held:
            paused.append(len(found))
        found.append(one)
    return found, paused


def without(records, paused):
    """Return the log as if the paused events had not come, and only time had passed."""
    return [Tick(one.time) if i in paused else one for i, one in enumerate(records)]


def rows(state):
    """Return what is stored and has not expired."""
    for table in list(state._tables.values()):
        list(table.items())
    return state.commit()


@pytest.mark.parametrize("name", PIPELINES)
def test_cuts_and_restarts_do_not_show(name):
    written = text(name) + GATES
    records, paused = gated(written)
    assert len(paused) > 20
    places = [*cuts(len(records)), [FROM + 1, FROM + 2, FROM + 30, UNTIL + 1, UNTIL + 22]]
    check_stage(lambda: score(written), records, cuts=places, alone=records[::40])


@pytest.mark.parametrize("name", PIPELINES)
def test_paused_events_leave_no_trace(name):
    written = text(name) + GATES
    records, paused = gated(written)
    out, state = run_stage(score(written), records)
    others, never = run_stage(score(written), without(records, set(paused)))
    assert rows(state) == rows(never)
    ids = {records[i].id for i in paused}
    said = [one for one in out.records("") if getattr(one, "id", "") not in ids]
    assert said == others.records("")
    assert {one.id for one in out.records("") if type(one) is not Gate} >= ids
    for topic in ("series", "drifts", "evaluations"):
        assert out.records(topic) == others.records(topic)


def bare(one, written):
    """Return an event without what a model is to find out."""
    data = json.loads(bytes(one.data))
    for line in written.splitlines():
        if line.startswith("target = "):
            data.pop(json.loads(line.partition(" = ")[2]), None)
    return msgspec.structs.replace(one, data=msgspec.Raw(json.dumps(data).encode()))


def judged(one):
    estimates = {name: msgspec.structs.replace(said, label=None) for name, said in one.estimates.items()}
    return one.anomalies, estimates


@pytest.mark.parametrize("name", PIPELINES)
def test_paused_events_are_judged_as_if_each_came_next(name):
    written = text(name) + GATES
    records, paused = gated(written)
    said = {one.id: one for one in run_stage(score(written), records)[0].records("") if type(one) is not Gate}
    before = without(records, set(paused))
    for i in (paused[0], paused[8], paused[17], paused[-1]):
        opened = [gate("t-hold", False), gate("w-hold", False, "w")]
        alone = run_stage(score(written), [*before[:i], *opened, bare(records[i], written)])[0].records("")[-1]
        assert judged(said[records[i].id]) == judged(alone)
        assert all(estimate.label is None for estimate in said[records[i].id].estimates.values())


def test_new_fields_and_keys_of_paused_events_are_not_learned():
    written = text("classifier") + GATES + '[[detector]]\nname = "d"\n'
    usual = [event({"x": i % 7, "y": "ab"[i % 7 > 3]}, f"k{i % 2}", offset=i) for i in range(200)]
    bad = [event({f"f{j}": j * i for j in range(30)}, f"new{i}", offset=200 + i) for i in range(20)]
    records = [*usual, gate("t-hold", True), *bad, gate("t-hold", False), *usual]
    never = [*usual, gate("t-hold", True), gate("t-hold", False), *usual]
    (out, state), (_, other) = run_stage(score(written), records), run_stage(score(written), never)
    assert state.commit() == other.commit()
    names = {one.id for one in bad}
    said = [one.estimates["m"].value for one in out.records("") if type(one) is not Gate and one.id in names]
    assert len(said) == 20
    assert set(said) <= {"a", "b"}


def test_labels_of_paused_events_are_not_learned_whenever_they_come():
    written = text("late") + GATES
    good, bad, later = (event({"x": float(i)}, offset=i) for i in range(3))
    early, late = label(bad, "m", "b", 1), label(bad, "m", "b", 2)
    learned = label(good, "m", "a", 3)
    records = [good, gate("t-hold", True), early, bad, late, learned, gate("t-hold", False), later]
    _, state = run_stage(score(written), records)
    stored = state.commit()
    assert list(stored["waiting.m"]) == [later.id]
    ops = [one for row in stored["journal.model.m"].values() for part in unpack(row) for one in part.ops.tolist()]
    assert ops == [PREDICT, LATER, PREDICT]


def test_what_is_paused_is_not_told_to_be_silent():
    written = text("silence") + GATES + '[time]\ntick = "10s"\n'
    beats = [event({}, time=1.7e9 + 10.0 * i, offset=i) for i in range(300)]
    end = 1.7e9 + 4000.0
    silent = run_stage(score(written), beats[:200], until=end)[0].records("anomalies")
    assert [one.anomalies["d"].cause for one in silent] == ["silent"]
    held = [*beats[:200], gate("t-hold", True), *beats[200:]]
    assert not run_stage(score(written), held, until=end)[0].records("anomalies")


def test_joins_do_not_remember_what_is_paused():
    written = text("joins") + GATES + '[[rule]]\nname = "r"\nwhen = "x > 0"\n'
    stage, state = score(written), MemoryState()

    def at(topic, x, i):
        return msgspec.structs.replace(event({"x": x}, time=1.7e9 + i, offset=i), source=Source(topic, 0, i))

    stage.on_batch([at("w", 1.0, 0), gate("w-hold", True, "w"), at("w", 99.0, 1)], state, MemoryOutputs())
    shown = stage.show([at("t", 0.0, 2)], state)[0]["m"]
    assert 1.0 in shown.values()
    assert 99.0 not in shown.values()


def test_predictions_say_what_closed_gates_do_from_where_they_stand():
    written = text("values") + GATES
    seen = msgspec.structs.replace(event({"x": 1}), crc=7, quality=Quality(broken=("x:least",)))
    turns = [seen, gate("tell", True, action="tag"), seen, gate("t-hold", True), seen]
    turns += [gate("tell", False, action="tag"), seen, gate("t-hold", False), seen]
    said = [one for one in run_stage(score(written), turns)[0].records("") if type(one) is not Gate]
    assert [one.gates for one in said] == [(), ("tag",), ("pause-learning", "tag"), ("pause-learning",), ()]
    assert {one.crc for one in said} == {7}
    assert [one.quality for one in said] == [seen.quality] * 5


def test_a_gate_that_is_not_in_the_file_is_open():
    state = MemoryState()
    both, one = Gates([("t", "a"), ("t", "b")]), Gates([("t", "b")])
    both.take(gate("a", True, action="tag"), state)
    both.take(gate("b", True), state)
    both.take(gate("c", True), state)
    assert both.closed(state) == {"t": ("pause-learning", "tag")}
    assert one.closed(state.restart()) == {"t": ("pause-learning",)}
    assert Gates().closed(state) == {}


def test_decide_does_nothing_about_gates():
    stage = compile_stages(parse('name = "p"\n[[source]]\ntopic = "t"\n[[rule]]\nname = "r"\nwhen = "x > 1"\n'))[2]
    said = [prediction({"x": i % 3}, offset=i) for i in range(9)]
    mixed = [one for i, said_one in enumerate(said) for one in (gate("g", i % 2 == 0), said_one)]
    assert run_stage(stage, mixed)[0].seen() == run_stage(stage, said)[0].seen()
    check_stage(lambda: stage, mixed)


def test_what_is_changed_in_a_view_is_there_until_it_is_dropped():
    names = ObjectSpec("names", json.dumps, json.loads)
    numbers = RowSpec("numbers", np.dtype([("n", np.float64)]))
    state = MemoryState()
    state.objects(names).put("a", ["Ada"])
    slots, found = state.rows(numbers).gather(["a"])
    found["n"] = 1.0
    state.rows(numbers).scatter(slots, found)
    before = state.commit()
    view = View(state)
    held = view.objects(names)
    held.get("a").append("changed, and not put")
    held.put("b", ["Bob"])
    held.delete("a")
    with view.rows(numbers).updating(["a", "new"]) as (slots, lent):
        lent["n"][slots] += 5.0
    assert [key for key, _ in held.items()] == ["b"]
    assert [(key, row["n"]) for key, row in view.rows(numbers).items()] == [("a", 6.0), ("new", 5.0)]
    view.rows(numbers).delete("a")
    assert view.rows(numbers).gather(["a", "new"])[1]["n"].tolist() == [0.0, 5.0]
    view.drop()
    assert view.objects(names).get("b") is None
    assert view.rows(numbers).get("new") is None
    assert view.rows(numbers).gather(["a"])[1]["n"].tolist() == [1.0]
    Wheel("w").put([(1.0, "k")], view)
    assert Wheel("w").take(2.0, view) == [(1.0, "k")]
    assert state.commit() == before
