"""A crash while learning is paused and checks between sources go on: nothing shows that it was."""

import pytest

from aimass.codec import encode
from aimass.records import Gate, Source
from tests.unit.runtime.crashing import scenario, survives, undisturbed
from tests.unit.runtime.harness import CHANGELOG, result, stream
from tests.unit.runtime.scoring import world_of
from tests.unit.runtime.test_crash_models import TEXT
from tests.unit.stages import all_of_score as parts

CONTRACT = 'name = "t"\n[[reference]]\nname = "known"\npath = "word"\nsource = "w"\nfield = "word"\nwithin = "30s"\n'
GATE = '[[gate]]\nname = "hold"\nsource = "t"\naction = "pause-learning"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What makes the same world again, and what an uninterrupted run leaves in it."""
    contract = tmp_path_factory.mktemp("contracts") / "t.toml"
    contract.write_text(CONTRACT)
    written = TEXT.replace('topic = "t"\n', f'topic = "t"\ncontract = "{contract}"\n', 1) + GATE
    log = parts.log(TEXT, 90)
    for at, is_closed in ((len(log) // 4, True), (len(log) * 3 // 4, False)):
        log.insert(at, Gate(f"g{at}", "t", 0.0, "p", Source("", 0, 0), "hold", "pause-learning", "fail", is_closed))
    records = stream([encode(one) for one in log])

    def world(**more):
        return world_of(written, records, **more)

    return world


def test_how_the_log_was_cut_does_not_show(made):
    cut, straight = made(), made(slice_records=1000, max_live=1000)
    found = result(cut, scenario(cut))
    straight.run(chunk=1000)
    assert result(straight) == found
    tables = {(record.key or b"").split(b"\0")[0] for _, record in straight.log.committed(CHANGELOG)}
    assert tables >= {b"gates", b"seen.w.word.3.75", b"wheel.references", b"panes.t"}
    assert {target.topic for target in found[0]} >= {"out", "observations"}


def test_a_crash_at_any_step_leaves_no_trace(made):
    expected, steps = undisturbed(made)
    survives(made, expected, steps, every=3)
