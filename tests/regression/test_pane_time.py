"""A record that could not be read moved JUDGE's event time to the wall clock.

Such a record has no time but that of its arrival, so its pane is at the arrival; the pane bore that as the time of the
newest event, too. While last year's data was collected, one broken record among it let a year pass: every record that
waited for a person expired. What a person let go on did the same: its pane is at the arrival of the order.
"""

import pytest

from aimass.codec import encode
from aimass.formats.book import SchemaBook
from aimass.pipeline import parse
from aimass.pipeline.collecting import collect_stage
from aimass.records import Pane, Quarantined, Redrive, Review, Source
from aimass.stages.reviews import ReviewDesk
from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

PIPELINE = 'name = "p"\n[[source]]\ntopic = "t"\ntime = "at"\n[quality]\nall = true\n'
LAST_YEAR, NOW_MS = 1.7e9, 1_740_000_000_000


def test_a_broken_record_does_not_move_the_time_of_panes() -> None:
    stage = collect_stage(parse(PIPELINE), {}, SchemaBook())
    state, out = MemoryState(), MemoryOutputs("log")
    stage.on_batch(
        [
            MemoryRecord(b'{"at":1700000000}', offset=0, timestamp=NOW_MS),
            MemoryRecord(b"{broken", offset=1, timestamp=NOW_MS),
        ],
        state,
        out,
    )
    stage.on_idle(state, out)
    panes = [one for one in out.records("observations") if isinstance(one, Pane)]
    assert len(panes) == 2
    assert {one.time for one in panes} == {LAST_YEAR}


def waits(offset: int, time: float) -> Quarantined:
    return Quarantined(f"t-0-{offset}", "", time, "p", Source("t", 0, offset), ("gate:g",), b'{"at":1700000000}')


def test_what_a_person_let_go_on_does_not_move_the_time_of_panes() -> None:
    one = waits(0, LAST_YEAR)
    order = Redrive(one.id, one.key, one.time, "p", one.source, one)
    stage, state, out = collect_stage(parse(PIPELINE), {}, SchemaBook()), MemoryState(), MemoryOutputs("log")
    stage.on_batch([MemoryRecord(encode(order), topic="p.redrive", timestamp=NOW_MS)], state, out)
    [pane] = [one for one in out.records("observations") if isinstance(one, Pane)]
    assert (pane.counts, pane.time) == ({"redriven": 1}, 0.0)


@pytest.mark.parametrize("now", [float("-inf"), 0.0, LAST_YEAR - 5])
def test_a_task_waits_its_time_wherever_event_time_stood_when_it_came(now: float) -> None:
    desk, state, out = ReviewDesk(wait_s=60.0), MemoryState(), MemoryOutputs("quality")
    desk.open(waits(0, LAST_YEAR), now, state, out)
    desk.on_time(LAST_YEAR + 30, state, out)
    assert [one.state for one in out.records("reviews") if isinstance(one, Review)] == ["open"]
    desk.on_time(LAST_YEAR + 7200, state, out)
    assert [one.state for one in out.records("reviews") if isinstance(one, Review)] == ["open", "expired"]
