"""Reads the bodies of requests, and no more of them at once than memory has room for."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass

from aiohttp import web

from aimass.feeds.push_reading import Unacceptable

#: The largest request, in bytes, once unpacked.
LARGEST = 8 << 20
_READ_S = 60.0
_ZIPPED = ("gzip", "deflate")
_EITHER = 47  # zlib's word for: whichever of its two formats it is


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be under way to Kafka at once, and how long a request waits for it."""

    bytes: int = 64 << 20
    records: int = 50_000
    wait_s: float = 10.0


@dataclass(slots=True)
class Room:
    """Room for what is under way; one request always fits.

    Examples
    --------
    >>> room = Room(Bounds(records=2))
    >>> with room.share() as one, room.share() as other:
    ...     one.add(records=2)
    ...     other.add(records=1)
    Traceback (most recent call last):
    aimass.feeds.push_reading.Unacceptable: too much is under way to Kafka
    >>> room.records
    0
    """

    bounds: Bounds
    bytes: int = 0
    records: int = 0

    def share(self) -> Share:
        """Return what one request has of it."""
        return Share(self)


@dataclass(slots=True)
class Share:
    """What one request has of the room, until it is done."""

    room: Room
    bytes: int = 0
    records: int = 0

    def add(self, *, bytes: int = 0, records: int = 0) -> None:
        """Take more.

        Raises
        ------
        Unacceptable
            When there is no more.
        """
        room = self.room
        self.bytes, self.records = self.bytes + bytes, self.records + records
        room.bytes, room.records = room.bytes + bytes, room.records + records
        is_full = room.bytes > max(room.bounds.bytes, self.bytes)
        if is_full or room.records > max(room.bounds.records, self.records):
            raise Unacceptable(429, "too much is under way to Kafka", "server", "send it again later", wait_s=1)

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *error: object) -> None:
        self.room.bytes -= self.bytes
        self.room.records -= self.records
        self.bytes = self.records = 0


async def body_of(request: web.Request, share: Share) -> bytes:
    """Return the body of a request, unpacked.

    Raises
    ------
    Unacceptable
        When it is too large, too slow, or broken.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in (*_ZIPPED, "identity"):
        raise Unacceptable(415, "an encoding that is not known", "header Content-Encoding", "send gzip, or plain")
    if (request.content_length or 0) > LARGEST:
        raise _too_large()
    try:
        async with asyncio.timeout(_READ_S):
            body = await _all(request, share)
    except TimeoutError as exc:
        raise Unacceptable(408, f"the body did not come within {_READ_S:g} s", "body", "send it faster") from exc
    except (web.RequestPayloadError, ConnectionError) as exc:
        raise Unacceptable(400, f"the body broke off: {exc}", "body", "send it again") from exc
    return _unpacked(body, share) if encoding in _ZIPPED else body


async def _all(request: web.Request, share: Share) -> bytes:
    parts = []
    async for part in request.content.iter_any():
        share.add(bytes=len(part))
        parts.append(part)
        if share.bytes > LARGEST:
            raise _too_large()
    return b"".join(parts)


def _unpacked(body: bytes, share: Share) -> bytes:
    packed = zlib.decompressobj(_EITHER)
    try:
        found = packed.decompress(body, LARGEST + 1)
    except zlib.error as exc:
        raise Unacceptable(400, f"not packed as it says: {exc}", "body", "pack it with gzip") from exc
    share.add(bytes=len(found))
    if len(found) > LARGEST:
        raise _too_large()
    if not packed.eof:
        raise Unacceptable(400, "what is packed breaks off", "body", "send it again")
    return found


def _too_large() -> Unacceptable:
    return Unacceptable(413, f"more than {LARGEST:,} bytes", "body", "send it in several requests")
