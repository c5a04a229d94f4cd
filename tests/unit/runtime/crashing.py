"""What the crash tests share: a run with a crash at each step of the protocol, held against an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.unit.runtime.harness import CHANGELOG, World, result
from tests.unit.runtime.memory_log import Crash, no_hook

CUT = {"chunk": 60, "takes": 1}
Made = Callable[..., World]


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


def undisturbed(made: Made) -> tuple[Any, list[str]]:
    """Return what a run without a crash leaves, however it is cut, and its steps."""
    world, plan = made(), Plan()
    world.log.hook = plan
    expected = result(world, scenario(world))
    straight = made(slice_records=1000, max_live=1000)
    straight.run(chunk=1000)
    assert result(straight) == expected
    return expected, plan.steps


def survives(made: Made, expected: Any, steps: Sequence[str], every: int = 1) -> None:
    """Crash at each step (or each so-manieth), lose the disk in every other case, and go on: nothing may differ."""
    for at in range(0, len(steps), every):
        world = made()
        world.log.hook = Plan(at)
        with pytest.raises(Crash):
            scenario(world)
        world.log.hook = no_hook
        directory = "b" if "b" in world.stores else "a"
        if at % 2:
            del world.stores[directory]
            world.log.compact(CHANGELOG, drop_tombstones=True)
        again = made(log=world.log, stores=world.stores)
        again.run(directory, chunk=150)
        assert result(again, directory) == expected, (at, steps[at])
