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
from aimass.stages.batch import Batch
from aimass.stages.detecting import MAX_FIELDS, MONTH, Detector, matrix
from aimass.state import State


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
        table = state.rows(self._rows)
        if self._fixed is not None:
            with table.updating(keys) as (slots, lent):
                places = slots[rows][:, None] * self._block + np.arange(self._block)
                return values.score_batch(lent["row"], places, batch.times, x, names, self.line)
        units, places = _units(rows, x)
        with table.updating([f"{field}\x1f{keys[key]}" for key, field in units]) as (slots, lent):
            places = np.where(places < 0, 0, slots[places]) if len(slots) else places
            return values.score_batch(lent["row"], places, batch.times, x, names, self.line)

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


def _units(rows: Ints, x: Floats) -> tuple[list[list[int]], Ints]:
    """Return the keys and fields that have a number in the batch, and which of those each number is of; −1: none."""
    present = x == x
    codes = rows[:, None] * MAX_FIELDS + np.arange(x.shape[1])
    found, places = np.unique(codes[present], return_inverse=True)
    at = np.full(x.shape, -1, np.int64)
    at[present] = places
    return np.column_stack([found // MAX_FIELDS, found % MAX_FIELDS]).tolist(), at
