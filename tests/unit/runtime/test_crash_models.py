"""A crash at every step of the protocol, with models inside: late labels, feedback on a detector, silence.

What subscribers see and what is in the state afterwards is what an undisturbed run gives.
"""

from __future__ import annotations

from typing import Any

import pytest

from aimass.errors import WorldFault
from tests.unit.runtime.crashing import CUT, Plan, scenario, survives, undisturbed
from tests.unit.runtime.harness import CHANGELOG, DEAD, World, result
from tests.unit.runtime.scoring import records_of, world_of

TEXT = """
name = "p"
[[source]]
topic = "t"
[[source]]
topic = "w"
[[join]]
source = "w"
fields = ["x"]
prefix = "now"
[[model]]
name = "m"
wait = "80s"
unlabelled = "none"
cpu_us = 40
[[label]]
topic = "truth"
about = "m"
event = "e"
value = "v"
[[detector]]
name = "d"
scope = "partition"
threshold = 0.5
forget = "100s"
[[label]]
topic = "words"
about = "d"
event = "e"
value = "v"
[[detector]]
name = "pulse"
kind = "silence"
"""
RECORDS = records_of(TEXT, 90)


def made(**more: Any) -> World:
    return world_of(TEXT, RECORDS, **more)


@pytest.fixture(scope="module")
def quiet() -> tuple[Any, list[str], set[bytes]]:
    """What an uninterrupted run leaves, its steps, and the tables that it wrote."""
    expected, steps = undisturbed(made)
    world = made()
    world.run(**CUT)
    written = {(record.key or b"").split(b"\0")[0] for _, record in world.log.committed(CHANGELOG)}
    return expected, steps, written


def test_the_run_has_everything_to_lose(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    (outputs, _, _), steps, tables = quiet
    assert tables >= {b"snapshot.model.m", b"journal.model.m"}
    assert tables >= {b"waiting.m", b"due.m", b"early.m", b"said.d", b"join.now", b"classes.m"}
    assert len(outputs[DEAD]) == 4
    assert {target.topic for target in outputs} >= {"out", "anomalies", "dead"}
    assert {"restore: after a chunk", "store: before", "commit: before end", "commit: after end"} <= set(steps)


def test_a_crash_at_any_step_leaves_no_trace(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    expected, steps, _ = quiet
    survives(made, expected, steps)


def test_a_fault_of_the_world_leaves_no_trace(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    expected, steps, _ = quiet
    for at in range(0, len(steps), 9):
        world = made()
        world.log.hook = Plan(at, lambda: WorldFault("the broker is away"))
        assert result(world, scenario(world)) == expected, (at, steps[at])
