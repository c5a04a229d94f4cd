"""The courier: tells receivers what the outbox holds, and writes down each step before the next.

::

    outbox ─▶ a line for each receiver ─▶ "sending" ─▶ attempt ─▶ "sent", "retrying", "failed", "refused" ─▶ deliveries
                                             └─ a crash here: sent again, under the same id, as the next attempt

What is done is known from `deliveries`, which is read first; the outbox is read on from where each line stands.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from aimass.delivery.answers import Answer
from aimass.delivery.channels import Channels
from aimass.delivery.ledger import Ledger, key_of
from aimass.delivery.line import MOST, Item, Line
from aimass.delivery.receivers import Receiver, Secrets
from aimass.records import Delivery, Notification

logger = logging.getLogger(__name__)
#: How long to wait before each further attempt, in seconds; after the last, a notification has failed.
BACKOFF_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18_000.0, 36_000.0)


class Book(Protocol):
    """Where attempts are written down."""

    async def write(self, delivery: Delivery) -> None:
        """Write down, for good."""


class Courier:
    """Tells receivers what they are to be told: each of them in order, none waiting for another.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    receivers
        Who may be told.
    secrets
        Their secrets, by name (`aimass.delivery.receivers.check`).
    book
        Where attempts are written down.
    channels
        Makes the attempts.
    starts
        Before which offset of the outbox all is done, by receiver.
    most
        How many notifications of a receiver are held in memory.
    ledger, clock, sleep, rng
        What is known, the time in seconds since 1970, how to wait, and what jitter comes from; for tests.
    observe
        Told of each attempt.
    """

    def __init__(
        self,
        pipeline: str,
        receivers: Sequence[Receiver],
        secrets: Mapping[str, Secrets],
        book: Book,
        channels: Channels,
        *,
        starts: Mapping[str, int] | None = None,
        most: int = MOST,
        ledger: Ledger | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Any] = asyncio.sleep,
        rng: random.Random | None = None,
        observe: Callable[[Delivery], None] = lambda delivery: None,
    ) -> None:
        self._pipeline, self._secrets, self._book, self._channels = pipeline, secrets, book, channels
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._clock, self._sleep, self._rng, self._observe = clock, sleep, rng or random.Random(), observe
        self._ledger = Ledger() if ledger is None else ledger
        self.lines = {name: Line((starts or {}).get(name, 0), most) for name in self._receivers}
        self.seen = min((starts or {}).values(), default=0)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping, self._stop = False, asyncio.Lock()

    # -- what is to be done -------------------------------------------------------------------------------------------

    def recall(self, delivery: Delivery) -> None:
        """Take note of an attempt that was written down by a courier before this one."""
        self._ledger.note(delivery)

    async def unfinished(self) -> list[Delivery]:
        """Return what was begun, or asked for, and is not done: some of it may stand before where reading begins."""
        found = self._ledger.all_undone()
        for one in found:
            if one.receiver not in self.lines:
                await self._nobody(one.receiver, one.id, one.attempt)
        return [one for one in found if one.receiver in self.lines]

    async def take(self, offset: int, one: Notification) -> None:
        """Take a notification from the outbox, in order; what is done is not done again."""
        self.seen = max(self.seen, offset + 1)
        line, is_done = self.lines.get(one.receiver), self._ledger.is_done(key_of(one.receiver, one.id))
        if is_done:
            return
        if line is None:
            await self._nobody(one.receiver, one.id)
        elif line.behind is None and offset >= line.start:
            if line.has_room:
                line.add(Item(offset, one))
            else:
                line.behind = offset

    def refill(self, name: str, offset: int, one: Notification | None) -> bool:
        """Take what had no room before, in order; return whether there is more, and room for it."""
        line = self.lines[name]
        if line.behind is None or offset < line.behind:
            return line.behind is not None
        if one is not None and one.receiver == name and not self._ledger.is_done(key_of(name, one.id)):
            if not line.has_room:
                line.behind = offset
                return False
            line.add(Item(offset, one))
        line.behind = offset + 1 if offset + 1 < self.seen else None
        return line.behind is not None

    # -- what people ask for ------------------------------------------------------------------------------------------

    async def ask(self, delivery: Delivery) -> bool:
        """Have a notification delivered (again), now; return whether it must be looked for in the outbox."""
        line = self.lines.get(delivery.receiver)
        if line is None:
            await self._nobody(delivery.receiver, delivery.id, delivery.attempt)
            return False
        line.is_gone = False
        line.poke()
        if delivery.id in line.ids:
            return False
        self._ledger.note(delivery)
        return True

    def found(self, name: str, offset: int) -> None:
        """Note where something stands that is unfinished; what the line will come to by itself is left to it."""
        line = self.lines.get(name)
        if line is not None and offset < line.done_before(self.seen):
            line.asked.append(offset)

    async def missing(self, delivery: Delivery) -> None:
        """Give up what is unfinished and in the outbox no more."""
        await self._give_up(delivery.receiver, delivery.id, "it is not in the outbox any more", delivery.attempt)

    def again(self, offset: int, one: Notification) -> None:
        """Take what was found."""
        line = self.lines[one.receiver]
        if one.id not in line.ids and not self._ledger.is_done(key_of(one.receiver, one.id)):
            line.add(Item(offset, one, again=True))

    async def _nobody(self, receiver: str, id: str, attempt: int = 0) -> None:
        await self._give_up(receiver, id, f"no [[receiver]] is named {receiver!r} any more", attempt)

    async def _give_up(self, receiver: str, id: str, why: str, attempt: int) -> None:
        key = key_of(receiver, id)
        await self._write(Delivery(id, key, self._clock(), self._pipeline, receiver, "failed", attempt, error=why))

    # -- where it stands ----------------------------------------------------------------------------------------------

    def positions(self) -> dict[str, int]:
        """Return the offset before which all is done, by receiver."""
        return {name: line.done_before(self.seen) for name, line in self.lines.items()}

    def done_before(self) -> int:
        """Return the offset before which all is done."""
        return min(self.positions().values(), default=self.seen)

    def failure(self) -> BaseException | None:
        """Return why a receiver is not served any more, when that is so."""
        ended = [task for task in self._tasks.values() if task.done() and not task.cancelled()]
        return next((task.exception() for task in ended if task.exception() is not None), None)

    async def idle(self) -> None:
        """Wait until all that was taken is done; for tests."""
        while any(line.items for line in self.lines.values()) and self.failure() is None:
            await asyncio.sleep(0.005)

    # -- work ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, in the background."""
        self._stopping = False
        self._tasks = {name: asyncio.create_task(self._serve(name), name=f"courier-{name}") for name in self.lines}

    async def stop(self, grace_s: float = 0.0) -> None:
        """Stop; attempts that are under way have some time to end. What is not done is found again in Kafka."""
        self._stopping = True
        async with self._stop:  # who asks second waits, too
            busy = [task for name, task in self._tasks.items() if self.lines[name].is_busy]
            if busy and grace_s:
                await asyncio.wait(busy, timeout=grace_s)
            for task in self._tasks.values():
                task.cancel()
            writing = [line.writing for line in self.lines.values() if line.writing is not None]
            await asyncio.gather(*self._tasks.values(), *writing, return_exceptions=True)
            self._tasks = {}

    async def _serve(self, name: str) -> None:
        line = self.lines[name]
        while not self._stopping:
            line.news.clear()
            while line.items and await self._deliver(self._receivers[name], line, line.items[0]):
                line.done()
            await line.settled()
            if not self._stopping:
                await line.news.wait()

    async def _deliver(self, receiver: Receiver, line: Line, item: Item) -> bool:
        """Attempt until it is done: sent, failed for good, or given up; return whether it is."""
        key = key_of(receiver.name, item.one.id)
        undone, attempt = self._ledger.undone(key), self._ledger.attempts(key)
        before = attempt if item.again or (undone is not None and undone.outcome == "requested") else 0
        if undone is not None and undone.outcome == "retrying" and undone.next is not None:
            await self._rest(line, undone.next - self._clock())
        while not self._stopping and not self._ledger.is_done(key):
            base = Delivery(item.one.id, key, self._clock(), self._pipeline, receiver.name, "sending", attempt)
            if until := line.breaker.opens_at(base.time):
                why = "left alone for now: it fails again and again"
                await self._write(replace(base, outcome="retrying", error=why, next=until))
                await self._rest(line, until - base.time)
                continue
            attempt += 1
            delivery = await self._attempt(receiver, line, item.one, replace(base, attempt=attempt), attempt - before)
            self._observe(delivery)
            await self._rest(line, (delivery.next or 0.0) - self._clock())
        return self._ledger.is_done(key)

    async def _attempt(self, receiver: Receiver, line: Line, one: Notification, base: Delivery, tries: int) -> Delivery:
        line.poked.clear()
        line.is_busy = True
        try:
            if line.is_gone:
                await line.settled()
                done = replace(base, outcome="failed", error="the receiver said 410 Gone before")
            else:
                # First: whoever comes after a crash then knows that it may have been sent.
                await asyncio.gather(self._write(base), line.settled())
                secrets = self._secrets.get(receiver.name, Secrets())
                answer = await self._channels.attempt(receiver, secrets, one, now=base.time, attempt=base.attempt)
                done = self._judged(base, answer, line, tries)
            line.writing = asyncio.ensure_future(self._book.write(done))  # waited for with what is written next
            self._ledger.note(done)
            return done
        finally:
            line.is_busy = False

    async def _write(self, delivery: Delivery) -> None:
        await self._book.write(delivery)
        self._ledger.note(delivery)

    def _judged(self, base: Delivery, answer: Answer, line: Line, tries: int) -> Delivery:
        """Return what is to be written down of an attempt."""
        now = self._clock()
        took = round((now - base.time) * 1000, 1)
        done = replace(base, time=now, status=answer.status, error=answer.error, took_ms=took)
        if answer.outcome == "retrying":
            line.breaker.failed(now)
            if tries <= len(BACKOFF_S):
                pause = max(BACKOFF_S[tries - 1] * self._rng.uniform(0.8, 1.2), answer.retry_after_s or 0.0)
                until = line.breaker.opens_at(now)
                error = f"{answer.error}; left alone for now: it fails again and again" if until else answer.error
                return replace(done, outcome="retrying", error=error, next=max(now + pause, until))
            given_up = f"given up after {tries} attempts; the last: {answer.error}"
            done = replace(done, outcome="failed", error=given_up)
        else:
            line.breaker.answered()
            line.is_gone = answer.outcome == "gone"
            done = replace(done, outcome="failed" if line.is_gone else answer.outcome)
        if done.outcome != "sent":
            told = {"receiver": base.receiver, "notification": base.id, "why": done.error}
            logger.warning("a notification was not delivered", extra=told)
        return done

    async def _rest(self, line: Line, seconds: float) -> None:
        """Wait, until the time is up or somebody asks."""
        if seconds <= 0 or self._stopping:
            return
        await line.settled()
        naps = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(line.poked.wait())]
        try:
            await asyncio.wait(naps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for nap in naps:
                nap.cancel()
