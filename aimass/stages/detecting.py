"""What detectors have in common: fields by number, rows by key, severities and what analysts forgive."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import orjson

from aimass.models.kernel import Floats, Ints
from aimass.models.members.numerics import log
from aimass.records import Anomaly, Source
from aimass.stages.batch import Batch
from aimass.state import ObjectSpec, RowSpec, State

MAX_FIELDS = 64
_NAN = float("nan")
MONTH = 30 * 86400.0
NOTHING = Anomaly(0.0)
_SURE = 0.5  # how much higher than a forgiven score another must be
_LESS = np.array([0.0, 0.0, *(log(float(n)) / 2.302585092994046 for n in range(2, MAX_FIELDS + 1))])


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector finds as time passes: there is no event that it belongs to.

    Parameters
    ----------
    key
        The key that it is about.
    time
        When it was found, in seconds since 1970.
    anomaly
        What was found.
    source
        Where the key's last event stood.
    """

    key: str
    time: float
    anomaly: Anomaly
    source: Source


class Detector:
    """What detectors have in common: fields with a number each, and a row of floats for each key."""

    kind: str
    causes: Sequence[str]

    def __init__(
        self, name: str, fields: Sequence[str] | None, most: int, scope: str, forget_s: float | None, line: float
    ) -> None:
        self.name = name
        self.line = line
        self._is_key = scope == "key"
        self._fixed = None if fields is None else {field: i for i, field in enumerate(fields[:most])}
        self.most = most if fields is None else max(len(self._fixed or ()), 1)
        self._names: ObjectSpec[dict[str, int]] = ObjectSpec(f"{self.kind}.{name}.names", orjson.dumps, orjson.loads)
        self._layout = zlib.crc32("\x1f".join(fields or ("*", str(most))).encode())
        self._forget_s = forget_s

    def spec(self, width: int) -> RowSpec:
        dtype = np.dtype([("row", np.float64, (width,))])
        return RowSpec(f"{self.kind}.{self.name}.1.{self._layout:08x}", dtype, self._forget_s)

    def fields_of(self, found: Sequence[Iterable[str]], state: State) -> dict[str, int]:
        """Return the number of each field: of those that are named, or of the first ones that came."""
        if self._fixed is not None:
            return self._fixed
        known = state.objects(self._names).get("") or {}
        if len(known) == self.most or known.keys() >= set().union(*found):
            return known
        fresh = dict.fromkeys(name for one in found for name in sorted(one) if name not in known)
        if fresh:
            known = known | {name: len(known) + i for i, name in enumerate(list(fresh)[: self.most - len(known)])}
            state.objects(self._names).put("", known)
        return known

    def _field(self, field: str | None, state: State) -> int | None:
        return (self._fixed or state.objects(self._names).get("") or {}).get(field or "")

    def places(self, batch: Batch) -> tuple[list[str], Ints]:
        """Return the keys of the batch and each event's: all the same where the partition is looked at as one."""
        return (batch.keys, batch.rows) if self._is_key else ([""], np.zeros(len(batch), np.int64))

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        raise NotImplementedError

    def on_time(self, now: float, state: State) -> list[Finding]:
        """Return what is found as time passes, where there is no event."""
        return []

    def _bar(self, field: int, cause: int) -> int:
        raise NotImplementedError

    def _own(self, field: int, key: str, state: State) -> list[str]:
        """Return the rows that speak of a key's field."""
        return [key]

    def _table(self) -> RowSpec:
        raise NotImplementedError

    def forgive(self, key: str, anomaly: Anomaly, state: State) -> None:
        """Take an analyst's word that an anomaly of a key was none: no score as high is shown again for a while."""
        field = self._field(anomaly.field, state)
        if field is None or anomaly.cause not in self.causes:
            return
        table, at = state.rows(self._table()), self._bar(field, self.causes.index(anomaly.cause))
        own = self._own(field, key if self._is_key else "", state)
        for name in [name for name in own if table.get(name) is not None]:
            slots, rows = table.gather([name])
            rows["row"][0, at] = max(rows["row"][0, at], anomaly.score + _SURE)
            table.scatter(slots, rows)


class FieldDetector(Detector):
    """What detectors have in common that look at each field by itself: one row a key and field."""

    _rows: RowSpec

    def _own(self, field: int, key: str, state: State) -> list[str]:
        return [f"{field}\x1f{key}"]

    def _table(self) -> RowSpec:
        return self._rows

    def units(self, batch: Batch, events: Ints, fields: Ints) -> tuple[list[str], Ints]:
        """Return the rows' keys, and the row of each value, given its event and its field."""
        keys, places = self.places(batch)
        codes, units = np.unique(places[events] * MAX_FIELDS + fields, return_inverse=True)
        return [f"{code % MAX_FIELDS}\x1f{keys[code // MAX_FIELDS]}" for code in codes.tolist()], units.astype(np.int64)


def numbered(names: Iterable[str], spec: ObjectSpec[dict[str, int]], state: State) -> dict[str, int]:
    """Return a number for each name that ever came, in the order in which they did."""
    known = state.objects(spec).get("") or {}
    fresh = dict.fromkeys(name for name in names if name not in known)
    if fresh:
        known = known | {name: len(known) + i for i, name in enumerate(fresh)}
        state.objects(spec).put("", known)
    return known


def matrix(numbers: Sequence[Mapping[str, float]], fields: Mapping[str, int], width: int) -> Floats:
    """Return events × fields, NaN where an event lacks a field."""
    names = [*fields]
    blank = [_NAN] * (width - len(names))
    return np.array([[*map(one.get, names, repeat(_NAN)), *blank] for one in numbers], np.float64)


def bonferroni(events: Ints, count: int) -> Floats:
    """Return for each value log10 of how many values its event has; events are numbered up to ``count``."""
    less: Floats = _LESS[np.bincount(events, minlength=count)][events]
    return less


def strangest(events: Ints, scores: Floats) -> list[int]:
    """Return the value with the highest score of each event that has one: the first of equal ones."""
    best: dict[int, tuple[float, int]] = {}
    for at, (event, score) in enumerate(zip(events.tolist(), scores.tolist(), strict=True)):
        if score >= 0.0 and (event not in best or score > best[event][0]):
            best[event] = score, at
    return [at for _, at in best.values()]
