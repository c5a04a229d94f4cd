"""The courier: reads the outbox, tells receivers, and writes down what came of each attempt before the next step.

::

    outbox ─▶ a queue for each receiver ─▶ "sending" ─▶ attempt ─▶ "sent", "retrying", "failed", "refused" ─▶ deliveries
                                             └─ a crash here: sent again, under the same id, as the next attempt

What is done is known from `deliveries`, which is read first; the outbox is read on from the oldest that is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from aimass.delivery.breaker import Breaker
from aimass.delivery.channels import Answer, Channels
from aimass.delivery.receivers import Receiver, Secrets
from aimass.records import Delivery, Notification

logger = logging.getLogger(__name__)
#: How long to wait before each further attempt, in seconds; after the last, a notification has failed.
BACKOFF_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
FINAL = frozenset(("sent", "failed", "refused"))
_MOST_WAITING = 1000


class Book(Protocol):
    """Where attempts are written down."""

    async def write(self, delivery: Delivery) -> None:
        """Write down, for good."""

    def note(self, delivery: Delivery) -> None:
        """Write down, and do not wait for it."""


def key_of(receiver: str, id: str) -> str:
    """Return the key of a delivery in the compacted topic."""
    return f"{receiver}/{id}"


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
    clock, sleep, rng
        The time in seconds since 1970, how to wait, and what jitter comes from; for tests.
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
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Any] = asyncio.sleep,
        rng: random.Random | None = None,
        observe: Callable[[Delivery], None] = lambda delivery: None,
    ) -> None:
        self._pipeline, self._secrets, self._book, self._channels = pipeline, secrets, book, channels
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._clock, self._sleep, self._rng, self._observe = clock, sleep, rng or random.Random(), observe
        self._queues: dict[str, deque[tuple[int, Notification, int]]] = {name: deque() for name in self._receivers}
        self._wakes = {name: asyncio.Event() for name in self._receivers}
        self._breakers = {name: Breaker() for name in self._receivers}
        self._gone: set[str] = set()
        self._known: dict[str, Delivery] = {}
        self._open: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    # -- what is known ------------------------------------------------------------------------------------------------

    def recall(self, delivery: Delivery) -> None:
        """Take note of an attempt that was written down, by this courier or one before it."""
        self._known[key_of(delivery.receiver, delivery.id)] = delivery
        if delivery.outcome == "requested":
            self._gone.discard(delivery.receiver)

    def is_done(self, one: Notification) -> bool:
        """Return whether nothing is left to do for a notification."""
        known = self._known.get(key_of(one.receiver, one.id))
        return known is not None and known.outcome in FINAL

    @property
    def waiting(self) -> int:
        """How many notifications are not done."""
        return len(self._open)

    @property
    def is_full(self) -> bool:
        """Whether what comes next must wait in Kafka."""
        return self.waiting >= _MOST_WAITING

    def done_before(self, position: int) -> int:
        """Return the offset before which all is done."""
        return min(self._open, default=position)

    # -- work ---------------------------------------------------------------------------------------------------------

    def take(self, offset: int, one: Notification) -> None:
        """Take a notification from the outbox, or once more when it is asked for; what is done is not done again."""
        if self.is_done(one):
            return
        if one.receiver not in self._receivers:
            logger.warning("no such receiver any more", extra={"receiver": one.receiver, "notification": one.id})
            return
        known = self._known.get(key_of(one.receiver, one.id))
        attempts = 0 if known is None else known.attempt
        self._open[offset] = 1
        self._queues[one.receiver].append((offset, one, attempts))
        self._wakes[one.receiver].set()

    def start(self) -> None:
        """Begin to work, in the background."""
        self._tasks = [asyncio.create_task(self._serve(name), name=f"courier-{name}") for name in self._receivers]

    async def stop(self) -> None:
        """Stop at once; what is not done is found again in Kafka."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for queue in self._queues.values():
            queue.clear()
        self._open.clear()

    def failure(self) -> BaseException | None:
        """Return why a receiver is not served any more, when that is so."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return next((task.exception() for task in ended if task.exception() is not None), None)

    async def idle(self) -> None:
        """Wait until all that was taken is done; for tests."""
        while self._open and self.failure() is None:
            await asyncio.sleep(0.005)

    async def _serve(self, name: str) -> None:
        queue, wake = self._queues[name], self._wakes[name]
        while True:
            while queue:
                offset, one, attempts = queue.popleft()
                await self._deliver(self._receivers[name], one, attempts)
                self._open.pop(offset, None)
            wake.clear()
            await wake.wait()

    async def _deliver(self, receiver: Receiver, one: Notification, attempts: int) -> None:
        """Attempt until it is done: sent, failed for good, or given up."""
        attempt = attempts + 1
        known = self._known.get(key_of(receiver.name, one.id))
        if known is not None and known.outcome == "retrying" and known.next is not None:
            await self._rest(known.next - self._clock())
        while True:
            await self._rest(self._breakers[receiver.name].opens_at(self._clock()) - self._clock())
            delivery, again = await self._attempt(receiver, one, attempt)
            await self._book.write(delivery)
            self._known[key_of(receiver.name, one.id)] = delivery
            self._observe(delivery)
            if not again:
                return
            await self._rest((delivery.next or 0.0) - self._clock())
            attempt += 1

    async def _attempt(self, receiver: Receiver, one: Notification, attempt: int) -> tuple[Delivery, bool]:
        now = self._clock()
        base = Delivery(one.id, key_of(receiver.name, one.id), now, self._pipeline, receiver.name, "sending", attempt)
        if receiver.name in self._gone:
            return msgspec.structs.replace(base, outcome="failed", error="the receiver said 410 Gone before"), False
        self._book.note(base)
        answer = await self._channels.attempt(
            receiver, self._secrets.get(receiver.name, Secrets()), one, now=now, attempt=attempt
        )
        return self._judged(base, answer, receiver, self._clock())

    def _judged(self, base: Delivery, answer: Answer, receiver: Receiver, now: float) -> tuple[Delivery, bool]:
        """Return what is to be written down of an attempt, and whether there is another."""
        took = round((now - base.time) * 1000, 1)
        done = msgspec.structs.replace(base, time=now, status=answer.status, error=answer.error, took_ms=took)
        breaker = self._breakers[receiver.name]
        if answer.outcome == "retrying":
            breaker.failed(now)
            if base.attempt <= len(BACKOFF_S):
                pause = BACKOFF_S[base.attempt - 1] * self._rng.uniform(0.8, 1.2)
                due = max(now + max(pause, answer.retry_after_s or 0.0), breaker.opens_at(now))
                if breaker.opens_at(now):
                    done = msgspec.structs.replace(
                        done, error=f"{done.error}; left alone for now: it fails again and again"
                    )
                return msgspec.structs.replace(done, outcome="retrying", next=due), True
            given_up = f"given up after {base.attempt} attempts; the last: {answer.error}"
            return msgspec.structs.replace(done, outcome="failed", error=given_up), False
        if answer.outcome == "gone":
            self._gone.add(receiver.name)
            logger.warning("a receiver is gone and told nothing more", extra={"receiver": receiver.name})
        if answer.outcome == "sent":
            breaker.succeeded()
        outcome = "failed" if answer.outcome == "gone" else answer.outcome
        if outcome != "sent":
            logger.warning(
                "a notification was not delivered",
                extra={"receiver": receiver.name, "notification": base.id, "why": answer.error},
            )
        return msgspec.structs.replace(done, outcome=outcome), False

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)
