"""A stream's second half through COLLECT and JUDGE, with the contract that its first half suggests."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

from aimass.memory import MemoryOutputs, MemoryState
from aimass.pipeline import compile_stages, load
from aimass.quality.contracts.contract import Contract
from aimass.quality.contracts.learn import head_room
from aimass.quality.contracts.suggest import suggest
from aimass.quality.contracts.write_toml import to_toml
from aimass.quality.indicators import wilson
from aimass.records import Judgement, Pane, Quarantined
from aimass.stages.base import Stage
from aimass.testing import MemoryRecord
from benchmarks.fault_kinds import Injected, Kind
from benchmarks.fault_streams import Facts, Recorded, Row, facts_of

PANE_S = 5.0
#: What is set by hand for every stream: records are timely within 1 s, a source is stale after 8 s.
BY_HAND: Mapping[str, Any] = {"delay_s": 1.0, "fresh_s": 8.0, "season_s": PANE_S}
GATES = ("completeness", "validity", "timeliness", "robustness", "uniqueness", "consistency", "freshness")
_PIPELINE = f"""
name = "faults"
[[source]]
topic = "t"
time = "at"
contract = "contract.toml"
[quality]
pane = "{PANE_S:g}s"
keep = "10m"
""" + "".join(
    f"""
[[gate]]
name = "{name}"
source = "t"
indicator = "{name}"
below = 0.95
until = 0.98
over = "{5 * PANE_S:g}s"
"""
    for name in GATES
)
#: Indicators that are whole unless something is wrong: they have no level of their own.
WHOLE = ("freshness", "volume")
#: With fewer panes before, a shift is not judged.
LEAST_PANES = 10
LETTER = "dead letter"
_BATCH = 500


@dataclass(slots=True)
class Outcome:
    """What COLLECT and JUDGE made of some records.

    Parameters
    ----------
    broken
        By place in the stream, what a record breaks; of one that could not be read, ``dead letter``.
    alarms
        By pane that is over, what says so: indicators that are surely lower than before, and ``shift``.
    closed
        By gate, when it closed first.
    """

    broken: dict[int, tuple[str, ...]] = field(default_factory=dict)
    alarms: dict[float, frozenset[str]] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Levels:
    """What panes were like before: the least share that each indicator surely had, the greatest shift of each field."""

    least: Mapping[str, float]
    shifts: Mapping[str, float]

    def broken(self, one: Judgement) -> frozenset[str]:
        """Return what says that a pane is surely worse."""
        found = {
            name
            for name, seen in one.indicators.items()
            if seen.high is not None and name in self.least and seen.high < self.least[name]
        }
        if any((field_.shift or 0.0) > self.shifts.get(path, 1.0) for path, field_ in one.fields.items()):
            found.add("shift")
        return frozenset(found)


class Trial:
    """A stream whose first half has gone by: its second half can be tried with this and that fault in it.

    Parameters
    ----------
    recorded
        The stream.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        first, self.second = recorded.rows[: recorded.cut], recorded.rows[recorded.cut :]
        self.contract = replace(suggest([dict(row.data) for row in first], "t"), **BY_HAND)
        self.facts: Facts = facts_of(first, self.contract)
        self._collect, self._judge = _stages(self.contract)
        self._states = MemoryState(), MemoryState()
        _, judgements = self._take(first, 0, self._states)
        self._levels = _levels([*judgements.values()])
        self.clean = self.run(self.second)

    def run(self, rows: Sequence[Row]) -> Outcome:
        """Return what is made of a second half, after the first."""
        collected, judged = self._states
        found, judgements = self._take(rows, self.recorded.cut, (collected.restart(), judged.restart()))
        for start, one in judgements.items():
            if start > self.recorded.rows[self.recorded.cut].at - PANE_S:
                found.alarms[start] = self._levels.broken(one)
        return found

    def inject(self, kind: Kind, rate: float, seed: int) -> Injected | None:
        """Return the second half with faults in it; ``None`` where there can be none."""
        chance = random.Random(crc32(f"{self.recorded.name}|{kind.name}|{rate:g}|{seed}".encode()))
        clean = {row.origin for at, row in enumerate(self.second) if at not in self.clean.broken}
        return kind.inject(self.second, self.facts, chance, clean, rate)

    def _take(
        self, rows: Sequence[Row], first: int, states: tuple[MemoryState, MemoryState]
    ) -> tuple[Outcome, dict[float, Judgement]]:
        records = [
            MemoryRecord(row.value, offset=first + at, timestamp=round(row.arrival * 1000))
            for at, row in enumerate(rows)
        ]
        seen, judged = MemoryOutputs(), MemoryOutputs("quality")
        for start in range(0, len(records), _BATCH):
            self._collect.on_batch(records[start : start + _BATCH], states[0], seen)
        self._collect.on_idle(states[0], seen)  # type: ignore[attr-defined]  # COLLECT has it
        observations = seen.records("observations")
        _let_pass(self._judge, observations, states[1], judged)
        found = Outcome({one.source.offset - first: one.causes for one in observations if type(one) is Quarantined})
        found.broken.update({record.offset - first: (LETTER,) for record, _ in seen.rejected})
        for alert in judged.records("signals"):
            if alert.state == "firing":
                found.closed.setdefault(alert.rule.removeprefix("gate-"), alert.time)
        return found, {
            one.time: one for one in judged.records("quality") if one.is_complete
        }  # the last revision of each


def _stages(contract: Contract) -> tuple[Stage, Stage]:
    """Return COLLECT and JUDGE of a pipeline whose source has this contract."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "contract.toml").write_text(to_toml(contract))
        (Path(folder) / "pipeline.toml").write_text(_PIPELINE)
        stages = {one.name: one for one in compile_stages(load(Path(folder) / "pipeline.toml"))}
    return stages["collect"], stages["judge"]


def _let_pass(stage: Stage, observations: Sequence[Any], state: MemoryState, out: MemoryOutputs) -> None:
    """Let JUDGE take observations; event time passes tick by tick, also while nothing comes."""
    assert stage.tick_s is not None
    pending: list[Any] = []
    newest = state.now
    for one in observations:
        pending.append(one)
        if type(one) is not Pane:
            continue
        newest = max(newest, one.time)
        if newest - state.now < stage.tick_s:
            continue
        stage.on_batch(pending[:-1], state, out)
        del pending[:-1]
        state.advance(_next(state.now, newest, stage.tick_s))
        stage.on_time(state.now, state, out)
        while newest - state.now >= stage.tick_s:
            state.advance(state.now + stage.tick_s)
            stage.on_time(state.now, state, out)
    stage.on_batch(pending, state, out)
    stage.on_time(state.now, state, out)


def _next(now: float, newest: float, tick_s: float) -> float:
    return now + tick_s if math.isfinite(now) else math.floor(newest / tick_s) * tick_s


def _levels(judgements: Sequence[Judgement]) -> Levels:
    """Return what the panes of the first half were like."""
    good: Counter[str] = Counter()
    count: Counter[str] = Counter()
    shifts: dict[str, list[float]] = {}
    for one in judgements:
        for name, seen in one.indicators.items():
            if seen.value is not None and name not in WHOLE:
                good[name] += round(seen.value * seen.n)
                count[name] += seen.n
        for path, field_ in one.fields.items():
            if field_.shift is not None:
                shifts.setdefault(path, []).append(field_.shift)
    least = {name: wilson(good[name], count[name])[0] for name in count}
    known = {path: sorted(values) for path, values in shifts.items() if len(values) >= LEAST_PANES}
    bounds = {path: values[-1] + head_room(values) for path, values in known.items()}
    return Levels({**least, **dict.fromkeys(WHOLE, 1.0)}, bounds)
