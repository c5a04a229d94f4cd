"""Expectations that need what came before: values that come once, values that rise."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from aimass.quality.batch import Records
from aimass.quality.contracts.contract import Expectation
from aimass.quality.expect import Look
from aimass.quality.times import seconds
from aimass.state import RowSpec, State

_ROW = np.dtype([("value", np.float64), ("is_known", np.int8)])
_LONGEST = 64
_DAY = 86400.0


def name_of(value: Any) -> str | None:
    """Return a key for a value, texts and numbers apart; ``None`` for what cannot be one."""
    kind = type(value)
    if kind is str:
        return f"t{value}" if len(value) <= _LONGEST else "h" + blake2b(value.encode(), digest_size=16).hexdigest()
    if kind is float and value.is_integer():
        return f"n{int(value)}"
    return f"n{value!r}" if kind in (int, float) else None


def places(look: Look) -> range | list[int]:
    """Return where in the batch the values of a look stand."""
    return range(len(look.column)) if look.there is None else list(look.there)


class Unique:
    """No value comes twice within a horizon of event time.

    State: for each value the time at which it came, until the horizon is over.
    """

    kind = "unique"

    def __init__(self, topic: str, one: Expectation, horizon_s: float) -> None:
        self.path, self.level = one.path, one.level
        self._seen = Seen(f"unique.{topic}.{one.path}", horizon_s)

    def look(self, look: Look, records: Records, state: State) -> list[int]:
        """Return which records bear a value that came before, and remember theirs."""
        named = [(at, name_of(value)) for at, value in zip(places(look), look.column.values(), strict=True)]
        return self._seen.twice([(at, name) for at, name in named if name is not None], records.times, state)


class Seen:
    """Names that came within a horizon of event time.

    State: for each name the time at which it came first, until the horizon is over.
    """

    def __init__(self, table: str, horizon_s: float) -> None:
        self._table = RowSpec(table, _ROW, horizon_s)
        self._horizon_s = horizon_s

    def twice(self, named: list[tuple[int, str]], times: Any, state: State) -> list[int]:
        """Return which of these came before, and remember the others: places in the batch, and names."""
        if not named:
            return []
        different = list(dict.fromkeys(name for _, name in named))
        rows = state.rows(self._table)
        slots, found = rows.gather(different)
        last: dict[str, tuple[float, int]] = dict(zip(different, found.tolist(), strict=True))
        again: list[int] = []
        new: dict[str, tuple[float, int]] = {}
        for at, name in named:
            time = float(times[at])
            before, is_known = last[name]
            if is_known and abs(time - before) < self._horizon_s:
                again.append(at)
            else:
                last[name] = new[name] = (time, 1)
        if new:
            changed = [i for i, name in enumerate(different) if name in new]
            rows.scatter(slots[changed], np.array([new[different[i]] for i in changed], _ROW))
        return again


class Order:
    """Values rise, or fall, from record to record of one key.

    State: for each key the last value, a day long.
    """

    kind = "order"

    def __init__(self, topic: str, one: Expectation) -> None:
        self.path, self.level = one.path, one.level
        self._order, self._is_time = one.order, one.type == "time"
        self._table = RowSpec(f"order.{topic}.{one.path}", _ROW, _DAY)

    def look(self, look: Look, records: Records, state: State) -> list[int]:
        """Return which records are out of order, and remember the last of each key."""
        numbers = [seconds(value) if self._is_time else value for value in look.column.values()]
        placed = zip(places(look), numbers, strict=True)
        valued = [(at, float(value)) for at, value in placed if isinstance(value, int | float)]
        if not valued:
            return []
        keys = list(dict.fromkeys(records.key_of[at] for at, _ in valued))
        rows = state.rows(self._table)
        slots, found = rows.gather(keys)
        last = dict(zip(keys, found.tolist(), strict=True))
        wrong = []
        for at, value in valued:
            key = records.key_of[at]
            before, is_known = last[key]
            if is_known and not _follows(value, before, self._order):
                wrong.append(at)
            last[key] = (value, 1)  # a wrong one, too: else one time of next year makes all others wrong until then
        rows.scatter(slots, np.array([last[key] for key in keys], _ROW))
        return wrong


def _follows(value: float, before: float, order: str | None) -> bool:
    if order == "rising":
        return value > before
    if order == "not-falling":
        return value >= before
    return value < before if order == "falling" else value <= before
