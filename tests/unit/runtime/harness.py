"""A stage that uses all that a stage may use, streams of events for it, and worlds to run it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from aimass.codec import dead_letter, decoder, encode
from aimass.errors import BadEvent, WorldFault
from aimass.records import DeadLetter, Tick
from aimass.runtime.log import OutRecord, Target
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import PROGRESS, Partition, PartitionSpec, Progress
from aimass.runtime.store import MemoryPartition, PartitionStore
from aimass.stages.base import Outputs
from aimass.state import ObjectSpec, RowSpec, State
from tests.unit.runtime.memory_log import HookedStore, MemoryLog, drive, no_hook, rows_of

SOURCE = Target("in", 1)
CHANGELOG = Target("in.changelog", 1)
DEAD = Target("dead", 1)
CHANNELS = {"": Channel("out", 2), "alerts": Channel("alerts", 3, by_key=True), "tick": Channel("in", 2)}


class Ev(msgspec.Struct, frozen=True, tag="ev"):
    """An event that says what its stage shall do with it."""

    key: str
    time: float
    op: str = "add"
    n: int = 1


class Out(msgspec.Struct, frozen=True, tag="out"):
    """What the stage makes of it: all that it sees of the state."""

    key: str
    what: str
    values: list[Any]


DECODE = decoder(Ev | Tick)
_json = msgspec.json


def _objects(name: str, ttl_s: float | None) -> ObjectSpec[dict[str, Any]]:
    return ObjectSpec(name, _json.encode, _json.decode, ttl_s)


SEEN = _objects("seen", 45.0)
KEPT = _objects("kept", None)
RARE = _objects("rare", 25.0)
SUMS = RowSpec("sums", np.dtype([("count", "<i8"), ("sum", "<f8"), ("last", "<f8")]), 45.0)
MAXIMA = RowSpec("maxima", np.dtype([("max", "<i8")]))


class BusyStage:
    """Objects, rows, time to live, ticks, deletes, two channels, and a temper."""

    name = "busy"
    tick_s: float | None = 10.0

    def on_batch(self, events: Sequence[Ev], state: State, out: Outputs) -> None:
        for group in _distinct(events):
            keys = [event.key for event in group]
            slots, rows = state.rows(SUMS).gather(keys)
            for i, event in enumerate(group):
                rows["count"][i] += 1
                rows["sum"][i] += event.n
                rows["last"][i] = event.time
                self._on_event(event, rows[i], state, out)
            state.rows(SUMS).scatter(slots, rows)
            if any(event.op == "boom after scatter" for event in group):
                raise ZeroDivisionError("late")

    def _on_event(self, event: Ev, row: Any, state: State, out: Outputs) -> None:
        seen = state.objects(SEEN)
        memory = seen.get(event.key) or {"n": 0, "ops": []}
        memory["n"] += event.n
        memory["ops"] = [*memory["ops"][-2:], event.op]
        seen.put(event.key, memory)
        kept = state.objects(KEPT)
        total = kept.get(event.key) or {"total": 0}
        total["total"] += event.n
        kept.put(event.key, total)
        self._maximum(event, state)
        values = [memory["n"], total["total"], *row.item(), state.now]
        out.emit(Out(event.key, event.op, values))
        self._special(event, state, out)

    def _maximum(self, event: Ev, state: State) -> None:
        maxima = state.rows(MAXIMA)
        slots, rows = maxima.gather([event.key])
        if event.n > rows["max"][0]:
            rows["max"] = event.n
            maxima.scatter(slots, rows)

    def _special(self, event: Ev, state: State, out: Outputs) -> None:
        if event.op == "del":
            state.objects(KEPT).delete(event.key)
            state.rows(MAXIMA).delete(event.key)
        elif event.op == "rare":
            state.objects(RARE).put(event.key, {"at": event.time})
        elif event.op == "look":
            out.emit(Out(event.key, "look", _everything(state)))
        elif event.op == "boom":
            out.emit(Out(event.key, "never", []), to="alerts")
            raise ValueError(f"cannot add {event.n}")
        elif event.op == "bad":
            raise BadEvent(f"does not like {event.n}")
        if event.n % 3 == 0:
            out.emit(Out(event.key, "alert", [event.n]), key=f"{event.key}{event.n}", to="alerts")

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        out.emit(Out("", "time", [now, _everything(state)]))
        kept = state.objects(KEPT)
        for key, total in list(kept.items()):
            if total["total"] % 5 == 0:
                kept.delete(key)
            else:
                total["total"] += 100
                kept.put(key, total)


def _distinct(events: Sequence[Ev]) -> Iterator[list[Ev]]:
    group: list[Ev] = []
    for event in events:
        if group and (event.op == "look" or any(event.key == other.key for other in group)):
            yield group
            group = []
        group.append(event)
    yield group


def _everything(state: State) -> list[Any]:
    tables = [[key, value] for spec in (SEEN, KEPT) for key, value in state.objects(spec).items()]
    arrays = [[key, list(row.item())] for spec in (SUMS, MAXIMA) for key, row in state.rows(spec).items()]
    return tables + arrays


# -- streams ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """A record as Kafka would deliver it."""

    offset: int
    value: bytes | None
    key: bytes | None = b"k"
    headers: Sequence[tuple[str, bytes]] = (("trace", b"\xff1"),)
    timestamp: int = 1_700_000_000_000
    topic: str = SOURCE.topic
    partition: int = SOURCE.partition


def stream(values: Sequence[Any], gap_every: int = 7) -> list[Record]:
    """Records of events (or of bytes as they are), with holes in the offsets where markers stood."""
    records, offset = [], 0
    for i, value in enumerate(values):
        raw = value if isinstance(value, bytes) or value is None else encode(value)
        records.append(Record(offset, raw, key=None if i % 5 == 0 else b"k%d" % i))
        offset += 2 if i % gap_every == gap_every - 1 else 1
    return records


# -- worlds -----------------------------------------------------------------------------------------------------------

Hook = Callable[[str], None]


@dataclass(slots=True)
class World:
    """A log, the stores of some directories, and a source."""

    records: Sequence[Record]
    log: MemoryLog = field(default_factory=MemoryLog)
    stores: dict[str, PartitionStore] = field(default_factory=dict)
    stage: Callable[[], Any] = BusyStage
    decode: Callable[[bytes], Any] | None = DECODE
    channels: Mapping[str, Channel] = field(default_factory=lambda: CHANNELS)
    slice_records: int = 4
    max_live: int = 3
    make_store: Callable[[str], PartitionStore] = lambda directory: MemoryPartition()
    between: Hook = no_hook
    current: Partition | None = None

    @property
    def end(self) -> int:
        return self.records[-1].offset + 2 if self.records else 0

    def store(self, directory: str) -> PartitionStore:
        if directory not in self.stores:
            self.stores[directory] = self.make_store(directory)
        return self.stores[directory]

    def partition(self, directory: str = "a") -> Partition:
        spec = PartitionSpec("t", SOURCE, CHANGELOG, self.decode, self.slice_records)
        stage = self.stage()
        outputs = OutputBuffer(stage.name, SOURCE.partition, self.channels, Channel("dead", 2))
        store = HookedStore(self.store(directory), lambda step: self.log.hook(step))
        return Partition(spec, stage, store, outputs, self.log, self.max_live)

    def fetch(self, position: int | None, size: int) -> tuple[list[Record], int]:
        """The next records and where the source goes on after them, as a fetch would say."""
        chunk = [record for record in self.records if record.offset >= (position or 0)][:size]
        later = [record.offset for record in self.records if chunk and record.offset > chunk[-1].offset]
        return chunk, later[0] if later else self.end

    def take(self, partition: Partition, size: int) -> bool:
        chunk, next_offset = self.fetch(partition.position, size)
        if chunk:
            partition.take(chunk, next_offset)
        return bool(chunk)

    def run(
        self,
        directory: str = "a",
        *,
        chunk: int = 5,
        takes: int = 3,
        commits: int = 1_000,
        partition: Partition | None = None,
    ) -> Partition:
        """Open the partition and go on to the source's end (or some commits far); faults open it again."""
        while True:
            try:
                if partition is None:
                    partition = self.current = self.partition(directory)
                    drive(partition.open(), self.between)
                for _ in range(commits):
                    for _ in range(takes):
                        self.take(partition, chunk)
                    if not partition.is_dirty:
                        break
                    self.commit(partition, chunk)
                return partition
            except WorldFault:
                drive(partition.close())
                partition = None

    def commit(self, partition: Partition, chunk: int) -> None:
        """Commit, and take a little more while the transaction is under way."""
        steps = iter(range(1_000))

        def between(step: str) -> None:
            self.between(step)
            if next(steps) in (1, 4):
                self.take(partition, chunk)

        drive(partition.commit(), between)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def outputs(self) -> dict[Target, list[OutRecord]]:
        """What read-committed subscribers see: all topics but the changelog."""
        found = {t: [record for _, record in self.log.committed(t)] for t in self.log.targets() if t != CHANGELOG}
        return {target: records for target, records in found.items() if records}

    def letters(self) -> list[DeadLetter]:
        return [dead_letter(r.key, r.value, list(r.headers)) for r in self.outputs().get(DEAD, [])]

    def rows(self, directory: str = "a") -> dict[bytes, bytes]:
        """All rows of a store; they must be what its changelog stands for."""
        rows = rows_of(self.store(directory))
        assert rows == self.log.fold(CHANGELOG)
        return rows

    def state(self, directory: str = "a") -> dict[bytes, bytes]:
        """The rows without the progress."""
        return {key: row for key, row in self.rows(directory).items() if key != PROGRESS}

    def progress(self, directory: str = "a") -> Progress:
        return msgspec.json.decode(self.rows(directory)[PROGRESS], type=Progress)


def reason_of(letter: DeadLetter) -> tuple[int, str]:
    return letter.offset, letter.reason


def result(world: World, directory: str = "a") -> tuple[Any, Any, Any]:
    """All that must not depend on faults and cuts."""
    assert world.progress(directory).position == world.log.offsets[SOURCE] == world.end
    return world.outputs(), world.rows(directory), world.log.offsets
