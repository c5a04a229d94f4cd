"""Score: each event of the log with all that detectors and models know of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, repeat
from typing import Protocol, TypeVar

import msgspec

from aimass.codec import encode
from aimass.records import ORDERS, Anomaly, Drift, Estimate, Event, Gate, Label, LogRecord, Prediction, Source
from aimass.stages.base import Outputs
from aimass.stages.batch import Batch
from aimass.stages.correlate import Correlation, series_of
from aimass.stages.detecting import MONTH, Finding
from aimass.stages.gating import PAUSE, Closed, Gates, View
from aimass.stages.joins import Join
from aimass.stages.models import Labels, Told
from aimass.stages.references import References
from aimass.state import ObjectSpec, State

T = TypeVar("T")
_NOTHING = msgspec.Raw(b"{}")
_NO_DRIFTS: dict[str, str] = {}
_PASSED_ON = frozenset(ORDERS)


class Judge(Protocol):
    """Says how strange each event is: a detector."""

    @property
    def name(self) -> str: ...
    def score(self, batch: Batch, state: State) -> list[Anomaly]: ...
    def forgive(self, key: str, anomaly: Anomaly, state: State) -> None: ...
    def on_time(self, now: float, state: State) -> Sequence[Finding]: ...


class Learner(Protocol):
    """Says what to expect of each event, and learns: a model."""

    @property
    def name(self) -> str: ...
    def score(self, batch: Batch, labels: Labels, state: State) -> tuple[list[Estimate], list[Told]]: ...
    def foresee(self, batch: Batch, view: State, state: State) -> list[Estimate]: ...
    def on_time(self, now: float, state: State) -> list[Told]: ...
    def show(self, batch: Batch, state: State) -> list[dict[str, float]]: ...


class ScoreStage:
    """Emits one prediction for every event of the log, its own JSON carried through.

    Beside that: predictions with an anomaly that crossed its detector's line go to ``anomalies`` too; what models tell
    of drift and of themselves to ``drifts`` and ``evaluations``; numbers to be compared with others to ``series``; what
    checks between sources find to ``observations``.

    While a gate with the action ``pause-learning`` is closed, events of its source are judged by what was known before,
    and nothing in the state is as if they had come: no detector, no model and no join remembers them, labels and
    analysts' words on them find nothing, their series are not sent, and silence of keys of that source is not told.
    Only checks between sources go on: by what they find, the gate may open again.

    State: that of its parts; the anomalies that analysts may judge, for 30 days; which gates are closed.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    detectors, models
        What judges each event.
    joins
        What events are given of other sources before they are judged.
    correlations
        Whose series are to be compared.
    judged
        The detectors that analysts' labels speak of.
    gates
        Source and name of each gate that there is.
    references
        What is asked of events about other sources.
    tick_s
        How often the state's time advances, so that keys can be forgotten and silence be heard.

    Examples
    --------
    >>> from aimass.stages.values import ValueDetector
    >>> from aimass.testing import MemoryOutputs, MemoryState, event
    >>> stage, out = ScoreStage("demo", [ValueDetector("odd")]), MemoryOutputs("predictions")
    >>> stage.on_batch([event({"heat": i % 5}) for i in range(99)] + [event({"heat": 90})], MemoryState(), out)
    >>> out.records("predictions")[-1].anomalies["odd"].cause, len(out.records("anomalies"))
    ('never seen', 1)
    """

    name = "score"

    def __init__(
        self,
        pipeline: str,
        detectors: Sequence[Judge] = (),
        models: Sequence[Learner] = (),
        joins: Sequence[Join] = (),
        correlations: Sequence[Correlation] = (),
        judged: Sequence[str] = (),
        tick_s: float | None = None,
        gates: Collection[tuple[str, str]] = (),
        references: References | None = None,
    ) -> None:
        self.tick_s = tick_s
        self._pipeline = pipeline
        self._detectors, self._models = list(detectors), list(models)
        self._joins, self._correlations = list(joins), list(correlations)
        self._gates, self._references = Gates(gates), references
        own = {one.name: one for one in self._detectors}
        self._judged = {name: own[name] for name in judged if name in own}
        self._said: dict[str, ObjectSpec[Anomaly]] = {
            name: ObjectSpec(f"said.{name}", encode, msgspec.json.Decoder(Anomaly).decode, MONTH)
            for name in self._judged
        }

    def on_batch(self, events: Sequence[LogRecord], state: State, out: Outputs) -> None:
        """Judge the log's next events, and learn from them and from labels; what is for DECIDE goes on in its place."""
        if _PASSED_ON.isdisjoint(map(type, events)):
            self._take(events, state, out)
            return
        start = 0
        for i, one in enumerate(events):
            if type(one) in _PASSED_ON:
                self._take(events[start:i], state, out)
                out.emit(one)
                if type(one) is Gate:
                    self._gates.take(one, state)
                start = i + 1
        self._take(events[start:], state, out)

    def _take(self, events: Sequence[LogRecord], state: State, out: Outputs) -> None:
        closed = self._gates.closed(state)
        paused = {source for source, actions in closed.items() if PAUSE in actions}
        if not paused:
            self._learn(events, closed, state, out)
            return
        for is_paused, part in groupby(events, lambda one: type(one) is Event and one.source.topic in paused):
            if is_paused:
                self._foresee([one for one in part if type(one) is Event], closed, state, out)
            else:
                self._learn(list(part), closed, state, out)

    def _learn(self, events: Sequence[LogRecord], closed: Closed, state: State, out: Outputs) -> None:
        for run, labels in self._runs(events):
            self._score(run, labels, closed, state, out)

    def _foresee(self, events: Sequence[Event], closed: Closed, state: State, out: Outputs) -> None:
        """Judge events of which nothing is to be learned: each alone, in a state that no other of them was in."""
        view = View(state)
        anomalies: list[list[Anomaly]] = [[] for _ in self._detectors]
        estimates: list[list[Estimate]] = [[] for _ in self._models]
        for event in events:
            batch = self._batch([event], state, view)
            for said, detector in zip(anomalies, self._detectors, strict=True):
                said += detector.score(batch, view)
            for expected, model in zip(estimates, self._models, strict=True):
                expected += model.foresee(batch, view, state)
            view.drop()
        self._emit(events, anomalies, estimates, {}, closed, out)

    def _batch(self, events: Sequence[Event], state: State, view: State) -> Batch:
        """Return events with what joins give them; what sources are to be asked of each other is asked first."""
        batch = Batch(events)
        if events and self._references:
            self._references.take(batch, state)
        for join in self._joins if events else ():
            join.apply(batch, view)
        return batch

    def _runs(self, events: Sequence[LogRecord]) -> Iterator[tuple[list[Event], list[tuple[int, Label]]]]:
        """Cut the log between an event and its label, whichever comes first, and around analysts' words."""
        run: list[Event] = []
        labels: list[tuple[int, Label]] = []
        ids: set[str] = set()
        spoken_of: set[str] = set()
        for one in events:
            if type(one) is Event:
                if one.id in spoken_of:
                    yield run, labels
                    run, labels, ids, spoken_of = [], [], set(), set()
                run.append(one)
                ids.add(one.id)
            elif type(one) is Label:
                is_word = one.about in self._judged
                if one.event in ids or is_word:
                    yield run, labels
                    run, labels, ids, spoken_of = [], [], set(), set()
                labels.append((len(run), one))
                spoken_of.add(one.event)
                if is_word:
                    yield run, labels
                    run, labels, spoken_of = [], [], set()
        if run or labels:
            yield run, labels

    def _score(
        self,
        run: list[Event],
        labels: list[tuple[int, Label]],
        closed: Closed,
        state: State,
        out: Outputs,
    ) -> None:
        for _, label in labels:
            if label.about in self._judged:
                self._hear(label, state)
        batch = self._batch(run, state, state)
        anomalies = [detector.score(batch, state) for detector in self._detectors] if run else []
        estimates, told = [], []
        for model in self._models:
            own = [((at, i), one) for i, (at, one) in enumerate(labels, 1) if one.about == model.name]
            said, happened = model.score(batch, own, state)
            estimates.append(said)
            told += happened
        self._remember(run, self._emit(run, anomalies, estimates, _drifts(told), closed, out), state)
        _tell(told, out)
        if self._correlations and run:
            series = series_of(batch, self._correlations)
            out.emit_encoded([one.key.encode() for one in series], [encode(one) for one in series], to="series")

    def _emit(
        self,
        events: Sequence[Event],
        anomalies: list[list[Anomaly]],
        estimates: list[list[Estimate]],
        drifts: dict[Source, dict[str, str]],
        closed: Closed,
        out: Outputs,
    ) -> list[tuple[int, dict[str, Anomaly]]]:
        """Emit predictions, and return which events crossed a detector's line, and what was said of each."""
        if not events:
            return []
        strange = _by_name([one.name for one in self._detectors], anomalies, len(events))
        expected = _by_name([one.name for one in self._models], estimates, len(events))
        found: Iterable[dict[str, str]] = repeat(_NO_DRIFTS, len(events))
        if drifts:
            found = [drifts.get(event.source, _NO_DRIFTS) for event in events]
        shut: Iterable[tuple[str, ...]] = repeat((), len(events))
        if closed:
            shut = [closed.get(event.source.topic, ()) for event in events]
        keys: list[bytes | None] = [event.key.encode() for event in events]
        values = [
            encode(Prediction(e.id, e.key, e.time, e.pipeline, e.source, a, x, e.data, moved, e.crc, e.quality, gates))
            for e, a, x, moved, gates in zip(events, strange, expected, found, shut, strict=True)
        ]
        out.emit_encoded(keys, values)
        crossed = sorted({i for column in anomalies for i, one in enumerate(column) if one.severity is not None})
        if crossed:
            out.emit_encoded([keys[i] for i in crossed], [values[i] for i in crossed], to="anomalies")
        return [(i, strange[i]) for i in crossed]

    def _remember(
        self, events: Sequence[Event], crossed: Sequence[tuple[int, dict[str, Anomaly]]], state: State
    ) -> None:
        for name, spec in self._said.items():
            for i, said in crossed:
                if said[name].severity is not None:
                    state.objects(spec).put(events[i].id, said[name])

    def _hear(self, label: Label, state: State) -> None:
        """Take an analyst's word on an anomaly: one that was none is not to be told again."""
        table = state.objects(self._said[label.about])
        said = table.get(label.event)
        if said is not None:
            table.delete(label.event)
            if label.value in (False, 0, "false", "no"):
                self._judged[label.about].forgive(label.key, said, state)

    def show(self, events: Sequence[LogRecord], state: State) -> list[dict[str, dict[str, float]]]:
        """Return what each model would see of these events now, by its name and the features'; the state moves on."""
        batch = Batch([one for one in events if type(one) is Event])
        for join in self._joins:
            join.apply(batch, state)
        seen = {model.name: model.show(batch, state) for model in self._models}
        return [{name: rows[i] for name, rows in seen.items()} for i in range(len(batch))]

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Tell of keys that fell silent, learn of events whose labels did not come, answer checks between sources."""
        closed = self._gates.closed(state)
        for detector in self._detectors:
            for one in detector.on_time(now, state):
                actions = closed.get(one.source.topic, ())
                if PAUSE in actions:
                    continue  # its events come, and are not heard
                name = f"{detector.name}-{one.key}-{one.time:.0f}"
                found = {detector.name: one.anomaly}
                record = Prediction(
                    name, one.key, one.time, self._pipeline, one.source, found, {}, _NOTHING, gates=actions
                )
                out.emit(record)
                if one.anomaly.severity is not None:
                    out.emit(record, to="anomalies")
                    if detector.name in self._said:
                        state.objects(self._said[detector.name]).put(name, one.anomaly)
        for model in self._models:
            _tell(model.on_time(now, state), out)
        if self._references:
            self._references.on_time(now, state, out)


def _drifts(told: list[Told]) -> dict[Source, dict[str, str]]:
    """Return which models' drift was found at which events, and of what."""
    found: dict[Source, dict[str, str]] = {}
    for _, record in told:
        if type(record) is Drift:
            found.setdefault(record.source, {})[record.about] = record.what
    return found


def _tell(told: list[Told], out: Outputs) -> None:
    for _, record in sorted(told, key=lambda one: one[0]):
        out.emit(record, to=f"{type(record).__name__.lower()}s")


def _by_name(names: list[str], columns: list[list[T]], count: int) -> Sequence[dict[str, T]]:
    """Return for each event what each judge says of it, by the judge's name."""
    if not names:
        return list(repeat({}, count))
    if len(names) == 1:
        return [{names[0]: one} for one in columns[0]]
    return [{name: column[i] for name, column in zip(names, columns, strict=True)} for i in range(count)]
