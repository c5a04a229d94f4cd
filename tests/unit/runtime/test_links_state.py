"""Links in a partition: crashes, a lost disk, moves and evictions never show, in outputs or in state."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.codec import decoder, encode
from aimass.records import Link, Series, Tick
from aimass.stages.correlate import CorrelateStage
from tests.unit.runtime.harness import CHANGELOG, World, result, stream
from tests.unit.runtime.memory_log import Crash, no_hook
from tests.unit.runtime.test_cuts import Countdown
from tests.unit.stages.test_correlate import make, plant

EVENTS = sorted(plant(230) + plant(230, "south", seed=2), key=lambda one: one.time)
RECORDS = stream([encode(one) for one in [*EVENTS[:700], *EVENTS[720:700:-1], *EVENTS[720:], *plant(90, start=900)]])


def stage() -> CorrelateStage:
    return make(lateness=4.0, forget_s=1000.0)()


def world_of(**more: Any) -> World:
    return World(RECORDS, stage=stage, decode=decoder(Series | Tick), **more)


@pytest.fixture(scope="module")
def quiet() -> Any:
    world = world_of(slice_records=1000, max_live=1000)
    world.run(chunk=1000)
    return result(world)


def test_the_run_finds_links_and_keeps_state(quiet: Any) -> None:
    outputs, rows, _ = quiet
    links = [decoder(Link)(record.value) for found in outputs.values() for record in found]
    assert {(link.key, link.change) for link in links} == {("north", "found"), ("south", "found")}
    assert len(rows) > 40


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_crashes_moves_and_evictions_never_show(quiet: Any, data: st.DataObject) -> None:
    draw = data.draw
    world = world_of(slice_records=draw(st.integers(20, 200)), max_live=draw(st.integers(0, 60)))
    directory, chunk = "a", draw(st.integers(50, 300))
    for steps in draw(st.lists(st.integers(0, 60), max_size=4)):
        world.log.hook = Countdown(steps, Crash)
        try:
            world.run(directory, chunk=chunk, commits=draw(st.integers(1, 4)))
        except Crash:
            directory = draw(st.sampled_from([directory, directory + "'"]))
            world.log.compact(CHANGELOG, drop_markers=draw(st.booleans()))
    world.log.hook = no_hook
    world.run(directory, chunk=chunk)
    assert result(world, directory) == quiet
