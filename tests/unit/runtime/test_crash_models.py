"""A crash at every step of the protocol, with models inside: late labels, feedback on a detector, silence.

What subscribers see and what is in the state afterwards is what an undisturbed run gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aimass.errors import WorldFault
from tests.unit.runtime.harness import CHANGELOG, DEAD, World, result
from tests.unit.runtime.memory_log import Crash, no_hook
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
CUT = {"chunk": 60, "takes": 1}


class Plan:
    """Counts steps, and makes something happen at one of them."""

    def __init__(self, at: int = -1, fault: Callable[[], BaseException] = Crash) -> None:
        self.steps: list[str] = []
        self._at, self._fault = at, fault

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) - 1 == self._at:
            raise self._fault()


def scenario(world: World) -> str:
    """Two commits in one directory, then over to an empty one and on to the end; returns the last directory."""
    world.log._send, world.log._fetch = 400, 400
    world.run("a", **CUT, commits=2)
    world.run("b", **CUT)
    return "b"


@pytest.fixture(scope="module")
def quiet() -> tuple[Any, list[str], set[bytes]]:
    """What an uninterrupted run leaves, its steps, and the tables that it wrote."""
    world, plan = world_of(TEXT, RECORDS), Plan()
    world.log.hook = plan
    expected = result(world, scenario(world))
    straight = world_of(TEXT, RECORDS, slice_records=1000, max_live=1000)
    straight.run(chunk=1000)
    assert result(straight) == expected
    written = {(record.key or b"").split(b"\0")[0] for _, record in world.log.committed(CHANGELOG)}
    return expected, plan.steps, written


def test_the_run_has_everything_to_lose(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    (outputs, _, _), steps, tables = quiet
    assert tables >= {b"snapshot.model.m", b"journal.model.m"}
    assert tables >= {b"waiting.m", b"due.m", b"early.m", b"said.d", b"join.now", b"classes.m"}
    assert len(outputs[DEAD]) == 4
    assert {target.topic for target in outputs} >= {"out", "anomalies", "dead"}
    assert {"restore: after a chunk", "store: before", "commit: before end", "commit: after end"} <= set(steps)


def test_a_crash_at_any_step_leaves_no_trace(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    expected, steps, _ = quiet
    for at, step in enumerate(steps):
        world = world_of(TEXT, RECORDS)
        world.log.hook = Plan(at)
        with pytest.raises(Crash):
            scenario(world)
        world.log.hook = no_hook
        directory = "b" if "b" in world.stores else "a"
        if at % 2:
            del world.stores[directory]
            world.log.compact(CHANGELOG, drop_tombstones=True)
        again = world_of(TEXT, RECORDS, log=world.log, stores=world.stores)
        again.run(directory, chunk=150)
        assert result(again, directory) == expected, (at, step)


def test_a_fault_of_the_world_leaves_no_trace(quiet: tuple[Any, list[str], set[bytes]]) -> None:
    expected, steps, _ = quiet
    for at in range(0, len(steps), 9):
        world = world_of(TEXT, RECORDS)
        world.log.hook = Plan(at, lambda: WorldFault("the broker is away"))
        assert result(world, scenario(world)) == expected, (at, steps[at])
