"""Reads on in one file: whole lines, from where it was read to, for as long as it is the same file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from aimass.feeds.base import Row
from aimass.feeds.contents import MARK, Plain, Zipped, open_content
from aimass.feeds.lines import KEPT, LONGEST, columns, cut, shortened
from aimass.feeds.tracks import Track

_CHUNK = 256 << 10
_HEADER = 1 << 20
#: After how long without growth a last line without a newline is taken for whole: of a rotated file, of any other.
SETTLED_S, QUIET_S = 2.0, 600.0


class Replaced(Exception):
    """A file does not hold any more what was read of it."""


class Reading:
    """A file that is read.

    Parameters
    ----------
    track
        How far it was read; moves on.
    delimiter
        Of a CSV file whose first line names the columns: what stands between them.
    clock
        Seconds that pass.
    """

    def __init__(self, track: Track, delimiter: str | None, clock: Callable[[], float]) -> None:
        self.track, self._delimiter, self._clock = track, delimiter, clock
        self.content: Plain | Zipped | None = None
        #: Whether all is read, and there is no unfinished line either.
        self.is_ended = False
        #: Whether its name is gone; what is open can be read all the same.
        self.is_gone = False
        self.read_at = clock()
        self._seen = (-1, -1)  # its size and time when it was last read to its end
        self._grown = clock()
        self._names: tuple[int, bytes] | None = None

    def open(self) -> Plain | Zipped:
        """Return the open file.

        Raises
        ------
        OSError
            When it cannot be opened, or is another one now.
        """
        if self.content is None:
            content = open_content(self.track.path)
            facts = content.stat()
            if (facts.st_dev, facts.st_ino) != self.track.key:
                content.close()
                raise FileNotFoundError(f"{self.track.path} is another file now")
            self.content = content
        return self.content

    def look_again(self) -> None:
        """Read once more to its end, now that its name is gone."""
        self.is_gone, self.is_ended, self._seen = True, False, (-1, -1)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        content, self.content = self.content, None
        if content is not None:
            content.close()

    def read(self, most: int, most_bytes: int) -> list[Row]:
        """Return its next lines as rows.

        Raises
        ------
        Replaced
            When it holds something else now.
        OSError, zlib.error
            When it cannot be read.
        """
        content = self.open()
        facts = content.stat()
        state = (facts.st_size, facts.st_mtime_ns)
        if isinstance(content, Zipped) and self.track.whole == facts.st_size:
            self.is_ended = True
            return []
        if state != self._seen and facts.st_size != self._seen[0]:
            self._grown = self._clock()
        self.read_at = self.read_at if state == self._seen else self._clock()
        if state == self._seen and time.time() - facts.st_mtime > SETTLED_S:  # two writes may bear the same time
            return [] if self.is_ended else self._last_line(content, facts)
        self.is_ended = False
        rows, is_all = self._lines(content, most, most_bytes)
        if is_all:
            self._seen = state
            if not self.is_ended and not rows:
                return self._last_line(content, facts)
            if self.is_ended and isinstance(content, Zipped):
                self.track.whole = facts.st_size
        return rows

    def _lines(self, content: Plain | Zipped, most: int, most_bytes: int) -> tuple[list[Row], bool]:
        """Return the next rows, and whether there is no whole line after them."""
        track = self.track
        back, asked = min(track.at, MARK), _CHUNK
        begin = track.at - back
        if not track.is_in(content):
            raise Replaced
        data = content.read(begin, back + asked)
        if len(data) == back + asked and b"\n" not in data[back:]:
            asked = LONGEST
            data = content.read(begin, back + asked)
        if not track.is_before(data[:back]):  # truncated since we looked
            raise Replaced
        has_line, is_end = b"\n" in data[back:], len(data) < back + asked
        rows: list[Row] = []
        if track.is_skipping:
            at = data.find(b"\n", back) + 1 or len(data)
            track.is_skipping = not has_line
        elif not has_line and not is_end:
            at, track.is_skipping = len(data), True
            rows = [shortened(row, KEPT) for row in self._made(content, [(track.at, data[back:])])]
        else:
            lines, at = cut(data, back, most, most_bytes)
            rows = self._made(content, [(begin + where, line) for where, line in lines])
        track.advance(content, begin + at, data[:at])
        self.is_ended = is_end and at == len(data) and not track.is_skipping
        return rows, is_end and b"\n" not in data[at:]

    def _last_line(self, content: Plain | Zipped, facts: os.stat_result) -> list[Row]:
        """Return the last line although it has no newline, once none will come."""
        track = self.track
        is_rotated = track.path != track.stream or facts.st_nlink == 0
        needed = 0.0 if isinstance(content, Zipped) else SETTLED_S if is_rotated else QUIET_S
        if self._clock() - self._grown < needed:
            return []
        if not track.is_in(content):
            raise Replaced
        back = min(track.at, MARK)
        data = content.read(track.at - back, back + LONGEST)
        line = data[back:]
        if b"\n" in line:  # it was written this moment
            self._seen = (-1, -1)
            return []
        text = line.removesuffix(b"\r")
        rows = self._made(content, [(track.at, text)]) if text and not track.is_skipping else []
        track.is_skipping = False
        track.advance(content, track.at + len(line), data)
        self.is_ended = True
        if isinstance(content, Zipped):
            track.whole = facts.st_size
        return rows

    def _made(self, content: Plain | Zipped, lines: Sequence[tuple[int, bytes]]) -> list[Row]:
        """Make rows of lines; the first line of a CSV file names the columns of the others and is no row."""
        path, stream = os.fsencode(self.track.path), self.track.stream
        more: tuple[tuple[str, bytes], ...] = ()
        if self._delimiter is not None and lines:
            at, names = self._header(content)
            lines = [(where, line) for where, line in lines if where != at]
            more = (("aimass.columns", names),)
        return [
            Row(line, headers=(("aimass.file", path), ("aimass.at", str(at).encode()), *more), stream=stream)
            for at, line in lines
        ]

    def _header(self, content: Plain | Zipped) -> tuple[int, bytes]:
        """Return where the first line begins that is not empty, and the names in it."""
        if self._names is None:
            found, _ = cut(content.read(0, _HEADER) + b"\n", 0, 1, _HEADER)
            at, line = found[0] if found else (-1, b"")
            self._names = at, columns(line, self._delimiter or ",")
        return self._names
