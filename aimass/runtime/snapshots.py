"""Blobs: state too large for a changelog, kept as snapshots stamped with the log offset that they reach.

A blob of offset ``n`` holds everything learned from the records before ``n``; whoever restores it learns the rest by
reading the log from ``n`` on. `DirectorySnapshots` keeps them in files; an object store comes with the model centre.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from aimass.errors import SnapshotVersionMismatch, StateError

_MAGIC = b"aimass-snapshot-1\n"
_DIGEST = 32


class Snapshots(Protocol):
    """Where blobs are kept, by the name of a partition and the log offset that they reach."""

    def save(self, name: str, offset: int, blob: bytes) -> None: ...
    def latest(self, name: str, at_most: int) -> tuple[int, bytes] | None: ...


class DirectorySnapshots:
    """Snapshots as files: written beside and renamed, so that a reader sees all of one or none of it.

    Parameters
    ----------
    root
        The directory; it is made when missing.
    keep
        How many of each name are kept; a commit may turn out never to have happened, so at least two.

    Examples
    --------
    >>> import tempfile
    >>> snapshots = DirectorySnapshots(Path(tempfile.mkdtemp()))
    >>> snapshots.save("forest-0", 1000, b"trees")
    >>> snapshots.latest("forest-0", at_most=1500)
    (1000, b'trees')
    >>> snapshots.latest("forest-0", at_most=999) is None
    True
    """

    def __init__(self, root: Path, keep: int = 3) -> None:
        self._root = root
        self._keep = max(2, keep)

    def save(self, name: str, offset: int, blob: bytes) -> None:
        """Keep a blob that holds everything before a log offset."""
        place = self._root / name
        place.mkdir(parents=True, exist_ok=True)
        part = place / f"{offset:020d}.part"
        with part.open("wb") as file:
            file.write(_MAGIC + hashlib.sha256(blob).digest() + blob)
            file.flush()
            os.fsync(file.fileno())
        part.rename(place / f"{offset:020d}.blob")
        for old in sorted(place.glob("*.blob"))[: -self._keep]:
            old.unlink()

    def latest(self, name: str, at_most: int) -> tuple[int, bytes] | None:
        """Return the newest blob that reaches no further than an offset; damaged ones are passed over.

        Raises
        ------
        SnapshotVersionMismatch
            When the newest was written by a version with another format.
        """
        for file in sorted((self._root / name).glob("*.blob"), reverse=True):
            offset = int(file.stem)
            if offset > at_most:
                continue
            try:
                return offset, _checked(file.read_bytes(), file)
            except SnapshotVersionMismatch:
                raise
            except (OSError, StateError):
                continue
        return None


def _checked(raw: bytes, file: Path) -> bytes:
    if not raw.startswith(_MAGIC):
        if raw.startswith(b"aimass-snapshot-"):
            raise SnapshotVersionMismatch(f"{file} was written by another version of aimass: delete it to learn anew")
        raise StateError(f"{file} is not a snapshot")
    digest, blob = raw[len(_MAGIC) : len(_MAGIC) + _DIGEST], raw[len(_MAGIC) + _DIGEST :]
    if hashlib.sha256(blob).digest() != digest:
        raise StateError(f"{file} is damaged")
    return blob
