"""What JUDGE says of panes, what gates do, and what becomes of the records that wait."""

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.memory import MemoryOutputs, MemoryState, run_stage
from aimass.quality.contracts.contract import Check, Contract, Expectation
from aimass.quality.gates import GateSpec
from aimass.quality.indicators import INDICATORS, Asked
from aimass.records import Alert, Command, FieldPane, Pane, Quarantined, Source, Tick
from aimass.stages.judge import JudgeStage
from aimass.stages.judging import SourceSpec
from aimass.testing import check_stage

CONTRACT = Contract(
    name="c",
    fields=(Expectation(path="a", required=True, least=0),),
    checks=(Check(name="adds-up", that="a == b"),),
    delay_s=5.0,
    fresh_s=30.0,
    season_s=60.0,
)
GATE = GateSpec(name="g", source="t", below=0.9, until=0.95, least=50, over_s=20.0, action="stop")
T0 = 1_700_000_000.0


def stage(contract=CONTRACT, gates=(GATE,), dedupes=False, **more):
    return JudgeStage("p", [SourceSpec("t", Asked(contract, dedupes), tuple(gates))], 10.0, **more)


def pane(start, revision=1, part="t-0", records=100, valid=100, time=None, **more):
    """Return a part of a pane, ``start`` seconds after T0."""
    at = T0 + start
    return Pane(
        f"t|{part}|{at}",
        "t",
        T0 + (start + 9 if time is None else time),
        "p",
        part,
        at,
        10.0,
        revision,
        records,
        valid,
        **more,
    )


def run(*events, until=None, made=None, restarts=()):
    out, state = run_stage(
        made or stage(), list(events), until=None if until is None else T0 + until, restarts=restarts
    )
    return out, state


def last(out):
    """Return the last judgement of each pane, by seconds after T0."""
    return {one.time - T0: one for one in out.records("")}


def test_parts_of_all_partitions_are_judged_together():
    out, _ = run(pane(0, records=60, valid=60), pane(0, part="t-1", records=40, valid=30), Tick(T0 + 20))
    said = last(out)[0]
    assert (said.records, said.valid, said.indicators["validity"].value) == (100, 90, 0.9)
    assert said.indicators["validity"].low < 0.9 < said.indicators["validity"].high


def test_a_later_revision_takes_the_place_of_an_earlier_one():
    out, _ = run(pane(0, 1), pane(0, 3, records=130), pane(0, 2, records=120), Tick(T0 + 20))
    assert last(out)[0].records == 130


def test_late_data_revises_a_judgement():
    out, _ = run(pane(0, 1), Tick(T0 + 20), pane(0, 2, records=101, valid=100, time=20), Tick(T0 + 25))
    found = [one for one in out.records("") if one.time == T0]
    assert [one.records for one in found] == [100, 101]
    assert [one.revision for one in found] == [1, 2]


def test_a_pane_is_complete_when_time_has_passed_it():
    out, _ = run(pane(0, time=9), Tick(T0 + 30))
    assert [one.is_complete for one in out.records("")][-1]
    out, _ = run(pane(0, time=6), Tick(T0 + 7))
    assert [one.is_complete for one in out.records("")] == [False]


def test_what_nothing_says_the_truth_of_is_unknown():
    out, _ = run(pane(0), Tick(T0 + 20), made=stage(Contract(name="c"), ()))
    said = last(out)[0]
    assert list(said.indicators) == list(INDICATORS)
    known = {name for name, one in said.indicators.items() if one.value is not None}
    assert known == {"validity"}
    assert said.weakest == "validity"


def test_each_indicator_is_its_formula():
    fields = {"a": FieldPane(present=95, wrong={"required": 5}, numbers={65600: 95}, least=1.0, most=1.0)}
    fields["b"] = FieldPane(present=100, checked=50, agreed=40)
    counts = {"log": 90, "duplicates": 10, "timely": 80}
    one = pane(0, cells=100, missing=5, counts=counts, fields=fields, checks={"adds-up": [50, 5]}, valid=97)
    out, _ = run(one, Tick(T0 + 20), made=stage(dedupes=True))
    found = {name: one.value for name, one in last(out)[0].indicators.items()}
    assert found == {
        "completeness": 0.95,
        "validity": 0.97,
        "accuracy": 0.8,
        "timeliness": 0.8,
        "robustness": 1.0,
        "uniqueness": 0.9,
        "consistency": 0.9,
        "freshness": 1.0,
        "volume": None,
    }


def test_a_source_that_falls_silent_is_stale_without_another_record():
    out, _ = run(pane(0), until=0, made=stage())
    out, _ = run(pane(0), Tick(T0 + 20), Tick(T0 + 100), made=stage())
    fresh = [one.indicators["freshness"].value for one in out.records("")]
    assert fresh[0] == 1.0
    assert fresh[-1] == pytest.approx(30 / 91, abs=0.03)


def test_the_volume_is_held_against_the_same_place_of_the_season():
    events = []
    for minute in range(5):
        events += [pane(60 * minute + 10 * i, records=1000 if i == 2 else 100) for i in range(6)]
    events += [pane(300, records=100), pane(310, records=100), pane(320, records=500), Tick(T0 + 340)]
    out, _ = run(*events)
    found = last(out)
    assert found[300].indicators["volume"].value == pytest.approx(1.0)
    assert found[320].indicators["volume"].value == pytest.approx(0.5)
    assert found[320].expected == pytest.approx(1000)


def test_a_trend_is_told_from_three_panes_on():
    out, _ = run(*(pane(10 * i, valid=100 - 5 * i) for i in range(4)), Tick(T0 + 60))
    found = last(out)
    assert found[10].indicators["validity"].trend is None
    assert found[30].indicators["validity"].trend == pytest.approx(-0.05)


def test_a_shift_of_values_is_told():
    def with_numbers(start, bucket):
        return pane(start, fields={"a": FieldPane(present=100, numbers={bucket: 100}, least=1.0, most=9.0)})

    out, _ = run(*(with_numbers(10 * i, 65600) for i in range(3)), with_numbers(30, 66600), Tick(T0 + 60))
    found = last(out)
    assert found[20].fields["a"].shift == 0.0
    assert found[30].fields["a"].shift == pytest.approx(1.0)


def test_a_number_that_has_ceased_to_change_is_stuck():
    def with_numbers(start, numbers, most):
        return pane(start, fields={"a": FieldPane(present=100, numbers=numbers, least=1.0, most=most)})

    usual = [with_numbers(10 * i, {65472: 50, 65600: 50}, 9.0) for i in range(3)]
    out, _ = run(*usual, with_numbers(30, {65472: 100}, 1.0), Tick(T0 + 60))
    found = last(out)
    assert [found[at].fields["a"].is_stuck for at in (20, 30)] == [False, True]
    assert [found[at].indicators["robustness"].value for at in (20, 30)] == [1.0, 0.0]
    out, _ = run(*(with_numbers(10 * i, {65472: 100}, 1.0) for i in range(4)), Tick(T0 + 60))
    assert not last(out)[30].fields["a"].is_stuck, "it never changed"


def test_what_could_not_be_read_is_not_valid():
    out, _ = run(pane(0, counts={"deadletters": 100, "unreadable": 100}), Tick(T0 + 20))
    assert last(out)[0].indicators["validity"].value == 0.5


def test_causes_come_with_examples_the_most_frequent_first():
    one = pane(
        0,
        fields={"a": FieldPane(present=9, wrong={"least": 3})},
        checks={"adds-up": [9, 7]},
        examples={"a:least": ["e1"], "adds-up": ["e2", "e3"]},
    )
    out, _ = run(one, Tick(T0 + 20))
    assert last(out)[0].causes == (("adds-up", 7, ("e2", "e3")), ("a:least", 3, ("e1",)))


# -- gates


def gates(out):
    return [(one.gate, one.action, one.is_closed) for one in out.records("gates")]


def test_a_gate_closes_when_it_is_sure_and_opens_when_it_is_sure_again():
    bad = [pane(10 * i, valid=70) for i in range(2)]
    good = [pane(10 * i, valid=100) for i in range(2, 6)]
    out, _ = run(*bad, *good, Tick(T0 + 70))
    assert gates(out) == [("g", "stop", True), ("g", "stop", False)]
    orders = [orjson.loads(value)["gate"] for to, _, value in out.emitted if to == "control"]
    assert [order["is_closed"] for order in orders] == [True, False]
    assert "validity is 0.700" in orders[0]["why"]
    alerts = out.records("signals")
    assert [(one.rule, one.state, one.severity) for one in alerts] == [
        ("gate-g", "firing", "critical"),
        ("gate-g", "resolved", "critical"),
    ]


def test_few_records_close_no_gate():
    out, _ = run(pane(0, records=20, valid=0), Tick(T0 + 20))
    assert gates(out) == []
    assert last(out)[0].gates == {"g": "insufficient"}


def test_between_the_borders_a_gate_stays_as_it_is():
    out, _ = run(pane(0, valid=70), pane(10, valid=92, time=40), Tick(T0 + 41), pane(40, valid=93), Tick(T0 + 60))
    assert gates(out) == [("g", "stop", True)]


def test_a_person_closes_and_opens_a_gate():
    def order(do, at, **more):
        return Command(f"o{at}", "t", T0 + at, "p", Source("p.control", 0, at), do, by="ann", **more)

    out, _ = run(pane(0), Tick(T0 + 20), order("close", 20, alert="g"), pane(20), Tick(T0 + 40), order("open", 40))
    assert gates(out) == [("g", "stop", True), ("g", "stop", False)]
    assert [one.by for one in out.records("gates")] == ["ann", "ann"]


def test_a_gate_of_a_field_watches_that_field():
    gate = GateSpec(name="f", source="t", field="a", indicator="completeness", below=0.9, until=0.95, action="tag")
    fields = {"a": FieldPane(present=50, wrong={"required": 50})}
    out, _ = run(pane(0, fields=fields), Tick(T0 + 20), made=stage(gates=[gate]))
    assert last(out)[0].gates == {"f": "fail"}
    assert out.records("gates") == [], "COLLECT has nothing to do with it"
    assert [to for to, _, _ in out.emitted if to == "control"] == ["control"]


# -- reviews


def waiting(name="e1", causes=("a:least",), attempt=0, key="k", at=5.0):
    source = Source("t", 0, int(name[1:]))
    return Quarantined(name, key, T0 + at, "p", source, causes, b'{"a":-1}', None, (), 0, attempt, T0 + at)


def order(do, alert="", number=1, **more):
    return Command(f"p.control-0-{number}", "", T0 + 50, "p", Source("p.control", 0, number), do, alert, **more)


def steps(out):
    return [(one.id, one.state, one.do, one.by) for one in out.records("reviews")]


def test_what_is_set_apart_waits_until_somebody_says_what_becomes_of_it():
    out, state = run(waiting(), waiting("e2"), order("accept", "e1", by="ann"), order("reject", "e2", 2, by="bob"))
    assert steps(out) == [
        ("e1", "open", "quarantined", ""),
        ("e2", "open", "quarantined", ""),
        ("e1", "accepted", "accept", "ann"),
        ("e2", "rejected", "reject", "bob"),
    ]
    (again,) = out.records("redrive")
    assert (again.id, again.is_accepted, again.record) == ("e1", True, waiting())
    assert "reviews" not in state.commit(), "nothing waits any more"


def test_a_second_verdict_comes_too_late():
    out, _ = run(waiting(), order("correct", "e1", patch={"a": 1}), order("accept", "e1", 2), order("reject", "e1", 3))
    (again,) = out.records("redrive")
    assert again.patch == {"a": 1}


def test_a_correction_without_a_patch_is_none():
    out, _ = run(waiting(), order("correct", "e1"))
    assert out.records("redrive") == []


def test_what_somebody_has_claimed_is_theirs():
    out, _ = run(
        waiting(),
        order("claim", "e1", 1, by="ann"),
        order("accept", "e1", 2, by="bob"),
        order("claim", "e1", 3, by="bob"),
        order("release", "e1", 4, by="bob"),
        order("accept", "e1", 5, by="bob"),
    )
    assert [do for _, _, do, _ in steps(out)] == ["quarantined", "claim", "release", "accept"]


def test_a_cause_is_settled_in_bulk():
    events = [waiting("e1"), waiting("e2", ("b:most",)), waiting("e3", ("b:most", "a:least"))]
    out, _ = run(*events, order("reject", match={"cause": "a:*", "source": "t"}))
    assert {name for name, state, _, _ in steps(out) if state == "rejected"} == {"e1", "e3"}
    out, _ = run(*events, order("reject", match={}))
    assert len(steps(out)) == 3, "an order that says of nothing what it means is about nothing"


def test_what_is_broken_again_waits_again():
    out, _ = run(waiting(), order("correct", "e1", patch={"a": -2}), waiting(attempt=1), order("accept", "e1", 2))
    assert [state for _, state, _, _ in steps(out)] == ["open", "corrected", "open", "accepted"]


def test_what_nobody_looks_at_expires():
    out, _ = run(waiting(), pane(0), Tick(T0 + 90), made=stage(wait_s=100.0))
    assert [state for _, state, _, _ in steps(out)] == ["open"]
    out, _ = run(waiting(), pane(0), Tick(T0 + 90), Tick(T0 + 110), made=stage(wait_s=100.0))
    assert steps(out)[-1][:3] == ("e1", "expired", "expired")


def test_an_expectation_that_is_overruled_too_often_is_to_be_changed():
    events = [waiting(f"e{i}") for i in range(12)]
    orders = [order("accept" if i else "reject", f"e{i}", i) for i in range(12)]
    out, _ = run(*events, *orders, pane(0), Tick(T0 + 20))
    assert last(out)[0].proposals == (
        "least of a: accepted all the same in 11 of 12 reviews; loosen it, or make it a warning",
    )


@pytest.mark.parametrize("cause", ["gate:quarantine", "rule:odd", "audit"])
def test_what_waits_for_other_reasons_says_nothing_of_the_contract(cause):
    events = [waiting(f"e{i}", (cause,)) for i in range(12)]
    out, _ = run(pane(0, valid=90), *events, *(order("accept", f"e{i}", i) for i in range(12)), Tick(T0 + 20))
    assert last(out)[0].proposals == ()
    assert (last(out)[0].indicators["accuracy"].value is None) == (cause != "audit")


def test_a_part_of_a_pane_that_is_long_past_makes_no_new_judgement():
    out, _ = run(pane(20_000), Tick(T0 + 20_020), pane(0, records=1, time=20_020), Tick(T0 + 20_040))
    assert set(last(out)) == {20_000}


def test_audits_tell_accuracy_and_nothing_is_put_back_by_them():
    audits = [waiting(f"e{i}", ("audit",)) for i in range(20)]
    verdicts = [order("accept" if i > 1 else "reject", f"e{i}", i) for i in range(20)]
    out, _ = run(pane(0), *audits, *verdicts, Tick(T0 + 20))
    accuracy = last(out)[0].indicators["accuracy"]
    assert accuracy.value == pytest.approx(0.9)
    assert accuracy.low < 0.8 < 0.97 < accuracy.high
    assert out.records("redrive") == []


def test_reviews_alone_tell_no_accuracy():
    out, _ = run(pane(0, valid=99), waiting(), order("reject", "e1"), Tick(T0 + 20))
    assert last(out)[0].indicators["accuracy"].value is None


def test_an_event_that_a_rule_sends_to_people_waits_too_and_is_never_put_back():
    alert = Alert("e9-odd", "k", T0, "p", Source("t", 0, 9), "odd", "info", "why", {}, msgspec.Raw(b'{"a":1}'))
    out, _ = run(alert, order("accept", "e9-odd"))
    assert [(one.causes, one.state) for one in out.records("reviews")] == [
        (("rule:odd",), "open"),
        (("rule:odd",), "accepted"),
    ]
    assert out.records("redrive") == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 199), max_size=6))
def test_the_promises_of_the_stage_hold_wherever_it_is_cut(cuts):
    events = []
    for i in range(40):
        events += [pane(5 * (i // 2), i, f"t-{i % 3}", valid=100 - (i * 7) % 40), waiting(f"e{i}")]
        events += [order("accept" if i % 2 else "reject", f"e{i - 3}", i), Tick(T0 + 6 * i)]
        if i % 9 == 0:
            events.append(order("claim", f"e{i}", 100 + i, by="ann"))
    check_stage(stage, events, cuts=[sorted({cut for cut in cuts if 0 < cut < len(events)}) or [1]])


def test_state_is_given_back(tmp_path):
    state, out, made = MemoryState(), MemoryOutputs(), stage()
    for i in range(0, 40_000, 100):
        made.on_batch([pane(i)], state, out)
        state.advance(T0 + i + 10)
        made.on_time(state.now, state, out)
    rows = state.commit()
    assert len(rows["judge.t"]) < 100
    assert len(rows["judge.books"]["t"]) < 20_000
