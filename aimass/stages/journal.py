"""What events bring to a learned object, and how a group of events is written into its journal."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimass.errors import SnapshotVersionMismatch
from aimass.models.kernel import Floats, Ints

VERSION = 1
_JOURNAL = struct.Struct("<BBHH")  # version and precision, rows, columns / 8 of x, of votes


@dataclass(frozen=True, slots=True)
class Inputs:
    """What events bring to a learned object: everything that it may depend on.

    Parameters
    ----------
    x
        Events × features; NaN where one is absent.
    y
        Labels; NaN where there is none.
    ops
        What to do with each event, as the object defines it: 0 … 32767.
    votes
        Events × numbers that were kept for the event (what members said of it, when its label comes later); NaN is
        absent. An object may see more columns of NaN at the end, or fewer, when it is restored.
    """

    x: Floats
    y: Floats
    ops: Ints
    votes: Floats

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> Inputs:
        return Inputs(self.x[rows], self.y[rows], self.ops[rows], self.votes[rows])


def inputs(x: Floats, y: Floats | None = None, ops: Ints | None = None, votes: Floats | None = None) -> Inputs:
    """Return the inputs of events, with what is left out: no labels, op 0, no votes.

    Examples
    --------
    >>> inputs(np.zeros((2, 3))).y
    array([nan, nan])
    """
    n = len(x)
    return Inputs(
        np.ascontiguousarray(x, np.float64),
        np.full(n, np.nan) if y is None else np.ascontiguousarray(y, np.float64),
        np.zeros(n, np.int64) if ops is None else np.ascontiguousarray(ops, np.int64),
        np.empty((n, 0)) if votes is None else np.ascontiguousarray(votes, np.float64),
    )


def resized(rows: Floats, width: int) -> Floats:
    if rows.shape[1] == width:
        return np.ascontiguousarray(rows)
    wide = np.full((len(rows), width), np.nan)
    used = min(width, rows.shape[1])
    wide[:, :used] = rows[:, :used]
    return wide


def mismatch(table: str, version: int) -> SnapshotVersionMismatch:
    return SnapshotVersionMismatch(
        f"{table}: a row of version {version} cannot be read, only {VERSION}; "
        "run the version that wrote it, or reset the pipeline's state and replay its log"
    )


def pack(group: list[Inputs]) -> bytes:
    """Return the bytes of a group: presence bits and what is present, in single precision where that is exact."""
    y, ops = np.concatenate([one.y for one in group]), np.concatenate([one.ops for one in group])
    x_bits, x = _present([one.x for one in group])
    votes_bits, votes = _present([one.votes for one in group])
    numbers = np.concatenate([np.where(y == y, y, np.nan), x, votes])
    is_short = np.array_equal(_single(numbers), numbers, equal_nan=True)
    head = _JOURNAL.pack(2 * VERSION + is_short, len(y), x_bits.shape[1], votes_bits.shape[1])
    stored = numbers.astype("<f4" if is_short else "<f8")
    return head + ops.astype("<i2").tobytes() + x_bits.tobytes() + votes_bits.tobytes() + stored.tobytes()


def _single(numbers: Floats) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return numbers.astype(np.float32)


def _present(parts: list[Floats]) -> tuple[npt.NDArray[np.uint8], Floats]:
    widest = max(part.shape[1] for part in parts)
    rows = np.concatenate([resized(part, widest) for part in parts])
    present = rows == rows
    used = np.flatnonzero(present.any(axis=0))
    bits = np.packbits(present[:, : used[-1] + 1 if len(used) else 0], axis=1)
    return bits, rows[present]


def unpack(row: bytes) -> list[Inputs]:
    kind, n, x_bytes, votes_bytes = _JOURNAL.unpack_from(row) if len(row) >= _JOURNAL.size else (0, 0, 0, 0)
    if kind // 2 != VERSION:
        raise mismatch("journal", kind // 2)
    at = _JOURNAL.size + 2 * n
    ops = np.frombuffer(row, "<i2", n, _JOURNAL.size).astype(np.int64)
    x_bits = _bits(row, at, n, x_bytes)
    votes_bits = _bits(row, at + n * x_bytes, n, votes_bytes)
    numbers = np.frombuffer(row, "<f4" if kind % 2 else "<f8", offset=at + n * (x_bytes + votes_bytes))
    y, rest = numbers[:n].astype(np.float64), numbers[n:].astype(np.float64)
    middle = int(x_bits.sum())
    return [Inputs(_spread(x_bits, rest[:middle]), y, ops, _spread(votes_bits, rest[middle:]))]


def _bits(row: bytes, at: int, rows: int, width: int) -> npt.NDArray[np.bool_]:
    raw = np.frombuffer(row, np.uint8, rows * width, at).reshape(rows, width)
    return np.unpackbits(raw, axis=1).astype(bool)


def _spread(present: npt.NDArray[np.bool_], numbers: Floats) -> Floats:
    rows = np.full(present.shape, np.nan)
    rows[present] = numbers
    return rows
