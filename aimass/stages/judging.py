"""How good the data of one source is: its panes from all partitions, added up, and judged as time passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from aimass.quality.gates import GateSpec, GateState
from aimass.quality.gates import step as gate_step
from aimass.quality.indicators import (
    INDICATORS,
    Asked,
    Counts,
    Past,
    causes,
    counted,
    is_still,
    judged_fields,
    score_of,
    share,
    trend,
    valid_values,
    wilson,
)
from aimass.quality.panes import HOUR, merged
from aimass.records import Indicator, Judgement, Pane, Review
from aimass.state import ObjectSpec, State

_RECENT = 64
_BEFORE = 5
_SLOTS = 168
_LEARN = 0.2
_LOW = 0.7
_STILL = 0.1
_LEAST_SEEN = 3


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What is asked of a source, and its gates."""

    topic: str
    asked: Asked
    gates: tuple[GateSpec, ...] = ()


class _Held(msgspec.Struct):
    """One pane: the revisions of its parts, how often it was judged, what reviews said of its records."""

    parts: dict[str, int] = {}
    revision: int = 0
    is_dirty: bool = False
    is_final: bool = False
    audits: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    reviews: list[int] = msgspec.field(default_factory=lambda: [0, 0])


class _Book(msgspec.Struct):
    """All that is remembered of a source beside its panes."""

    watermark: float = -math.inf
    is_stale: bool = False
    held: dict[float, _Held] = {}
    recent: dict[float, dict[str, tuple[int, int]]] = {}
    recent_fields: dict[float, dict[str, tuple[int, int]]] = {}
    before: list[dict[str, dict[int, int]]] = []
    usual: dict[int, tuple[int, float]] = {}
    learned: int = 0
    still: dict[str, int] = {}
    gates: dict[str, tuple[str, bool, str]] = {}
    since: float = -math.inf


@dataclass(slots=True)
class Turned:
    """A gate that was closed or opened."""

    spec: GateSpec
    gate: GateState
    seen: Indicator = field(default_factory=Indicator)


class SourceJudge:
    """Judges one source.

    State: the parts of its panes until they are ``keep_s`` old, sums of the last panes for trends and gates, numbers of
    the last five complete panes, and what a pane has usually at each place of the season.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    spec
        What is asked of it.
    length_s
        How long a pane is.
    lateness_s
        How far behind the newest event others may come: a pane is complete when it is over for that long.
    keep_s
        How long panes may be revised.
    """

    def __init__(
        self, pipeline: str, spec: SourceSpec, length_s: float = 60.0, lateness_s: float = 0.0, keep_s: float = HOUR
    ) -> None:
        self.spec = spec
        self._pipeline, self._length, self._lateness, self._keep = pipeline, length_s, lateness_s, keep_s
        self._books: ObjectSpec[_Book] = ObjectSpec(
            "judge.books", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(_Book).decode
        )
        self._parts: ObjectSpec[Pane] = ObjectSpec(
            f"judge.{spec.topic}", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Pane).decode, live=512
        )

    def take(self, pane: Pane, state: State) -> None:
        """Take a part of a pane: the newest revision of it holds."""
        book = self._book(state)
        if pane.start not in book.held and self._is_past(pane.start, book):
            return
        held = book.held.setdefault(pane.start, _Held())
        if held.parts.get(pane.part, -1) >= pane.revision:
            return
        held.parts[pane.part] = pane.revision
        held.is_dirty = True
        book.watermark = max(book.watermark, pane.time)
        state.objects(self._parts).put(f"{pane.start:.3f}|{pane.part}", pane)
        self._keep_book(book, state)

    def reviewed(self, task: Review, was_right: bool | None, is_audit: bool, state: State) -> None:
        """Take a person's verdict on a record of a pane that is still kept."""
        book = self._book(state)
        held = book.held.get(math.floor(task.time / self._length) * self._length)
        if held is None:
            return
        counts = held.audits if is_audit else held.reviews
        counts[0] += was_right is True
        counts[1] += 1
        held.is_dirty = True
        self._keep_book(book, state)

    def look(self, now: float, proposals: Sequence[str], state: State) -> tuple[list[Judgement], list[Turned]]:
        """Judge the panes that have changed, and look at the gates."""
        book = self._book(state)
        dirty = sorted(
            start
            for start, held in book.held.items()
            if held.is_dirty or (not held.is_final and self._is_complete(start, book, now))
        )
        is_stale = self._age(book, now) > (self.spec.asked.contract.fresh_s or math.inf)
        if not dirty and is_stale != book.is_stale and book.held:
            dirty = [max(book.held)]
        news = is_stale != book.is_stale or bool(dirty)
        book.is_stale = is_stale
        if not news:
            return [], []
        wholes = {start: self._whole(start, book, state) for start in dirty}
        past = _past(book)
        for start, whole in wholes.items():
            book.recent[start] = counted(whole, self.spec.asked, past)
            watched = {gate.field for gate in self.spec.gates if gate.field is not None}
            book.recent_fields[start] = _of_fields(whole, watched)
        turned = list(self._gates(book, now))
        said = [self._judge(start, whole, past, book, now, proposals) for start, whole in wholes.items()]
        self._forget(book, state)
        self._keep_book(book, state)
        return said, turned

    def turn(self, name: str, is_closed: bool, by: str, now: float, state: State) -> list[Turned]:
        """Close gates by a person's word, until they are opened; or open them, and begin to watch anew."""
        book, turned = self._book(state), []
        for spec in self.spec.gates:
            if name in ("", spec.name):
                before = self._gate(spec, book)
                gate = GateState("fail" if is_closed else "insufficient", is_closed, by if is_closed else "")
                book.gates[spec.name] = gate.state, gate.is_closed, gate.by
                if before.is_closed != is_closed:
                    turned.append(Turned(spec, gate))
        if not is_closed:
            book.since = now
        self._keep_book(book, state)
        return turned

    # -- one look -----------------------------------------------------------------------------------------------------

    def _book(self, state: State) -> _Book:
        return state.objects(self._books).get(self.spec.topic) or _Book()

    def _keep_book(self, book: _Book, state: State) -> None:
        state.objects(self._books).put(self.spec.topic, book)

    def _age(self, book: _Book, now: float) -> float:
        return now - book.watermark if math.isfinite(book.watermark) else 0.0

    def _whole(self, start: float, book: _Book, state: State) -> Pane:
        table = state.objects(self._parts)
        parts = [table.get(f"{start:.3f}|{part}") for part in sorted(book.held[start].parts)]
        return merged([part for part in parts if part is not None])

    def _is_past(self, start: float, book: _Book) -> bool:
        return start + self._keep < book.watermark - HOUR

    def _is_complete(self, start: float, book: _Book, now: float) -> bool:
        return start + self._length + self._lateness <= max(book.watermark, now)

    def _judge(
        self, start: float, whole: Pane, past: Past, book: _Book, now: float, proposals: Sequence[str]
    ) -> Judgement:
        held = book.held[start]
        held.is_dirty = False
        held.revision += 1
        is_complete = self._is_complete(start, book, now)
        expected = self._expected(start, whole, book)
        indicators = self._indicators(start, whole, held, expected if is_complete else None, book, now)
        fields = judged_fields(whole, self.spec.asked, past)
        if is_complete and not held.is_final:
            held.is_final = True
            self._learn(start, whole, book)
        score, weakest = score_of(indicators)
        return Judgement(
            id=f"{self.spec.topic}|{start:.3f}",
            key=self.spec.topic,
            time=start,
            pipeline=self._pipeline,
            length=whole.length,
            revision=held.revision,
            is_complete=is_complete,
            records=whole.records,
            valid=whole.valid,
            counts=whole.counts,
            indicators=indicators,
            score=score,
            weakest=weakest,
            expected=expected,
            causes=causes(whole, self.spec.asked),
            fields=fields,
            gates={spec.name: self._gate(spec, book).state for spec in self.spec.gates},
            proposals=tuple(proposals),
            contract=f"{self.spec.asked.contract.name} {self.spec.asked.contract.version}",
        )

    def _indicators(
        self, start: float, whole: Pane, held: _Held, expected: float | None, book: _Book, now: float
    ) -> dict[str, Indicator]:
        sums = book.recent[start]
        found = {name: share(*counts, self._trend(name, start, book)) for name, counts in sums.items()}
        if "accuracy" not in found:
            found["accuracy"] = _audited(whole, held)
        if self.spec.asked.contract.fresh_s is not None:
            found["freshness"] = self._freshness(book, now)
        if expected is not None and self.spec.asked.contract.season_s is not None:
            value = min(1.0, whole.records / expected) if expected > 0 else 1.0
            low, high = _poisson(whole.records, expected)
            found["volume"] = Indicator(value, low, high, whole.records)
        return {name: found.get(name, Indicator()) for name in INDICATORS}

    def _freshness(self, book: _Book, now: float) -> Indicator:
        fresh, age = self.spec.asked.contract.fresh_s or math.inf, self._age(book, now)
        value = 1.0 if age <= fresh else fresh / age
        return Indicator(value, value, value, 1)

    def _trend(self, name: str, start: float, book: _Book) -> float | None:
        rows = (book.recent[one].get(name) for one in sorted(book.recent) if one <= start)
        return trend([good / count for good, count in (row for row in rows if row is not None) if count])

    def _slot(self, start: float, length: float) -> int:
        season = self.spec.asked.contract.season_s or length
        return int((start % season) / max(length, season / _SLOTS))

    def _expected(self, start: float, whole: Pane, book: _Book) -> float | None:
        seen = book.usual.get(self._slot(start, whole.length))
        return seen[1] if seen is not None and seen[0] >= _LEAST_SEEN else None

    def _learn(self, start: float, whole: Pane, book: _Book) -> None:
        """Remember what a complete pane was like; late records are no part of it."""
        slot = self._slot(start, whole.length)
        count, mean = book.usual.get(slot, (0, 0.0))
        rate = max(_LEARN, 1 / (count + 1))
        if count >= _LEAST_SEEN and whole.records < _LOW * mean:
            rate = _LEARN / 4  # what was lost is not to become what is usual
        book.usual[slot] = count + 1, mean + rate * (whole.records - mean)
        book.learned += 1
        for path, one in whole.fields.items():
            if is_still(one):
                book.still[path] = book.still.get(path, 0) + 1
        numbers = {path: dict(one.numbers) for path, one in whole.fields.items() if one.numbers}
        book.before = [*book.before, numbers][-_BEFORE:]

    def _forget(self, book: _Book, state: State) -> None:
        table = state.objects(self._parts)
        for start in sorted(book.held):
            if self._is_past(start, book) and not book.held[start].is_dirty:
                for part in book.held.pop(start).parts:
                    table.delete(f"{start:.3f}|{part}")
        longest = max((gate.over_s for gate in self.spec.gates), default=0.0)
        for old in sorted(book.recent)[: -max(_RECENT, math.ceil(longest / self._length) + 1)]:
            del book.recent[old]
            book.recent_fields.pop(old, None)

    # -- gates --------------------------------------------------------------------------------------------------------

    def _gate(self, spec: GateSpec, book: _Book) -> GateState:
        return GateState(*book.gates.get(spec.name, ("insufficient", False, "")))

    def _gates(self, book: _Book, now: float) -> Iterator[Turned]:
        for spec in self.spec.gates:
            before, seen = self._gate(spec, book), self._seen(spec, book, now)
            gate = gate_step(spec, before, seen)
            book.gates[spec.name] = gate.state, gate.is_closed, gate.by
            if gate.is_closed != before.is_closed:
                yield Turned(spec, gate, seen)

    def _seen(self, spec: GateSpec, book: _Book, now: float) -> Indicator:
        """Return what a gate watches, over the panes of its time."""
        if spec.indicator == "freshness":
            return msgspec.structs.replace(self._freshness(book, now), n=spec.least)
        sums = book.recent if spec.field is None else book.recent_fields
        name = spec.indicator if spec.field is None else f"{spec.field}|{spec.indicator}"
        first = max(book.watermark - spec.over_s, book.since)
        seen = [counts[name] for start, counts in sums.items() if start >= first and name in counts]
        return share(sum(good for good, _ in seen), sum(count for _, count in seen))


def _past(book: _Book) -> Past:
    """Return what the last panes were like, together."""
    found: dict[str, dict[int, int]] = {}
    for numbers in book.before:
        for path, counts in numbers.items():
            mine = found.setdefault(path, {})
            for bucket, count in counts.items():
                mine[bucket] = mine.get(bucket, 0) + count
    return Past(found, frozenset(path for path, count in book.still.items() if count > _STILL * book.learned))


def _of_fields(whole: Pane, watched: set[str]) -> dict[str, Counts]:
    """Return the sums of fields that gates watch."""
    found: dict[str, Counts] = {}
    for path in sorted(watched):
        one = whole.fields.get(path)
        if one is None:
            found[f"{path}|completeness"] = 0, whole.records
            continue
        found[f"{path}|completeness"] = one.present, whole.records
        found[f"{path}|validity"] = valid_values(one)
        found[f"{path}|accuracy"] = one.agreed, one.checked
    return found


def _audited(whole: Pane, held: _Held) -> Indicator:
    """Return the accuracy that reviews show: of what is valid by the audits, of what is not by the reviews.

    Each part weighs as many records as it has; without audits nothing is known of the largest part.
    """
    right, audits = held.audits
    if not audits or not whole.records:
        return Indicator()
    parts = [(whole.valid, right, audits), (whole.records - whole.valid, *held.reviews)]
    value = low = high = 0.0
    for records, good, count in parts:
        if not records:
            continue
        weight, (least, most) = records / whole.records, wilson(good, count)
        value += weight * (good / count if count else 0.5)
        low += weight * least
        high += weight * most
    return Indicator(value, low, high, audits + held.reviews[1])


def _poisson(records: int, expected: float) -> tuple[float, float]:
    """Return the interval of the volume: that of a count, two standard deviations."""
    if expected <= 0:
        return 1.0, 1.0
    half = 1.96 * math.sqrt(max(records, 1))
    return max(0.0, min(1.0, (records - half) / expected)), min(1.0, (records + half) / expected)
