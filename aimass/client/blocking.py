"""The client for programs without asyncio: the same calls, on an event loop in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from aimass.client.producer import Headers, Producer
from aimass.client.subscriber import From, Message, Subscriber
from aimass.connection import Where
from aimass.records import Tick

T = TypeVar("T")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aimass-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncProducer:
    """:class:`~aimass.client.producer.Producer` for programs without asyncio.

    Examples
    --------
    >>> with SyncProducer("localhost:9092") as producer:  # doctest: +SKIP
    ...     producer.send("sensors", {"pump": "p1", "pressure": 4.2}, key="p1")
    """

    def __init__(self, where: Where, *, linger_ms: int = 5) -> None:
        self._producer = Producer(where, linger_ms=linger_ms)
        self._loop: _Loop | None = None

    def __enter__(self) -> Self:
        self._loop = _Loop()
        try:
            self._loop.run(self._producer.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        try:
            self._loop.run(self._producer.__aexit__(kind, error, trace))
        finally:
            self._loop.close()

    def send(
        self,
        topic: str,
        value: Any,
        *,
        key: str | bytes | None = None,
        time: float | None = None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Send one record; see :meth:`aimass.client.producer.Producer.send`. For many, `send_many` is far faster."""
        self._run(self._producer.send(topic, value, key=key, time=time, headers=headers, partition=partition))

    def send_many(
        self,
        topic: str,
        values: Sequence[Any],
        *,
        keys: Sequence[str | bytes | None] | None = None,
        times: Sequence[float | None] | None = None,
    ) -> None:
        """Send many records at once; see :meth:`aimass.client.producer.Producer.send_many`."""
        self._run(self._producer.send_many(topic, values, keys=keys, times=times))

    def flush(self) -> None:
        """Wait until everything sent so far is acknowledged by all replicas."""
        self._run(self._producer.flush())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None, "use it in a `with` block"
        return self._loop.run(work)


class SyncSubscriber:
    """:class:`~aimass.client.subscriber.Subscriber` for programs without asyncio; the parameters are the same.

    Examples
    --------
    >>> with SyncSubscriber("shuttle.alerts", where="localhost:9092") as alerts:  # doctest: +SKIP
    ...     for alert in alerts:
    ...         print(alert.severity, alert.key, alert.cause)
    """

    def __init__(
        self,
        *topics: str,
        where: Where,
        from_: From = "end",
        group: str | None = None,
        key: str | None = None,
        until_idle_s: float | None = None,
        until_end: bool = False,
    ) -> None:
        self._subscriber = Subscriber(
            *topics, where=where, from_=from_, group=group, key=key, until_idle_s=until_idle_s, until_end=until_end
        )
        self._loop: _Loop | None = None

    def __enter__(self) -> Self:
        self._loop = _Loop()
        try:
            self._loop.run(self._subscriber.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        try:
            self._loop.run(self._subscriber.__aexit__(kind, error, trace))
        finally:
            self._loop.close()

    def __iter__(self) -> Iterator[Any]:
        for message in self.messages():
            record = message.record
            if not isinstance(record, Tick):
                yield record

    def messages(self) -> Iterator[Message]:
        """Yield each record with its position, undecoded; :attr:`Message.record` decodes it."""
        assert self._loop is not None, "use it in a `with` block"
        messages = self._subscriber.messages()
        while (message := self._loop.run(_next(messages))) is not None:
            yield message


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    return await anext(messages, None)
