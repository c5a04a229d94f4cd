"""What is known of a file that is read: which it is, how far it was read, and how to tell that it is another now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from aimass.feeds.contents import MARK, Content


def digest(data: bytes) -> str:
    """Return what tells bytes apart.

    Examples
    --------
    >>> digest(b"a") == digest(b"a") != digest(b"b")
    True
    """
    return hashlib.blake2b(data, digest_size=8).hexdigest()


@dataclass(slots=True)
class Track:
    """How far a file was read.

    Parameters
    ----------
    stream
        Its path when it was first seen: what comes of it is in order with what came from there before.
    path
        Its path now.
    dev, ino
        Which file it is, as the file system says; both are given to other files in time.
    at
        The offset after the last line that was read.
    head, mark
        Digests of the first bytes, and of those before ``at``: while both are in their place it is the same file.
    whole
        Of a compressed file that was read to its end: its size.
    is_skipping
        Whether ``at`` is within a line that was too long.

    Examples
    --------
    >>> Track.load(Track("a.log", "a.log.1", 1, 7, at=20, head="h", mark="m").dump()).path
    'a.log.1'
    """

    stream: str
    path: str
    dev: int
    ino: int
    at: int = 0
    head: str = ""
    mark: str = ""
    whole: int = -1
    is_skipping: bool = False

    def dump(self) -> list[Any]:
        """Return it as JSON has it."""
        path = "" if self.path == self.stream else self.path
        values = [self.stream, path, self.dev, self.ino, self.at, self.head, self.mark, self.whole, self.is_skipping]
        return values[:7] if self.whole < 0 and not self.is_skipping else values

    @classmethod
    def load(cls, values: list[Any]) -> Track:
        """Return what `dump` has written."""
        stream, path, *rest = values
        return cls(stream, path or stream, *rest)

    @property
    def key(self) -> tuple[int, int]:
        """Which file it is."""
        return self.dev, self.ino

    @property
    def is_zipped(self) -> bool:
        """Whether it is compressed."""
        return self.path.endswith(".gz")

    def is_in(self, content: Content) -> bool:
        """Return whether a file has what was read of this one."""
        size = min(self.at, MARK)
        if not self.is_before(content.read(self.at - size, size)):
            return False
        return self.at <= MARK or digest(content.read(0, MARK)) == self.head

    def is_before(self, data: bytes) -> bool:
        """Return whether these are the bytes before where one has read to."""
        return len(data) == min(self.at, MARK) and (self.at == 0 or digest(data) == self.mark)

    def advance(self, content: Content, at: int, before: bytes) -> None:
        """Note that it was read up to an offset; ``before`` ends with the bytes before it."""
        if self.at < MARK:
            self.head = digest(content.read(0, min(at, MARK)) if at > MARK else before[-at:])
        self.at, self.mark = at, digest(before[-min(at, MARK) :])
