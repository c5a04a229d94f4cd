"""A batch of predictions as rules see it: each field found once, however many rules ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from aimass.models.features import getter
from aimass.models.kernel import Floats, Ints
from aimass.records import Prediction
from aimass.rules.columns import Column


class Sight:
    """Predictions of one partition, in the log's order.

    Parameters
    ----------
    predictions
        The predictions.

    Examples
    --------
    >>> from aimass.testing import prediction
    >>> sight = Sight([prediction({"a": 1}, key="x"), prediction({"a": "?"}, key="y"), prediction({}, key="x")])
    >>> sight.field("a").numbers()[1].tolist(), sight.keys, sight.rows.tolist()
    ([True, False, False], ['x', 'y'], [0, 1, 0])
    """

    def __init__(self, predictions: Sequence[Prediction]) -> None:
        self.predictions = predictions
        self._fields: dict[str, Column] = {}
        row_of: dict[str, int] = {}
        self.rows: Ints = np.array([row_of.setdefault(one.key, len(row_of)) for one in predictions], np.int64)
        self.keys = list(row_of)

    def __len__(self) -> int:
        return len(self.predictions)

    @cached_property
    def data(self) -> list[dict[str, Any]]:
        """The events' own JSON, decoded."""
        return [orjson.loads(bytes(one.data)) for one in self.predictions]

    @cached_property
    def times(self) -> Floats:
        """The events' times, in seconds since 1970."""
        return np.array([one.time for one in self.predictions], np.float64)

    def field(self, path: str) -> Column:
        """Return what stands at a path of each event."""
        found = self._fields.get(path)
        if found is None:
            found = self._fields[path] = Column.of_values(list(map(getter(path), self.data)))
        return found
