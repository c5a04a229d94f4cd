"""What becomes of the records of one source: decoded, cleaned, filtered, checked, and put into the log or set apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import orjson

from aimass.errors import BadEvent, SourceStopped
from aimass.formats.base import Format
from aimass.models.features import MISSING
from aimass.quality.adding import Seen
from aimass.quality.batch import Records
from aimass.quality.check import Checker, Findings, causes_of
from aimass.quality.clean import Changes, Cleaner
from aimass.quality.panes import PaneKeeper, encoded
from aimass.quality.remembered import Seen as SeenIds
from aimass.records import Quality, Quarantined, Redrive, Source
from aimass.rules.calls import Memory
from aimass.rules.program import Program
from aimass.rules.syntax import Any_, Call
from aimass.stages.base import Outputs, SourceRecord
from aimass.stages.envelope import Envelope
from aimass.stages.reader import Reader
from aimass.stages.taken import Again, Ids, Taken, dumps, parts_of
from aimass.state import ObjectSpec, State

#: How often a record may be put back and be broken still.
ATTEMPTS = 3
_DAY = 86400.0
_LARGEST = 4 << 20  # an event holds the value and its translation
_CHECKSUMS, _SCATTER = 1 << 32, 2654435761
_KEPT = ("log", "tagged")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the records of a source.

    Parameters
    ----------
    reader
        Finds id, key and time, and decodes JSON.
    format
        Decodes other formats.
    cleaner
        What is done to fields first.
    only
        A condition: records of which it is not true are filtered out.
    dedupe_s
        A record whose id came within this time is dropped; ``None``: none is.
    checker, panes
        The contract, and the keeper of what is seen; both or none.
    on_breach
        What becomes of a record with an error: ``quarantine``, ``tag`` or ``reject``.
    audit
        The share of records without an error that people are to look at, too.
    """

    reader: Reader
    format: Format | None = None
    cleaner: Cleaner | None = None
    only: Any_ | None = None
    dedupe_s: float | None = None
    checker: Checker | None = None
    panes: PaneKeeper | None = None
    on_breach: str = "quarantine"
    audit: float = 0.0


class Intake:
    """Takes the records of one source.

    State: ids of the last ``dedupe_s``, last values that stand in for missing ones, and what its checker and its panes
    remember.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    plan
        What is to be done.
    envelope
        Encodes events.
    gates
        By source, what closed gates do with its records: ``quarantine`` or ``stop``. It changes while the stage lives.
    """

    def __init__(self, pipeline: str, plan: Plan, envelope: Envelope, gates: Mapping[str, str]) -> None:
        self._pipeline, self._plan, self._envelope, self._gates = pipeline, plan, envelope, gates
        self._topic = topic = plan.reader.topic
        self._only = None if plan.only is None else Program([plan.only], _none)
        self._seen = None if plan.dedupe_s is None else SeenIds(f"ids.{topic}", plan.dedupe_s)
        self._lasts: ObjectSpec[Any] = ObjectSpec(f"last.{topic}", orjson.dumps, orjson.loads, _DAY)

    def take(self, run: Sequence[SourceRecord], state: State, out: Outputs) -> None:
        """Take the source's next records."""
        gate = self._gates.get(self._topic)
        if gate == "stop":
            raise SourceStopped(f"a gate has stopped {self._topic}: `aimass quality open` lets it go on")
        panes = self._plan.panes
        if panes is None:
            self._take(run, gate, state, out)
            return
        start = 0
        for at in panes.cuts([one.timestamp for one in run], [one.offset for one in run], state):
            self._take(run[start:at], gate, state, out)
            start = at
            self.write(state, out)
        self._take(run[start:], gate, state, out)

    def write(self, state: State, out: Outputs) -> None:
        """Write the panes that have changed, and let time pass."""
        panes = self._plan.panes
        assert panes is not None
        changed = panes.write(state)
        out.emit_encoded([pane.key.encode() for pane in changed], list(map(encoded, changed)), to="observations")
        now = panes.watermark(state)
        if now > state.now:
            state.advance(math.floor(now))

    def has_news(self, state: State) -> bool:
        """Return whether a pane has changed since it was written."""
        return self._plan.panes is not None and self._plan.panes.has_news(state)

    # -- one batch ----------------------------------------------------------------------------------------------------

    def _take(self, run: Sequence[SourceRecord], gate: str | None, state: State, out: Outputs) -> None:
        bad: list[tuple[SourceRecord, BadEvent]] = []
        batch = self._read(run, bad, state)
        if self._plan.cleaner is not None:
            self._finish_cleaning(batch, state)
        if self._only is not None and len(batch):
            batch = self._filter(batch, state)
        if self._plan.checker is None:
            self._emit(batch, [None] * len(batch), out)
        elif len(batch):
            self._judge(batch, gate, bad, state, out)
        for record, exc in sorted(bad, key=lambda one: one[0].offset):
            out.reject(record, exc)

    def _read(self, run: Sequence[SourceRecord], bad: list[tuple[SourceRecord, BadEvent]], state: State) -> Taken:
        batch = Taken()
        reader, cleaner = self._plan.reader, self._plan.cleaner
        decode = reader.decode if self._plan.format is None else self._decode
        place, name_of = reader.place, None if reader.id is None else reader.name
        name, changes = None, None
        for record in run:
            try:
                value, data = decode(record)
                if cleaner is not None:
                    changes = cleaner.clean(data)
                if name_of is not None:
                    name = name_of(record, data)
                key, time = place(record, data)
            except BadEvent as exc:
                bad.append((record, exc))
                if self._plan.panes is not None:
                    checksum = crc32(record.value or b"")
                    part = f"{record.topic}-{record.partition}"
                    self._plan.panes.lose(part, max(record.timestamp, 0) / 1000, checksum, "deadletters", state)
                continue
            batch.records.append(record)
            batch.values.append(value)
            batch.data.append(data)
            batch.names.append(name)
            batch.keys.append(key)
            batch.times.append(time)
            batch.changes.append(changes)
        batch.checksums = [crc32(record.value or b"") for record in batch.records]
        return batch

    def _decode(self, record: SourceRecord) -> tuple[bytes, dict[str, Any]]:
        if self._plan.format is None:
            return self._plan.reader.decode(record)
        if not record.value:
            raise BadEvent("no value (a tombstone)" if record.value is None else "an empty value")
        if len(record.value) > _LARGEST:
            raise BadEvent(
                f"{len(record.value):,} bytes: of formats other than JSON a value has {_LARGEST:,} at the most"
            )
        data = self._plan.format.decode(record.value, record.headers)
        return dumps(data), data

    def _finish_cleaning(self, batch: Taken, state: State) -> None:
        """Put last values where there are none, and write anew what was changed."""
        cleaner = self._plan.cleaner
        assert cleaner is not None
        table = state.objects(self._lasts) if cleaner.lasts else None
        for at, (data, key, changes) in enumerate(zip(batch.data, batch.keys, batch.changes, strict=True)):
            for place in cleaner.lasts:
                assert table is not None
                assert changes is not None
                value, name = place.get(data), f"{place.path}|{key}"
                if value is not MISSING and value is not None:
                    table.put(name, value)
                elif (last := table.get(name)) is not None:
                    cleaner.impute(place, data, last, changes)
            if changes:
                batch.values[at] = dumps(data)

    def _filter(self, batch: Taken, state: State) -> Taken:
        assert self._only is not None
        (truths,) = self._only.run(Records(batch.data, batch.keys, batch.times), state)
        gone = np.flatnonzero(truths != 1).tolist()
        if not gone:
            return batch
        panes, lost = self._plan.panes, batch.take(gone)
        if panes is not None:
            for part, which in parts_of(lost.records):
                one = lost.take(which)
                offsets = [record.offset for record in one.records]
                panes.count(part, "filtered", one.times, one.checksums, offsets, state)
        return batch.take(np.flatnonzero(truths == 1).tolist())

    def _judge(
        self,
        batch: Taken,
        gate: str | None,
        bad: list[tuple[SourceRecord, BadEvent]],
        state: State,
        out: Outputs,
    ) -> None:
        plan = self._plan
        assert plan.checker is not None
        records = Records(batch.data, batch.keys, batch.times)
        found = plan.checker.check(records, state)
        fates = ["log"] * len(batch)
        for at in found.warnings:
            fates[at] = "tagged"
        kept = {"quarantine": "quarantined", "tag": "tagged", "reject": "deadletters"}[plan.on_breach]
        for at in found.errors:
            fates[at] = kept
        if gate == "quarantine":
            fates = ["quarantined"] * len(batch)
        if self._seen is not None:
            self._drop_twice(batch, fates, records, state)
        if plan.on_breach == "reject":
            told = [(at, f"breaks its contract: {', '.join(found.errors[at])}") for at in found.errors]
            bad += [(batch.records[at], BadEvent(why)) for at, why in told if fates[at] == "deadletters"]
        self._send(batch, fates, found, gate, out)
        if plan.panes is not None:
            arrivals = np.array([max(record.timestamp, 0) / 1000 for record in batch.records], np.float64)
            offsets = [record.offset for record in batch.records]
            ids = Ids(batch)
            part = f"{batch.records[0].topic}-{batch.records[0].partition}"
            plan.panes.take(part, Seen(records, ids, arrivals, batch.checksums, offsets, fates), found, state)

    def _drop_twice(self, batch: Taken, fates: list[str], records: Records, state: State) -> None:
        """Drop what came before; only what goes into the log is remembered, so that what is mended may come again."""
        assert self._seen is not None
        named = [
            (at, name)
            for at, (name, fate) in enumerate(zip(batch.names, fates, strict=True))
            if name is not None and fate in _KEPT
        ]
        for at in self._seen.twice(named, records.times, state):
            fates[at] = "duplicates"

    def _send(self, batch: Taken, fates: Sequence[str], found: Findings, gate: str | None, out: Outputs) -> None:
        """Put into the log what goes on, set apart what does not, and show some of it all to people."""
        apart = [at for at, fate in enumerate(fates) if fate not in _KEPT]
        shown = self._sampled(batch, fates, found) if self._plan.audit else set()
        for at in sorted({*apart, *shown}):
            if at in shown:
                out.emit(self._quarantined(batch, at, ("audit",)), to="observations")
            elif fates[at] == "quarantined":
                causes = causes_of(found, at) or (f"gate:{gate}",)
                out.emit(self._quarantined(batch, at, causes), to="observations")
        broken: list[tuple[str, ...] | None] = [None] * len(batch)
        for at in {*found.errors, *found.warnings}:
            broken[at] = causes_of(found, at)
        if apart:
            kept = [at for at, fate in enumerate(fates) if fate in _KEPT]
            batch, broken = batch.take(kept), [broken[at] for at in kept]
        self._emit(batch, broken, out)

    def _sampled(self, batch: Taken, fates: Sequence[str], found: Findings) -> set[int]:
        """Return which of what is valid people are to look at: settled by the records' bytes."""
        border = self._plan.audit * _CHECKSUMS
        return {
            at
            for at, (fate, checksum) in enumerate(zip(fates, batch.checksums, strict=True))
            if fate in _KEPT and at not in found.errors and (checksum * _SCATTER) % _CHECKSUMS < border
        }

    def _quarantined(self, batch: Taken, at: int, causes: tuple[str, ...], attempt: int = 0) -> Quarantined:
        record = batch.records[at]
        return Quarantined(
            batch.id(at),
            batch.keys[at],
            batch.times[at],
            self._pipeline,
            Source(record.topic, record.partition, record.offset),
            causes,
            record.value or b"",
            record.key,
            tuple((name, bytes(value)) for name, value in record.headers),
            record.timestamp,
            attempt,
            max(record.timestamp, 0) / 1000,
        )

    def _emit(self, batch: Taken, broken: Sequence[tuple[str, ...] | None], out: Outputs, review: str = "") -> None:
        if not len(batch):
            return
        qualities: list[Quality | None] = [None] * len(batch)
        if review or self._plan.format is not None or any(broken) or any(batch.changes):
            for at, causes in enumerate(broken):
                if causes or review or self._is_changed(batch, at):
                    qualities[at] = self._quality(batch, at, causes or (), review)
        keys, values = self._envelope.frames(
            batch.records, batch.names, batch.keys, batch.times, batch.values, batch.checksums, qualities
        )
        out.emit_encoded(keys, values)

    def _is_changed(self, batch: Taken, at: int) -> bool:
        return self._plan.format is not None or bool(batch.changes[at])

    def _quality(self, batch: Taken, at: int, causes: tuple[str, ...], review: str) -> Quality:
        changes = batch.changes[at]
        return Quality(
            broken=causes,
            was={} if changes is None else changes.was,
            imputed=() if changes is None else tuple(changes.imputed),
            added=() if changes is None else tuple(changes.added),
            original=None if self._plan.format is None else bytes(batch.records[at].value or b""),
            review=review or None,
        )

    # -- what people let go on ----------------------------------------------------------------------------------------

    def redrive(self, order: Redrive, by: SourceRecord, state: State, out: Outputs) -> None:
        """Put a record back into its place that a person corrected or accepted: with its id and its time, once."""
        again = Again.of(order.record)
        batch = self._read_again(order, again, out)
        if batch is None:
            return
        causes: tuple[str, ...] = ()
        if self._plan.checker is not None:
            found = self._plan.checker.check(Records(batch.data, batch.keys, batch.times), None)
            causes = causes_of(found, 0)
            if found.errors and not order.is_accepted:
                self._refuse(batch, order, causes, out)
                return
        self._emit(batch, [causes or None], out, review=order.order)
        if self._plan.panes is not None:
            part, arrival = f"{by.topic}-{by.partition}", max(by.timestamp, 0) / 1000
            self._plan.panes.lose(part, arrival, batch.checksums[0], "redriven", state)
            self.write(state, out)

    def _read_again(self, order: Redrive, again: Again, out: Outputs) -> Taken | None:
        try:
            value, data = self._decode(again)
            changes = Changes({}, [], []) if self._plan.cleaner is None else self._plan.cleaner.clean(data)
            for path, new in order.patch.items():
                changes.put(data, path, new)
            key, _ = self._plan.reader.place(again, data)
        except BadEvent as exc:
            out.reject(again, exc)
            return None
        if changes:
            value = dumps(data)
        checksum = crc32(again.value or b"")
        return Taken([again], [value], [data], [order.record.id], [key], [order.record.time], [changes], [checksum])

    def _refuse(self, batch: Taken, order: Redrive, causes: tuple[str, ...], out: Outputs) -> None:
        """Set a record apart again that is broken still; who has tried too often gets a dead letter."""
        attempt = order.record.attempt + 1
        if attempt >= ATTEMPTS:
            why = f"put back {attempt} times and broken still: {', '.join(causes)}; `accept` lets it pass as it is"
            out.reject(batch.records[0], BadEvent(why))
            return
        out.emit(self._quarantined(batch, 0, causes, attempt), to="observations")


def _none(call: Call) -> Memory:
    raise AssertionError(f"{call.name} remembers, and a filter looks at one record")
