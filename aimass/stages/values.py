"""The detector of single numbers, as a part of the score stage: see `aimass.models.values`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aimass.models import values
from aimass.models.features import Numbers
from aimass.models.kernel import Floats, Ints
from aimass.models.values import LINE
from aimass.records import Anomaly
from aimass.stages.base import RowSpec, State
from aimass.stages.batch import Batch
from aimass.stages.detecting import MAX_FIELDS, MONTH, Detector, matrix


class ValueDetector(Detector):
    """Scores the numeric fields of events against their own past, by key.

    State: 1.9 KB a key and field; with ``fields`` one row a key, else a row a key and field that it has. Rows that no
    event touched for ``forget_s`` go.

    Parameters
    ----------
    name
        The detector's name.
    fields
        The fields it looks at, as paths; ``None``: all numeric ones at the top level, in the order in which the
        partition first saw them. Beyond the 64th they are not looked at.
    exclude
        Fields never to look at: labels, keys and times.
    scope
        ``key`` or ``partition``: with what an event is compared.
    forget_s
        How long after its last event a key is forgotten, in seconds of event time.
    line
        The score from which on an anomaly has a severity.

    Examples
    --------
    >>> from aimass.testing import MemoryState, event
    >>> batch = Batch([event({"heat": i % 5}, time=float(i)) for i in range(99)] + [event({"heat": 90}, time=99.0)])
    >>> odd = ValueDetector("odd").score(batch, MemoryState())[-1]
    >>> odd.field, odd.cause, odd.score > 5
    ('heat', 'never seen', True)
    """

    kind, causes = "values", values.CAUSES

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
        self._numbers = Numbers(fields, exclude)
        self._block = 1 if fields is None else self.most
        self._rows = self.spec(values.WIDTH * self._block)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        numbers = batch.numbers(self._numbers)
        fields = self.fields_of(numbers, state)
        keys, rows = self.places(batch)
        x = matrix(numbers, fields, max(len(fields), 1))
        names = [*fields] or [""]
        if self._fixed is not None:
            table = state.rows(self._rows)
            slots, found = table.gather(keys)
            own = np.ascontiguousarray(found["row"]).reshape(len(keys), self._block, values.WIDTH)
            said = values.score_batch(own, rows, batch.times, x, names, self.line)
            found["row"] = own.reshape(len(keys), -1)
            table.scatter(slots, found)
            return said
        return self._score_each(keys, rows, batch.times, x, names, state)

    def _score_each(
        self, keys: Sequence[str], rows: Ints, times: Floats, x: Floats, names: Sequence[str], state: State
    ) -> list[Anomaly]:
        """Score with a row for each key and field, of which only those are read that have a number in the batch."""
        present = np.zeros((len(keys), x.shape[1]), np.bool_)
        np.logical_or.at(present, rows, x == x)
        units = np.argwhere(present)
        table = state.rows(self._rows)
        slots, found = table.gather([f"{field}\x1f{keys[key]}" for key, field in units.tolist()])
        live = np.zeros((len(keys), x.shape[1], values.WIDTH))
        live[units[:, 0], units[:, 1]] = found["row"]
        said = values.score_batch(live, rows, times, x, names, self.line)
        found["row"] = live[units[:, 0], units[:, 1]]
        table.scatter(slots, found)
        return said

    def forgive(self, key: str, anomaly: Anomaly, state: State) -> None:
        """Take an analyst's word that an anomaly of a key was none."""
        field = self._field(anomaly.field, state)
        if field is None:
            return
        key = key if self._is_key else ""
        table = state.rows(self._rows)
        slots, rows = table.gather([key if self._fixed is not None else f"{field}\x1f{key}"])
        at = field * values.WIDTH if self._fixed is not None else 0
        fields: dict[str, Any] = self._fixed or state.objects(self._names).get("") or {}
        values.forgive(rows["row"][0, at : at + values.WIDTH], anomaly.score + math.log10(max(len(fields), 1)))
        table.scatter(slots, rows)

    def _table(self) -> RowSpec:
        return self._rows
