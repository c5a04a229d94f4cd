"""What stands in a file, plain or compressed, by offset; an open file stays readable when it is renamed or deleted."""

from __future__ import annotations

import os
import zlib
from typing import Protocol

_CHUNK = 64 << 10
_MOST = 1 << 20
#: How many bytes, at the beginning and before where one has read to, tell whether a file is still the same.
MARK = 256


class Content(Protocol):
    """The bytes of an open file."""

    def read(self, at: int, size: int) -> bytes:
        """Return up to so many bytes from an offset; fewer at the end."""

    def stat(self) -> os.stat_result: ...
    def close(self) -> None: ...


class Plain:
    """A file as it is."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO in its place must not hang us

    def read(self, at: int, size: int) -> bytes:
        """Return up to so many bytes from an offset."""
        return os.pread(self._fd, size, at)

    def stat(self) -> os.stat_result:
        """Return size, inode and whether it still has a name."""
        return os.fstat(self._fd)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


class Zipped(Plain):
    """What a gzip file holds; read forward, it is decompressed once."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._rewind()

    def _rewind(self) -> None:
        self._inflate = zlib.decompressobj(31)
        self._raw, self._raw_at = b"", 0
        self._base, self._buffer = 0, bytearray()
        self._head = b""
        self._is_begun = False

    def read(self, at: int, size: int) -> bytes:
        """Return up to so many bytes from an offset of what it holds.

        Raises
        ------
        zlib.error
            When it is no gzip file, or a broken one.
        """
        if at + size <= len(self._head):
            return self._head[at : at + size]
        if at < self._base:
            self._rewind()
        while self._base + len(self._buffer) < at + size and self._more():
            drop = min(at - self._base, len(self._buffer))
            if drop > _MOST:
                del self._buffer[:drop]
                self._base += drop
        begin = at - self._base
        return bytes(self._buffer[begin : begin + size])

    def is_whole(self) -> bool:
        """Return whether its end is there: a gzip file says where it ends."""
        self._rewind()
        try:
            while self._more():
                self._base += len(self._buffer)
                self._buffer.clear()
            return self._is_begun and self._inflate.eof
        except zlib.error:
            return False
        finally:
            self._rewind()

    def _more(self) -> bool:
        if not self._raw:
            self._raw = super().read(self._raw_at, _CHUNK)
            self._raw_at += len(self._raw)
            if not self._raw:
                return False
        if self._inflate.eof:  # one gzip file after another is a gzip file, too
            self._inflate = zlib.decompressobj(31)
        self._is_begun = True
        self._buffer += self._inflate.decompress(self._raw, _MOST)
        self._raw = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        if len(self._head) < MARK and self._base == 0:
            self._head = bytes(self._buffer[:MARK])
        return True


def open_content(path: str) -> Plain | Zipped:
    """Open a file, by the end of its name.

    Raises
    ------
    OSError
        When it cannot be opened.
    """
    return Zipped(path) if path.endswith(".gz") else Plain(path)
