"""One partition of a source in an audit: what became of each offset, and whether it is what the source says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import orjson

from aimass.errors import BadEvent
from aimass.models.features import MISSING
from aimass.quality.clean import Place
from aimass.records import Event, Pane, Quality

#: So many discrepancies are kept, and shown.
SHOWN = 10
_SPACE = b" \t\n\r"
_LEFT = ("filtered", "duplicates")
_COUNTED = ("log", "tagged", "quarantined", *_LEFT)
#: How an event's data is held against the source: its bytes, what is left when changes are undone, a translation.
_SAME, _UNDONE, _TRANSLATED, _ORIGINAL = 1, 2, 3, 4
_KIND, _TAGGED, _REVIEWED, _SEEN = 7, 8, 16, 32
Translate = Callable[[bytes, Sequence[tuple[str, bytes]]], dict[str, Any]]


class Discrepancy(NamedTuple):
    """Something that is wrong: where, and what."""

    topic: str
    partition: int
    offset: int
    what: str


@dataclass(slots=True)
class Wrongs:
    """What is wrong: how much, and the first ten."""

    count: int = 0
    first: list[Discrepancy] = field(default_factory=list)

    def note(self, topic: str, partition: int, offset: int, what: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(Discrepancy(topic, partition, offset, what))


def digest(value: bytes) -> int:
    """Return 64 bits that stand for bytes; never 0."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "little") or 1


def undone(data: dict[str, Any], quality: Quality) -> dict[str, Any]:
    """Take back what cleaning and people changed in a record; changes its argument.

    Examples
    --------
    >>> undone({"heat": 100.0, "site": "A"}, Quality(was={"heat": "212"}, imputed=("site",)))
    {'heat': '212'}
    """
    for path, value in reversed(quality.was.items()):
        Place(path).put(data, value)
    for path in (*quality.imputed, *quality.added):
        if path not in quality.was:
            Place(path).put(data, MISSING)
    return data


def canonical(data: Any) -> bytes:
    """Return the same bytes for the same JSON.

    Empty objects are left out: a field that is taken back leaves one that may have been made for it.

    Examples
    --------
    >>> canonical({"b": 1, "a": {"c": {}}}) == canonical({"b": 1})
    True
    """
    return orjson.dumps(_pruned(data), option=orjson.OPT_SORT_KEYS)


def _pruned(data: Any) -> Any:
    if type(data) is list:
        return [_pruned(one) for one in data]
    if type(data) is not dict:
        return data
    kept = {name: _pruned(one) for name, one in data.items()}
    return {name: one for name, one in kept.items() if one != {} or type(one) is not dict}


@dataclass(slots=True)
class PaneSums:
    """The counts and checksums of all panes of one part, the last revision of each.

    A pane that was forgotten and begun anew counts its revisions anew: what it had counted before stays.
    """

    counts: dict[str, int] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)
    _last: dict[str, tuple[int, dict[str, int], dict[str, int]]] = field(default_factory=dict)

    def take(self, pane: Pane) -> None:
        """Take the next revision of a pane."""
        revision, counts, checksums = self._last.get(pane.id, (0, {}, {}))
        if pane.revision > revision:
            _add(self.counts, counts, -1)
            _add(self.checksums, checksums, -1)
        _add(self.counts, pane.counts, 1)
        _add(self.checksums, pane.checksums, 1)
        self._last[pane.id] = pane.revision, pane.counts, pane.checksums

    def of(self, *fates: str) -> tuple[int, int]:
        """Return how many records had one of these fates, and the sum of their checksums."""
        return sum(self.counts.get(fate, 0) for fate in fates), sum(self.checksums.get(fate, 0) for fate in fates)


def _add(whole: dict[str, int], part: dict[str, int], sign: int) -> None:
    for name, count in part.items():
        whole[name] = whole.get(name, 0) + sign * count


class SourcePart:
    """The audit of one partition of a source: events, letters and records under review first, then its own records.

    Memory: 24 bytes an offset.

    Parameters
    ----------
    topic, partition
        Which.
    first, position
        The offsets from the first that is kept to where COLLECT has come.
    wrongs
        Takes what is wrong.
    is_judged
        Whether panes say how many records were left out.
    may_leave
        Whether records may be left out that nobody counts.
    translate
        Decodes a format; ``None``: it is JSON, or cannot be decoded here.
    is_json
        Whether ``data`` is to be the record's own bytes.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        first: int,
        position: int,
        wrongs: Wrongs,
        *,
        is_judged: bool = False,
        may_leave: bool = False,
        is_json: bool = True,
        translate: Translate | None = None,
    ) -> None:
        self.topic, self.partition, self.first, self.position = topic, partition, first, max(first, position)
        self.panes, self._wrongs = PaneSums(), wrongs
        self.floor = first
        self.uncounted = self.unseen = 0
        self.is_judged, self._may_leave, self._is_json, self._translate = is_judged, may_leave, is_json, translate
        size = self.position - first
        self._logs, self._dead, self._waits, self._flags = (np.zeros(size, np.uint8) for _ in range(4))
        self._crcs, self._digests, self._apart = (np.zeros(size, kind) for kind in (np.uint32, np.uint64, np.uint64))
        self._sums: dict[str, list[int]] = {fate: [0, 0] for fate in ("log", "tagged", "quarantined", "left")}
        self._dead_sum = [0, 0]
        self._missing: list[int] = []
        self._lost = self._walked = 0
        self._counted = -1

    def has(self, offset: int) -> bool:
        """Return whether an offset is to be looked at."""
        return self.first <= offset < self.position

    def wrong(self, offset: int, what: str) -> None:
        """Note that something is wrong."""
        self._wrongs.note(self.topic, self.partition, offset, what)

    # -- what became of records ---------------------------------------------------------------------------------------

    def logged(self, event: Event) -> None:
        """Take an event of the log."""
        at, quality = event.source.offset - self.first, event.quality
        self._logs[at] = min(255, self._logs[at] + 1)
        if self._logs[at] > 1:
            self.wrong(event.source.offset, f"is {self._logs[at]} times in the log")
            return
        flags = _TAGGED if quality is not None and quality.broken else 0
        flags |= _REVIEWED if quality is not None and quality.review is not None else 0
        kind, said = self._said(bytes(event.data), quality)
        self._flags[at] = flags | kind
        self._crcs[at], self._digests[at] = event.crc, digest(said)

    def _said(self, data: bytes, quality: Quality | None) -> tuple[int, bytes]:
        """Return how what an event says is held against the source, and the bytes to compare."""
        if self._is_json:
            if quality is None or not (quality.was or quality.imputed or quality.added):
                return _SAME, data
            return _UNDONE, canonical(undone(orjson.loads(data), quality))
        original = b"" if quality is None or quality.original is None else quality.original
        if self._translate is None:
            return _ORIGINAL, original
        return _TRANSLATED, original + canonical(undone(orjson.loads(data), quality or Quality()))

    def lettered(self, offset: int, value: bytes) -> None:
        """Take a dead letter."""
        at = offset - self.first
        self._dead[at] = min(255, self._dead[at] + 1)
        self._set_apart(offset, value, "dead letter")

    def quarantined(self, offset: int, value: bytes) -> None:
        """Take a record that was set apart for people, the first time."""
        at = offset - self.first
        self._waits[at] = min(255, self._waits[at] + 1)
        self._set_apart(offset, value, "record under review")

    def _set_apart(self, offset: int, value: bytes, what: str) -> None:
        at, found = offset - self.first, digest(value)
        if self._apart[at] not in (0, found):
            self.wrong(offset, f"two records were set apart for it that differ: one is a {what}")
        self._apart[at] = found

    def letters(self, offset: int) -> int:
        """Return how many dead letters came of a record after it was set apart for people."""
        at = offset - self.first
        return int(self._dead[at]) if self._waits[at] else 0

    # -- the source itself --------------------------------------------------------------------------------------------

    def read(self, offset: int, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Take a record of the source, in order."""
        at, own = offset - self.first, value or b""
        logs, dead, waits, flags = (int(one[at]) for one in (self._logs, self._dead, self._waits, self._flags))
        self._flags[at] |= _SEEN
        checksum = crc32(own)
        if logs:
            self._compare(offset, own, headers, checksum, flags & _KIND)
        if self._apart[at] and int(self._apart[at]) != digest(own):
            self.wrong(offset, "the record that was set apart has not the source's bytes")
        is_reviewed = bool(flags & _REVIEWED)
        if is_reviewed and not waits and offset >= self.floor:
            self.wrong(offset, "a review let it into the log, but it was never set apart")
        fates = [("log", logs and not is_reviewed), ("quarantined", waits), ("deadletters", dead and not waits)]
        there = [name for name, count in fates if count]
        if len(there) > 1 or waits > 1 or (dead > 1 and not waits):
            said = there if len(there) > 1 else [f"{max(waits, dead)} times {there[0]}"]
            self.wrong(offset, f"has more than one fate: {', '.join(said)}")
        fate = there[0] if there else "log" if is_reviewed else "left"
        self._count(offset, "tagged" if fate == "log" and flags & _TAGGED else fate, checksum)

    def _compare(self, offset: int, own: bytes, headers: Sequence[tuple[str, bytes]], checksum: int, kind: int) -> None:
        at = offset - self.first
        if int(self._crcs[at]) != checksum:
            self.wrong(offset, f"crc is {int(self._crcs[at])}, and the source's record has {checksum}")
        wanted = own.strip(_SPACE)
        try:
            if kind == _UNDONE:
                wanted = canonical(orjson.loads(own))
            elif kind == _TRANSLATED and self._translate is not None:
                wanted = own + canonical(orjson.loads(orjson.dumps(self._translate(own, headers))))
            elif kind == _ORIGINAL:
                wanted = own
        except (ValueError, BadEvent) as exc:
            self.wrong(offset, f"the source's record cannot be read: {exc}")
            return
        if int(self._digests[at]) != digest(wanted):
            what = {_SAME: "data is not the record's own bytes", _UNDONE: "undoing what was changed does not give it"}
            self.wrong(offset, what.get(kind, "the original, or what it was translated to, is not the source's"))

    def _count(self, offset: int, fate: str, checksum: int) -> None:
        if fate == "deadletters":
            self._dead_sum[0] += 1
            self._dead_sum[1] += checksum
            return
        self._walked += 1
        if self._counted < 0:
            self._counted = self.panes.of(*_COUNTED)[0]
        is_counted = self.is_judged and self._walked <= self._counted
        if is_counted:
            self._sums[fate][0] += 1
            self._sums[fate][1] += checksum
        if fate != "left":
            return
        if offset < self.floor:
            self.unseen += 1
        elif (self.is_judged and not is_counted) or (not self.is_judged and self._may_leave):
            self.uncounted += 1
        else:
            self._lost += 1
            if len(self._missing) < SHOWN:
                self._missing.append(offset)

    def finish(self) -> None:
        """Compare sums, once all is read."""
        seen = (self._flags & _SEEN) > 0
        for at in np.flatnonzero(((self._logs | self._dead | self._waits) > 0) & ~seen).tolist():
            self.wrong(self.first + at, "is not in the source, and yet it is in the log or set apart")
        if not self.is_judged or self.panes.of(*_LEFT)[0] == 0:
            for offset in self._missing:
                self.wrong(offset, "is lost: neither in the log, nor a dead letter, nor under review")
            self._wrongs.count += self._lost - len(self._missing)
        if self.is_judged and self.floor == self.first == 0:
            self._reconcile()

    def _reconcile(self) -> None:
        wanted = {fate: self.panes.of(fate) for fate in ("log", "tagged", "quarantined")}
        wanted["left"] = self.panes.of(*_LEFT)
        for fate, (count, checksum) in wanted.items():
            there, total = self._sums[fate]
            name = "filtered or duplicates" if fate == "left" else fate
            if there != count:
                hint = f", the first at {self._missing[:3]}" if fate == "left" and self._missing else ""
                self.wrong(-1, f"panes count {count:,} {name}, and there are {there:,}{hint}")
            elif total != checksum:
                self.wrong(-1, f"the checksums of {count:,} {name} add up to {total}, and panes say {checksum}")
        count, checksum = self.panes.of("deadletters")
        if self._dead_sum[0] < count:
            self.wrong(-1, f"panes count {count:,} dead letters, and there are {self._dead_sum[0]:,}")
        elif self._dead_sum == [count, self._dead_sum[1]] and self._dead_sum[1] != checksum:
            self.wrong(-1, f"the checksums of {count:,} dead letters add up to {self._dead_sum[1]}, not {checksum}")

    @property
    def counts(self) -> dict[str, int]:
        """How many records there are, by what became of them."""
        left = self.panes.of(*_LEFT)[0]
        reviewed = (self._flags & _REVIEWED) > 0
        return {
            "records": int(((self._flags & _SEEN) > 0).sum()),
            "log": int(((self._logs > 0) & ~reviewed).sum()),
            "quarantined": int((self._waits > 0).sum()),
            "redriven": int((reviewed & (self._logs > 0)).sum()),
            "deadletters": int(((self._dead > 0) & (self._waits == 0)).sum()),
            "filtered or duplicates": left,
        }
