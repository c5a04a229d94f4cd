"""The outbox read once more: for receivers that had no room, and for what people ask for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import TopicPartition

from aimass.codec import decoder
from aimass.delivery.courier import Courier
from aimass.delivery.ledger import key_of
from aimass.errors import BadEvent
from aimass.records import Delivery, Notification

_decode: Callable[[bytes], Notification] = decoder(Notification)
_EVERY_S = 0.2
_FETCHES = 20


def read_notification(record: Any) -> Notification | None:
    """Return the notification that a record holds, if it does."""
    try:
        return _decode(record.value or b"")
    except BadEvent:
        return None


class Rereader:
    """Fills lines from the outbox when they have room again, and finds in it what is unfinished.

    Parameters
    ----------
    reader
        A consumer of its own, without a group; it reads committed.
    place
        The outbox's partition.
    courier
        Whose lines it fills.
    """

    def __init__(self, reader: Any, place: TopicPartition, courier: Courier) -> None:
        self._reader, self._place, self._courier = reader, place, courier
        self._wanted: dict[str, Delivery] = {}
        self._news = asyncio.Event()

    def find(self, deliveries: Iterable[Delivery]) -> None:
        """Look for notifications, soon."""
        self._wanted.update((one.key, one) for one in deliveries)
        if self._wanted:
            self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        self._reader.assign([self._place])
        while True:
            if self._wanted:
                await self._find()
            for name, line in self._courier.lines.items():
                if line.is_hungry:
                    await self._again(name)
                    await self._fill(name)
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _EVERY_S)

    async def _find(self) -> None:
        wanted, self._wanted = self._wanted, {}
        end = (await self._reader.end_offsets([self._place]))[self._place]
        await self._reader.seek_to_beginning(self._place)
        while wanted and await self._reader.position(self._place) < end:
            for record in await self._fetch():
                one = read_notification(record)
                if one is not None and wanted.pop(key_of(one.receiver, one.id), None) is not None:
                    self._courier.found(one.receiver, record.offset)
        for delivery in wanted.values():
            await self._courier.missing(delivery)

    async def _again(self, name: str) -> None:
        """Take what is asked for, as long as there is room."""
        line = self._courier.lines[name]
        while line.asked and line.has_room:
            offset = line.asked.popleft()
            self._reader.seek(self._place, offset)
            records: Sequence[Any] = []
            while not records and await self._reader.position(self._place) <= offset:
                records = await self._fetch(1)
            one = read_notification(records[0]) if records else None
            if one is not None and records[0].offset == offset:
                self._courier.again(offset, one)

    async def _fill(self, name: str) -> None:
        """Go on where there was no room; not for too long, since others wait, too."""
        line = self._courier.lines[name]
        if line.behind is None:
            return
        self._reader.seek(self._place, line.behind)
        for _ in range(_FETCHES):
            records = await self._fetch()
            for record in records:
                if not self._courier.refill(name, record.offset, read_notification(record)):
                    return
            position = await self._reader.position(self._place)
            if not records and position >= self._courier.seen:
                line.behind = None
                return

    async def _fetch(self, most: int | None = None) -> Sequence[Any]:
        found: Sequence[Any] = (await self._reader.getmany(self._place, timeout_ms=200, max_records=most)).get(
            self._place, []
        )
        return found
