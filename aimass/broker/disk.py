"""The home directory on disk: room, permission, and who may work in it."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aimass.broker.errors import DiskFull, HomeBusy, HomeNotWritable

MIB = 1024 * 1024
_ELSEWHERE = "set AIMASS_HOME to a directory elsewhere"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT}


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a directory into what its user can do.

    Parameters
    ----------
    path
        The directory that the block writes to.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise DiskFull(f"The disk that holds {path} is full. Free some space, or {_ELSEWHERE}.") from exc
        if exc.errno in _REFUSED:
            reason = exc.strerror or "refused"
            raise HomeNotWritable(
                f"{path} cannot be written ({reason}: {exc.filename}). Make it writable, or {_ELSEWHERE}."
            ) from exc
        raise


def ensure_room(path: Path, needed_bytes: int) -> None:
    """Refuse to begin what would fill the disk.

    Parameters
    ----------
    path
        An existing directory on that disk.
    needed_bytes
        What must be free.
    """
    free = shutil.disk_usage(path).free
    if free < needed_bytes:
        raise DiskFull(
            f"The disk that holds {path} has {free // MIB} MiB free; Kafka needs {-(-needed_bytes // MIB)} MiB. "
            f"Free some space, or {_ELSEWHERE}."
        )


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader, or the next start after a crash, sees the old text or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock file; the operating system lets go of it when its holder dies, however it dies.

    Parameters
    ----------
    path
        The lock file; it stays afterwards.
    timeout
        How long to wait for another holder, in seconds.
    """
    with guarded(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        deadline = time.monotonic() + timeout
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise HomeBusy(
                    f"Another process has been starting or stopping Kafka in {path.parent} for {timeout:.0f} s. "
                    f"Wait for it or end it, then run the command again."
                )
            time.sleep(0.05)
        yield


def _try_lock(fd: int) -> bool:
    import fcntl  # not on Windows, where `java.find_java` has already said so

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
