"""The line of what one receiver is to be told: a bounded part of it in memory, the rest as offsets of the outbox."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from aimass.delivery.breaker import Breaker
from aimass.records import Notification

MOST = 1000


@dataclass(slots=True)
class Item:
    """A notification in line.

    Parameters
    ----------
    offset
        Where it stands in the outbox.
    again
        Whether somebody asked for it after it was done: the outbox is done up to it without it.
    """

    offset: int
    one: Notification
    again: bool = False


@dataclass(slots=True)
class Line:
    """What one receiver is to be told, in order.

    Parameters
    ----------
    start
        Before this offset all was done when the courier began.
    items
        What is in memory, the one that is attempted first.
    behind
        From this offset on nothing was taken, for lack of room; ``None``: all that was read is here.
    asked
        Offsets of what is to be told again.
    is_gone
        Whether the receiver said 410.
    writing
        What came of the last attempt, on its way to Kafka.
    news
        Set when there is something to do; ``poked`` when nobody is to wait any longer.

    Examples
    --------
    >>> line = Line(start=5)
    >>> line.done_before(9)
    9
    >>> line.behind = 7
    >>> line.done_before(9)
    7
    """

    start: int = 0
    most: int = MOST
    items: deque[Item] = field(default_factory=deque)
    ids: set[str] = field(default_factory=set)
    behind: int | None = None
    asked: deque[int] = field(default_factory=deque)
    breaker: Breaker = field(default_factory=Breaker)
    is_gone: bool = False
    is_busy: bool = False
    writing: asyncio.Future[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    poked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_room(self) -> bool:
        """Whether one more may be held in memory."""
        return len(self.items) < self.most

    @property
    def is_hungry(self) -> bool:
        """Whether there is more in the outbox, and room for a good part of it."""
        return (bool(self.asked) or self.behind is not None) and len(self.items) <= self.most // 2

    def add(self, item: Item) -> None:
        """Take one more into memory."""
        self.items.append(item)
        self.ids.add(item.one.id)
        self.news.set()

    def done(self) -> None:
        """Let go of the first."""
        self.ids.discard(self.items.popleft().one.id)

    async def settled(self) -> None:
        """Wait until what came of the last attempt is written down."""
        if self.writing is not None:
            await asyncio.shield(self.writing)
            self.writing = None

    def poke(self) -> None:
        """Have the next attempt made now: somebody asks for it."""
        self.breaker.answered()
        self.poked.set()

    def done_before(self, seen: int) -> int:
        """Return the offset before which all is done, given how far the outbox was read."""
        first = next((item.offset for item in self.items if not item.again), None)
        return max(self.start, min(one for one in (first, self.behind, seen) if one is not None))
