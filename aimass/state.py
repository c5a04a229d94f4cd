"""What a partition's state is to those who decide: tables of objects and of fixed-width rows, and event time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


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

    def advance(self, now: float) -> None:
        """Move event time on: for a stage that reads bytes, and so alone knows what time it is in them."""
