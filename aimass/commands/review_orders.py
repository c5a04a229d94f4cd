"""What people say of records under review: on its way by the control topic, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from aimass.admin import list_topics
from aimass.client import Message, Producer, Subscriber
from aimass.codec import decoder
from aimass.commands.reviewing import Task
from aimass.errors import BadEvent, ClientError
from aimass.records import Event, LogRecord, Review
from aimass.settings import Settings, kafka_options

#: How long an order is waited for, in seconds; with more tasks than so many the log is not watched too.
PATIENCE_S = 8.0
_WATCHED = 50
_REVIEWED = b'"review":"'
_review, _logged = decoder(Review), decoder(LogRecord)


@dataclass(slots=True)
class Effects:
    """What becomes of orders: by task, how it stands now.

    Parameters
    ----------
    do, by
        What was ordered, and by whom.
    tasks
        The tasks that are meant.
    """

    do: str
    by: str
    tasks: Mapping[str, Task]
    states: dict[str, str] = field(default_factory=dict)
    causes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _orders: dict[str, str] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _in_log: set[tuple[str, str | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._open = set(self.tasks)

    @property
    def is_done(self) -> bool:
        """Whether it is known of all of them what became of them."""
        return not self._open

    @property
    def watches_log(self) -> bool:
        """Whether what they say is seen in the log, too."""
        return self.do in ("accept", "correct") and len(self.tasks) <= _WATCHED

    def take(self, message: Message) -> None:
        """Take the next record of the topics of reviews, or of the log."""
        value = message.value or b""
        with suppress(BadEvent):
            if message.topic.endswith(".reviews"):
                self._reviewed(_review(value))
            elif _REVIEWED in value:
                self._let_in(_logged(value))

    def _reviewed(self, one: Review) -> None:
        if one.id not in self._open:
            return
        if one.do == self.do and one.by == self.by:
            self.states[one.id], self._orders[one.id] = one.state, one.order
            if not (self.watches_log and self.tasks[one.id].goes_on):
                self._open.discard(one.id)
            self._match(one.id)
        elif one.do == "quarantined" and one.id in self._orders:
            self.states[one.id], self.causes[one.id] = "open", one.causes
            self._open.discard(one.id)

    def _let_in(self, one: Any) -> None:
        if type(one) is Event and one.quality is not None and one.id in self._open:
            self._in_log.add((one.id, one.quality.review))
            self._match(one.id)

    def _match(self, name: str) -> None:
        """See whether an event came of the order: two topics may be read in any order."""
        if name in self._open and (name, self._orders.get(name)) in self._in_log:
            self.states[name] = f"{self.states[name]}, in the log"
            self._open.discard(name)


def order(
    do: str, *, task: str = "", match: Mapping[str, str] | None = None, by: str, why: str, patch: Any = None
) -> dict[str, Any]:
    """Return an order as the control topic has it.

    Examples
    --------
    >>> order("accept", task="t-0-7", by="eve", why="")
    {'do': 'accept', 'by': 'eve', 'alert': 't-0-7'}
    """
    more = {"alert": task, "match": dict(match or {}), "why": why, "patch": patch}
    return {"do": do, "by": by, **{name: value for name, value in more.items() if value}}


def carry(settings: Settings, pipeline: str, orders: Sequence[dict[str, Any]], effects: Effects) -> None:
    """Send orders, and wait for a while until it is seen what becomes of them.

    Raises
    ------
    ClientError
        When the pipeline is not here.
    """
    asyncio.run(_carry(settings, pipeline, orders, effects))


async def _carry(settings: Settings, pipeline: str, orders: Sequence[dict[str, Any]], effects: Effects) -> None:
    control, reviews = f"{pipeline}.control", f"{pipeline}.reviews"
    there = await list_topics(kafka_options(settings))
    for topic in (control, reviews):
        if topic not in there:
            raise ClientError(f"there is no topic {topic!r} in this Kafka: does the pipeline run here?")
    topics = [reviews, *([f"{pipeline}.log"] if effects.watches_log else [])]
    async with Subscriber(*topics, where=settings, from_="end") as seen:
        async with Producer(settings, linger_ms=0) as producer:
            for one in orders:
                await producer.send(control, {"command": one}, key=one.get("alert", ""))
            await producer.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S), aclosing(cast("Any", seen.messages())) as messages:
                async for message in messages:
                    effects.take(message)
                    if effects.is_done:
                        return
