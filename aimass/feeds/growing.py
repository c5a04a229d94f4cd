"""How far a growing table was read: rows in rising order of a cursor, where rows with equal cursors come once, too."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from aimass.errors import ConfigurationError

#: The most rows that may share one value of the cursor: each is remembered by a hash.
MOST_TIES = 100_000


class Progress:
    """How far a table was read, and which rows at the newest values of the cursor were seen.

    A pass is one run of the query. While rows of one value of the cursor come, it may be that not all of them have
    come: what to ask for after a crash is the value before, and those that were seen are left out.

    Parameters
    ----------
    position
        What `position` was; ``None``: the beginning.
    start
        What the query is asked for at the beginning.
    column
        The cursor's column, for messages.

    Examples
    --------
    >>> progress = Progress(None, 0, "id")
    >>> [progress.take(value, row) for value, row in [(1, b"a"), (2, b"b"), (2, b"c")]], progress.asked
    ([True, True, True], 0)
    >>> again = Progress(progress.position(), 0, "id")  # as after a crash: the query asks for what is above 1
    >>> again.asked, [again.take(2, row) for row in (b"b", b"c", b"d")]
    (1, [False, False, True])
    """

    def __init__(self, position: Any, start: Any, column: str) -> None:
        known = position or {}
        self.asked: Any = known.get("cursor", start)
        self._column = column
        self._seen: list[str] = list(known.get("seen", ()))
        self.begin()

    def begin(self) -> None:
        """Begin a pass; the query is asked for `asked`."""
        self._left = Counter(self._seen)  # what may come again
        self._done: Any = self.asked
        self._before: list[str] = []
        self._now: list[str] = []
        self._value: Any = None

    def take(self, value: Any, row: bytes) -> bool:
        """Return whether a row is new.

        Parameters
        ----------
        value
            Its cursor, as the database has it.
        row
            The whole of it.

        Raises
        ------
        ConfigurationError
            When rows do not come in rising order.
        """
        if value is None:
            raise ConfigurationError(
                f"the query gives rows whose {self._column!r} is null, and those are in no order: "
                f'add "and {self._column} is not null"'
            )
        if self._value is None or value != self._value:
            self._check_order(value)
            if self._value is not None:
                self._done, self._before, self._now = plain(self._value), self._now, []
            self._value = value
        found = hashlib.blake2b(row, digest_size=8).hexdigest()
        self._now.append(found)
        if len(self._now) > MOST_TIES:
            raise ConfigurationError(
                f"more than {MOST_TIES:,} rows have the same {self._column!r} ({value}): "
                "choose a cursor that tells rows apart"
            )
        if self._left[found] > 0:
            self._left[found] -= 1
            return False
        return True

    def finish(self) -> None:
        """End a pass: the query has no more rows."""
        if self._value is not None:
            self.asked, self._seen = plain(self._value), self._now
        self.begin()

    def stop(self) -> None:
        """End a pass early: the next one goes on from here."""
        position = self.position()
        self.asked, self._seen = position["cursor"], position["seen"]
        self.begin()

    def position(self) -> dict[str, Any]:
        """Return where to go on."""
        return {"cursor": self._done, "seen": [*self._before, *self._now, *(+self._left).elements()]}

    def _check_order(self, value: Any) -> None:
        if isinstance(value, str) or self._value is None:
            return  # texts are in the order of the database, which is not ours
        try:
            is_lower = value < self._value
        except TypeError:
            return
        if is_lower:
            raise ConfigurationError(
                f"rows do not come in rising order of {self._column!r} ({value} came after {self._value}): "
                f'add "order by {self._column}" to the query'
            )


def plain(value: Any) -> Any:
    """Return a value of a cursor as JSON has it, such that the database takes it for the same.

    Examples
    --------
    >>> import datetime, decimal
    >>> plain(datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)), plain(decimal.Decimal("1.10")), plain(7)
    ('2026-01-02 03:04:05.678901', '1.10', 7)
    """
    if type(value) in (int, float, str):
        return value
    if isinstance(value, bytes | memoryview | dict | list | tuple | bool):
        raise ConfigurationError(
            f"a cursor must be a number, a text or a time, not {type(value).__name__}: use another"
        )
    return str(value)
