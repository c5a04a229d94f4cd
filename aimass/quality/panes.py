"""Panes: what was seen of a source in each stretch of event time, as sums that can be added and revised."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from aimass.quality.adding import EXAMPLES, FUTURE_S, Adder, Seen
from aimass.quality.check import Findings
from aimass.quality.sketches import add, merge, settle, told
from aimass.records import FieldPane, Pane
from aimass.state import ObjectSpec, State

HOUR = 3600.0
#: So often at the most, in milliseconds of arrival, and after so many offsets, what has changed is written.
WRITE_MS = 5_000
WRITE_OFFSETS = 8_192
_TIMES = 6  # so often a pane is written before it is over, where records keep coming


class _Book(msgspec.Struct):
    """Which panes of a source are open, and how far it has come; ``open`` says of each whether it has changed."""

    watermark: float = -math.inf
    arrival: int = -1
    offset: int = -1
    open: dict[float, bool] = {}


class PaneKeeper:
    """Keeps the panes of one source in one partition's state.

    State: a pane for each stretch of time within ``keep_s`` of the newest event.

    Parameters
    ----------
    pipeline, topic
        The pipeline's name, and the source.
    length_s
        How long a pane is.
    keep_s
        How late a record may come to its pane; what comes later is counted in the oldest that is open.
    delay_s
        How late after it happened a record may arrive and still be timely.
    named
        The fields that its contract names.
    """

    def __init__(
        self,
        pipeline: str,
        topic: str,
        length_s: float = 60.0,
        keep_s: float = HOUR,
        delay_s: float | None = None,
        named: frozenset[str] = frozenset(),
        required: int = 0,
    ) -> None:
        self._pipeline, self._topic = pipeline, topic
        self._length, self._keep, self._delay = length_s, max(keep_s, length_s), delay_s
        self._write_ms = max(WRITE_MS, int(length_s * 1000 / _TIMES))
        self._named, self._required = named, required
        self._panes: ObjectSpec[Pane] = ObjectSpec(
            f"panes.{topic}", lambda pane: _pack(_sorted(pane)), msgspec.msgpack.Decoder(Pane).decode
        )
        self._books: ObjectSpec[_Book] = ObjectSpec("panes.books", _pack_book, msgspec.msgpack.Decoder(_Book).decode)

    def cuts(self, arrivals_ms: Sequence[int], offsets: Sequence[int], state: State) -> list[int]:
        """Return before which of these records what has changed is to be written: by their places, not by batches."""
        book, found = self._book(state), list[int]()
        each = self._write_ms
        if max(arrivals_ms) // each <= book.arrival and offsets[-1] // WRITE_OFFSETS <= book.offset:
            return found
        for at, (arrival_ms, offset) in enumerate(zip(arrivals_ms, offsets, strict=True)):
            arrival, count = arrival_ms // each, offset // WRITE_OFFSETS
            if arrival > book.arrival or count > book.offset:
                if book.offset >= 0:
                    found.append(at)
                book.arrival, book.offset = max(arrival, book.arrival), max(count, book.offset)
        state.objects(self._books).put(self._topic, book)
        return found

    def take(self, part: str, seen: Seen, found: Findings, state: State) -> None:
        """Add a batch of records to the panes in which they happened."""
        if not len(seen.records):
            return
        book, times = self._book(state), seen.records.times
        is_future = times > seen.arrivals + FUTURE_S
        known = np.where(is_future, seen.arrivals, times)  # who says to be of the future is taken for of now
        marks = np.maximum.accumulate(np.maximum(known, book.watermark))
        own = np.floor(known / self._length) * self._length
        starts = np.maximum(own, np.floor((marks - self._keep) / self._length) * self._length)
        late = starts > own
        different = sorted(set(starts.tolist()))
        for start in different:
            member = None if len(different) == 1 else starts == start
            pane = self._pane(part, start, book, state)
            Adder(pane, seen, found, member).add(late, self._delay, self._named, self._required)
            self._put(pane, book, state)
        book.watermark = float(marks[-1])
        state.objects(self._books).put(self._topic, book)

    def lose(self, part: str, arrival: float, checksum: int, fate: str, state: State) -> None:
        """Count a record whose time is not known, or long past: when it came."""
        book = self._book(state)
        pane = self._pane(part, math.floor(arrival / self._length) * self._length, book, state)
        add(pane.counts, {fate: 1, **({"unreadable": 1} if fate == "deadletters" else {})})
        add(pane.checksums, {fate: checksum})
        self._put(pane, book, state)
        state.objects(self._books).put(self._topic, book)

    def count(
        self,
        part: str,
        fate: str,
        times: Sequence[float],
        checksums: Sequence[int],
        offsets: Sequence[int],
        state: State,
    ) -> None:
        """Count records that nothing else is to be known of, where they happened."""
        book = self._book(state)
        for time, checksum, offset in zip(times, checksums, offsets, strict=True):
            pane = self._pane(part, self._start(time, book), book, state)
            add(pane.counts, {fate: 1})
            add(pane.checksums, {fate: checksum})
            known = [*pane.offsets, offset]
            pane.offsets = [min(known), max(known)]
            self._put(pane, book, state)
        state.objects(self._books).put(self._topic, book)

    def watermark(self, state: State) -> float:
        """Return the newest event time."""
        return self._book(state).watermark

    def check_between(
        self, part: str, name: str, times: Sequence[float], is_kept: Sequence[bool], state: State
    ) -> None:
        """Count a check between sources, for events at these times."""
        book = self._book(state)
        for time, kept in zip(times, is_kept, strict=True):
            pane = self._pane(part, self._start(time, book), book, state)
            counts = pane.checks.setdefault(name, [0, 0])
            counts[0] += 1
            counts[1] += not kept
            self._put(pane, book, state)
            book.watermark = max(book.watermark, time)
        state.objects(self._books).put(self._topic, book)

    def write(self, state: State) -> list[Pane]:
        """Return the panes that have changed since they were last written, and forget those that are too old."""
        book, table = self._book(state), state.objects(self._panes)
        changed = []
        for start in sorted(book.open):
            name = f"{start:.3f}"
            if book.open[start]:
                pane = table.get(name)
                assert pane is not None
                pane.revision += 1
                pane.time = book.watermark if math.isfinite(book.watermark) else 0.0  # arrivals move no event time
                table.put(name, pane)
                changed.append(pane)
                book.open[start] = False
            if start + self._length + self._keep < book.watermark:
                table.delete(name)
                del book.open[start]
        state.objects(self._books).put(self._topic, book)
        return changed

    def has_news(self, state: State) -> bool:
        """Return whether anything has changed since it was written."""
        return any(self._book(state).open.values())

    def _book(self, state: State) -> _Book:
        return state.objects(self._books).get(self._topic) or _Book()

    def _start(self, time: float, book: _Book) -> float:
        """Return the pane of a time: its own, or the oldest that is open."""
        start = math.floor(time / self._length) * self._length
        if not math.isfinite(book.watermark):
            return start
        return max(start, math.floor((book.watermark - self._keep) / self._length) * self._length)

    def _pane(self, part: str, start: float, book: _Book, state: State) -> Pane:
        pane = state.objects(self._panes).get(f"{start:.3f}") if start in book.open else None
        if pane is None:
            name = f"{self._topic}|{part}|{start:.3f}"
            pane = Pane(name, self._topic, start, self._pipeline, part, start, self._length)
        return pane

    def _put(self, pane: Pane, book: _Book, state: State) -> None:
        state.objects(self._panes).put(f"{pane.start:.3f}", pane)
        book.open[pane.start] = True


_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode


def encoded(pane: Pane) -> bytes:
    """Return a pane as it goes to its topic: the same bytes, in whatever order things were counted."""
    fields = {path: told(field) for path, field in _sorted(pane).fields.items()}
    return _json(msgspec.structs.replace(pane, fields=fields))


def _sorted(pane: Pane) -> Pane:
    """Put all that is counted in order: how batches were cut must not show."""
    for field in pane.fields.values():
        settle(field)
        for name in ("kinds", "wrong", "numbers", "values", "hot"):
            setattr(field, name, dict(sorted(getattr(field, name).items())))
    for name in ("counts", "checksums", "checks", "delays", "fields", "examples"):
        setattr(pane, name, dict(sorted(getattr(pane, name).items())))
    return pane


def _pack_book(book: _Book) -> bytes:
    book.open = dict(sorted(book.open.items()))
    return _pack(book)


def merged(panes: Sequence[Pane]) -> Pane:
    """Return the sum of parts of one pane: whatever parts it was counted in.

    Examples
    --------
    >>> parts = [Pane(f"p{i}", "t", 5.0, "x", f"t-{i}", 0.0, 60.0, records=3, valid=i) for i in range(2)]
    >>> whole = merged(parts)
    >>> whole.records, whole.valid
    (6, 1)
    """
    first = panes[0]
    whole = Pane(
        f"{first.key}|{first.start:.3f}", first.key, first.start, first.pipeline, "", first.start, first.length
    )
    for one in panes:
        add_pane(whole, one)
    return whole


def add_pane(whole: Pane, one: Pane) -> None:
    """Add a part to a whole."""
    whole.time = max(whole.time, one.time)
    whole.revision += one.revision
    whole.records += one.records
    whole.valid += one.valid
    whole.cells += one.cells
    whole.missing += one.missing
    add(whole.counts, one.counts)
    add(whole.checksums, one.checksums)
    for bucket, count in one.delays.items():
        whole.delays[bucket] = whole.delays.get(bucket, 0) + count
    for name, counts in one.checks.items():
        mine = whole.checks.setdefault(name, [0, 0])
        mine[0] += counts[0]
        mine[1] += counts[1]
    for path, field in one.fields.items():
        merge(whole.fields.setdefault(path, FieldPane()), field)
    for cause, ids in one.examples.items():
        known = whole.examples.setdefault(cause, [])
        known += ids[: EXAMPLES - len(known)]
