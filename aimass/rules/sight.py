"""A batch of predictions as rules see it: each field found once, however many rules ask for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from aimass.models.features import MISSING, getter
from aimass.models.kernel import Floats, Ints
from aimass.records import Prediction
from aimass.rules.columns import Column, Truths
from aimass.rules.syntax import Call


class Sight:
    """Predictions of one partition, in the log's order.

    Parameters
    ----------
    predictions
        The predictions.

    Attributes
    ----------
    keys, rows
        The different keys, in the order in which they first occur, and for each event the place of its key in them.
    profile
        What is known of the events' keys from earlier events, by attribute; set by whoever keeps it.
    tags
        By tag, whether each event's key bears it; set by whoever keeps them.
    remembered
        What calls that remember said of these events, which they have learned with it.

    Examples
    --------
    >>> from aimass.testing import prediction
    >>> sight = Sight([prediction({"a": 1}, key="x"), prediction({"a": "?"}, key="y"), prediction({}, key="x")])
    >>> sight.field("a").numbers()[1].tolist(), sight.keys, sight.rows.tolist()
    ([True, False, False], ['x', 'y'], [0, 1, 0])
    """

    def __init__(self, predictions: Sequence[Prediction]) -> None:
        self.predictions = predictions
        self.profile: dict[str, Column] = {}
        self.tags: dict[str, Truths] = {}
        self.remembered: dict[Call, Column] = {}
        self._fields: dict[str, Column] = {}
        self._judged: dict[tuple[str, str, str], Column] = {}
        self._whole: tuple[Sight, Ints] | None = None
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
            found = self._fields[path] = self._find(path)
        return found

    def _find(self, path: str) -> Column:
        if self._whole is not None and path in self._whole[0]._fields:
            return self._whole[0]._fields[path].take(self._whole[1])
        if "." in path:
            return Column.of_values(list(map(getter(path), self.data)))
        return Column.of_values([one.get(path, MISSING) for one in self.data])

    def find(self, paths: Iterable[str]) -> None:
        """Find many fields in one pass over the events, where all events have them; else one by one when asked for."""
        known = self._fields if self._whole is None else {**self._whole[0]._fields, **self._fields}
        plain = [path for path in paths if "." not in path and path not in known]
        if len(plain) < 2 or not len(self):
            return
        try:
            columns = list(zip(*map(itemgetter(*plain), self.data), strict=True))
        except KeyError:
            return
        self._fields.update(zip(plain, map(Column.of_values, columns), strict=True))

    def judged(self, kind: str, name: str, attribute: str) -> Column:
        """Return what a detector or a model says of each event."""
        found = self._judged.get((kind, name, attribute))
        if found is None:
            values = [judgement(one, kind, name, attribute) for one in self.predictions]
            found = self._judged[kind, name, attribute] = Column.of_values(values)
        return found

    def take(self, indices: Ints) -> Sight:
        """Return some of the events, in this order; what was found of them is not looked for again."""
        part = Sight([self.predictions[i] for i in indices.tolist()])
        part.profile = {name: column.take(indices) for name, column in self.profile.items()}
        part.tags = {name: truths[indices] for name, truths in self.tags.items()}
        part._whole = self, indices
        if "data" in self.__dict__:
            part.__dict__["data"] = [self.data[i] for i in indices.tolist()]
        return part


def judgement(prediction: Prediction, kind: str, name: str, attribute: str) -> Any:
    """Return what a detector or a model says of an event; `MISSING` where it says nothing.

    Examples
    --------
    >>> from aimass.records import Anomaly
    >>> from aimass.testing import prediction
    >>> judgement(prediction(odd=Anomaly(4.5)), "detector", "odd", "score")
    4.5
    """
    if kind == "detector":
        return getattr(prediction.anomalies.get(name), attribute, MISSING)
    if attribute == "drift":
        return prediction.drifts.get(name, MISSING)
    estimate = prediction.estimates.get(name)
    if attribute != "disagreement":
        return getattr(estimate, attribute, MISSING)
    return MISSING if estimate is None or not estimate.votes else disagreement(estimate.votes)


def disagreement(votes: dict[str, Any]) -> float:
    """Return the share of members that did not vote for what most did.

    Examples
    --------
    >>> disagreement({"a": "x", "b": "x", "c": "y", "d": "x"})
    0.25
    """
    counts = Counter(map(orjson.dumps, votes.values()))
    return 1.0 - max(counts.values()) / len(votes)
