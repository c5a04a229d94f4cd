"""Any detector with a budget of anomalies a day and key, instead of a threshold."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from aimass.models.budget import BUDGET_WIDTH, within_budget
from aimass.models.values import severity
from aimass.records import Anomaly
from aimass.stages.batch import Batch
from aimass.stages.detecting import MONTH, Detector, Finding
from aimass.state import RowSpec, State


class Budgeted:
    """Gives a severity to at most ``per_day`` anomalies a day and key: the strangest, as far as can be known.

    State: that of the detector, and 32 bytes a key.

    Examples
    --------
    >>> from aimass.stages.values import ValueDetector
    >>> from aimass.testing import MemoryState, event
    >>> events = [event({"heat": 50.0 * (i > 200) * (i % 9 == 0) + i % 5}, time=float(i)) for i in range(400)]
    >>> said = Budgeted(ValueDetector("odd"), 2).score(Batch(events), MemoryState())
    >>> sum(one.severity is not None for one in said)
    2
    """

    def __init__(self, detector: Detector, per_day: int) -> None:
        self.name, self._detector, self._per_day = detector.name, detector, float(per_day)
        self._rows = RowSpec(f"budget.{self.name}", np.dtype([("row", np.float64, (BUDGET_WIDTH,))]), MONTH)

    def score(self, batch: Batch, state: State) -> list[Anomaly]:
        """Return one anomaly for each event."""
        said = self._detector.score(batch, state)
        table = state.rows(self._rows)
        slots, rows = table.gather(batch.keys)
        own = np.ascontiguousarray(rows["row"])
        flagged = within_budget(own, batch.rows, batch.times, np.array([one.score for one in said]), self._per_day)
        rows["row"] = own
        table.scatter(slots, rows)
        return [
            msgspec.structs.replace(one, severity=(severity(one.score) or "info") if is_flagged else None)
            if is_flagged or one.severity is not None
            else one
            for one, is_flagged in zip(said, flagged.tolist(), strict=True)
        ]

    def forgive(self, key: str, anomaly: Anomaly, state: State) -> None:
        """Take an analyst's word that an anomaly of a key was none."""
        self._detector.forgive(key, anomaly, state)

    def on_time(self, now: float, state: State) -> Sequence[Finding]:
        """Return what the detector finds as time passes."""
        return self._detector.on_time(now, state)
