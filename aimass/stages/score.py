"""Score: each event of the log with all that detectors and models know of it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import repeat
from typing import Any, TypeVar, cast

import numpy as np
import orjson

from aimass.codec import encode
from aimass.errors import BadEvent
from aimass.models.detector import score_batch
from aimass.models.features import MISSING, Numbers, getter
from aimass.models.recipes import PartitionModel
from aimass.models.signals import WIDTH, Floats
from aimass.records import Anomaly, Estimate, Event, LogRecord, Prediction
from aimass.stages.base import ObjectSpec, Outputs, Rows, RowSpec, State

T = TypeVar("T")
MAX_FIELDS = 64
_BLOCK = 4
_MONTH = 30 * 86400.0


class KeyDetector:
    """Scores the numeric fields of events per key (see `aimass.models.signals`).

    State: one row of `WIDTH` floats × fields a key; rows untouched for ``forget_s`` go.

    Parameters
    ----------
    name
        The detector's name.
    fields
        The fields it looks at, as paths; ``None``: all numeric ones at the top level, in the order in which the
        partition first saw them. Beyond the 64th they are not looked at.
    exclude
        Fields never to look at: labels, keys and times.
    forget_s
        How long after its last event a key is forgotten, in seconds of event time.
    """

    def __init__(
        self,
        name: str,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        forget_s: float | None = _MONTH,
    ) -> None:
        self.name = name
        self.numbers = Numbers(fields, exclude)
        self._fixed = None if fields is None else {field: i for i, field in enumerate(fields[:MAX_FIELDS])}
        self._block = _BLOCK if fields is None else max(len(fields[:MAX_FIELDS]), 1)
        layout = zlib.crc32("\x1f".join(fields or ("*",)).encode())
        dtype = np.dtype([("field", np.float64, (WIDTH * self._block,))])
        self._rows = RowSpec(f"detector.{name}.1.{layout:08x}", dtype, forget_s)
        self._names: ObjectSpec[dict[str, int]] = ObjectSpec(f"fields.{name}", orjson.dumps, orjson.loads)

    def score(self, events: Sequence[Event], numbers: Sequence[dict[str, float]], state: State) -> list[Anomaly]:
        """Return one anomaly for each event, given its numeric fields."""
        slots = self._slots(numbers, state)
        keys = {event.key: None for event in events}
        row_of = {key: i for i, key in enumerate(keys)}
        values = _matrix(numbers, slots, self._width(slots))
        rows = [row_of[event.key] for event in events]
        table = state.rows(self._rows)
        live, parts = self._gather(table, list(keys), rows, values)
        fields = list(slots) + [""] * (values.shape[1] - len(slots))
        found = score_batch(live, rows, values, fields)
        self._scatter(table, live, parts)
        return found

    def _slots(self, numbers: Sequence[dict[str, float]], state: State) -> dict[str, int]:
        if self._fixed is not None:
            return self._fixed
        table = state.objects(self._names)
        known = table.get("") or {}
        fresh = {name: None for one in numbers for name in one if name not in known}
        if fresh and len(known) < MAX_FIELDS:
            known = {**known, **{name: len(known) + i for i, name in enumerate(fresh) if len(known) + i < MAX_FIELDS}}
            table.put("", known)
        return known

    def _width(self, slots: dict[str, int]) -> int:
        return max(-(-len(slots) // self._block), 1) * self._block

    def _gather(self, table: Rows, keys: list[str], rows: list[int], values: Floats) -> tuple[Floats, list[Any]]:
        """Assemble the rows of all keys from those blocks of fields that have a number in this batch."""
        width = values.shape[1]
        live = np.zeros((len(keys), WIDTH, width))
        parts = []
        row_of = np.asarray(rows, np.intp)
        for block in range(width // self._block):
            span = slice(block * self._block, (block + 1) * self._block)
            present = (values[:, span] == values[:, span]).any(axis=1)
            own = np.unique(row_of[present])
            if not len(own):
                continue
            slots, found = table.gather([f"{block}\x1f{keys[i]}" for i in own.tolist()])
            live[own, :, span] = found["field"].reshape(len(own), WIDTH, self._block)
            parts.append((span, own, slots, found))
        return live, parts

    def _scatter(self, table: Rows, live: Floats, parts: list[Any]) -> None:
        for span, own, slots, found in parts:
            found["field"] = live[own, :, span].reshape(len(own), -1)
            table.scatter(slots, found)


def _matrix(numbers: Sequence[dict[str, float]], slots: dict[str, int], width: int) -> Floats:
    """Return events × fields, NaN where an event lacks a field."""
    nan = float("nan")
    names = list(slots)
    blank = [nan] * (width - len(names))
    return np.array([[*map(one.get, names, repeat(nan)), *blank] for one in numbers], np.float64)


class ModelScorer:
    """One River model a partition: predicts each event, then learns it when it bears a label.

    State: one snapshot of the model, bounded by 64 classes and 256 features.
    """

    def __init__(
        self, name: str, recipe: str, target: str, fields: Sequence[str] | None = None, exclude: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._recipe = recipe
        self._target = getter(target)
        self.numbers = Numbers(None if fields is None else [f for f in fields if f != target], [*exclude, target])
        self._spec = ObjectSpec(f"model.{name}", PartitionModel.encode, PartitionModel.decode)

    def score(
        self, data: Sequence[dict[str, Any]], numbers: Sequence[dict[str, float]], state: State
    ) -> list[Estimate]:
        """Return one estimate for each event, given its JSON and its numeric fields."""
        table = state.objects(self._spec)
        model = table.get("")
        if model is None or model.recipe != self._recipe:
            model = PartitionModel(self._recipe)
        found = []
        for one, x in zip(data, numbers, strict=True):
            label = self._target(one)
            found.append(model.judge(x, None if label is MISSING else label))
        table.put("", model)
        return found


class ScoreStage:
    """Emits one prediction for every event of the log, its own JSON carried through.

    State: that of its detectors and models.

    Parameters
    ----------
    detectors, models
        What judges each event.
    tick_s
        How often the state's time advances, so that keys can be forgotten.

    Examples
    --------
    >>> from aimass.testing import MemoryOutputs, MemoryState, event
    >>> stage, out = ScoreStage([KeyDetector("odd")], []), MemoryOutputs("predictions")
    >>> stage.on_batch([event({"heat": i % 5}) for i in range(99)] + [event({"heat": 90})], MemoryState(), out)
    >>> out.records("predictions")[-1].anomalies["odd"].cause
    'level'
    """

    name = "score"

    def __init__(
        self, detectors: Sequence[KeyDetector], models: Sequence[ModelScorer], tick_s: float | None = None
    ) -> None:
        self.tick_s = tick_s
        self._detectors = list(detectors)
        self._models = list(models)

    def on_batch(self, events: Sequence[LogRecord], state: State, out: Outputs) -> None:
        """Judge the log's next events, and learn from them."""
        own = [event for event in events if type(event) is Event]
        if not own:
            return
        data = [_decode(event) for event in own]
        finders = {judge.numbers for judge in self._detectors} | {judge.numbers for judge in self._models}
        numbers = {find: list(map(find, data)) for find in finders}
        anomalies = [detector.score(own, numbers[detector.numbers], state) for detector in self._detectors]
        estimates = [model.score(data, numbers[model.numbers], state) for model in self._models]
        out.emit_encoded(
            [event.key.encode() for event in own],
            [
                encode(Prediction(e.id, e.key, e.time, e.pipeline, e.source, strange, expected, e.data))
                for e, strange, expected in zip(
                    own,
                    _by_name([detector.name for detector in self._detectors], anomalies, len(own)),
                    _by_name([model.name for model in self._models], estimates, len(own)),
                    strict=True,
                )
            ],
        )

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes: state forgets by itself."""


def _by_name(names: list[str], columns: list[list[T]], count: int) -> list[dict[str, T]]:
    """Return for each event what each judge says of it, by the judge's name."""
    if len(names) == 1:
        return [{names[0]: one} for one in columns[0]]
    return [{name: column[i] for name, column in zip(names, columns, strict=True)} for i in range(count)]


def _decode(event: Event) -> dict[str, Any]:
    try:
        data = orjson.loads(bytes(event.data))
    except orjson.JSONDecodeError as exc:
        raise BadEvent(f"the data of event {event.id} is not JSON: {exc}") from exc
    if type(data) is not dict:
        raise BadEvent(f"the data of event {event.id} is not an object")
    return cast("dict[str, Any]", data)
