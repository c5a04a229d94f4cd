"""An audit finds whatever was lost, doubled, changed or invented, and says so of nothing else.

Each test lets the real COLLECT take the same records, then tampers with what came out.
"""

from zlib import crc32

import msgspec
import pytest
from msgspec.structs import replace as changed

from aimass.formats.book import SchemaBook
from aimass.pipeline import parse
from aimass.pipeline.collecting import collect_stage
from aimass.pipeline.data_checks import format_of
from aimass.quality.audits.audit import Audit, Follower
from aimass.quality.audits.source import PaneSums, SourcePart, Wrongs, canonical, undone
from aimass.records import DeadLetter, Event, Pane, Quality, Quarantined, Redrive
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

CONTRACT = """
name = "c"
[fields.heat]
type = "number"
required = true
most = 100
[fields.site]
values = ["A", "B"]
level = "warning"
"""
SOURCE = """
name = "p"
[[source]]
topic = "t"
key = "pump"
id = "id"
dedupe = "1h"
only = "pump != 'ghost'"
contract = "{contract}"
clean = {{ heat = "number | round 1", "place.city" = "default Delft" }}
"""
VALUES = [
    b'{"id":"a","pump":"p1","heat":50.0,"place":{"city":"Bonn"}}',
    b' {"id":"b","pump":"p1","heat":"51.25"} ',
    b'{"id":"c","pump":"p2","heat":500,"place":{"city":"Bonn"}}',
    b'{"id":"d","pump":"p2","heat":1',
    b'{"id":"a","pump":"p1","heat":50.0,"place":{"city":"Bonn"}}',
    b'{"id":"e","pump":"ghost","heat":1}',
    b'{"id":"f","pump":"p3","heat":7,"site":"Z","place":{"city":"Bonn"}}',
    b'{"id":"g","pump":"p3","place":{}}',
    b'{"id":"h","pump":"p4","heat":8,"place":{"city":"Bonn"}}',
]


class Facts:
    """What one run of COLLECT has left: each list may be tampered with."""

    def __init__(self, folder, text=SOURCE, values=VALUES, redriven=(2,)):
        folder.joinpath("c.toml").write_text(CONTRACT)
        self.pipeline = parse(text.format(contract=folder / "c.toml"))
        self.source = [MemoryRecord(value, b"k", "t", 0, at) for at, value in enumerate(values)]
        stage, state, out = collect_stage(self.pipeline, {}, SchemaBook()), MemoryState(), MemoryOutputs()
        stage.on_batch(self.source, state, out)
        stage.on_idle(state, out)
        self.redrives = self._redrives(out, redriven)
        back = [MemoryRecord(msgspec.json.encode(one), None, "p.redrive", 0, at) for at, one in self.redrives]
        again = MemoryState()
        if back:
            stage.on_batch(back, again, out)
        self.log = [one for one in out.records("") if isinstance(one, Event)]
        seen = out.records("observations")
        self.panes = [one for one in seen if isinstance(one, Pane)]
        self.apart = [one for one in seen if isinstance(one, Quarantined)]
        self.letters = [
            DeadLetter(one.topic, one.partition, one.offset, "collect", str(why), "", one.key, one.value, (), 0)
            for one, why in out.rejected
        ]
        self.predictions = [one.id for one in self.log]
        self.position = self.end = len(self.source)
        self.first, self.scored, self.log_first = 0, len(self.log), 0

    @staticmethod
    def _redrives(out, offsets):
        waits = {one.source.offset: one for one in out.records("observations") if isinstance(one, Quarantined)}
        made = []
        for at, offset in enumerate(offsets):
            one = waits[offset]
            order = Redrive(one.id, one.key, one.time, "p", one.source, one, {"heat": 5}, False, "eve", f"o{at}")
            made.append((at, order))
        return made

    def verdict(self, *, is_cut=False):
        definition, wrongs = self.pipeline.sources[0], Wrongs()
        made = format_of(definition, SchemaBook())
        part = SourcePart(
            "t",
            0,
            self.first,
            self.position,
            wrongs,
            is_judged=bool(self.pipeline.judged),
            may_leave=definition.only is not None,
            is_json=made is None,
            translate=None if made is None else made.decode,
        )
        follower = Follower("p.predictions", 0, self.scored, wrongs, is_cut=self.log_first > 0)
        own = frozenset({"t"} if definition.id else ())
        audit = Audit("p", [part], [follower], wrongs, own_ids=own, redrive_position=len(self.redrives))
        for one in self.panes:
            audit.pane(one)
        for one in self.apart:
            audit.quarantined(one)
        for at, one in self.redrives:
            audit.redrive(at, one)
        for at, one in enumerate(self.log):
            audit.event(0, self.log_first + at, one)
        for one in self.letters:
            audit.letter(one)
        if self.log_first:
            audit.cut_log([0])
        if is_cut:
            audit.cut_apart("t", 0)
        for at, name in enumerate(self.predictions):
            audit.prediction(0, at, name)
        for record in self.source:
            if self.first <= record.offset < self.position:
                audit.part("t", 0).read(record.offset, record.value, record.headers)
        return audit.verdict({("t", 0): self.end})

    def whats(self):
        return [one.what for one in self.verdict().first]


@pytest.fixture
def facts(tmp_path):
    return Facts(tmp_path)


PLAIN = '\nname = "p"\n[[source]]\ntopic = "t"\nkey = "pump"\n'


@pytest.fixture
def plain(tmp_path):
    """A source that nobody judges: no panes."""
    return Facts(tmp_path, PLAIN, redriven=())


def test_all_fates_are_there_and_nothing_is_wrong(facts):
    verdict = facts.verdict()
    assert verdict.first == ()
    assert verdict.unproven == ()
    assert verdict.counts["t/0"] == {
        "records": 9,
        "log": 4,
        "quarantined": 2,
        "redriven": 1,
        "deadletters": 1,
        "filtered or duplicates": 2,
    }
    assert (verdict.events, verdict.predictions, verdict.holds) == (5, 5, True)


def test_an_unjudged_source_is_held_offset_by_offset(plain):
    assert plain.verdict().first == ()
    del plain.log[3]
    del plain.predictions[3]
    assert [(one.offset, one.what) for one in plain.verdict().first] == [
        (4, "is lost: neither in the log, nor a dead letter, nor under review")
    ]


def test_a_lost_event_is_found_although_panes_count_some_that_were_left_out(facts):
    del facts.log[0]
    del facts.predictions[0]
    assert facts.whats() == [
        "panes count 3 log, and there are 2",
        "panes count 2 filtered or duplicates, and there are 3, the first at [0, 4, 5]",
    ]


def test_an_event_in_the_place_of_one_that_was_left_out_is_found(facts):
    facts.log.append(changed(facts.log[0], id="a2", source=changed(facts.log[0].source, offset=4)))
    facts.predictions.append("a2")
    assert any("panes count 3 log, and there are 4" in what for what in facts.whats())


def test_a_doubled_event_is_found(facts):
    facts.log.append(facts.log[0])
    facts.predictions.append(facts.log[0].id)
    assert facts.whats() == ["is 2 times in the log"]


def test_one_changed_byte_is_found(facts):
    facts.log[0] = changed(facts.log[0], data=msgspec.Raw(bytes(facts.log[0].data).replace(b"50.0", b"50.1")))
    assert facts.whats() == ["data is not the record's own bytes"]


def test_one_changed_byte_of_a_cleaned_event_is_found(facts):
    assert facts.log[1].quality.was == {"heat": "51.25"}
    facts.log[1] = changed(facts.log[1], data=msgspec.Raw(bytes(facts.log[1].data).replace(b"p1", b"p9")))
    assert facts.whats() == ["undoing what was changed does not give it"]


def test_a_cleaned_event_that_lies_about_what_it_was_is_found(facts):
    quality = changed(facts.log[1].quality, was={"heat": "51.26"})
    facts.log[1] = changed(facts.log[1], quality=quality)
    assert facts.whats() == ["undoing what was changed does not give it"]


def test_a_field_that_was_added_without_saying_so_is_found(facts):
    facts.log[1] = changed(facts.log[1], quality=changed(facts.log[1].quality, imputed=()))
    assert facts.whats() == ["undoing what was changed does not give it"]


def test_a_wrong_checksum_is_found(facts):
    facts.log[0] = changed(facts.log[0], crc=facts.log[0].crc ^ 1)
    assert f"crc is {crc32(VALUES[0]) ^ 1}, and the source's record has {crc32(VALUES[0])}" in facts.whats()


def test_a_record_under_review_that_was_changed_is_found(facts):
    facts.apart[0] = changed(facts.apart[0], value=facts.apart[0].value.replace(b"500", b"501"))
    assert facts.whats() == ["the record that was set apart has not the source's bytes"]


def test_a_record_under_review_that_is_gone_is_found(facts):
    del facts.apart[1]
    assert "panes count 2 quarantined, and there are 1" in facts.whats()


def test_a_dead_letter_that_is_gone_or_changed_is_found(facts):
    letter = facts.letters[0]
    facts.letters = [changed(letter, value=b"{")]
    assert facts.whats() == ["the record that was set apart has not the source's bytes"]
    facts.letters = []
    assert any("panes count 1 dead letters, and there are 0" in what for what in facts.whats())


def test_a_record_with_two_fates_is_found(facts):
    letter = changed(facts.letters[0], offset=0, value=VALUES[0])
    facts.letters.append(letter)
    assert "has more than one fate: log, deadletters" in facts.whats()


def test_an_invented_event_is_found_wherever_it_says_that_it_is_from(facts):
    real = facts.log[0]
    for source, said in (
        (changed(real.source, offset=99), "is of t-0-99, and the source ends before that"),
        (changed(real.source, topic="other"), "is of other-0-0, which no source has"),
        (changed(real.source, partition=5), "is of t-5-0, which no source has"),
    ):
        facts.log = [*facts.log[:5], changed(real, source=source)]
        facts.predictions = [one.id for one in facts.log]
        assert facts.whats() == [said]


def test_an_event_of_an_offset_that_the_source_never_had_is_found(plain):
    gone = plain.source.pop(0)
    assert [(one.offset, one.what) for one in plain.verdict().first] == [
        (gone.offset, "is not in the source, and yet it is in the log or set apart")
    ]


def test_a_wrong_id_is_found_where_events_have_none_of_their_own(plain):
    plain.log[0] = changed(plain.log[0], id="x")
    plain.predictions[0] = "x"
    assert plain.whats() == ["'x' is not the id of t-0-0"]


def test_checksums_of_what_was_left_out_are_added_up(facts):
    pane = facts.panes[0]
    facts.panes[0] = changed(pane, checksums=pane.checksums | {"filtered": pane.checksums["filtered"] ^ 1})
    assert "the checksums of 2 filtered or duplicates add up to" in facts.whats()[0]


def test_the_last_revision_of_a_pane_holds_and_a_pane_that_begins_anew_is_added():
    def pane(revision, count):
        sums = {"log": count}, {"log": count * 10}
        return Pane("x", "t", 0.0, "p", "t-0", 0.0, 60.0, revision, counts=sums[0], checksums=sums[1])

    sums = PaneSums()
    for revision, count in ((1, 5), (2, 7), (1, 2), (2, 3)):
        sums.take(pane(revision, count))
    assert sums.of("log") == (10, 100)


def test_what_a_person_let_go_on_has_to_come_out_once(facts):
    event = next(one for one in facts.log if one.quality and one.quality.review)
    facts.log.remove(event)
    facts.predictions.remove(event.id)
    assert facts.whats() == [
        "people let it go on 1 times, and 0 times it came out",
        "panes count 1 redriven, and the log has 0",
    ]


def test_what_nobody_let_go_on_may_not_come_out(facts):
    facts.redrives = []
    assert "it came out 1 times by review, and people let it go on 0 times" in facts.whats()


def test_an_order_that_nobody_gave_lets_nothing_in(facts):
    at = next(i for i, one in enumerate(facts.log) if one.quality and one.quality.review)
    facts.log[at] = changed(facts.log[at], quality=changed(facts.log[at].quality, review="o9"))
    assert "it was let in by an order that nobody gave: o9" in facts.whats()


def test_a_record_that_was_refused_again_may_be_let_go_on_again(tmp_path):
    facts = Facts(tmp_path, redriven=())
    one = facts.apart[0]
    again = changed(one, attempt=1)
    order = Redrive(one.id, one.key, one.time, "p", one.source, one, {}, False, "eve", "o0")
    facts.redrives, facts.apart = [(0, order)], [*facts.apart, again]
    assert facts.verdict().first == ()


def test_predictions_are_the_events_of_the_log_in_their_order(facts):
    facts.predictions[1], facts.predictions[2] = facts.predictions[2], facts.predictions[1]
    assert facts.whats() != []


@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_prediction_that_is_missing_is_found(facts, at):
    del facts.predictions[at]
    assert facts.whats() == [f"nothing is said of the event at offset {at} of the log"]


def test_a_prediction_too_many_is_found(facts):
    facts.predictions.append("x")
    assert facts.whats() == ["'x' is not the next event of the log"]


def test_an_event_that_score_could_not_take_has_no_prediction(facts):
    facts.letters.append(DeadLetter("p.log", 0, 1, "score", "boom", "", None, b"", (), 0))
    del facts.predictions[1]
    assert facts.verdict().first == ()


def test_predictions_that_are_not_there_yet_are_lag(facts):
    facts.scored = 3
    del facts.predictions[3:]
    verdict = facts.verdict()
    assert (verdict.first, verdict.unproven) == ((), ("p.log: 2 events are not predicted yet",))


def test_records_that_are_not_collected_yet_are_lag(facts):
    facts.end += 3
    assert facts.verdict().unproven == ("t/0: 3 offsets are not collected yet",)


def test_deleted_records_of_the_source_are_said_to_be_unproven(plain):
    plain.first = 2
    verdict = plain.verdict()
    assert verdict.first == ()
    assert "the source's records before offset 2 are deleted" in verdict.unproven[0]


def test_deleted_records_of_the_log_hide_nothing_that_came_after(plain):
    plain.log, plain.log_first = plain.log[2:], 2
    verdict = plain.verdict()
    assert verdict.first == ()
    assert "nothing is known of the 2 records before offset 2" in verdict.unproven[0]
    assert "2 are of events whose records in the log are deleted" in verdict.unproven[-1]
    del plain.log[-1]
    assert any("is lost" in what for what in plain.whats())


def test_what_panes_do_not_count_yet_is_unproven(facts):
    stage, state, out = collect_stage(facts.pipeline, {}, SchemaBook()), MemoryState(), MemoryOutputs()
    stage.on_batch(facts.source[:3], state, out)
    stage.on_idle(state, out)
    redriven = [one for one in facts.panes if one.part != "t-0"]
    facts.panes = [one for one in out.records("observations") if isinstance(one, Pane)] + redriven
    verdict = facts.verdict()
    assert verdict.first == ()
    assert verdict.unproven == ("t/0: 2 records were left out or are lost: no pane counts them (yet)",)


def test_without_what_was_set_apart_nothing_is_said_of_what_is_nowhere(plain):
    del plain.log[0]
    del plain.predictions[0]
    assert plain.verdict(is_cut=True).first == ()
    assert "nothing is known of the 1 records before offset 9" in plain.verdict(is_cut=True).unproven[0]


FORMAT = '\nname = "p"\n[[source]]\ntopic = "t"\nformat = "logfmt"\n'
LINES = [b'pump=p1 heat=5 note="a b"', b"pump=p2 heat=6"]


def test_a_translation_is_held_against_the_original(tmp_path):
    facts = Facts(tmp_path, FORMAT, LINES, ())
    assert facts.verdict().first == ()
    facts.log[0] = changed(facts.log[0], data=msgspec.Raw(bytes(facts.log[0].data).replace(b"p1", b"p9")))
    assert facts.whats() == ["the original, or what it was translated to, is not the source's"]


def test_an_original_that_was_changed_is_found(tmp_path):
    facts = Facts(tmp_path, FORMAT, LINES, ())
    facts.log[1] = changed(facts.log[1], quality=Quality(original=LINES[1].replace(b"6", b"7")))
    assert facts.whats() == ["the original, or what it was translated to, is not the source's"]


def test_what_a_person_corrected_after_cleaning_imputed_it_was_not_there(tmp_path):
    facts = Facts(tmp_path, redriven=())
    one = next(one for one in facts.apart if one.source.offset == 7)
    order = Redrive(one.id, one.key, one.time, "p", one.source, one, {"place.city": "Rome", "heat": 9}, False, "e", "o")
    out = MemoryOutputs()
    stage = collect_stage(facts.pipeline, {}, SchemaBook())
    stage.on_batch([MemoryRecord(msgspec.json.encode(order), None, "p.redrive")], MemoryState(), out)
    facts.redrives = [(0, order)]
    facts.log += out.records("")
    facts.predictions.append(one.id)
    assert facts.verdict().first == ()


def test_undoing_takes_back_what_is_nested():
    quality = Quality(was={"a": {"b": 1}, "a.b": 2}, imputed=("c.d",), added=("place.city",))
    data = {"a": {"b": 3}, "c": {"d": 1, "e": 2}, "place": {"city": "Delft"}}
    assert canonical(undone(data, quality)) == canonical({"a": {"b": 1}, "c": {"e": 2}})


def test_numbers_truths_and_texts_are_not_the_same():
    assert len({canonical({"a": value}) for value in (1, 1.0, True, "1")}) == 4
