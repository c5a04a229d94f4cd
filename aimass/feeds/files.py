"""Reads files that grow, line by line: rotated, truncated, deleted or compressed, every line comes once."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from typing import Any

from aimass.feeds.base import Portion, Row
from aimass.feeds.contents import MARK, Plain, Zipped, open_content
from aimass.feeds.finding import find, look, renamed
from aimass.feeds.reading import Reading, Replaced
from aimass.feeds.tracks import Track
from aimass.pipeline.definition import SourceDef

logger = logging.getLogger(__name__)
_ROWS, _BYTES = 1000, 1 << 20
#: How many files are held open: those may be deleted, and are read to their end all the same.
_OPEN = 200
#: How many files that are no more are remembered, in case a copy of them turns up.
_GONE = 1000
_QUICK_S = 0.2
_ROTATED = re.compile(r"(.+?)(?:[._-]\d[\d._:T-]*)?(?:\.gz)?", re.DOTALL)
_Key = tuple[int, int]


class Follower:
    """Reads the files of a pattern bit by bit: the synchronous part of `FileFeed`.

    Parameters
    ----------
    pattern
        A path, a directory or a glob.
    position
        Where to go on (`Portion.position`); ``None``: all from the beginning.
    delimiter
        Of CSV files whose first line names the columns: what stands between them.
    clock
        Seconds that pass, for tests.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.log").write_bytes(b"one\\ntwo\\nunfini")
    ...     with closing(Follower(folder, None)) as follower:
    ...         [row.value for row in follower.portion().rows], follower.portion()
    ([b'one', b'two'], None)
    """

    def __init__(
        self, pattern: str, position: Any, *, delimiter: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pattern, self._delimiter, self._clock = pattern, delimiter, clock
        known = position or {}
        self._readings = [self._reading(Track.load(values)) for values in known.get("files", ())]  # the oldest first
        self._gone = [Track.load(values) for values in known.get("gone", ())]
        self._zips: dict[_Key, tuple[int, int]] = {}
        self._broken: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, str] = {}
        self._scan_at, self._turn, self._lock = float("-inf"), 0, threading.Lock()
        self._reads, self._is_told = 0, False

    def close(self) -> None:
        """Close all files, once what is being read is read."""
        with self._lock:
            for reading in self._readings:
                reading.close()

    def position(self) -> dict[str, Any]:
        """Return where to go on."""
        return {"files": [one.track.dump() for one in self._readings], "gone": [one.dump() for one in self._gone]}

    def portion(self) -> Portion | None:
        """Return the next rows; ``None`` when there is nothing new."""
        with self._lock:
            began = self._clock()
            if began >= self._scan_at:
                self._scan_at = began  # reading may ask for another look
                self._scan()
                self._scan_at = began + max(_QUICK_S, 10 * (self._clock() - began))
            before = {one.track.key: one.track.at for one in self._readings}
            rows = self._rows()
            has_moved = any(before.get(one.track.key, 0) != one.track.at for one in self._readings)
            return Portion(rows, self.position()) if rows or has_moved else None

    # -- which files there are ----------------------------------------------------------------------------------------

    def _scan(self) -> None:
        found: dict[_Key, dict[str, os.stat_result]] = {}
        for path, facts in find(self._pattern):
            found.setdefault((facts.st_dev, facts.st_ino), {})[path] = facts
        if not found and not self._is_told:
            logger.warning("there is no file yet: it is waited for", extra={"feed": self._pattern})
        self._is_told = True
        for reading in list(self._readings) if found else ():  # where nothing is at all, a disk may be away
            self._place(reading, found)
        known = {one.track.key for one in self._readings}
        for key, places in found.items():
            if key not in known:
                self._meet(*next(iter(places.items())))

    def _place(self, reading: Reading, found: Mapping[_Key, Mapping[str, os.stat_result]]) -> None:
        """Find where a file is now."""
        track = reading.track
        paths = [path for path in found.get(track.key, ()) if path.endswith(".gz") == track.is_zipped]
        reading.is_gone = reading.is_gone and not paths
        if track.path in paths:
            return
        facts = look(track.path)
        if paths:
            track.path = paths[0]
        elif facts is not None and (facts.st_dev, facts.st_ino) == track.key:
            return  # it was renamed out of the pattern before, and is followed there
        elif facts is not None and facts.st_ino == track.ino and _holds(track.path, track):
            track.dev = facts.st_dev  # devices may have other numbers after a restart of the machine
        elif (path := renamed(track.path, track.key)) is not None and path.endswith(".gz") == track.is_zipped:
            track.path = path
        elif reading.content is None:
            told = {"file": track.path, "read_to": track.at}
            logger.warning("a file is gone: what was not read of it is lost, unless a copy turns up", extra=told)
            self._forget(reading)
        elif reading.is_gone and reading.is_ended:
            self._forget(reading)
        elif not reading.is_gone:
            reading.look_again()  # something may have been written before it was deleted

    def _meet(self, path: str, facts: os.stat_result) -> None:
        """Take up a file that was not there before, unless it is a copy of one that is read already."""
        key, state = (facts.st_dev, facts.st_ino), (facts.st_size, facts.st_mtime_ns)
        if facts.st_size == 0 or self._broken.get(path) == state:
            return
        if path.endswith(".gz") and self._zips.get(key) != state:
            self._zips[key] = state  # it may be being written: look when it has stood still
            return
        try:
            with closing(open_content(path)) as content:
                if isinstance(content, Zipped) and not content.is_whole():
                    self._broken[path] = state
                    self._refuse(path, "it is no whole gzip file; it is read once it is one")
                    return
                self._take(path, key, content, facts)
        except (OSError, zlib.error) as exc:
            self._refuse(path, f"it cannot be read: {exc}")

    def _take(self, path: str, key: _Key, content: Plain | Zipped, facts: os.stat_result) -> None:
        self._zips.pop(key, None)
        related = [one for one in self._readings if _is_rotation(path, one.track.stream)]
        if any(_is_copy(path, content, facts, one) for one in related):
            return  # its lines come from the original
        for reading in related:  # what is no copy of a file may be one of what it held before it was truncated
            if _is_replaced(reading):
                self._replaced(reading)
        for gone in reversed(self._gone):
            if (gone.ino == key[1] or _is_rotation(path, gone.stream)) and gone.is_in(content):
                self._gone.remove(gone)
                copy = Track(gone.stream, path, *key, gone.at, gone.head, gone.mark)
                self._readings.insert(0, self._reading(copy))  # what is left of it is older than what is in its place
                return
        family = _family(path)
        stream = path if look(family) is None else family  # so that its lines come before those of its successor
        self._readings.append(self._reading(Track(stream, path, *key)))

    def _replaced(self, reading: Reading) -> None:
        """Let go of a file that does not hold any more what was read of it: at the next look it is a new one."""
        track = reading.track
        told = {"file": track.path, "was_read_to": track.at}
        logger.warning("a file was truncated or replaced: it is read from its beginning", extra=told)
        self._forget(reading)

    def _forget(self, reading: Reading) -> None:
        """Let go of a file that is no more; what it was is remembered, in case a copy of it turns up."""
        reading.close()
        self._readings.remove(reading)
        if reading.track.at:
            self._gone = [*self._gone, reading.track][-_GONE:]

    def _reading(self, track: Track) -> Reading:
        return Reading(track, self._delimiter, self._clock)

    def _refuse(self, path: str, why: str) -> None:
        if self._refused.get(path) != why:
            self._refused[path] = why
            logger.warning("a file is not read", extra={"file": path, "why": why})

    # -- what is in them ----------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        """Read on in all files, in turn; of one stream in order."""
        rows: list[Row] = []
        room = _BYTES
        streams: dict[str, list[Reading]] = {}
        for reading in self._readings:
            streams.setdefault(reading.track.stream, []).append(reading)
        turns = list(streams.values())
        begin = self._turn % max(len(turns), 1)
        for number, one in enumerate(turns[begin:] + turns[:begin]):
            for reading in one:
                got = self._read(reading, _ROWS - len(rows), room)
                rows += got
                room -= sum(len(row.value) for row in got)
                if not reading.is_ended or len(rows) >= _ROWS or room <= 0:
                    break  # what was there before it comes first
            if len(rows) >= _ROWS or room <= 0:
                self._turn = begin + number + 1
                break
        return rows

    def _read(self, reading: Reading, most: int, most_bytes: int) -> list[Row]:
        track = reading.track
        self._reads += 1
        if self._reads % 50 == 0:
            self._close_some()
        try:
            rows = reading.read(most, most_bytes)
        except Replaced:
            self._replaced(reading)
            self._scan_at = float("-inf")
            return []
        except FileNotFoundError:
            self._scan_at = float("-inf")  # it was renamed this moment
            return []
        except (OSError, zlib.error) as exc:
            self._refuse(track.path, f"it cannot be read: {exc}")
            reading.is_ended = True  # others need not wait for it
            return []
        self._refused.pop(track.path, None)
        return rows

    def _close_some(self) -> None:
        """Close files when many are open: first those that one looked at longest ago, and was done with."""
        is_open = [one for one in self._readings if one.content is not None]
        for reading in sorted(is_open, key=lambda one: one.read_at)[: max(0, len(is_open) - _OPEN)]:
            reading.close()


def _holds(path: str, track: Track) -> bool:
    """Return whether the file at a path has what was read of another."""
    try:
        with closing(open_content(path)) as content:
            return track.is_in(content)
    except (OSError, zlib.error):
        return False


def _is_replaced(reading: Reading) -> bool:
    """Return whether a file does not hold any more what was read of it."""
    try:
        return not reading.track.is_in(reading.open())
    except (OSError, zlib.error):
        return False


def _family(path: str) -> str:
    """Return what a rotated file was called before it was rotated.

    Examples
    --------
    >>> {_family(path) for path in ("a/app.log", "a/app.log.1", "a/app.log.2.gz", "a/app.log-2026-11-29")}
    {'a/app.log'}
    """
    found = _ROTATED.fullmatch(path)
    return found[1] if found else path


def _is_rotation(path: str, original: str) -> bool:
    """Return whether a path is what a rotated file or a copy of it is called.

    Examples
    --------
    >>> [_is_rotation(path, "logs/app.log") for path in ("logs/app.log.1.gz", "logs/app.log", "logs/b.log")]
    [True, False, False]
    """
    family = _family(original)
    return path not in (original, family) and path.startswith(family) and "/" not in path[len(family) :]


def _is_copy(path: str, content: Plain | Zipped, facts: os.stat_result, reading: Reading) -> bool:
    """Return whether a new file is a copy of one that is still there: its lines come from that one."""
    track = reading.track
    if not _is_rotation(path, track.stream) or (track.path != track.stream and not path.endswith(".gz")):
        return False
    try:
        original = reading.open()
        if content.read(0, MARK) != original.read(0, len(content.read(0, MARK))):
            return False
        if isinstance(content, Zipped):
            return track.is_in(content)
        end = max(0, facts.st_size - MARK)  # it may be being written: then it is the beginning of a copy
        return content.read(end, MARK) == original.read(end, min(facts.st_size, MARK))
    except (OSError, zlib.error):
        return False


class FileFeed:
    """Lines of files that grow, each with the file and the offset that it comes from.

    Parameters
    ----------
    source
        Its ``feed`` is a path, a directory or a glob.
    clock, sleep
        For tests.
    """

    name = "files"

    def __init__(
        self,
        source: SourceDef,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._pattern, self._every = source.feed or "", source.every
        self._delimiter = source.delimiter if source.format == "csv" and not source.columns else None
        self._clock, self._sleep = clock, sleep

    async def portions(self, position: Any) -> AsyncIterator[Portion]:
        """Yield lines after a position, for ever; where nothing happens it is looked ever less often."""
        follower = Follower(self._pattern, position, delimiter=self._delimiter, clock=self._clock)
        news = self._clock()
        try:
            while True:
                portion = await asyncio.to_thread(follower.portion)
                if portion is not None:
                    yield portion
                    news = self._clock()
                else:
                    quiet = self._clock() - news
                    await self._sleep(min(self._every, max(_QUICK_S, quiet / 10)))
        finally:
            follower.close()
