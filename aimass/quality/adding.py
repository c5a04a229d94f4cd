"""A batch of records, added to a pane: what became of each, how late it came, and what its fields were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimass.models.kernel import Bools, Floats
from aimass.quality.batch import Records
from aimass.quality.check import OTHERS, Findings, causes_of
from aimass.quality.expect import Look
from aimass.quality.sketches import add, add_numbers, add_texts, add_truths, count_buckets
from aimass.records import FieldPane, Pane
from aimass.rules.columns import NUMERIC, Column

#: A record further ahead of its arrival than this comes from the future.
FUTURE_S = 60.0
#: How many ids are kept of each cause.
EXAMPLES = 3
#: Of so many causes a pane has examples, the first that it meets.
CAUSES = 256
_KINDS: dict[type, str] = {str: "text", bool: "truth", dict: "object", list: "list"}


@dataclass(slots=True)
class Seen:
    """A batch of records, with what became of each.

    Parameters
    ----------
    records
        What they say.
    ids
        The ids of the events that they are.
    arrivals
        When they came, by Kafka's clock, in seconds.
    checksums, offsets
        The CRC-32 and the offset of each.
    fates
        What became of each: ``log``, ``tagged``, ``quarantined`` …
    """

    records: Records
    ids: Sequence[str]
    arrivals: Floats
    checksums: Sequence[int]
    offsets: Sequence[int]
    fates: Sequence[str]


class Adder:
    """Adds those records of a batch to a pane that happened in it; ``member`` says which (``None``: all)."""

    def __init__(self, pane: Pane, seen: Seen, found: Findings, member: Bools | None) -> None:
        self._pane, self._seen, self._found, self._member = pane, seen, found, member
        self._which = None if member is None else np.flatnonzero(member).tolist()
        self._count = len(seen.records) if self._which is None else len(self._which)

    def add(self, late: Bools, delay_s: float | None, named: frozenset[str], required: int) -> None:
        """Add them."""
        pane, found = self._pane, self._found
        broken = [at for at in found.errors if self._is_member(at)]
        pane.records += self._count
        pane.valid += self._count - len(broken)
        pane.cells += required * self._count
        self._add_fates(late)
        self._add_delays(delay_s)
        for path, look in self._fields(named):
            self._add_field(path, look)
        for name, truths in found.checks.items():
            part = truths if self._member is None else truths[self._member]
            counts = pane.checks.setdefault(name, [0, 0])
            counts[0] += int((part >= 0).sum())
            counts[1] += int((part == 0).sum())
        self._add_examples(broken)

    def _is_member(self, at: int) -> bool:
        return self._member is None or bool(self._member[at])

    def _of(self, values: Sequence[Any]) -> Sequence[Any]:
        return values if self._which is None else [values[at] for at in self._which]

    def _add_fates(self, late: Bools) -> None:
        pane = self._pane
        fates, sums, offsets = self._of(self._seen.fates), self._of(self._seen.checksums), self._of(self._seen.offsets)
        counts = Counter(fates)
        add(pane.counts, counts)
        ((usual, _),) = counts.most_common(1)
        rest = sum(sums)
        if len(counts) > 1:
            for fate, checksum in [(fate, one) for fate, one in zip(fates, sums, strict=True) if fate != usual]:
                add(pane.checksums, {fate: checksum})
                rest -= checksum
        add(pane.checksums, {usual: rest})
        known = [*pane.offsets, *offsets] if len(offsets) < 3 else [*pane.offsets, min(offsets), max(offsets)]
        pane.offsets = [min(known), max(known)]
        lost = int((late if self._member is None else late[self._member]).sum())
        if lost:
            add(pane.counts, {"late": lost})

    def _add_delays(self, delay_s: float | None) -> None:
        pane, delays = self._pane, self._seen.arrivals - self._seen.records.times
        if self._member is not None:
            delays = delays[self._member]
        future = int((delays < -FUTURE_S).sum())
        if future:
            add(pane.counts, {"future": future})
        if delay_s is not None:
            add(pane.counts, {"timely": int(((delays <= delay_s) & (delays >= -FUTURE_S)).sum())})
        count_buckets(pane.delays, np.maximum(delays, 0.0))

    def _fields(self, named: frozenset[str]) -> list[tuple[str, Look]]:
        """Return what each field was among these records; of unnamed fields the first so many that a pane has met."""
        pane = self._pane
        looks = [(path, self._part(look)) for path, look in self._found.looks.items()]
        others = [(path, look) for path, look in looks if path not in named and (look.present or look.nulls)]
        room = OTHERS - sum(path not in named for path in pane.fields)
        new = [(path, look) for path, look in others if path not in pane.fields]
        if len(new) > room:
            new.sort(key=lambda one: 0 if one[1].there is None else min(one[1].there, default=0))
            kept = {path for path, _ in new[:room]}
            others = [(path, look) for path, look in others if path in pane.fields or path in kept]
        return [(path, look) for path, look in looks if path in named] + others

    def _part(self, look: Look) -> Look:
        member = self._member
        if member is None:
            return look
        places = range(len(look.column)) if look.there is None else look.there
        kept = [i for i, at in enumerate(places) if member[at]]
        breaches = [(at, kind) for at, kind in look.breaches if member[at]]
        missing = sum(kind == "required" for _, kind in breaches)
        nulls = [at for at in look.nulls if member[at]]
        there = [places[i] for i in kept]
        return Look(look.column.take(np.array(kept, np.int64)), there, missing, nulls, breaches)

    def _add_field(self, path: str, look: Look) -> None:
        pane = self._pane
        field = pane.fields.get(path)
        if field is None:
            field = pane.fields[path] = FieldPane()
        field.present += look.present
        pane.missing += look.missing
        if look.nulls:
            add(field.kinds, {"null": len(look.nulls)})
        if look.breaches:
            add(field.wrong, Counter(kind for _, kind in look.breaches))
        if look.present:
            _add_values(field, look.column)
        truth = self._found.truths.get(path)
        if truth is not None:
            known, right = truth if self._member is None else tuple(one[self._member[one]] for one in truth)
            field.checked += len(known)
            field.agreed += len(right)

    def _add_examples(self, broken: Sequence[int]) -> None:
        found, examples = self._found, self._pane.examples
        for at in sorted({*broken, *(at for at in found.warnings if self._is_member(at))}):
            for cause in causes_of(found, at):
                ids = examples.get(cause)
                if ids is None and len(examples) < CAUSES:
                    ids = examples[cause] = []
                if ids is not None and len(ids) < EXAMPLES:
                    ids.append(self._seen.ids[at])


def _add_values(field: FieldPane, column: Column) -> None:
    types = column.types
    if types <= NUMERIC:
        numbers, known = column.numbers()
        add(field.kinds, {"number": len(numbers)})
        add_numbers(field, numbers if known.all() else numbers[known])
    elif types == {str}:
        add(field.kinds, {"text": len(column)})
        add_texts(field, column.values())
    else:
        _add_mixed(field, column.values())


def _add_mixed(field: FieldPane, values: Sequence[Any]) -> None:
    kinds = Counter(map(type, values))
    add(field.kinds, {_KINDS[kind]: count for kind, count in kinds.items() if kind not in NUMERIC})
    if kinds[bool]:
        add_truths(field, [value for value in values if type(value) is bool])
    if kinds[str]:
        add_texts(field, [value for value in values if type(value) is str])
    if kinds[int] or kinds[float]:
        add(field.kinds, {"number": kinds[int] + kinds[float]})
        found, known = Column.of_values([value for value in values if type(value) in NUMERIC]).numbers()
        add_numbers(field, found[known])
