"""A report says what judgements, reviews, gates and evaluations say of a period: no more, and nothing of it wrong."""

import random

import pytest

from aimass.quality.indicators import INDICATORS, wilson
from aimass.quality.reports.report import FATES, POINTS, Known, counts_of, last_revisions, newest, report_of
from aimass.records import Evaluation, FieldJudgement, Gate, Indicator, Judgement, Review, Source
from tests.unit.quality.faulty import BAD, MINUTES, START, day

END = START + 60 * MINUTES
PLACE = Source("t", 0, 0)


def pane(at, good=9, count=10, revision=1, key="t", **more):
    share = {"validity": Indicator(good / count, *wilson(good, count), count)} if count else {}
    return Judgement(
        f"{key}|{at:.3f}", key, float(at), "p", 60.0, revision, True, count, good, **{"indicators": share, **more}
    )


def report(*panes, start=0.0, end=600.0, **known):
    return report_of("p", Known(list(panes), **known), start, end)


@pytest.fixture(scope="module")
def whole():
    seen = day()
    return report_of("plant", Known(seen.judgements, seen.reviews, seen.gates), START, END)


def source(found, name="plant.pumps"):
    return next(one for one in found.sources if one.source == name)


def test_the_last_revision_of_a_pane_holds_in_whatever_order_they_come():
    panes = [pane(0, good, revision=revision) for good, revision in ((9, 1), (5, 3), (8, 2))]
    assert report(*panes).sources[0].valid == 5
    assert last_revisions(reversed(panes))["t|0.000"].revision == 3


def test_panes_weigh_as_much_as_they_have_observations():
    validity = report(pane(0, 100, 100), pane(60, 0, 300)).sources[0].indicators["validity"]
    assert (validity.value, validity.n, (validity.low, validity.high)) == (0.25, 400, wilson(100, 400))
    assert validity.lowest == 0.0


def test_a_period_has_the_panes_that_begin_in_it():
    panes = [pane(at) for at in (-60, 0, 540, 600)]
    found = report(*panes)
    assert (found.panes, found.sources[0].records) == (2, 20)


def test_the_period_before_is_compared_with_where_there_is_one():
    found = report(pane(-600, 5), pane(0, 9))
    validity = found.sources[0].indicators["validity"]
    assert (found.before, validity.before, validity.change) == ((-600.0, 0.0), 0.5, pytest.approx(0.4))
    alone = report(pane(0))
    assert (alone.before, alone.sources[0].indicators["validity"].change) == (None, None)


def test_what_nothing_says_is_unknown_and_has_a_reason():
    found = report(pane(0)).sources[0].indicators
    assert list(found) == list(INDICATORS)
    assert all((one.value is None) == bool(one.why) for one in found.values())
    assert "no truth" in found["accuracy"].why
    assert "`delay`" in found["timeliness"].why


def test_without_records_that_is_the_reason():
    assert report(pane(0, 0, 0)).sources[0].indicators["validity"].why == "no records in this period"


def test_the_score_has_all_that_is_known_and_the_weakest_names_its_source():
    found = report(pane(0, 10), pane(0, 4, key="u"))
    assert (found.weakest.source, found.weakest.indicator, found.weakest.value) == ("u", "validity", 0.4)
    assert found.score == pytest.approx(0.4**0.5)


def test_volume_of_a_period_is_what_came_of_what_was_expected():
    seen = {"volume": Indicator(0.5, n=5)}
    volume = report(pane(0, 5, 5, expected=10.0, indicators=seen), pane(60, 30, 30, expected=10.0, indicators=seen))
    assert volume.sources[0].indicators["volume"].value == 0.75


def test_accuracy_by_audits_weighs_records_not_reviews():
    good, bad = Indicator(1.0, 0.8, 1.0, 5), Indicator(0.0, 0.0, 0.1, 95)
    found = report(pane(0, 900, 900, indicators={"accuracy": good}), pane(60, 0, 100, indicators={"accuracy": bad}))
    accuracy = found.sources[0].indicators["accuracy"]
    assert accuracy.value == pytest.approx(0.9)
    assert (accuracy.low, accuracy.high) == (pytest.approx(0.72), pytest.approx(0.91))


def test_accuracy_by_a_truth_weighs_what_was_checked():
    fields = {"a": FieldJudgement(9, {"accuracy": Indicator(1.0, n=1)})}
    found = report(
        pane(0, indicators={"accuracy": Indicator(1.0, n=30)}, fields=fields),
        pane(60, indicators={"accuracy": Indicator(0.0, n=10)}, fields=fields),
    )
    assert found.sources[0].indicators["accuracy"].value == 0.75


def test_no_record_is_counted_twice_or_lost(whole):
    counts = source(whole).counts
    assert sum(counts[name] for name in FATES) == source(whole).records + counts["deadletters"]
    assert counts == counts_of(one for one in last_revisions(day().judgements).values() if one.key == "plant.pumps")


def test_the_faults_that_were_put_in_are_found(whole):
    pumps = source(whole)
    assert [one.cause for one in pumps.causes][:2] == ["temperature:most", "temperature:required"]
    assert pumps.fields[0].path == "temperature"
    low = [one for one in pumps.points if one.indicators["validity"].value < 0.8]
    assert [(one.start - START) / 60 for one in low] == [float(one) for one in range(*BAD)]


def test_examples_show_what_the_records_said(whole):
    assert all('"temperature":1' in one.value for one in source(whole).causes[0].examples)


def test_an_example_that_nobody_saw_is_an_id():
    (cause,) = report(pane(0, causes=(("a:least", 3, ("t-0-1", "t-0-2")),))).sources[0].causes
    assert [(one.id, one.value) for one in cause.examples] == [("t-0-1", None), ("t-0-2", None)]


def test_reviews_are_counted_by_verdict_and_person(whole):
    reviews = whole.reviews
    last = {one.id: one for one in day().reviews}
    done = [one for one in last.values() if one.state in ("accepted", "corrected", "rejected")]
    assert sum(reviews.by.values()) == len(done) == sum(reviews.verdicts.values())
    assert reviews.waiting == len(last) - len(done) == reviews.waiting_all
    assert reviews.median_s == 60.0
    assert reviews.audits_judged == reviews.audits_right < reviews.audits


def test_a_review_that_was_opened_again_waits():
    def step(state, do, at):
        return Review("i", "k", 5.0, "p", PLACE, state, ("a:least",), do, at)

    steps = [step("open", "quarantined", 10.0), step("corrected", "correct", 40.0), step("open", "quarantined", 41.0)]
    assert report(pane(0), reviews=steps).reviews.waiting == 1
    after = report(pane(0), reviews=[*steps, step("rejected", "reject", 70.0)]).reviews
    assert (after.waiting, after.verdicts["rejected"], after.median_s) == (0, 1, 60.0)


def gate(at, is_closed, key="t", name="g", by=""):
    return Gate(f"{key}|{name}|{at}", key, at, "p", PLACE, name, "stop", "fail", is_closed, by, "why")


def test_only_the_part_of_a_closing_that_lies_in_the_period_counts():
    (found,) = report(pane(0), gates=[gate(-100.0, True), gate(50.0, False), gate(580.0, True)]).gates
    assert (found.closed_s, found.is_closed, len(found.closings)) == (70.0, True, 2)
    (later,) = report(pane(0), gates=[gate(700.0, True)]).gates
    assert (later.closed_s, later.is_closed, later.closings) == (0, False, [])


def test_a_gate_that_never_turned_stands_as_its_source_says():
    (found,) = report(pane(0, gates={"g": "pass"})).gates
    assert (found.gate, found.state, found.closed_s) == ("g", "pass", 0)


def test_the_gate_of_the_day_was_closed_while_units_were_wrong(whole):
    (hot,) = whole.gates
    (closing,) = hot.closings
    assert START + 60 * BAD[0] < closing.closed < START + 60 * (BAD[0] + 2)
    assert START + 60 * BAD[1] < closing.opened < START + 60 * (BAD[1] + 3)


def evaluation(at, events, accuracy):
    return Evaluation(f"e{at}", "k", float(at), "p", PLACE, "fault", events, {"accuracy": accuracy})


def test_models_are_compared_over_what_lies_between_evaluations():
    panes = [pane(at, 990, 1000) for at in range(0, 600, 60) if at != 300] + [pane(300, 10, 1000)]
    steps = [evaluation(5, 100, 1.0), evaluation(295, 200, 0.9), evaluation(355, 300, 0.7), evaluation(590, 400, 0.75)]
    (effect,) = report(*panes, evaluations=steps).models.effects
    assert (effect.bad, effect.bad_events) == (pytest.approx(0.3), 100)
    assert (effect.good, effect.good_events) == (pytest.approx(0.85), 200)


def test_a_closed_gate_makes_a_pane_bad():
    panes = [pane(at, 10) for at in range(0, 600, 60)]
    turns = [gate(310.0, True), gate(350.0, False)]
    assert report(*panes, gates=turns, evaluations=[evaluation(9, 9, 1.0)]).models.bad_panes == 1


@pytest.mark.parametrize(
    ("evaluations", "why"),
    [
        ([], "no model was evaluated"),
        ([evaluation(5, 100, 1.0), evaluation(590, 400, 1.0)], "nothing to compare"),
    ],
)
def test_an_effect_that_is_not_known_is_not_claimed(evaluations, why):
    found = report(*[pane(at, 10) for at in range(0, 600, 60)], evaluations=evaluations).models
    assert (found.effects, why in found.why) == ([], True)


def test_few_events_prove_nothing():
    panes = [pane(at, 990, 1000) for at in range(0, 600, 60) if at != 300] + [pane(300, 10, 1000)]
    steps = [evaluation(5, 100, 1.0), evaluation(295, 200, 0.9), evaluation(355, 210, 0.9)]
    (effect,) = report(*panes, evaluations=steps).models.effects
    assert (effect.bad, effect.good) == (None, None)
    assert "fewer than 30" in effect.why


def test_a_long_period_has_a_bounded_number_of_points_and_loses_none():
    panes = [pane(60 * at) for at in range(1440)]
    found = report(*panes, end=86400.0).sources[0]
    assert len(found.points) <= POINTS
    assert sum(one.records for one in found.points) == found.records == 14400
    assert all(len(one.points) == len(found.points) for one in found.fields)


def test_the_newest_pane_is_one_that_has_records():
    lost = pane(9e9, 0, 0, counts={"deadletters": 1})
    assert newest([pane(0), pane(60), lost]) == 120.0


def test_quantiles_of_a_period_are_near_those_of_its_numbers(whole):
    chance = random.Random(5)
    panes, numbers = [], []
    for at in range(0, 600, 60):
        here = sorted(chance.gauss(at / 60, 3) for _ in range(2000))
        numbers += here
        spread = tuple(here[int(share * 2000)] for share in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
        field = FieldJudgement(2000, least=here[0], most=here[-1], quantiles=spread)
        panes.append(pane(at, fields={"a": field}))
    (found,) = report(*panes).sources[0].fields
    numbers.sort()
    for share, seen in zip((0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99), found.numbers.quantiles, strict=True):
        assert abs(seen - numbers[int(share * len(numbers))]) < 0.35, share


def test_numbers_that_never_differ_have_their_value_as_every_quantile():
    field = FieldJudgement(10, least=4.0, most=4.0, quantiles=(4.03,) * 7)
    (found,) = report(pane(0, fields={"a": field}), pane(60, fields={"a": field})).sources[0].fields
    assert set(found.numbers.quantiles) == {4.0}


def test_one_source_may_be_asked_for_alone():
    found = report_of("p", Known([pane(0), pane(0, key="u")], gates=[gate(5.0, True, key="u")]), 0.0, 600.0, "t")
    assert ([one.source for one in found.sources], found.gates) == (["t"], [])
