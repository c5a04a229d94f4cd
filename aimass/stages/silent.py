"""Silence: keys that stop talking, told as time passes by a timer wheel in the state."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import orjson

from aimass.models import silence
from aimass.models.kernel import Floats
from aimass.models.values import LINE, severity
from aimass.records import Anomaly, Source
from aimass.stages.batch import Batch
from aimass.stages.detecting import MONTH, NOTHING, Detector, Finding, numbered
from aimass.state import ObjectSpec, RowSpec, State

_TOGETHER = 256  # keys in one object, so that a commit never writes much more than was added


class Wheel:
    """Keys by the second in which to look at them.

    State: a count for each slot and the names in it, gone when they are taken out.

    Parameters
    ----------
    name
        Names its tables.

    Examples
    --------
    >>> from aimass.testing import MemoryState
    >>> wheel, state = Wheel("silence"), MemoryState()
    >>> wheel.put([(30.0, "b"), (10.0, "a"), (30.0, "c")], state)
    >>> wheel.take(29.0, state), wheel.take(30.0, state), wheel.take(31.0, state)
    ([(10.0, 'a')], [(30.0, 'b'), (30.0, 'c')], [])
    """

    def __init__(self, name: str) -> None:
        self._counts: ObjectSpec[dict[int, int]] = ObjectSpec(f"wheel.{name}", _encode, _decode)
        self._keys: ObjectSpec[list[str]] = ObjectSpec(f"wheel.{name}.keys", orjson.dumps, orjson.loads)

    def put(self, entries: Sequence[tuple[float, str]], state: State) -> None:
        """Put keys into slots: whole seconds."""
        if not entries:
            return
        counts = state.objects(self._counts).get("") or {}
        table = state.objects(self._keys)
        for second, key in entries:
            slot = int(second)
            count = counts.get(slot, 0)
            counts[slot] = count + 1
            name = f"{slot}.{count // _TOGETHER}"
            keys = table.get(name) or []
            keys.append(key)
            table.put(name, keys)
        state.objects(self._counts).put("", counts)

    def take(self, now: float, state: State) -> list[tuple[float, str]]:
        """Take out the keys of all slots up to now, by slot and in the order in which they came."""
        counts = state.objects(self._counts).get("") or {}
        slots = sorted(slot for slot in counts if slot <= now)
        table = state.objects(self._keys)
        found = []
        for slot in slots:
            for chunk in range(-(-counts.pop(slot) // _TOGETHER)):
                found += [(float(slot), key) for key in table.get(f"{slot}.{chunk}") or ()]
                table.delete(f"{slot}.{chunk}")
        if slots:
            state.objects(self._counts).put("", counts)
        return found


def _encode(counts: dict[int, int]) -> bytes:
    return np.array(sorted(counts.items()), np.int64).tobytes()


def _decode(raw: bytes) -> dict[int, int]:
    return {int(slot): int(count) for slot, count in np.frombuffer(raw, np.int64).reshape(-1, 2).tolist()}


class SilenceDetector(Detector):
    """Scores when a key's events come, and tells as time passes which keys are silent (see `aimass.models.silence`).

    State: one row of 31 floats (248 bytes) a key, and the key's name in a timer wheel while it may fall silent.

    Parameters
    ----------
    name
        The detector's name.
    forget_s
        How long after its last event a key is forgotten, in seconds of event time; longer silence is not waited for.
    line
        The score from which on an anomaly has a severity, and silence is told.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> detector, state = SilenceDetector("pulse"), MemoryState()
    >>> beats = [event({}, "pump", 60.0 * i + i % 3, offset=i) for i in range(200)]
    >>> usual = detector.score(Batch(beats), state)
    >>> detector.on_time(11950.0, state)
    []
    >>> [silent] = detector.on_time(12100.0, state)
    >>> silent.key, silent.anomaly.cause, silent.anomaly.value, silent.source.offset, detector.on_time(12160.0, state)
    ('pump', 'silent', 159.0, 199, [])
    """

    kind, causes = "silence", (*silence.CAUSES, "silent")

    def __init__(self, name: str, forget_s: float | None = MONTH, line: float = LINE) -> None:
        super().__init__(name, ("",), 1, "key", forget_s, line)
        self._rows = self.spec(silence.WIDTH)
        self._wheel = Wheel(name)
        self._topics: ObjectSpec[dict[str, int]] = ObjectSpec(f"silence.{name}.topics", orjson.dumps, orjson.loads)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        slots, rows = state.rows(self._rows).gather(batch.keys)
        found = np.empty((len(batch), silence.FOUND))
        where, longest = self._where(batch, state), math.inf if self._forget_s is None else self._forget_s
        silence.listen(rows["row"], batch.rows, batch.times, where, self.line, longest, found)
        state.rows(self._rows).scatter(slots, rows)
        entries = np.flatnonzero(found[:, 4] > -math.inf).tolist()
        self._wheel.put([(float(found[i, 4]), batch.events[i].key) for i in entries], state)
        return [
            Anomaly(score, None, self.causes[int(cause)], value, usual, severity(score, self.line))
            if score >= 0.0
            else NOTHING
            for score, cause, value, usual in found[:, :4].tolist()
        ]

    def on_time(self, now: float, state: State) -> list[Finding]:
        """Return the keys whose silence has become strange since the last tick, each once, by key."""
        taken = set(self._wheel.take(now, state))
        if not taken:
            return []
        keys = sorted({key for _, key in taken}, key=str.encode)
        slots, rows = state.rows(self._rows).gather(keys)
        wanted = [i for i, at in enumerate(rows["row"][:, silence.SLOT]) if (at - silence.NOWHERE, keys[i]) in taken]
        keys, slots, rows = [keys[i] for i in wanted], slots[wanted], rows[wanted]
        found = np.empty((len(keys), silence.SEEN))
        silence.visit(rows["row"], now, found)
        state.rows(self._rows).scatter(slots, rows)
        again = found[:, 3].tolist()
        self._wheel.put([(slot, key) for slot, key in zip(again, keys, strict=True) if slot > -math.inf], state)
        told = np.flatnonzero(found[:, 0] >= 0.0).tolist()
        return [self._finding(keys[i], now, rows["row"][i], found[i], state) for i in told]

    def _finding(self, key: str, now: float, row: Floats, found: Floats, state: State) -> Finding:
        score, silent, usual, _ = found.tolist()
        topic, partition, offset = (int(one) for one in row[silence.WHERE : silence.WHERE + 3])
        source = Source([*numbered((), self._topics, state)][topic], partition, offset)
        return Finding(key, now, Anomaly(score, None, "silent", silent, usual, severity(score, self.line)), source)

    def _where(self, batch: Batch, state: State) -> Floats:
        """Return where each event stood: its topic's number, its partition and its offset."""
        number = numbered((event.source.topic for event in batch.events), self._topics, state)
        sources = [event.source for event in batch.events]
        return np.array([(number[one.topic], one.partition, one.offset) for one in sources], np.float64).reshape(-1, 3)

    def _table(self) -> RowSpec:
        return self._rows

    def _bar(self, field: int, cause: int) -> int:
        return silence.BARS + cause % 2
