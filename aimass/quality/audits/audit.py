"""An audit: every record of the sources is where it has to be, as it came. Facts are folded, a verdict comes out.

Facts come in this order: panes and records under review, redrives, the log, dead letters, predictions; at the end the
records of the sources themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aimass.quality.audits.source import Discrepancy, PaneSums, SourcePart, Wrongs, digest
from aimass.records import DeadLetter, Event, Pane, Quarantined, Redrive

_AUDIT = ("audit",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit has found.

    Parameters
    ----------
    wrong
        How many things are wrong; ``first`` has the first ten.
    unproven
        What cannot be proven, and why, in words.
    counts
        By source partition, how many records there are by what became of them.
    events, predictions
        How many events the log has, and how many predictions there are for them.
    """

    wrong: int
    first: tuple[Discrepancy, ...]
    unproven: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    events: int = 0
    predictions: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


@dataclass(slots=True)
class _Again:
    """A record that people let go on: how often, by which orders, and how often it came out again."""

    done: int = 0
    asked: int = 0
    orders: set[str] = field(default_factory=set)
    came: int = 0
    by: set[str] = field(default_factory=set)


class Follower:
    """Whether one partition has exactly the events of another, in their order: predictions those of the log.

    Memory: 16 bytes an event.

    Parameters
    ----------
    topic, partition
        Whose records are looked at.
    position
        How far the log has been read by whoever writes them; events before it are all there.
    is_cut
        Whether the first records of one of both have been deleted.
    """

    def __init__(self, topic: str, partition: int, position: int, wrongs: Wrongs, *, is_cut: bool = False) -> None:
        self.topic, self.partition, self.position = topic, partition, position
        self.matched = 0
        self.skipped = 0
        self._ids, self._offsets = array("Q"), array("q")
        self._wrongs, self._is_aligned = wrongs, not is_cut
        self._next = 0

    def wanted(self, offset: int, name: str) -> None:
        """Take an event of the log."""
        self._ids.append(digest(name.encode()))
        self._offsets.append(offset)

    def seen(self, offset: int, name: str, dead: frozenset[int] | set[int] = frozenset()) -> None:
        """Take a record that follows; events at ``dead`` offsets of the log have none."""
        found = digest(name.encode())
        if not self._is_aligned:
            places = np.flatnonzero(np.array(self._ids, np.uint64) == found).tolist()
            if not places:
                self.skipped += 1
                return
            self._next, self._is_aligned = places[0], True
        self._pass(dead)
        if self._is_next(found):
            self.matched += 1
            self._next += 1
            return
        for ahead in range(self._next + 1, min(self._next + 1000, len(self._ids))):
            if self._ids[ahead] == found:
                for lost in range(self._next, ahead):
                    if self._offsets[lost] not in dead:
                        self._wrong(offset, f"nothing is said of the event at offset {self._offsets[lost]} of the log")
                self.matched += 1
                self._next = ahead + 1
                return
        self._wrong(offset, f"{name!r} is not the next event of the log")

    def _is_next(self, found: int) -> bool:
        return self._next < len(self._ids) and self._ids[self._next] == found

    def _pass(self, dead: frozenset[int] | set[int]) -> None:
        while self._next < len(self._ids) and self._offsets[self._next] in dead:
            self._next += 1

    def _wrong(self, offset: int, what: str) -> None:
        self._wrongs.note(self.topic, self.partition, offset, what)

    def finish(self, dead: frozenset[int] | set[int] = frozenset()) -> int:
        """Note what is missing at the end; return how many events have not been read yet."""
        self._pass(dead)
        late = 0
        for at in range(self._next, len(self._ids)):
            if self._offsets[at] in dead:
                continue
            if self._offsets[at] < self.position:
                self._wrong(-1, f"nothing is said of the event at offset {self._offsets[at]} of the log")
            else:
                late += 1
        return late


class Audit:
    """Folds facts of one pipeline.

    Parameters
    ----------
    pipeline
        Its name.
    parts
        The partitions of its sources.
    followers
        The predictions of each partition of the log.
    wrongs
        What parts and followers note to.
    own_ids
        The sources whose events bear an id of their own; of others it is where they stood.
    redrive_position
        How far COLLECT has read what people let go on.
    redrive_is_cut
        Whether the first of that was deleted.

    Examples
    --------
    >>> wrongs = Wrongs()
    >>> audit = Audit("p", [SourcePart("t", 0, 0, 1, wrongs)], [], wrongs)
    >>> audit.part("t", 0).read(0, b"{}")
    >>> [(one.offset, one.what) for one in audit.verdict({("t", 0): 1}).first]
    [(0, 'is lost: neither in the log, nor a dead letter, nor under review')]
    """

    def __init__(
        self,
        pipeline: str,
        parts: Sequence[SourcePart],
        followers: Sequence[Follower],
        wrongs: Wrongs,
        *,
        own_ids: frozenset[str] = frozenset(),
        redrive_position: int = 0,
        redrive_is_cut: bool = False,
    ) -> None:
        self._pipeline, self._wrongs, self._own_ids = pipeline, wrongs, own_ids
        self._parts = {(one.topic, one.partition): one for one in parts}
        self._names = {f"{one.topic}-{one.partition}": one for one in parts}
        self._topics = {one.topic for one in parts}
        self._followers = {one.partition: one for one in followers}
        self._redrive_position, self._redrive_is_cut = redrive_position, redrive_is_cut
        self._again: dict[tuple[str, int, int], _Again] = {}
        self._orders: dict[int, tuple[str, int, int]] = {}
        self._redriven: dict[str, PaneSums] = {}
        self._reviewed: dict[str, list[int]] = {}
        self._newest: dict[tuple[str, int], tuple[int, int, int]] = {}
        self._dead: dict[int, set[int]] = {}
        self._dead_orders: set[int] = set()
        self._first_seen: dict[tuple[int, str, int], int] = {}
        self._gone: dict[str, int] = {}
        self._events = 0

    def part(self, topic: str, partition: int) -> SourcePart:
        """Return a partition of a source."""
        return self._parts[topic, partition]

    def wrong(self, topic: str, partition: int, offset: int, what: str) -> None:
        """Note something that is wrong."""
        self._wrongs.note(topic, partition, offset, what)

    # -- facts --------------------------------------------------------------------------------------------------------

    def pane(self, pane: Pane) -> None:
        """Take what COLLECT says that it saw."""
        part = self._names.get(pane.part)
        if part is not None:
            part.panes.take(pane)
        elif pane.part.startswith(f"{self._pipeline}.redrive-"):
            self._redriven.setdefault(pane.key, PaneSums()).take(pane)

    def quarantined(self, one: Quarantined) -> None:
        """Take a record that was set apart; samples of what is valid are in the log besides."""
        part = self._part(one.source.topic, one.source.partition, one.source.offset)
        if one.causes == _AUDIT or part is None:
            return
        if one.attempt:
            self._once_more(one.source.topic, one.source.partition, one.source.offset).came += 1
        else:
            part.quarantined(one.source.offset, one.value)

    def redrive(self, offset: int, one: Redrive) -> None:
        """Take what a person let go on."""
        again = self._once_more(one.source.topic, one.source.partition, one.source.offset)
        again.asked += 1
        again.done += offset < self._redrive_position
        again.orders.add(one.order)
        self._orders[offset] = one.source.topic, one.source.partition, one.source.offset

    def event(self, partition: int, offset: int, event: Event) -> None:
        """Take an event of the log."""
        self._events += 1
        follower = self._followers.get(partition)
        if follower is not None:
            follower.wanted(offset, event.id)
        place = event.source
        if place.topic not in self._topics or (place.topic, place.partition) not in self._parts:
            self._wrongs.note(f"{self._pipeline}.log", partition, offset, f"is of {place.id}, which no source has")
            return
        self._first_seen.setdefault((partition, place.topic, place.partition), place.offset)
        if place.topic not in self._own_ids and event.id != place.id:
            self._wrongs.note(f"{self._pipeline}.log", partition, offset, f"{event.id!r} is not the id of {place.id}")
        if event.quality is not None and event.quality.review is not None:
            again = self._once_more(place.topic, place.partition, place.offset)
            again.came += 1
            again.by.add(event.quality.review)
            sums = self._reviewed.setdefault(place.topic, [0, 0])
            sums[0] += 1
            sums[1] += event.crc
        newest = self._newest.get((place.topic, place.partition), (-1, 0, 0))
        if place.offset > newest[0]:
            self._newest[place.topic, place.partition] = place.offset, partition, offset
        part = self._part(place.topic, place.partition, place.offset)
        if part is not None:
            part.logged(event)

    def letter(self, letter: DeadLetter) -> None:
        """Take a dead letter: of COLLECT it is a source's, of SCORE an event that has no prediction."""
        if letter.topic == f"{self._pipeline}.log" and letter.stage == "score":
            self._dead.setdefault(letter.partition, set()).add(letter.offset)
        elif letter.topic == f"{self._pipeline}.redrive":
            self._dead_orders.add(letter.offset)
        elif letter.stage == "collect":
            part = self._part(letter.topic, letter.partition, letter.offset)
            if part is not None:
                part.lettered(letter.offset, letter.value or b"")

    def prediction(self, partition: int, offset: int, name: str) -> None:
        """Take a prediction."""
        self._followers[partition].seen(offset, name, self._dead.get(partition, frozenset()))

    def cut_log(self, partitions: Sequence[int]) -> None:
        """Note that the first records of these partitions of the log were deleted; the others have been taken."""
        for part in self._parts.values():
            for number in partitions:
                first = self._first_seen.get((number, part.topic, part.partition), part.position)
                part.floor = max(part.floor, first)

    def cut_apart(self, topic: str, partition: int) -> None:
        """Note that some of what was set apart of a source's partition may have been deleted."""
        part = self._parts[topic, partition]
        part.floor = part.position

    def _part(self, topic: str, partition: int, offset: int) -> SourcePart | None:
        part = self._parts.get((topic, partition))
        if part is None:
            return None
        if part.has(offset):
            return part
        if offset < part.first:
            self._gone[f"{topic}/{partition}"] = self._gone.get(f"{topic}/{partition}", 0) + 1
        return None

    def _once_more(self, topic: str, partition: int, offset: int) -> _Again:
        return self._again.setdefault((topic, partition, offset), _Again())

    # -- verdict ------------------------------------------------------------------------------------------------------

    def verdict(self, ends: Mapping[tuple[str, int], int]) -> Verdict:
        """Compare all that is left to compare, and say what came out; ``ends`` is where each source partition ends."""
        for part in self._parts.values():
            part.finish()
        self._check_newest(ends)
        self._check_again()
        self._check_redriven()
        late = sum(one.finish(self._dead.get(one.partition, frozenset())) for one in self._followers.values())
        return Verdict(
            self._wrongs.count,
            tuple(self._wrongs.first),
            tuple(self._unproven(ends, late)),
            {f"{one.topic}/{one.partition}": one.counts for one in self._parts.values()},
            self._events,
            sum(one.matched for one in self._followers.values()),
        )

    def _check_newest(self, ends: Mapping[tuple[str, int], int]) -> None:
        """Look for events of records that the source has not."""
        for (topic, partition), (offset, log_partition, at) in self._newest.items():
            if offset >= ends.get((topic, partition), 0):
                said = f"is of {topic}-{partition}-{offset}, and the source ends before that"
                self._wrongs.note(f"{self._pipeline}.log", log_partition, at, said)

    def _check_again(self) -> None:
        """Look whether what people let go on came out once for each time."""
        for offset in self._dead_orders & self._orders.keys():
            self._again[self._orders[offset]].came += 1
        for (topic, partition, offset), again in self._again.items():
            part = self._parts.get((topic, partition))
            if part is None or not part.has(offset) or offset < part.floor:
                continue
            came = again.came + part.letters(offset)
            if came < again.done:
                part.wrong(offset, f"people let it go on {again.done} times, and {came} times it came out")
            elif self._redrive_is_cut:
                continue
            elif came > again.asked:
                part.wrong(offset, f"it came out {came} times by review, and people let it go on {again.asked} times")
            elif not again.by <= again.orders:
                part.wrong(offset, f"it was let in by an order that nobody gave: {', '.join(again.by - again.orders)}")

    def _check_redriven(self) -> None:
        """Hold what panes count of it against the log; the log may have more by now."""
        cut = {part.topic for part in self._parts.values() if part.floor > part.first}
        for topic, panes in self._redriven.items():
            count, checksum = panes.of("redriven")
            there, total = self._reviewed.get(topic, (0, 0))
            if topic not in cut and there < count:
                self._wrongs.note(topic, -1, -1, f"panes count {count:,} redriven, and the log has {there:,}")
            elif there == count and total != checksum:
                said = f"the checksums of {count:,} redriven add up to {total}, and panes say {checksum}"
                self._wrongs.note(topic, -1, -1, said)

    def _unproven(self, ends: Mapping[tuple[str, int], int], late: int) -> Iterator[str]:
        for part in self._parts.values():
            place = f"{part.topic}/{part.partition}"
            lag = ends.get((part.topic, part.partition), 0) - part.position
            if lag > 0:
                yield f"{place}: {lag:,} offsets are not collected yet"
            if part.first > 0:
                gone = self._gone.get(place, 0)
                yield (
                    f"{place}: the source's records before offset {part.first:,} are deleted; of {gone:,} of them "
                    "something is there, which cannot be compared, nor can sums of panes"
                )
            if part.floor > part.first:
                yield (
                    f"{place}: records of the log, of dead letters or of what is under review are deleted: nothing "
                    f"is known of the {part.unseen:,} records before offset {part.floor:,} that are nowhere else"
                )
            if part.uncounted:
                yield f"{place}: {part.uncounted:,} records were left out or are lost: no pane counts them (yet)"
        if late:
            yield f"{self._pipeline}.log: {late:,} events are not predicted yet"
        skipped = sum(one.skipped for one in self._followers.values())
        if skipped:
            yield f"{self._pipeline}.predictions: {skipped:,} are of events whose records in the log are deleted"
