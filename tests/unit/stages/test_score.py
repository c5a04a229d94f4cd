"""Score carries every event on with what is known of it, and lets no label leak."""

import msgspec
import pytest

from aimass.errors import BadEvent
from aimass.pipeline import compile_stages, parse
from aimass.records import Event, Label, Source, Tick
from aimass.stages.score import ScoreStage
from aimass.stages.values import ValueDetector
from aimass.testing import MemoryOutputs, MemoryState, event, run_stage

HEAD = 'name = "p"\n[[source]]\ntopic = "t"\n'


def score(text):
    return compile_stages(parse(HEAD + text))[1]


def label(of, value, about="m", key="k", offset=0):
    source = Source("labels", 0, offset)
    return Label(source.id, key, 1.7e9, "p", source, of, about, value)


def scored(stage, events):
    return run_stage(stage, events)[0].records("")


def test_ticks_make_no_prediction():
    stage, out = ScoreStage("p", [ValueDetector("odd")]), MemoryOutputs()
    stage.on_batch([Tick(1.0), event({"a": 1}), Tick(2.0)], MemoryState(), out)
    stage.on_batch([Tick(3.0)], MemoryState(), out)
    assert len(out.records("")) == 1


def test_keys_are_judged_apart():
    events = [event({"heat": 100.0 * (i % 2) + i % 5}, key=f"k{i % 2}", offset=i) for i in range(200)]
    *_, same, other = scored(
        ScoreStage("p", [ValueDetector("odd")]), [*events, event({"heat": 102.0}, "k1"), event({"heat": 102.0}, "k0")]
    )
    assert same.anomalies["odd"].score < 2
    assert other.anomalies["odd"].score > 5
    assert other.anomalies["odd"].expected == pytest.approx(2, abs=0.5)


def test_keys_that_look_alike_are_not_confused():
    names = ["a", "a\x1f", "\x1fa", "0\x1fa", "1\x1fa", ""]
    fields = [f"f{i}" for i in range(9)]
    events = [event({f: 10.0 * k + j for j, f in enumerate(fields)}, name) for k, name in enumerate(names)] * 50
    for one in scored(ScoreStage("p", [ValueDetector("odd")]), events):
        assert one.anomalies["odd"].score == 0


def test_the_label_is_no_feature_and_no_field():
    pipeline = parse(
        'name="p"\n[[source]]\ntopic="t"\nkey="who"\ntime="at"\nid="no"\n[[model]]\nname="m"\ntarget="label"\n'
    )
    stage = compile_stages(pipeline)[1]
    usual = [event({"label": i % 3 // 2, "who": 3, "at": 5, "no": i, "x": i % 3}) for i in range(100)]
    strange = event({"label": 10**9, "who": 10**9, "at": 10**12, "no": 10**12, "x": 1})
    last = scored(stage, [*usual, strange])[-1]
    assert last.anomalies["odd"].score < 2
    assert last.estimates["m"].value == 0


def test_fields_may_come_go_and_change_their_type():
    stage = ScoreStage("p", [ValueDetector("odd")])
    events = [
        event([{"a": 1}, {}, {"a": "1"}, {"a": None, "b": 2}, {"b": True}, {"c": [1]}][i % 6]) for i in range(300)
    ]
    assert len(scored(stage, events)) == 300


def test_beyond_64_fields_are_not_looked_at():
    stage = ScoreStage("p", [ValueDetector("odd")])
    events = [event({f"f{i:03}": i for i in range(100)}) for _ in range(60)]
    *_, one, other = scored(stage, [*events, event({"f063": 1}), event({"f064": 1})])
    assert one.anomalies["odd"].field == "f063"
    assert other.anomalies["odd"].field is None


def test_named_fields_are_paths():
    stage = ScoreStage("p", [ValueDetector("odd", ["a.0.b"])])
    events = [event({"a": [{"b": i % 4}]}) for i in range(100)]
    assert scored(stage, [*events, event({"a": [{"b": 99}]})])[-1].anomalies["odd"].field == "a.0.b"


def test_estimates_stand_beside_their_labels():
    stage = score('[[model]]\nname = "m"\ntarget = "y.z"')
    data = [{"y": {"z": "up"}}, {"a": 1}, {"y": {"z": "down"}}, {"y": {"z": []}}]
    said = [one.estimates["m"] for one in scored(stage, [event(one, offset=i) for i, one in enumerate(data)])]
    assert [one.label for one in said] == ["up", None, "down", None]
    assert [one.value is None for one in said] == [True, True, True, False], (
        "of one class alone there is nothing to say"
    )


def test_a_log_record_without_an_object_is_a_bad_event():
    good = event({})
    bad = Event(good.id, "k", 1.0, "p", good.source, type(good.data)(b"[1]"))
    with pytest.raises(BadEvent, match="is not an object"):
        scored(ScoreStage("p"), [bad])


LATE = """
[[model]]
name = "m"
recipe = "linear"
cpu_us = 1000
wait = "1h"
%s
[[label]]
topic = "labels"
about = "m"
event = "e"
value = "v"
"""


def rows(count=400):
    return [event({"x": float(i % 10)}, offset=i, time=1.7e9 + i) for i in range(count)]


def hot(i):
    return i % 10 > 4


def test_a_label_that_comes_later_is_learned_with_the_features_of_then():
    log = [one for i, row in enumerate(rows()) for one in (row, *([label(f"t-0-{i - 20}", hot(i - 20))] * (i >= 20)))]
    said = scored(score(LATE % ""), log)
    right = [one.estimates["m"].value == hot(i) for i, one in enumerate(said)]
    assert all(one.estimates["m"].value is None for one in said[:20])
    assert sum(right[200:]) >= 198


def test_a_label_may_come_before_its_event():
    log = [one for i, row in enumerate(rows(100)) for one in (label(f"t-0-{i}", hot(i)), row)]
    said = scored(score(LATE % ""), log)
    assert [one.estimates["m"].label for one in said] == [hot(i) for i in range(100)]
    assert said[0].estimates["m"].value is None


def test_events_without_a_label_are_learned_as_said_when_their_time_is_up():
    fraud = label("t-0-3", "fraud")
    log = [*rows(300), fraud, *(event({"x": 7.0}, offset=300 + i, time=1.7e9 + 9000 + i) for i in range(2))]
    *_, last = scored(score(LATE % 'unlabelled = "fine"'), log)
    assert last.estimates["m"].value == "fine"
    *_, last = scored(score(LATE % ""), log)
    assert last.estimates["m"].value is None


def test_a_label_that_cannot_be_learned_is_a_bad_event():
    stage = score((LATE % "").replace('"linear"', '"regressor"'))
    with pytest.raises(BadEvent, match="cannot learn the label 'up': it is no number"):
        scored(stage, [*rows(1), label("t-0-0", "up")])


def test_an_analysts_word_keeps_the_same_from_being_told_again():
    text = '[[label]]\ntopic = "labels"\nabout = "odd"\nevent = "e"\nvalue = "v"'
    usual = [event({"x": i % 5}, offset=i, time=1.7e9 + i) for i in range(700)]
    strange = [event({"x": 90}, offset=1000 + i, time=1.7e9 + 1000 + i) for i in range(2)]
    later = [event({"x": i % 5}, offset=2000 + i, time=1.7e9 + 2000 + i) for i in range(700)]

    def last(word):
        return scored(score(text), [*usual, strange[0], *word, *later, strange[1]])[-1].anomalies["odd"]

    assert last([]).severity is not None
    assert last([label("t-0-1000", True, "odd")]).severity is not None
    assert last([label("t-0-1000", False, "odd")]).severity is None


def test_what_crosses_a_line_is_told_twice_and_what_does_not_is_not():
    stage, out = ScoreStage("p", [ValueDetector("odd")]), MemoryOutputs("own")
    stage.on_batch(
        [*(event({"x": i % 5}, offset=i) for i in range(99)), event({"x": 90}, offset=99)], MemoryState(), out
    )
    assert [one.id for one in out.records("anomalies")] == ["t-0-99"]
    assert out.records("anomalies")[0] == out.records("own")[-1]


def test_a_key_that_falls_silent_is_told_without_an_event():
    stage = score('[[detector]]\nname = "pulse"\nkind = "silence"\n[[rule]]\nname = "r"\nwhen = "pulse.score > 3"')
    beats = [event({}, "pump", 1.7e9 + 60.0 * i + i % 3, offset=i) for i in range(200)]
    out, _ = run_stage(stage, [*beats, *(event({}, "other", 1.7e9 + 12000 + 60.0 * i) for i in range(10))])
    silent = [one for one in out.records("") if one.id.startswith("pulse-pump-")]
    assert len(silent) == 1
    assert (silent[0].key, silent[0].source.offset, bytes(silent[0].data)) == ("pump", 199, b"{}")
    assert silent[0].anomalies["pulse"].cause == "silent"
    assert silent[0].id in {one.id for one in out.records("anomalies")}


def test_models_tell_of_themselves_and_of_drift():
    log = [event({"x": float(i % 10), "y": hot(i) if i < 4000 else not hot(i)}, offset=i) for i in range(6000)]
    out, _ = run_stage(score('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "linear"'), log, cuts=range(0, 6000, 500))
    told = out.records("evaluations")
    assert [one.events // 1000 for one in told] == [1, 2, 3, 4, 5]
    assert told[3].metrics["accuracy"] > 0.98 > 0.6 > told[3].baselines["majority"]
    losses = [one for one in out.records("drifts") if one.what == "loss"]
    assert losses
    assert 4000 <= losses[0].source.offset <= 4200
    assert losses[0].action == "warn"


def test_a_keys_own_part_tells_it_from_others():
    stage = score('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "linear"\nscope = "key"\nlabel_lags = 0')
    log = [event({"x": 1.0, "y": i % 2 == 0}, f"k{i % 2}", offset=i) for i in range(600)]
    said = scored(stage, log)
    assert [one.estimates["m"].value for one in said[-4:]] == [True, False, True, False]


def test_segments_have_models_of_their_own():
    stage = score('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "linear"\nscope = "segment"\nsegment = "s"')
    log = [
        event({"x": float(i % 10), "s": "ab"[i // 10 % 2], "y": hot(i) ^ (i // 10 % 2 == 1)}, offset=i)
        for i in range(900)
    ]
    said = scored(stage, log)
    assert sum(one.estimates["m"].value == one.estimates["m"].label for one in said[-200:]) >= 196


def test_a_model_explains_itself_when_asked():
    stage = score('[[model]]\nname = "m"\ntarget = "y"\nexplain = true\nlabel_lags = 0\ncpu_us = 1000')
    said = scored(stage, [event({"x": float(i % 10), "z": 1.0, "y": hot(i)}, offset=i) for i in range(300)])
    last = said[-1].estimates["m"]
    assert last.votes["linear"] is True
    assert next(iter(last.reasons)) == "x"


def test_numbers_come_with_intervals_that_hold():
    log = [event({"x": float(i % 10), "y": 3.0 * (i % 10) + (i * 7919 % 13) / 13}, offset=i) for i in range(2000)]
    stage = score('[[model]]\nname = "m"\ntarget = "y"\nrecipe = "regressor"\ncpu_us = 1000')
    late = [one.estimates["m"] for one in scored(stage, log)[1000:]]
    assert sum(one.low <= one.label <= one.high for one in late) / len(late) == pytest.approx(0.9, abs=0.04)
    assert sum(abs(one.value - one.label) for one in late) / len(late) < 0.5


def test_joined_values_are_features_and_fields():
    text = '[[source]]\ntopic = "w"\n[[join]]\nsource = "w"\nfields = ["sky"]\nprefix = "now"\n'
    stage = score(text + '[[model]]\nname = "m"\ntarget = "y"\nrecipe = "linear"\nlabel_lags = 0')
    log = []
    for i in range(300):
        told = Source("w", 0, i)
        log.append(Event(told.id, "k", 1.7e9 + i, "p", told, msgspec.Raw(b'{"sky":%d}' % (i % 2))))
        log.append(event({"x": 1.0, "y": i % 2 == 1}, offset=i, time=1.7e9 + i))
    last = scored(stage, log)[-1].estimates["m"]
    assert (last.value, last.label) == (True, True)
