"""The demo's events: River's Shuttle data set with a key and a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

VEHICLES = 8
BEGAN = 1_767_225_600  # 2026-01-01T00:00:00Z; any would do
#: What is said of the data, because it is not in the data.
ASSIGNED = (
    f"The data set has neither a key nor a time: row n was given to vehicle n mod {VEHICLES}, one second after row n-1."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One event to produce."""

    key: str
    value: bytes


def rows() -> Iterator[Row]:
    """Yield the data set's rows as events, in its order.

    Examples
    --------
    >>> next(rows()).key
    'vehicle-0'
    """
    from river.datasets import Shuttle

    for number, (fields, anomaly) in enumerate(Shuttle()):
        key = f"vehicle-{number % VEHICLES}"
        event = {"vehicle": key, "ts": BEGAN + number, **fields, "label": int(anomaly)}
        yield Row(key, orjson.dumps(event))
