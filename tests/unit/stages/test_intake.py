"""Each record of a source has one fate, and each fate leaves a trace."""

import orjson
import pytest

from aimass.errors import SourceStopped
from aimass.formats.book import SchemaBook
from aimass.memory import MemoryOutputs, MemoryState
from aimass.pipeline import parse
from aimass.pipeline.collecting import collect_stage
from aimass.records import Quarantined, Redrive, Source
from aimass.testing import MemoryRecord, check_stage

CONTRACT = """
name = "pumps"
[fields.heat]
type = "number"
most = 100
[fields.pump]
type = "text"
required = true
[fields.site]
values = ["A", "B"]
level = "warning"
"""
TEXT = """
name = "demo"
[[source]]
topic = "t"
key = "pump"
time = "at"
id = "id"
contract = "pumps.toml"
{more}
"""


@pytest.fixture
def make(tmp_path):
    """Return what makes the stage of a source with these further lines."""

    def made(more="", gates=None, contract=CONTRACT):
        (tmp_path / "pumps.toml").write_text(contract)
        pipeline = parse(TEXT.format(more=more), file=str(tmp_path / f"{abs(hash(more))}.toml"))
        return collect_stage(pipeline, gates or {}, SchemaBook())

    return made


def take(stage, *values, state=None, first=0, **record):
    out = MemoryOutputs("log")
    records = [
        MemoryRecord(value if type(value) is bytes else orjson.dumps(value), offset=first + i, **record)
        for i, value in enumerate(values)
    ]
    stage.on_batch(records, state or MemoryState(), out)
    return out


def good(i=0, **more):
    return {"id": f"e{i}", "pump": "p", "at": 1.7e9 + i, "heat": 20.0, "site": "A", **more}


def panes(stage, state):
    out = MemoryOutputs()
    stage.on_idle(state, out)
    return out.records("observations")


def test_what_keeps_its_contract_goes_into_the_log_as_it_came(make):
    out = take(make(), good())
    (event,) = out.records("log")
    assert bytes(event.data) == orjson.dumps(good())
    assert event.quality is None
    assert out.records("observations") == []


def test_the_crc_is_that_of_the_records_bytes(make):
    from zlib import crc32

    (event,) = take(make(), b' {"id":"a","pump":"p","at":5} ').records("log")
    assert event.crc == crc32(b' {"id":"a","pump":"p","at":5} ')


def test_what_breaks_its_contract_waits_with_its_bytes(make):
    out = take(make(), good(), good(1, heat=200), good(2), key=b"k", headers=(("h", b"1"),))
    (one,) = out.records("observations")
    assert (type(one), one.id, one.causes, one.value) == (
        Quarantined,
        "e1",
        ("heat:most",),
        orjson.dumps(good(1, heat=200)),
    )
    assert (one.record_key, one.headers, one.source) == (b"k", (("h", b"1"),), Source("t", 0, 1))
    assert [event.id for event in out.records("log")] == ["e0", "e2"]


def test_a_warning_goes_on_with_a_note(make):
    (event,) = take(make(), good(site="C")).records("log")
    assert event.quality.broken == ("site:values",)


def test_a_breach_may_be_tagged_or_rejected(make):
    (event,) = take(make('breach = "tag"'), good(heat=200, site="C")).records("log")
    assert event.quality.broken == ("heat:most", "site:values")
    out = take(make('breach = "reject"'), good(heat=200))
    assert [str(error) for _, error in out.rejected] == ["breaks its contract: heat:most"]


def test_what_cannot_be_read_is_a_dead_letter_and_counted(make):
    stage, state = make(), MemoryState()
    out = take(stage, b"{", good(), {"id": "x"}, state=state)
    assert len(out.rejected) == 2
    assert sum(pane.counts.get("deadletters", 0) for pane in panes(stage, state)) == 2


def test_a_filter_leaves_out_what_is_not_surely_meant(make):
    stage, state = make("only = \"site == 'A'\""), MemoryState()
    out = take(stage, good(), good(1, site="B"), {"id": "e2", "pump": "p", "at": 1.7e9}, state=state)
    assert [event.id for event in out.records("log")] == ["e0"]
    (pane,) = panes(stage, state)
    assert (pane.counts["filtered"], pane.records) == (2, 1)


def test_an_id_that_came_before_is_dropped_and_counted(make):
    stage, state = make('dedupe = "10s"'), MemoryState()
    first = take(stage, good(), good(), good(1), state=state)
    assert [event.source.offset for event in first.records("log")] == [0, 2]
    state = state.restart()
    assert take(stage, good(), state=state, first=3).emitted == []
    later = take(stage, {**good(), "at": 1.7e9 + 20}, state=state, first=4)
    assert len(later.records("log")) == 1
    assert sum(pane.counts.get("duplicates", 0) for pane in panes(stage, state)) == 2


@pytest.mark.parametrize("line", ['dedupe = "10s"', 'only = "known(n)"'])
def test_what_leaves_records_out_counts_them_without_a_contract_too(line, tmp_path):
    text = f'name = "demo"\n[[source]]\ntopic = "t"\nid = "id"\n{line}'
    stage, state = collect_stage(parse(text), {}, SchemaBook()), MemoryState()
    out = take(stage, {"id": 1, "n": 1}, {"id": 1, "n": 1}, {"id": 2}, state=state)
    (pane,) = panes(stage, state)
    assert len(out.records("log")) == 2
    assert pane.counts["log"] == 2
    assert pane.counts.get("duplicates", 0) + pane.counts.get("filtered", 0) == 1


def test_what_was_set_apart_may_come_again_mended(make):
    out = take(make('dedupe = "1h"'), good(heat=200), good())
    assert [event.source.offset for event in out.records("log")] == [1]


def test_cleaning_comes_before_the_contract_and_keeps_what_was(make):
    more = '[source.clean]\nheat = "number | convert F C | round 2"\nsite = "trim | default B"'
    out = take(make(more), good(heat="212", site=" A "), {"id": "e1", "pump": "p", "at": 1.7e9})
    one, other = out.records("log")
    assert orjson.loads(bytes(one.data)) == good(heat=100.0, site="A")
    assert one.quality.was == {"heat": "212", "site": " A "}
    assert (other.quality.imputed, other.quality.was) == (("site",), {})


def test_the_last_value_of_a_key_stands_in_for_a_missing_one(make):
    stage, state = make('[source.clean]\nheat = "last"'), MemoryState()
    take(stage, good(heat=30.0), good(1, pump="q", heat=50.0), state=state)
    out = take(stage, {k: v for k, v in good(2).items() if k != "heat"}, state=state.restart(), first=2)
    (event,) = out.records("log")
    assert orjson.loads(bytes(event.data))["heat"] == 30.0
    assert event.quality.imputed == ("heat",)


def test_other_formats_keep_the_original(make):
    more = 'format = "csv"\ncolumns = ["id", "pump", "at", "heat"]\n[source.clean]\nheat = "number"\nat = "number"'
    (event,) = take(make(more), b"e7,p,1700000000,21.5").records("log")
    assert event.quality.original == b"e7,p,1700000000,21.5"
    assert orjson.loads(bytes(event.data)) == {"id": "e7", "pump": "p", "at": 1700000000, "heat": 21.5}


def test_a_lookup_gives_records_what_a_table_has(make, tmp_path):
    (tmp_path / "sites.csv").write_text("site,city,floor\nA,Delft,2\n")
    more = (
        '[[lookup]]\nsource = "t"\nfile = "sites.csv"\nby = "site"\nkey = "site"\nfields = ["city"]\nprefix = "at-site"'
    )
    (event,) = take(make(more), good()).records("log")
    assert orjson.loads(bytes(event.data))["at-site"] == {"city": "Delft"}
    assert event.quality.added == ("at-site.city",)


def test_closed_gates_set_all_apart_or_stop_the_source(make):
    out = take(make(gates={"t": "quarantine"}), good(), good(1, heat=200))
    assert [one.causes for one in out.records("observations")] == [("gate:quarantine",), ("heat:most",)]
    assert out.records("log") == []
    with pytest.raises(SourceStopped, match="aimass quality open"):
        take(make(gates={"t": "stop"}), good())


def test_a_sample_of_what_is_valid_goes_to_people_too(make):
    out = take(make("[quality]\naudit = 0.1"), *(good(i) for i in range(1000)))
    audits = [one for one in out.records("observations") if one.causes == ("audit",)]
    assert 60 < len(audits) < 150
    assert len(out.records("log")) == 1000


def redrive(stage, quarantined, state=None, **more):
    order = Redrive("r", "k", 0.0, "demo", Source("demo.control", 0, 9), quarantined, order="demo.control-0-9", **more)
    out = MemoryOutputs("log")
    record = MemoryRecord(orjson.dumps(orjson.loads(_encode(order))), topic="demo.redrive")
    stage.on_batch([record], state or MemoryState(), out)
    return out


def _encode(record):
    from aimass import codec

    return codec.encode(record)


def quarantined(stage, record):
    return take(stage, record, first=41).records("observations")[0]


def test_a_corrected_record_goes_into_its_place_with_its_id_and_time(make):
    stage = make('dedupe = "1h"')
    out = redrive(stage, quarantined(stage, good(heat=900)), patch={"heat": 90, "site": None, "note.by": "ann"})
    (event,) = out.records("log")
    assert (event.id, event.time, event.source) == ("e0", 1.7e9, Source("t", 0, 41))
    data = orjson.loads(bytes(event.data))
    assert (data["heat"], "site" in data, data["note"]) == (90, False, {"by": "ann"})
    assert event.quality.was == {"heat": 900, "site": "A"}
    assert event.quality.review == "demo.control-0-9"


def test_an_accepted_record_goes_on_as_it_is(make):
    stage = make()
    (event,) = redrive(stage, quarantined(stage, good(heat=900)), is_accepted=True).records("log")
    assert bytes(event.data) == orjson.dumps(good(heat=900))
    assert event.quality.broken == ("heat:most",)


def test_a_correction_that_is_broken_still_waits_again_but_not_for_ever(make):
    stage = make()
    one = quarantined(stage, good(heat=900))
    for attempt in (1, 2):
        out = redrive(stage, one, patch={"heat": 800})
        (one,) = out.records("observations")
        assert (one.attempt, one.causes, one.value) == (attempt, ("heat:most",), orjson.dumps(good(heat=900)))
    out = redrive(stage, one, patch={"heat": 800})
    assert out.emitted == []
    assert "put back 3 times and broken still: heat:most" in str(out.rejected[0][1])


def test_what_is_no_order_to_put_back_is_a_dead_letter(make):
    out = MemoryOutputs("log")
    make().on_batch([MemoryRecord(b"{}", topic="demo.redrive")], MemoryState(), out)
    assert "nothing that can be put back" in str(out.rejected[0][1])


def test_every_record_has_exactly_one_fate_with_its_checksum(make):
    from zlib import crc32

    stage, state = make('dedupe = "1h"\nonly = "not known(skip)"'), MemoryState()
    values = [good(i, heat=20 + 90 * (i % 5 == 1), site="AC"[i % 7 == 2]) for i in range(60)]
    values += [good(3), b"{", good(77, skip=1), good(4)]
    raw = [value if type(value) is bytes else orjson.dumps(value) for value in values]
    out = take(stage, *raw, state=state)
    found = panes(stage, state)
    counts = {}
    for pane in found:
        for fate, count in pane.counts.items():
            counts[fate] = counts.get(fate, 0) + count
    fates = ("log", "tagged", "quarantined", "filtered", "duplicates", "deadletters")
    assert sum(counts.get(fate, 0) for fate in fates) == len(raw)
    assert sum(sum(pane.checksums.values()) for pane in found) == sum(map(crc32, raw))
    assert counts["log"] + counts["tagged"] == len(out.records("log"))
    assert counts["duplicates"] == 2


@pytest.mark.parametrize("breach", ["quarantine", "tag", "reject"])
def test_the_promises_of_the_stage_hold_with_all_of_it(make, breach):
    more = f"""
breach = "{breach}"
dedupe = "20s"
only = "not known(skip)"
[source.clean]
heat = "number | last"
site = "default A"
[quality]
pane = "7s"
audit = 0.05
"""
    values = []
    for i in range(120):
        one = good(i // 2 if i % 11 == 0 else i, at=1.7e9 + i - 9 * (i % 13 == 0), heat=str(20 + 9 * (i % 12)))
        if i % 17 == 0:
            del one["heat"]
        if i % 23 == 0:
            one["skip"] = True
        values.append(b"{" if i % 31 == 5 else orjson.dumps(one))
    records = [
        MemoryRecord(value, offset=i * 100, timestamp=1_700_000_000_000 + 400 * i) for i, value in enumerate(values)
    ]
    check_stage(lambda: make(more), records)
