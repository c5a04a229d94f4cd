"""Detectors that SCORE composes: of relations, categories, absent fields, silence and shapes.

Each returns one `Anomaly` for every event of a batch: −log10 of a tail probability, less log10 of how many fields were
looked at (Bonferroni), so that scores of detectors, keys and wide and narrow events compare. Within 100 events of a key
(or of its field) only a higher score than before is shown; others are held at 2. What an analyst calls "no anomaly" is
not shown again, for that key, field and cause, unless its score is higher; that fades over some 10,000 events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from aimass.models import categories, presence, relations, shapes
from aimass.models.features import MISSING, Numbers, getter
from aimass.models.kernel import Floats, Ints
from aimass.models.values import LINE, severity
from aimass.records import Anomaly
from aimass.stages.batch import Batch
from aimass.stages.detecting import (
    MAX_FIELDS,
    MONTH,
    NOTHING,
    Detector,
    FieldDetector,
    bonferroni,
    matrix,
    numbered,
    strangest,
)
from aimass.stages.silent import SilenceDetector
from aimass.state import ObjectSpec, RowSpec, State

__all__ = ["CategoryDetector", "MissingDetector", "RelationDetector", "ShapeDetector", "SilenceDetector"]

_NAMED = 256


class RelationDetector(Detector):
    """Scores how the numeric fields of a key go together (see `aimass.models.relations`).

    State: one row of 15 + 8d + d² floats a key, for d fields: 3.2 KB with 16.

    Parameters
    ----------
    name
        The detector's name.
    fields, exclude
        The fields it looks at, as paths, at most 32; ``None``: the first 16 numeric ones at the top level (32 where
        all keys are one), but for those to leave out.
    scope
        ``key``, or ``partition`` to look at all keys as one.
    lagged
        Whether the values that the key's event before had are fields too: what was to be foreseen is then not strange,
        and what was not is. Of half as many fields.
    within
        With a length of time, in seconds, a field that an event lacks has the last value that the key had of it, if
        that is no older: the fields of several sources that share a key are related, under names like ``topic/field``.
    forget_s
        How long after its last event a key is forgotten, in seconds of event time.
    line
        The score from which on an anomaly has a severity.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> detector = RelationDetector("pairs", ["pump", "flow"])
    >>> wave = [abs(i % 20 - 10) for i in range(600)]
    >>> usual = [event({"pump": a, "flow": 2 * a + i % 3}) for i, a in enumerate(wave)]
    >>> odd = detector.score(Batch([*usual, event({"pump": 9, "flow": 1})]), MemoryState())[-1]
    >>> odd.score > 5, odd.cause, odd.related is not None
    (True, 'relation', True)
    """

    kind, causes = "relations", relations.CAUSES

    def __init__(
        self,
        name: str,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        scope: str = "key",
        lagged: bool = False,
        within: float = 0.0,
        forget_s: float | None = MONTH,
        line: float = LINE,
    ) -> None:
        declared = fields if not within else None
        most = 16 if scope == "key" and fields is None else 32
        super().__init__(name, declared, most // 2 if lagged else most, scope, forget_s, line)
        self.numbers = Numbers(fields, exclude)
        self._within = within
        self._lagged = lagged
        self._columns = 2 * self.most if lagged else self.most
        self._rows = self.spec(relations.width(self._columns))

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        numbers = batch.numbers(self.numbers)
        if self._within:
            numbers = [
                {f"{event.source.topic}/{field}": value for field, value in one.items()}
                for event, one in zip(batch.events, numbers, strict=True)
            ]
        fields = self.fields_of(numbers, state)
        keys, places = self.places(batch)
        slots, rows = state.rows(self._rows).gather(keys)
        found = np.empty((len(batch), relations.FOUND))
        x = matrix(numbers, fields, self.most)
        alpha = relations.forgetting(self._columns)
        relations.relate(rows["row"], places, x, batch.times, self._lagged, self._within, alpha, self.line, found)
        state.rows(self._rows).scatter(slots, rows)
        names = [*fields]
        related_to = [*names, *[""] * (self.most - len(names)), *(f"{one} before" for one in names)]
        return [
            Anomaly(
                score,
                names[int(field)],
                self.causes[int(cause)],
                value,
                usual,
                severity(score, self.line),
                related_to[int(related)] if related >= 0 else None,
            )
            if score >= 0.0
            else NOTHING
            for score, field, cause, value, usual, related in found[:, :6].tolist()
        ]

    def _table(self) -> RowSpec:
        return self._rows

    def _bar(self, field: int, cause: int) -> int:
        return relations.bar(self._columns, field, cause)


class CategoryDetector(FieldDetector):
    """Scores how usual the categories of events are: texts and booleans (see `aimass.models.categories`).

    State: one row a key and field, of 144 floats (1.2 KB); where all keys are one, of 272. The names of the first
    256 values of each field.

    Parameters
    ----------
    name, scope, forget_s, line
        As of a `RelationDetector`.
    fields, exclude
        The fields it looks at, as paths, at most 64: whole numbers are categories too where they are named. ``None``:
        all texts and booleans at the top level, but for those to leave out.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> detector = CategoryDetector("words")
    >>> usual = [event({"state": ["on", "off"][i % 2]}) for i in range(9999)]
    >>> odd = detector.score(Batch([*usual, event({"state": "burning"})]), MemoryState())[-1]
    >>> odd.cause, odd.value, odd.expected, odd.severity
    ('new value', 'burning', 'on', 'info')
    """

    kind, causes = "categories", categories.CAUSES

    def __init__(
        self,
        name: str,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        scope: str = "key",
        forget_s: float | None = MONTH,
        line: float = LINE,
    ) -> None:
        super().__init__(name, fields, MAX_FIELDS, scope, forget_s, line)
        self._exclude = frozenset(exclude)
        self._getters = [(i, getter(field)) for field, i in (self._fixed or {}).items()]
        self._rows = self.spec(categories.width(32 if scope == "key" else 64))
        self._values: ObjectSpec[dict[float, Any]] = ObjectSpec(f"categories.{name}.values", _encode, _decode)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        values, names = self._entries(batch, state)
        if not values:
            return [NOTHING] * len(batch)
        events, fields = (np.array(column, np.int64) for column in list(zip(*values, strict=True))[:2])
        ids = np.array([categories.number(value) for _, _, value in values], np.float64)
        known = self._remember(values, ids.tolist(), state)
        keys, units = self.units(batch, events, fields)
        slots, rows = state.rows(self._rows).gather(keys)
        found = np.empty((len(values), categories.FOUND))
        categories.weigh(rows["row"], units, ids, bonferroni(events, len(batch)), self.line, found)
        state.rows(self._rows).scatter(slots, rows)
        anomalies = [NOTHING] * len(batch)
        for at in strangest(events, found[:, 0]):
            event, field, value = values[at]
            score, cause, which, usual, share = found[at].tolist()
            value = value if which == ids[at] else known[field].get(which)
            expected = share if cause == 2 else known[field].get(usual)
            anomalies[event] = Anomaly(
                score, names[field], self.causes[int(cause)], value, expected, severity(score, self.line)
            )
        return anomalies

    def _entries(self, batch: Batch, state: State) -> tuple[list[tuple[int, int, Any]], list[str]]:
        """Return the event, field and value of each category, and the fields' names."""
        if self._fixed is not None:
            looked = ((i, field, get(one)) for i, one in enumerate(batch.data) for field, get in self._getters)
            return [entry for entry in looked if type(entry[2]) in (str, bool, int)], [*self._fixed]
        out = self._exclude
        some = [
            {f: v for f, v in one.items() if (type(v) is str or type(v) is bool) and f not in out} for one in batch.data
        ]
        known = self.fields_of(some, state)
        return [(i, known[f], v) for i, one in enumerate(some) for f, v in one.items() if f in known], [*known]

    def _remember(
        self, values: Sequence[tuple[int, int, Any]], ids: list[float], state: State
    ) -> dict[int, dict[float, Any]]:
        """Keep the first values of each field by their numbers, so that a number found later has a name."""
        table = state.objects(self._values)
        known: dict[int, dict[float, Any]] = {}
        for (_, field, value), number in zip(values, ids, strict=True):
            names = known.get(field)
            if names is None:
                names = known[field] = table.get(str(field)) or {}
            if len(names) < _NAMED and number not in names:
                names[number] = value[:80] if type(value) is str else value
                table.put(str(field), names)
        return known

    def _bar(self, field: int, cause: int) -> int:
        return categories.bar(cause)


class ShapeDetector(FieldDetector):
    """Scores the shapes of the last 32 and 256 numbers of each field of a key (see `aimass.models.shapes`).

    State: one row of 483 floats (3.9 KB) a key and field. Parameters: as of a `RelationDetector`; at most 64 fields.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> wave = [(i % 20) + (i * 37 % 11) / 5 for i in range(1000)]
    >>> wave += [19.0 - i % 20 for i in range(40)]
    >>> found = ShapeDetector("odd").score(Batch([event({"v": v}) for v in wave]), MemoryState())
    >>> max(one.score for one in found[:1000]) < 3.5, max(one.score for one in found) > 5
    (True, True)
    """

    kind, causes = "shapes", shapes.CAUSES

    def __init__(
        self,
        name: str,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        scope: str = "key",
        forget_s: float | None = MONTH,
        line: float = LINE,
    ) -> None:
        super().__init__(name, fields, MAX_FIELDS, scope, forget_s, line)
        self.numbers = Numbers(fields, exclude)
        self._rows = self.spec(shapes.WIDTH)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        numbers = batch.numbers(self.numbers)
        fields = self.fields_of(numbers, state)
        x = matrix(numbers, fields, max(len(fields), 1))
        events, columns = np.nonzero(x == x)
        keys, units = self.units(batch, events, columns)
        slots, rows = state.rows(self._rows).gather(keys)
        values = x[events, columns]
        found = np.empty((len(events), shapes.FOUND))
        shapes.resemble(rows["row"], units, values, bonferroni(events, len(batch)), self.line, found)
        state.rows(self._rows).scatter(slots, rows)
        anomalies, names = [NOTHING] * len(batch), [*fields]
        for at in strangest(events, found[:, 0]):
            score, cause, value, usual, _ = found[at].tolist()
            anomalies[events[at]] = Anomaly(
                score, names[columns[at]], self.causes[int(cause)], value, usual, severity(score, self.line)
            )
        return anomalies

    def _bar(self, field: int, cause: int) -> int:
        return shapes.BAR + cause


class MissingDetector(Detector):
    """Scores which fields an event has, per source and key (see `aimass.models.presence`).

    State: one row of 5 + 3d floats a source and key, for d fields: 1.6 KB with 64.

    Parameters
    ----------
    name, scope, forget_s, line
        As of a `RelationDetector`.
    fields, exclude
        The fields it looks at, as paths, at most 64; ``None``: the first 64 at the top level, but for those to leave
        out.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> events = [event({"a": 1, "b": 2}) for _ in range(5000)] + [event({"a": 1})]
    >>> odd = MissingDetector("gaps").score(Batch(events), MemoryState())[-1]
    >>> odd.cause, odd.field, odd.expected > 0.99, odd.severity
    ('missing', 'b', True, 'info')
    """

    kind, causes = "missing", presence.CAUSES

    def __init__(
        self,
        name: str,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        scope: str = "key",
        forget_s: float | None = MONTH,
        line: float = LINE,
    ) -> None:
        super().__init__(name, fields, MAX_FIELDS, scope, forget_s, line)
        self._exclude = frozenset(exclude)
        self._getters = [getter(field) for field in self._fixed or ()]
        self._rows = self.spec(presence.width(self.most))
        self._topics: ObjectSpec[dict[str, int]] = ObjectSpec(f"missing.{name}.topics", orjson.dumps, orjson.loads)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        there, names = self._there(batch, state)
        keys, places = self._sources(batch, state)
        slots, rows = state.rows(self._rows).gather(keys)
        found = np.empty((len(batch), presence.FOUND))
        presence.attend(rows["row"], places, there, self.line, found)
        state.rows(self._rows).scatter(slots, rows)
        anomalies = [NOTHING] * len(batch)
        for i, (score, field, cause, share) in enumerate(found.tolist()):
            if score >= 0.0:
                name, why = names[int(field)], self.causes[int(cause)]
                value = getter(name)(batch.data[i]) if why == "unexpected field" else None
                value = value if type(value) in (str, int, float, bool) else None
                anomalies[i] = Anomaly(score, name, why, value, share, severity(score, self.line))
        return anomalies

    def _there(self, batch: Batch, state: State) -> tuple[Floats, list[str]]:
        """Return events × fields: 1 where a field is there, 0 where it is absent, −1 where it is null."""
        if self._fixed is not None:
            some = [[get(one) for get in self._getters] for one in batch.data]
            there = [[0.0 if v is MISSING else -1.0 if v is None else 1.0 for v in one] for one in some]
            return np.array(there, np.float64).reshape(len(batch), self.most), [*self._fixed]
        out = self._exclude
        known = self.fields_of([one.keys() - out for one in batch.data], state)
        names = [*known]
        blank = [0.0] * (self.most - len(names))
        kinds: dict[tuple[Any, ...], int] = {}
        places: list[int] = []
        rows: list[list[float]] = []
        for one in batch.data:
            kind: tuple[Any, ...] = tuple(one)
            if None in one.values():
                kind = (kind, tuple(value is None for value in one.values()))
            place = kinds.setdefault(kind, len(kinds))
            if place == len(rows):
                rows.append([-1.0 if one.get(n, 0) is None else float(n in one) for n in names] + blank)
            places.append(place)
        return np.array(rows, np.float64)[places], names

    def _sources(self, batch: Batch, state: State) -> tuple[list[str], Ints]:
        """Return the rows' keys and each event's: sources differ in the fields that their events have."""
        topics = numbered({event.source.topic: None for event in batch.events}, self._topics, state)
        known: dict[tuple[int, str], int] = {}
        places = [
            known.setdefault((topics[event.source.topic], event.key if self._is_key else ""), len(known))
            for event in batch.events
        ]
        return [f"{topic}\x1f{key}" for topic, key in known], np.array(places, np.int64)

    def _own(self, field: int, key: str, state: State) -> list[str]:
        return [f"{topic}\x1f{key}" for topic in numbered((), self._topics, state).values()]

    def _table(self) -> RowSpec:
        return self._rows

    def _bar(self, field: int, cause: int) -> int:
        return presence.bar(self.most, field, cause)


def _encode(names: dict[float, Any]) -> bytes:
    return orjson.dumps([*names.items()])


def _decode(raw: bytes) -> dict[float, Any]:
    return {float(number): value for number, value in orjson.loads(raw)}
