"""A batch of events as the parts of SCORE see it: decoded once, its keys numbered, what several ask for kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from aimass.errors import BadEvent
from aimass.models.features import Numbers
from aimass.models.kernel import Floats, Ints
from aimass.records import Event


class Batch:
    """Events of one partition, in the log's order.

    Parameters
    ----------
    events
        The events.

    Examples
    --------
    >>> from aimass.testing import event
    >>> batch = Batch([event({"a": 1}, key="p2"), event({"a": 2}, key="p1"), event({"a": 3}, key="p2")])
    >>> batch.keys, batch.rows.tolist(), batch.numbers(Numbers(None))[1]
    (['p2', 'p1'], [0, 1, 0], {'a': 2.0})
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.data: list[dict[str, Any]] = list(map(_decode, events))
        self._numbers: dict[Numbers, list[dict[str, float]]] = {}
        row_of: dict[str, int] = {}
        self.rows: Ints = np.array([row_of.setdefault(event.key, len(row_of)) for event in events], np.int64)
        self.keys = list(row_of)

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def times(self) -> Floats:
        """The events' times, in seconds since 1970."""
        return np.array([event.time for event in self.events], np.float64)

    def numbers(self, find: Numbers) -> list[dict[str, float]]:
        """Return the numeric fields of each event, found once however many ask."""
        found = self._numbers.get(find)
        if found is None:
            found = self._numbers[find] = list(map(find, self.data))
        return found


def _decode(event: Event) -> dict[str, Any]:
    try:
        data = orjson.loads(bytes(event.data))
    except orjson.JSONDecodeError as exc:
        raise BadEvent(f"the data of event {event.id} is not JSON: {exc}") from exc
    if type(data) is not dict:
        raise BadEvent(f"the data of event {event.id} is not an object")
    return data
