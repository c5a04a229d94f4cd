"""Streams with everything in them, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

from aimass.records import Tick
from tests.unit.runtime.harness import Ev

OPS = ["add"] * 18 + ["del", "del", "rare", "rare", "look", "boom", "bad", "boom after scatter"]


def some_values(count: int, seed: int) -> list[Any]:
    dice = random.Random(seed)
    values: list[Any] = []
    time = 100.0
    for i in range(count):
        time += dice.choice([0, 1, 2, 3, 5, -4, 1]) + (35 if i % 17 == 16 else 0)
        kind = dice.random()
        if kind < 0.08:
            values.append(dice.choice([b"{not json", b"\xff\xfe", None, Tick(time), b'{"type":"ev","key":1}']))
        else:
            values.append(Ev(dice.choice("abcdef"), time, dice.choice(OPS), dice.randint(-4, 12)))
    return values
