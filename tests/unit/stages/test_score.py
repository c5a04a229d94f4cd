"""Score carries every event on with what is known of it, and lets no label leak."""

import pytest

from aimass.errors import BadEvent
from aimass.pipeline import compile_stages, parse
from aimass.records import Event, Tick
from aimass.stages.score import KeyDetector, ModelScorer, ScoreStage
from aimass.testing import MemoryOutputs, MemoryState, event, run_stage


def scored(stage, events):
    return run_stage(stage, events)[0].records("")


def test_ticks_make_no_prediction():
    stage, out = ScoreStage([KeyDetector("odd")], []), MemoryOutputs()
    stage.on_batch([Tick(1.0), event({"a": 1}), Tick(2.0)], MemoryState(), out)
    stage.on_batch([Tick(3.0)], MemoryState(), out)
    assert len(out.records("")) == 1


def test_keys_are_judged_apart():
    events = [event({"heat": 100.0 * (i % 2) + i % 5}, key=f"k{i % 2}", offset=i) for i in range(200)]
    *_, same, other = scored(
        ScoreStage([KeyDetector("odd")], []), [*events, event({"heat": 102.0}, "k1"), event({"heat": 102.0}, "k0")]
    )
    assert same.anomalies["odd"].score < 2
    assert other.anomalies["odd"].score > 5
    assert other.anomalies["odd"].expected == pytest.approx(2, abs=0.5)


def test_keys_that_look_alike_are_not_confused():
    names = ["a", "a\x1f", "\x1fa", "0\x1fa", "1\x1fa", ""]
    fields = [f"f{i}" for i in range(9)]
    events = [event({f: 10.0 * k + j for j, f in enumerate(fields)}, name) for k, name in enumerate(names)] * 50
    for one in scored(ScoreStage([KeyDetector("odd")], []), events):
        assert one.anomalies["odd"].score == 0


def test_the_label_is_no_feature_and_no_field():
    pipeline = parse(
        'name="p"\n[[source]]\ntopic="t"\nkey="who"\ntime="at"\nid="no"\n[[model]]\nname="m"\ntarget="label"\n'
    )
    stage = compile_stages(pipeline)[1]
    usual = [event({"label": 1, "who": 3, "at": 5, "no": i, "x": i % 3}) for i in range(100)]
    strange = event({"label": 10**9, "who": 10**9, "at": 10**12, "no": 10**12, "x": 1})
    last = scored(stage, [*usual, strange])[-1]
    assert last.anomalies["odd"].score < 2
    assert last.estimates["m"].value == 1


def test_fields_may_come_go_and_change_their_type():
    stage = ScoreStage([KeyDetector("odd")], [])
    events = [
        event([{"a": 1}, {}, {"a": "1"}, {"a": None, "b": 2}, {"b": True}, {"c": [1]}][i % 6]) for i in range(300)
    ]
    assert len(scored(stage, events)) == 300


def test_beyond_64_fields_are_not_looked_at():
    stage = ScoreStage([KeyDetector("odd")], [])
    events = [event({f"f{i:03}": i for i in range(100)}) for _ in range(60)]
    *_, one, other = scored(stage, [*events, event({"f063": 1}), event({"f064": 1})])
    assert one.anomalies["odd"].field == "f063"
    assert other.anomalies["odd"].field is None


def test_named_fields_are_paths():
    stage = ScoreStage([KeyDetector("odd", ["a.0.b"])], [])
    events = [event({"a": [{"b": i % 4}]}) for i in range(100)]
    assert scored(stage, [*events, event({"a": [{"b": 99}]})])[-1].anomalies["odd"].field == "a.0.b"


def test_estimates_stand_beside_their_labels():
    stage = ScoreStage([], [ModelScorer("m", "classifier", "y.z")])
    first, second, third = scored(stage, [event({"y": {"z": "up"}}), event({"a": 1}), event({"y": {"z": []}})])
    assert (first.estimates["m"].value, first.estimates["m"].label) == (None, "up")
    assert (second.estimates["m"].value, second.estimates["m"].label) == ("up", None)
    assert third.estimates["m"].label is None


def test_a_log_record_without_an_object_is_a_bad_event():
    good = event({})
    bad = Event(good.id, "k", 1.0, "p", good.source, type(good.data)(b"[1]"))
    with pytest.raises(BadEvent, match="is not an object"):
        scored(ScoreStage([], []), [bad])
