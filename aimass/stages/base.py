"""What a stage is, and what it may use: its partition's state and its outputs. No I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from aimass.errors import BadEvent

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class ObjectSpec(Generic[T]):
    """A table of live objects: how one is encoded into its row and decoded from it.

    Parameters
    ----------
    name
        The table's name, unique in the stage.
    encode, decode
        To bytes and back; called once a commit and once a load, not once an event.
    ttl_s
        Rows untouched for this long (event time, seconds) are gone; ``None`` keeps them.
    live
        How many objects may stay in memory between commits, those used last; ``None``: as many as of any table. For
        objects that are large.
    """

    name: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    ttl_s: float | None = None
    live: int | None = None


@dataclass(frozen=True, slots=True)
class RowSpec:
    """A table of fixed-width rows in one array: a numpy structured dtype, new rows are zeros."""

    name: str
    dtype: np.dtype[Any]
    ttl_s: float | None = None


class Objects(Protocol[T]):
    """A table of live objects by key, within the partition."""

    def get(self, key: str) -> T | None:
        """Return the live object of a key: change it in place, then :meth:`put` it."""

    def put(self, key: str, value: T) -> None:
        """Set the object of a key; its row is written at the next commit."""

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every key and object, in the order of the keys' bytes."""


class Rows(Protocol):
    """A table of fixed-width rows: gather the rows of many keys, compute on arrays, scatter them back."""

    def gather(self, keys: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        """Return the slots of the keys and a copy of their rows; new keys get rows of zeros.

        Slots are good until the batch ends.
        """

    def scatter(self, slots: npt.NDArray[np.intp], rows: npt.NDArray[Any]) -> None:
        """Write rows back; they are stored at the next commit. Of a repeated slot the last wins."""

    def updating(self, keys: Sequence[str]) -> AbstractContextManager[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]:
        """Lend the rows themselves, without a copy: the slots of the keys, and the array that they point into.

        Whatever the block changes at these slots, and at no other, is stored at the next commit. New keys have rows
        of zeros.
        """

    def get(self, key: str) -> np.void | None:
        """Return a copy of one key's row."""

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""

    def items(self) -> Iterator[tuple[str, np.void]]:
        """Yield every key and a copy of its row, in the order of the keys' bytes."""


class State(Protocol):
    """A partition's state, as one stage sees it. Whatever it changes commits with the outputs and the offset."""

    @property
    def partition(self) -> int: ...

    @property
    def now(self) -> float:
        """Event time: the last tick of the stage that the watermark has passed (−inf before the first)."""

    def objects(self, spec: ObjectSpec[T]) -> Objects[T]: ...
    def rows(self, spec: RowSpec) -> Rows: ...


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
