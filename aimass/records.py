"""The records on aimass' topics, each a typed, immutable struct. The wire format is `aimass.codec`'s business.

Every record says what it is (``type``), which event it comes from (``id``, ``key``, ``time``), which pipeline made
it and where in the user's topic the event stood (``source``). An event's own JSON travels along as it came, in
``data``.
"""

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


class Event(msgspec.Struct, frozen=True, gc=False, tag="event"):
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
        The event's own JSON, byte for byte as it was produced.

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


class Tick(msgspec.Struct, frozen=True, gc=False, tag="tick"):
    """Event time moved on although nothing happened: written into the log of an idle partition.

    Examples
    --------
    >>> Tick(1.7e9).time
    1700000000.0
    """

    time: float


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """How strange one event is to one detector, and why. A score, never a decision.

    Parameters
    ----------
    score
        Higher is stranger: −log10 of the estimated tail probability.
    field
        The field that was strangest, or ``None`` when the detector was still warming up.
    cause
        In words: which signal stood out.
    value, expected
        What the field was, and what the detector expected.
    """

    score: float
    field: str | None = None
    cause: str | None = None
    value: float | None = None
    expected: float | None = None


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """What a model said of an event before it learned from it.

    Parameters
    ----------
    value
        The predicted class or number; ``None`` while the model knows nothing yet.
    probability
        The probability of ``value``, for a classifier.
    label
        The true value, when the event carried it: predicted first, then learned from.
    """

    value: Any = None
    probability: float | None = None
    label: Any = None


class Prediction(msgspec.Struct, frozen=True, gc=False, tag="prediction"):
    """An event with all that the models know of it: one for every event of the log, in the log's order.

    ``anomalies`` has one entry for each detector and ``estimates`` one for each model, by its name.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    anomalies: dict[str, Anomaly]
    estimates: dict[str, Estimate]
    data: msgspec.Raw


class Alert(msgspec.Struct, frozen=True, gc=False, tag="alert"):
    """The decision that a rule's condition was met: who, how bad, why, and on what evidence.

    Its ``id`` is the event's id and the rule's name, so that a replay alerts under the same id.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    rule: str
    severity: str
    cause: str
    evidence: dict[str, Any]
    data: msgspec.Raw


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


LogRecord = Event | Tick
Record = Event | Tick | Prediction | Alert
