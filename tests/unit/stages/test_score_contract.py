"""Whatever SCORE is made of, it keeps the promises of a stage: cuts, restarts and replays do not show."""

import random

import pytest

from aimass.models import ensemble
from aimass.testing import check_stage, event, run_stage
from tests.unit.stages.all_of_score import DETECTORS, DRIFTING, MODELS, PIPELINES, cuts, label, log, score, text


@pytest.mark.parametrize("name", PIPELINES)
def test_the_promises_hold_of(name):
    written = text(name)
    events = log(written, 300 if name in DETECTORS or name in DRIFTING else 100)
    check_stage(lambda: score(written), events, cuts=list(cuts(len(events))), alone=events[::40])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers(name):
    written = text(name)
    said = run_stage(score(written), log(written, 100))[0].records("")
    assert sum(one.estimates["m"].value is not None for one in said if one.estimates) > 90


def turning(count, at):
    """Return events whose label depends on another field from some event on, and in another way."""
    dice = random.Random(5)
    for i in range(count):
        a, b = dice.random(), dice.random()
        yield event({"a": a, "b": b, "y": a > 0.5 if i < at else (a > 0.5) ^ (b > 0.5)}, offset=i)


@pytest.mark.parametrize("policy", ["swap", "fallback", "reset", "rate"])
def test_what_is_done_about_drift_does_not_depend_on_cuts(policy, monkeypatch):
    monkeypatch.setattr(ensemble, "_KEEP", 128)
    rival = 'challengers = ["classifier"]' if policy == "swap" else ""
    model = f'[[model]]\nname = "m"\ntarget = "y"\nrecipe = "linear"\nlabel_lags = 0\non_drift = "{policy}"\n{rival}'
    written = f'name = "p"\n[[source]]\ntopic = "t"\n{model}'
    events = list(turning(800, 500))
    told = run_stage(score(written), events)[0].records("drifts")
    assert policy in [one.action for one in told]
    check_stage(lambda: score(written, 256), events, cuts=[[1, 500, 630], [300, 640, 641]], alone=events[:1])


def test_classes_have_the_order_of_the_log_whether_events_bear_them_or_labels():
    events = [event({"x": 1.0}), event({"x": 2.0, "y": "a"}, offset=1), event({"x": 2.0, "y": "c"}, offset=2)]
    records = [events[0], label(events[0], "m", "b"), events[1], label(events[0], "m", "d", 1), events[2]]
    check_stage(lambda: score(text("late and borne")), [event({"y": "z"}, offset=9), *records], cuts=[[2], [2, 3, 4]])


@pytest.mark.parametrize("name", ["late", "contest, late, explained"])
def test_what_waits_does_not_depend_on_what_comes_with_it(name):
    plain, wide = event({"x": 1.0}), event({f"f{i}": i for i in range(30)}, offset=1)
    first = [event({"x": 0.0}, offset=n) for n in (2, 3, 4)]
    a, b, c = (label(one, "m", y, n) for n, (one, y) in enumerate(zip(first, "abc", strict=True)))
    check_stage(lambda: score(text(name)), [*first, a, b, plain, c, wide], cuts=[[6], [3, 4, 5, 6, 7]])


def test_what_two_models_tell_has_the_order_of_the_log():
    written = text("two late models")
    for shift in range(3):
        events = [event({"x": float(i > 120)}, time=1.7e9, offset=i) for i in range(200)]
        records = []
        for i, one in enumerate(events):
            records.append(one)
            if i >= 50:
                about = ["m", "o"] if (i + shift) % 3 else ["o", "m"]
                records += [label(events[i - 50 + (name == "o") * shift], name, "ab"[i > 120], i) for name in about]
        whole = run_stage(score(written), records)[0]
        singly = run_stage(score(written), records, cuts=range(len(records)))[0]
        assert whole.records("drifts")
        assert whole.seen() == singly.seen()
