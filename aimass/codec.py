"""Bytes to records and back: the only module that knows the wire format (JSON, one object a record).

``data`` is carried through byte for byte: neither decoded nor encoded again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from aimass.errors import BadEvent
from aimass.records import DeadLetter

_encoder = msgspec.json.Encoder()

#: Turn a record into bytes. The same record gives the same bytes, always.
encode: Callable[[Any], bytes] = _encoder.encode


@lru_cache(maxsize=64)
def decoder(record: Any) -> Callable[[bytes], Any]:
    """Return the function that decodes one record of a type (or union of types).

    Raises
    ------
    BadEvent
        From the returned function, when the bytes are not such a record.

    Examples
    --------
    >>> from aimass.records import Tick
    >>> decoder(Tick)(encode(Tick(12.5)))
    Tick(time=12.5)
    """
    decode = msgspec.json.Decoder(record).decode

    def checked(value: bytes) -> Any:
        try:
            return decode(value)
        except (ValueError, TypeError, RecursionError) as exc:
            name = getattr(record, "__name__", str(record))
            raise BadEvent(f"not a record of type {name}: {exc}") from exc

    return checked


_PREFIX = "aimass."


def dead_letter_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return the headers a dead letter travels with: its own first, then where it came from and why.

    Headers of an earlier life as a dead letter are replaced, not stacked.
    """
    own = [(name, value) for name, value in letter.headers if not name.startswith(_PREFIX)]
    facts = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp_ms": letter.timestamp_ms,
        "stage": letter.stage,
        "reason": letter.reason,
        "traceback": letter.traceback,
    }
    return own + [(_PREFIX + name, str(value).encode("utf-8", "replace")) for name, value in facts.items()]


def dead_letter(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> DeadLetter:
    """Read a dead letter back from its record.

    Raises
    ------
    BadEvent
        When the headers that aimass writes are missing.

    Examples
    --------
    >>> letter = DeadLetter("t", 0, 7, "collect", "not JSON", "", b"k", b"{", (("trace", b"1"),), 0)
    >>> dead_letter(b"k", b"{", dead_letter_headers(letter)) == letter
    True
    """
    facts = {name[len(_PREFIX) :]: value.decode() for name, value in headers if name.startswith(_PREFIX)}
    own = tuple((name, bytes(value)) for name, value in headers if not name.startswith(_PREFIX))
    try:
        return DeadLetter(
            topic=facts["topic"],
            partition=int(facts["partition"]),
            offset=int(facts["offset"]),
            stage=facts["stage"],
            reason=facts["reason"],
            traceback=facts["traceback"],
            key=key,
            value=value,
            headers=own,
            timestamp_ms=int(facts["timestamp_ms"]),
        )
    except (KeyError, ValueError) as exc:
        raise BadEvent(f"not a dead letter of aimass: header aimass.{exc} is missing or wrong") from exc
