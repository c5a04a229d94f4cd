"""Events and what comes with them: where they stood, time, labels, and what no stage could accept."""

from __future__ import annotations

from typing import Any

import msgspec


class Source(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where in Kafka an event came from; on the wire ``["topic", partition, offset]``.

    Examples
    --------
    >>> Source("sensors", 3, 1042).id
    'sensors-3-1042'
    """

    topic: str
    partition: int
    offset: int

    @property
    def id(self) -> str:
        """The id of the event that stood here, the same at every replay."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Quality(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What COLLECT did to an event, or let pass: there only where there is something to say.

    Parameters
    ----------
    broken
        What it breaks of its contract: ``path:kind``, or the name of a check.
    was
        What cleaning changed, as it came, by path. A field that was not there is not here, but in ``imputed``.
    imputed
        Fields that were given a value because they had none.
    added
        Fields that were looked up elsewhere.
    original
        The record's value as it came, where ``data`` is a translation of it: of formats other than JSON.
    review
        The id of the order by which a person let it in.
    """

    broken: tuple[str, ...] = ()
    was: dict[str, Any] = {}
    imputed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    original: bytes | None = None
    review: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False, tag="event", omit_defaults=True):
    """Something that happened, once, with a key and a time: what the log of a pipeline holds.

    Parameters
    ----------
    id
        Names the event for good: from its source position, or the user's own id.
    key
        What state and order are kept per.
    time
        When it happened, in seconds since 1970 (UTC).
    pipeline
        The pipeline that collected it.
    source
        Its position in the user's topic.
    data
        The event's own JSON, byte for byte as it was produced, unless ``quality`` says otherwise.
    crc
        The CRC-32 of the record's value as it stands in the user's topic.
    quality
        What was done to it.

    Examples
    --------
    >>> event = Event("s-0-7", "pump-1", 1.7e9, "demo", Source("s", 0, 7), msgspec.Raw(b'{"a": 1}'))
    >>> bytes(event.data)
    b'{"a": 1}'
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    data: msgspec.Raw
    crc: int = 0
    quality: Quality | None = None


class Tick(msgspec.Struct, frozen=True, gc=False, tag="tick"):
    """Event time moved on although nothing happened: written into the log of an idle partition.

    Examples
    --------
    >>> Tick(1.7e9).time
    1700000000.0
    """

    time: float


class Label(msgspec.Struct, frozen=True, gc=False, tag="label"):
    """The truth about an earlier event, come later: what a model learns from, or an analyst's word on an anomaly.

    Parameters
    ----------
    id, key, time, pipeline, source
        As of an `Event`: the label is a record of its own. Its key is that of the event which it speaks of.
    event
        The id of the event which it speaks of.
    about
        The model, or the detector, that it is for.
    value
        The true value; for a detector, false says "not an anomaly".
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    event: str
    about: str
    value: Any


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A record no stage could accept, as it came, with the reason.

    On the wire the bytes stay the record's own key and value; the rest are headers named ``aimass.*``.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str
    traceback: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
