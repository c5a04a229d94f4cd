"""Where committed rows live on disk: one RocksDB a worker, each partition under its own prefix.

RocksDB only ever holds committed state. A commit's rows and the changelog offset that they reach are written in
one batch, so that a store is always exactly as far as it says it is.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from rocksdict import Options, Rdict, WriteBatch

from aimass.errors import StateError

_META = b"\x00changelog"


class PartitionStore(Protocol):
    """The committed rows of one partition, and the changelog offset that they reach."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]: ...
    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None: ...
    def changelog_offset(self) -> int: ...
    def clear(self) -> None: ...


class MemoryPartition:
    """Rows in a dict; what the tests of the protocol use, checked against RocksDB by the same tests.

    Examples
    --------
    >>> store = MemoryPartition()
    >>> store.write({b"a": b"1"}, 7)
    >>> store.get_many([b"a", b"b"]), store.changelog_offset()
    ([b'1', None], 7)
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._offset = 0

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of the keys, ``None`` where there is none."""
        return [self._rows.get(key) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose key starts with ``prefix``, in the order of the keys."""
        yield from sorted((key, row) for key, row in self._rows.items() if key.startswith(prefix))

    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        """Write rows (``None`` deletes) and the changelog offset, all or nothing."""
        for key, row in rows.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self._offset = changelog_offset

    def changelog_offset(self) -> int:
        """Return the changelog offset up to which the rows are complete."""
        return self._offset

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._offset = 0


class RocksPartition:
    """One partition's rows in a worker's RocksDB."""

    def __init__(self, db: Rdict, name: str) -> None:
        self._db = db
        self._prefix = name.encode() + b"\x00"

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of the keys, ``None`` where there is none."""
        prefix = self._prefix
        return cast("list[bytes | None]", self._db.get([prefix + key for key in keys]))

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose key starts with ``prefix``, in the order of the keys."""
        start = self._prefix + prefix
        skip = len(self._prefix)
        for key, row in cast("Iterator[tuple[bytes, bytes]]", self._db.items(from_key=start)):
            if not key.startswith(start):
                return
            if key[skip:] != _META:
                yield key[skip:], row

    def write(self, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        """Write rows (``None`` deletes) and the changelog offset, all or nothing."""
        batch = WriteBatch(raw_mode=True)
        prefix = self._prefix
        for key, row in rows.items():
            if row is None:
                batch.delete(prefix + key)
            else:
                batch.put(prefix + key, row)
        batch.put(prefix + _META, str(changelog_offset).encode())
        self._db.write(batch)

    def changelog_offset(self) -> int:
        """Return the changelog offset up to which the rows are complete."""
        raw = self._db.get(self._prefix + _META)
        return int(cast(bytes, raw)) if raw is not None else 0

    def clear(self) -> None:
        """Forget everything of this partition."""
        self._db.delete_range(self._prefix, self._prefix[:-1] + b"\x01")


class RocksStore:
    """A worker's RocksDB. Bounded memory: one block cache and one set of memtables, however many partitions.

    Parameters
    ----------
    path
        The directory; it is made when missing.

    Raises
    ------
    StateError
        When another process has it open, or it cannot be read at all.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = self._open()

    def _open(self) -> Rdict:
        try:
            return Rdict(str(self._path), _options())
        except Exception as exc:
            if "/LOCK:" in str(exc):
                raise StateError(
                    f"{self._path} is in use by another worker; give this one its own AIMASS_STATE_DIR"
                ) from exc
            # The changelog has everything: a database that cannot be opened costs time, not data.
            broken = self._path.with_name(self._path.name + ".broken")
            shutil.rmtree(broken, ignore_errors=True)
            self._path.rename(broken)
            self._path.mkdir()
            return Rdict(str(self._path), _options())

    def partition(self, name: str) -> RocksPartition:
        """Return the store of one partition, by a name that is unique in the worker."""
        return RocksPartition(self._db, name)

    def size_bytes(self) -> int:
        """Return the size of the files on disk, in bytes."""
        total = 0
        for file in self._path.iterdir():
            with contextlib.suppress(OSError):
                total += file.stat().st_size
        return total

    def close(self) -> None:
        """Close the database; nothing is lost when this never happens."""
        self._db.close()


def _options() -> Any:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(32 << 20)
    options.set_max_write_buffer_number(3)
    options.set_max_total_wal_size(128 << 20)
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(2)
    return options
