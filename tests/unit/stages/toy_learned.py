"""A learned object that forgets nothing of order, width or votes, and a stage around it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from aimass.models.kernel import Floats, Ints
from aimass.records import Event
from aimass.stages.base import Outputs
from aimass.stages.journal import Inputs, inputs
from aimass.stages.learned import Learned
from aimass.state import State


class Toy:
    """Its answers depend on every input so far, their order and their width."""

    def __init__(self, width: int = 0, mixed: float = 1.0) -> None:
        self.width, self.mixed = width, mixed

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats) -> list[float]:
        assert x.shape[1] >= self.width
        self.width = x.shape[1]
        answers = []
        for row, label, op, said in zip(x, y, ops, votes, strict=True):
            total = sum(v * (j + 1) for j, v in enumerate(row.tolist()) if v == v) + 0.25 * self.width
            total += sum(v for v in said.tolist() if v == v) + (0.0 if label != label else label)
            self.mixed = (self.mixed * 1.7 + total + 0.1 * op) % 1000.0
            answers.append(self.mixed)
            if op == 9:
                raise ValueError("does not like 9")
        return answers

    def encode(self) -> bytes:
        return struct.pack("<Hd", self.width, self.mixed)

    @classmethod
    def decode(cls, raw: bytes) -> Toy:
        return cls(*struct.unpack("<Hd", raw))


class ToyStage:
    """Emits what the toy of each event's key answers."""

    name, tick_s = "toy", None

    def __init__(self, every: int = 64) -> None:
        self._learned = Learned("toy", Toy, Toy.decode, every=every, live=2)

    def on_batch(self, events: Sequence[Event], state: State, out: Outputs) -> None:
        data = [msgspec.json.decode(event.data) for event in events]
        rows_of: dict[str, list[int]] = {}
        for i, event in enumerate(events):
            rows_of.setdefault(event.key, []).append(i)
        answers: dict[int, float] = {}
        for key, rows in rows_of.items():
            found = self._learned.take(state, key).run(_inputs([data[i] for i in rows]))
            answers.update(zip(rows, (one for part in found for one in part), strict=True))
        for i, event in enumerate(events):
            out.emit_encoded([event.key.encode()], [repr(answers[i]).encode()])

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes."""


def _inputs(data: list[dict[str, Any]]) -> Inputs:
    x = np.full((len(data), max(len(one["x"]) for one in data)), np.nan)
    for i, one in enumerate(data):
        x[i, : len(one["x"])] = one["x"]
    y = np.array([one.get("y", np.nan) for one in data], np.float64)
    votes = np.array([one.get("votes", [0.5]) for one in data])
    return inputs(x, y, np.array([one.get("op", 0) for one in data]), votes)
