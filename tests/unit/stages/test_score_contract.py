"""Whatever SCORE is made of, it keeps the promises of a stage: cuts, restarts and replays do not show."""

import pytest

from aimass.testing import check_stage, event, run_stage
from tests.unit.stages.all_of_score import DETECTORS, DRIFTING, PIPELINES, cuts, label, log, score, text


@pytest.mark.parametrize("name", PIPELINES)
def test_the_promises_hold_of(name):
    written = text(name)
    events = log(written, 300 if name in DETECTORS or name in DRIFTING else 150)
    check_stage(lambda: score(written), events, cuts=list(cuts(len(events))), alone=events[::40])


def test_classes_have_the_order_of_the_log_whether_events_bear_them_or_labels():
    events = [event({"x": 1.0}), event({"x": 2.0, "y": "a"}, offset=1), event({"x": 2.0, "y": "c"}, offset=2)]
    records = [events[0], label(events[0], "m", "b"), events[1], label(events[0], "m", "d", 1), events[2]]
    check_stage(lambda: score(text("late and borne")), [event({"y": "z"}, offset=9), *records], cuts=[[2], [2, 3, 4]])


def test_what_two_models_tell_has_the_order_of_the_log():
    written = text("two late models")
    for shift in range(8):
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
