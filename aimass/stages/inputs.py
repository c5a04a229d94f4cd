"""What a model sees of each event: its own fields, what its key did before, and what earlier labels were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import orjson

from aimass.models import past
from aimass.models.encode import Encoder, Known
from aimass.models.features import Numbers
from aimass.models.kernel import Floats
from aimass.stages.batch import Batch
from aimass.stages.detecting import MONTH, matrix
from aimass.state import ObjectSpec, RowSpec, State

_FADE = 0.9


class Features:
    """Turns a batch into the rows that a model sees.

    State: which column each feature has (256 at the most); the last labels of each segment; with lags or windows a row
    of floats a key, gone after 30 days without events.

    Parameters
    ----------
    name
        The model's name.
    encoder
        Reads the events' own fields.
    numbers
        The numeric fields whose history is a feature: named ones.
    lags
        How many earlier values of each of those.
    windows
        Over how long, in seconds of event time, their means and deviations fade.
    label_lags
        How many earlier labels, besides their fading mean; 0: none.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> features, state = Features("m", Encoder(), Numbers(None)), MemoryState()
    >>> batch = Batch([event({"heat": 3.0}), event({"heat": 4.0})])
    >>> x = features.rows(batch, np.array([1.0, np.nan]), [""] * 2, state)
    >>> features.show(x[1], state)
    {'label.lag1': 1.0, 'label.mean': 1.0, 'heat': 4.0}
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        numbers: Numbers,
        lags: int = 0,
        windows: Sequence[float] = (),
        label_lags: int = 2,
    ) -> None:
        self._encoder, self._numbers = encoder, numbers
        self._lags, self._windows = lags, np.array(windows, np.float64)
        self.label_lags = label_lags
        self.label_columns = label_lags + 1 if label_lags else 0
        first = [f"label.lag{i + 1}" for i in range(label_lags)] + ["label.mean"] * (label_lags > 0)
        self._history: dict[str, int] = {}
        if lags or windows:
            self._history = {field: i for i, field in enumerate(numbers.fields or ())}
            first += past.names([*self._history], lags, list(windows))
        layout = crc32("\x1f".join(first).encode())
        self._first = first
        self._known: ObjectSpec[Known] = ObjectSpec(
            f"features.{name}.{layout:08x}", Known.encode, encoder.fresh(first).restore
        )
        self._labels: ObjectSpec[list[float]] = ObjectSpec(f"labels.{name}.{label_lags}", orjson.dumps, orjson.loads)
        dtype = np.dtype([("row", np.float64, (max(past.width(len(self._history), lags, len(windows)), 1),))])
        self._rows = RowSpec(f"history.{name}.{layout:08x}", dtype, MONTH)

    def names(self, state: State) -> list[str]:
        """Return the names of the columns so far."""
        known = state.objects(self._known).get("")
        return self._first if known is None else known.space.names

    def show(self, row: Floats, state: State) -> dict[str, float]:
        """Return what a row holds, by name."""
        names = self.names(state)
        return {names[j]: float(row[j]) for j in np.flatnonzero(~np.isnan(row)).tolist()}

    def rows(self, batch: Batch, labels: Floats, segments: Sequence[str], state: State) -> Floats:
        """Return events × columns, NaN where an event lacks a feature, and learn from them.

        Parameters
        ----------
        batch
            The events.
        labels
            What they bear themselves, as class indices or numbers; NaN where there is none.
        segments
            The segment of each: earlier labels are those of the same one.
        state
            The partition's state.
        """
        table = state.objects(self._known)
        known = table.get("") or self._encoder.fresh(self._first)
        own = self._encoder.matrix(batch.data, known)
        if known.changed:
            known.changed = False
            table.put("", known)
        if self.label_columns:
            own[:, : self.label_columns] = self._earlier(labels, segments, state)
        if self._history:
            own[:, self.label_columns : len(self._first)] = self._past(batch, state)
        return own

    def _earlier(self, labels: Floats, segments: Sequence[str], state: State) -> Floats:
        """Return the lagged labels, the last one first, and their fading mean."""
        table, nan = state.objects(self._labels), math.nan
        changed: dict[str, list[float]] = {}
        found = []
        for label, segment in zip(labels.tolist(), segments, strict=True):
            last = changed.get(segment)
            if last is None:
                last = table.get(segment) or [0.0, 0.0]  # total and weight of the mean, then labels
            mean = last[0] / last[1] if last[1] else nan
            found.append([*last[2:], *[nan] * (self.label_lags + 2 - len(last)), mean])
            if label == label:
                total, weight = _FADE * last[0] + label, _FADE * last[1] + 1.0
                last = [total, weight, label, *last[2 : self.label_lags + 1]]
                changed[segment] = last
        for segment, last in changed.items():
            table.put(segment, last)
        return np.array(found, np.float64).reshape(len(labels), self.label_columns)

    def _past(self, batch: Batch, state: State) -> Floats:
        """Return the features of the keys' histories."""
        table = state.rows(self._rows)
        slots, rows = table.gather(batch.keys)
        kept = np.ascontiguousarray(rows["row"])
        values = matrix(batch.numbers(self._numbers), self._history, len(self._history))
        found = past.run(kept, batch.rows, batch.times, values, self._lags, self._windows)
        rows["row"] = kept
        table.scatter(slots, rows)
        return found
