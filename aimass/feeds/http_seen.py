"""What an HTTP feed has seen: the newest cursor, hashes of records, and how far the poll under way has come.

It is the feed's position: a dict for JSON in which sets of hashes stand as one text, 11 characters a hash.

- A record that has a cursor is old when that is below what the last poll ended with, or equal and its hash known.
- A record without one is old when the last poll had it too: one that changes and changes back is new again.
- A record comes once in a poll, wherever pages move: the last 10,000 of the poll are known by their hashes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from aimass.errors import ConfigurationError

#: How many hashes are kept of a kind.
BOUND = 10_000
_SIZE = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_FRACTION = re.compile(r"\.\d{6}(\d+)")
_LONGEST_NUMBER = 40

Rank = tuple[int, float, str]
Hashes = dict[bytes, None]  # a set that keeps its order


def digest(value: bytes) -> bytes:
    """Return the hash that a record is known by.

    Examples
    --------
    >>> digest(b'{"id":1}').hex()
    '1ea450d66dcfc383'
    """
    return blake2b(value, digest_size=_SIZE).digest()


def rank(value: Any) -> Rank | None:
    """Return what a cursor is compared by; ``None`` for what is none.

    Numbers go before times and times before other texts; numbers and times that are written as text count as such.

    Examples
    --------
    >>> rank("9") < rank(10) < rank("2026-01-01T00:00:00Z") < rank("2026-01-01T00:00:00.5Z") < rank("b7")
    True
    >>> rank(None), rank(True), rank("")
    (None, None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, value, ""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii() and value.isdecimal() and len(value) <= _LONGEST_NUMBER:
        return 0, int(value), ""
    return _rank_of_time(value) or (2, 0, value)


def _rank_of_time(value: str) -> Rank | None:
    if not _DATE.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    finer = _FRACTION.search(value)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return 1, since // timedelta(microseconds=1), finer[1].rstrip("0") if finer else ""


def pack(hashes: Iterable[bytes]) -> str:
    """Return hashes as one text.

    Examples
    --------
    >>> unpack(pack([digest(b"a"), digest(b"b")])) == {digest(b"a"): None, digest(b"b"): None}
    True
    """
    return base64.b64encode(b"".join(hashes)).decode()


def unpack(text: str) -> Hashes:
    """Return the hashes of a text."""
    joined = base64.b64decode(text)
    return {joined[at : at + _SIZE]: None for at in range(0, len(joined), _SIZE)}


@dataclass(slots=True)
class Poll:
    """A poll under way: the page that is read, and what the poll has brought."""

    page: Any = None
    newest: Any = None
    ties: Hashes = field(default_factory=dict)  # those whose cursor is the newest
    loose: Hashes = field(default_factory=dict)  # those without a cursor
    recent: Hashes = field(default_factory=dict)  # the last of those with one
    count: int = 0
    order: str = ""  # how cursors go: "up", "down", "none" or not known yet
    edge: Any = None
    floor: Rank | None = None
    ceiling: Rank | None = None

    @property
    def brought(self) -> int:
        """How many records it has brought, old and new."""
        return self.count + len(self.loose)

    def position(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        facts = {"page": self.page, "newest": self.newest, "count": self.count, "order": self.order, "edge": self.edge}
        return {**facts, "ties": pack(self.ties), "loose": pack(self.loose), "recent": pack(self.recent)}

    @classmethod
    def at(cls, position: Mapping[str, Any]) -> Poll:
        """Return a poll as it was."""
        facts: dict[str, Any] = {name: position[name] for name in ("page", "newest", "count", "order", "edge")}
        hashes: dict[str, Any] = {name: unpack(position[name]) for name in ("ties", "loose", "recent")}
        return cls(**facts, **hashes)

    def begin_again(self, page: Any) -> None:
        """Read a page (again) of which records were seen; where hashes do not reach back far enough, order may help."""
        self.page = page
        if self.count > BOUND:
            self.floor = rank(self.edge) if self.order == "up" else None
            self.ceiling = rank(self.edge) if self.order == "down" else None

    def has(self, name: bytes, standing: Rank | None) -> bool:
        """Return whether the poll has brought a record before."""
        if name in self.recent or name in self.loose:
            return True
        if standing is None:
            return False
        is_below = self.floor is not None and standing < self.floor
        return is_below or (self.ceiling is not None and standing > self.ceiling)

    def note(self, name: bytes, cursor: Any, standing: Rank | None) -> None:
        """Note a record that the poll had not brought before."""
        if standing is None:
            self.loose[name] = None
            return
        self.count += 1
        self.recent[name] = None
        if len(self.recent) > BOUND:
            del self.recent[next(iter(self.recent))]
        self._follow(standing)
        self.edge = cursor
        newest = rank(self.newest)
        if newest is None or standing > newest:
            self.newest, self.ties = cursor, {name: None}
        elif standing == newest:
            self.ties[name] = None

    def _follow(self, standing: Rank) -> None:
        last = rank(self.edge)
        if last is not None and standing != last:
            way = "up" if standing > last else "down"
            self.order = way if self.order in ("", way) else "none"


class Seen:
    """What an HTTP feed has seen.

    Parameters
    ----------
    position
        Where it stood; ``None``: it has seen nothing.

    Examples
    --------
    >>> seen = Seen(None)
    >>> poll = seen.begin()
    >>> [seen.is_new(b"a", 1), seen.is_new(b"b", 2), seen.is_new(b"a", 1)]
    [True, True, False]
    >>> seen.finish()
    >>> later = Seen(seen.position())
    >>> poll = later.begin()
    >>> [later.is_new(b"b", 2), later.is_new(b"c", 2)]
    [False, True]
    """

    def __init__(self, position: Mapping[str, Any] | None) -> None:
        known = position or {}
        self.cursor: Any = known.get("cursor")
        self.etag: str | None = known.get("etag")
        self.modified: str | None = known.get("modified")
        self._ties, self._last = unpack(known.get("ties", "")), unpack(known.get("last", ""))
        self.poll = Poll.at(known["poll"]) if "poll" in known else None

    def begin(self) -> Poll:
        """Begin a poll, or go on with the one that was under way."""
        if self.poll is None:
            self.poll = Poll(newest=self.cursor, ties=dict(self._ties))
        else:
            self.poll.begin_again(self.poll.page)
        return self.poll

    def is_new(self, value: bytes, cursor: Any) -> bool:
        """Note a record of the poll and return whether it is to be sent.

        Raises
        ------
        ConfigurationError
            When there are too many to be told apart.
        """
        poll = self.poll
        assert poll is not None, "begin a poll first"
        name, standing = digest(value), rank(cursor)
        if poll.has(name, standing):
            return False
        poll.note(name, cursor, standing)
        if len(poll.loose) > BOUND:
            raise ConfigurationError(_too_many("have no cursor"))
        if len(poll.ties) > BOUND:
            raise ConfigurationError(_too_many(f"have the same newest cursor, {str(poll.newest)[:40]!r}"))
        if name in self._ties or name in self._last:
            return False
        mark = rank(self.cursor)
        return standing is None or mark is None or standing >= mark

    def finish(self, etag: str | None = None, modified: str | None = None) -> None:
        """End the poll: what it has seen is what the next one knows."""
        poll = self.poll
        assert poll is not None, "begin a poll first"
        self.cursor, self._ties, self._last = poll.newest, poll.ties, poll.loose
        self.etag, self.modified, self.poll = etag, modified, None

    def give_up(self) -> None:
        """End a poll that brought nothing: all is as it was before."""
        self.poll = None

    def position(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        facts = {"cursor": self.cursor, "etag": self.etag, "modified": self.modified}
        hashes = {"ties": pack(self._ties), "last": pack(self._last)}
        poll = {} if self.poll is None else {"poll": self.poll.position()}
        return {**{name: value for name, value in facts.items() if value is not None}, **hashes, **poll}


def _too_many(which: str) -> str:
    return (
        f"more than {BOUND:,} records of a poll {which}: they cannot be told from those of the next poll. "
        "Name as `cursor` a field that grows with every record, or ask for less by the query in `feed`."
    )
