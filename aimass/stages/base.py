"""What a stage is, and what it may use: its partition's state and its outputs. No I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from aimass.errors import BadEvent
from aimass.state import State


class SourceRecord(Protocol):
    """A record as Kafka delivered it: what a stage sees that reads a topic of bytes."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Outputs(Protocol):
    """Where a stage puts what it decides."""

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None:
        """Emit one record: to the stage's own topic or to the one that is named.

        The record's ``key`` attribute is its key unless one is given. A record keeps its input's partition,
        unless the topic is declared to be distributed by key.
        """

    def emit_encoded(self, keys: Sequence[bytes | None], values: Sequence[bytes], *, to: str | None = None) -> None:
        """Emit many records that the stage has encoded itself: the fast way for hot stages."""

    def reject(self, record: SourceRecord, error: BadEvent) -> None:
        """Send a source record to the dead letters; for a stage that reads a topic of bytes."""


class Stage(Protocol):
    """What a partition's state does with its next events: no I/O, no clock, no hidden randomness.

    How events are cut into batches must not show. ``tick_s`` says how often, in event time, `on_time` is called;
    with ``None`` it never is.
    """

    name: str
    tick_s: float | None

    def on_batch(self, events: Sequence[Any], state: State, out: Outputs) -> None:
        """Take the next events of the partition, in the log's order."""

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Event time has passed ``now``, a multiple of ``tick_s``."""


class EventStage:
    """For stages that look at one event at a time: write `on_event`, get `on_batch`.

    Examples
    --------
    >>> class Count(EventStage):
    ...     name = "count"
    ...     seen = 0
    ...     def on_event(self, event, state, out):
    ...         self.seen += 1
    >>> stage = Count()
    >>> stage.on_batch(["a", "b"], None, None)
    >>> stage.seen
    2
    """

    name: str
    tick_s: float | None = None

    def on_event(self, event: Any, state: State, out: Outputs) -> None:
        """Take one event."""
        raise NotImplementedError

    def on_batch(self, events: Sequence[Any], state: State, out: Outputs) -> None:
        """Take the events one by one."""
        on_event = self.on_event
        for event in events:
            on_event(event, state, out)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes."""
