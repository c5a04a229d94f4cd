"""Faults of data, to be put into records: each changes single records, moves them, or spoils a stretch of time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from aimass.quality.contracts.plain import holds
from aimass.quality.panes import FUTURE_S
from benchmarks.fault_streams import STEP_S, WAY_S, Data, Facts, Row, iso

#: How much of the second half an episode lasts, and how long a source is silent.
EPISODE, SILENCE_S = 0.2, 15.0
_AHEAD_S, _LATE_S, _HELD_BACK = 3600.0, 5.0, 5


@dataclass(frozen=True, slots=True)
class Injected:
    """Records with faults among them in the order in which they come, and when the faults happened."""

    rows: Sequence[Row]
    times: Sequence[float]

    def panes(self, length_s: float) -> list[float]:
        """Return the starts of the panes with faults.

        Examples
        --------
        >>> Injected((), [12.0, 13.0, 15.0]).panes(5.0)
        [10.0, 15.0]
        """
        return sorted({at // length_s * length_s for at in self.times})


Edit = Callable[[random.Random, Data, Facts], Data | bytes | None]
Move = Callable[[random.Random, Sequence[Row], set[int]], list[Row]]
Spoil = Callable[[random.Random, Sequence[Row], Facts], Sequence[Data] | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what it does to one record, to the order of records, or to a stretch of them.

    ``edit`` and ``spoil`` answer ``None`` where it cannot be: without a text no text is cut short.
    """

    name: str
    said: str
    edit: Edit | None = None
    move: Move | None = None
    spoil: Spoil | None = None
    lost: Callable[[random.Random, Sequence[Row]], set[int]] | None = None

    @property
    def is_episode(self) -> bool:
        """Whether it lasts for a stretch of time, and has no rate."""
        return self.spoil is not None or self.lost is not None

    def inject(
        self, rows: Sequence[Row], facts: Facts, chance: random.Random, clean: set[int], rate: float
    ) -> Injected | None:
        """Return records with faults in them; ``None`` where there can be none.

        Parameters
        ----------
        rows
            The records.
        facts
            What such records are like.
        chance
            Where and how.
        clean
            The origins of records that nothing is said against as they are: in others, faults do not count.
        rate
            In which share of records.
        """
        if self.is_episode:
            return self._episode(rows, facts, chance, clean)
        candidates = [at for at, row in enumerate(rows) if row.origin in clean]
        chance.shuffle(candidates)
        count = max(1, round(rate * len(rows)))
        if self.move is not None:
            chosen = set(candidates[:count])
            moved = sorted(self.move(chance, rows, chosen), key=lambda row: row.arrival)
            here = [row.at if row.at <= row.arrival else row.arrival + FUTURE_S for row in moved if row.is_bad]
            return Injected(moved, here or [rows[at].at for at in sorted(chosen)])
        return self._edited(rows, facts, chance, candidates, count)

    def _edited(
        self, rows: Sequence[Row], facts: Facts, chance: random.Random, candidates: Sequence[int], count: int
    ) -> Injected | None:
        assert self.edit is not None
        made, times = list(rows), list[float]()
        for at in candidates:
            if len(times) == count:
                break
            told = self.edit(chance, rows[at].data, facts)
            if told is None or told == rows[at].data:
                continue
            row = replace(rows[at], value=told) if isinstance(told, bytes) else rows[at].saying(told)
            made[at] = replace(row, is_bad=True)
            times.append(row.at)
        return Injected(made, times) if times else None

    def _episode(self, rows: Sequence[Row], facts: Facts, chance: random.Random, clean: set[int]) -> Injected | None:
        length = max(1, round(EPISODE * len(rows)))
        first = chance.randrange(round(0.2 * len(rows)), round(0.6 * len(rows)))
        part = rows[first : first + length]
        if self.lost is not None:
            gone = self.lost(chance, part)
            kept = [row for at, row in enumerate(part) if at not in gone]
            times = [rows[first - 1].at, *(part[at].at for at in sorted(gone))]  # of silence the record before tells
            return Injected([*rows[:first], *kept, *rows[first + length :]], times)
        assert self.spoil is not None
        told = self.spoil(chance, part, facts)
        if told is None:
            return None
        changed = [
            replace(row.saying(data), is_bad=row.origin in clean and data != row.data)
            for row, data in zip(part, told, strict=True)
        ]
        times = [row.at for row in changed if row.is_bad]
        return Injected([*rows[:first], *changed, *rows[first + length :]], times) if times else None


def _put(data: Data, **said: Any) -> Data:
    return {**data, **said}


def _one(chance: random.Random, names: Sequence[str]) -> str | None:
    return chance.choice(names) if names else None


def _number(change: Callable[[float, float, float], Any]) -> Edit:
    """Return what changes a number, by its mean and its deviation."""

    def edit(chance: random.Random, data: Data, facts: Facts) -> Data | None:
        name = _one(chance, [one for one in facts.numbers if type(data.get(one)) in (int, float)])
        if name is None:
            return None
        value = change(data[name], *facts.numbers[name])
        is_whole = type(data[name]) is int and isinstance(value, float)
        return _put(data, **{name: round(value) if is_whole else value})

    return edit


def _text(change: Callable[[random.Random, str], str], of: Callable[[Facts], Sequence[str]]) -> Edit:
    """Return what changes a text of one of some fields."""

    def edit(chance: random.Random, data: Data, facts: Facts) -> Data | None:
        name = _one(chance, list(of(facts)))
        return None if name is None else _put(data, **{name: change(chance, data[name])})

    return edit


def _without(chance: random.Random, data: Data, facts: Facts) -> Data:
    name = _one(chance, facts.fields)
    return {key: value for key, value in data.items() if key != name}


def _null(chance: random.Random, data: Data, facts: Facts) -> Data:
    return _put(data, **{chance.choice(facts.fields): None})


def _renamed(chance: random.Random, data: Data, facts: Facts) -> Data:
    name = _one(chance, facts.fields)
    return {f"{key}_v2" if key == name else key: value for key, value in data.items()}


def _swapped(chance: random.Random, data: Data, facts: Facts) -> Data | None:
    if len(facts.numbers) < 2:
        return None
    one, other = chance.sample(list(facts.numbers), 2)
    return _put(data, **{one: data[other], other: data[one]})


def _typo(chance: random.Random, text: str) -> str:
    """Return a text with one letter that is another of the alphabet."""
    at = chance.randrange(len(text)) if text else 0
    return (
        text[:at] + chance.choice("abcdefghijklmnopqrstuvwxyz" if text[at:].islower() else "ABCDEFGH") + text[at + 1 :]
    )


def _other(chance: random.Random, text: str) -> str:
    return "other"


def _categories(facts: Facts) -> Sequence[str]:
    return list(facts.categories)


def _cut(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(1, len(text))] if len(text) > 1 else text


def _our_date(chance: random.Random, text: str) -> str:
    return f"{text[8:10]}/{text[5:7]}/{text[:4]}{text[10:19].replace('T', ' ')}"


def _unrelated(chance: random.Random, data: Data, facts: Facts) -> Data | None:
    """Return a record in which one field is another record's, so that a check is broken."""
    if not facts.checks:
        return None
    check = chance.choice(facts.checks)
    names = [name for name in facts.numbers if name in check.that]
    for _ in range(50):
        if not names:
            break
        name = chance.choice(names)
        made = _put(data, **{name: chance.choice(facts.examples)[name]})
        if holds(check, made) is False:
            return made
    return None


def _garbled(chance: random.Random, data: Data, facts: Facts) -> bytes:
    value = orjson.dumps(data)
    return value.replace(b'"id":"r', b'"id":"\xff\xfe', 1)


# -- records that come otherwise --------------------------------------------------------------------------------------


def _twice(chance: random.Random, rows: Sequence[Row], chosen: set[int]) -> list[Row]:
    copies = [replace(rows[at], arrival=rows[at].arrival + chance.uniform(0.01, 3.0), is_bad=True) for at in chosen]
    return [*rows, *copies]


def _twice_anew(chance: random.Random, rows: Sequence[Row], chosen: set[int]) -> list[Row]:
    """Put in copies that bear an id and a time of their own, as when a job runs again."""
    copies = []
    for at in sorted(chosen):
        row, when = rows[at], round(rows[at].at + STEP_S / 4, 3)
        copy = row.saying({**row.data, "id": f"r9{row.origin:05d}", "at": iso(when)})
        copies.append(replace(copy, at=when, arrival=when + WAY_S, is_bad=True))
    return [*rows, *copies]


def _lost(chance: random.Random, rows: Sequence[Row], chosen: set[int]) -> list[Row]:
    return [row for at, row in enumerate(rows) if at not in chosen]


def _moved(change: Callable[[random.Random, Row], Row]) -> Move:
    def move(chance: random.Random, rows: Sequence[Row], chosen: set[int]) -> list[Row]:
        return [replace(change(chance, row), is_bad=True) if at in chosen else row for at, row in enumerate(rows)]

    return move


def _late(chance: random.Random, row: Row) -> Row:
    return replace(row, arrival=row.arrival + _LATE_S)


def _held_back(chance: random.Random, row: Row) -> Row:
    return replace(row, arrival=row.arrival + chance.randint(1, _HELD_BACK) * STEP_S + 0.01)


def _from_the_future(chance: random.Random, row: Row) -> Row:
    at = row.at + _AHEAD_S
    return replace(row.saying({**row.data, "at": iso(at)}), at=at)


# -- stretches of time ------------------------------------------------------------------------------------------------


def _numbers(change: Callable[[random.Random, float, float, float], float]) -> Spoil:
    """Return what changes one field of numbers for a while."""

    def spoil(chance: random.Random, rows: Sequence[Row], facts: Facts) -> Sequence[Data] | None:
        name = _one(chance, list(facts.numbers))
        if name is None:
            return None
        mean, deviation = facts.numbers[name]
        found = []
        for row in rows:
            value, was = row.data[name], type(row.data[name])
            made = change(chance, value, mean, deviation)
            found.append(_put(row.data, **{name: round(made) if was is int else round(made, 6)}))
        return found

    return spoil


def _stuck(chance: random.Random, rows: Sequence[Row], facts: Facts) -> Sequence[Data] | None:
    name = _one(chance, list(facts.numbers))
    return None if name is None else [_put(row.data, **{name: rows[0].data[name]}) for row in rows]


def _renamed_for_all(chance: random.Random, rows: Sequence[Row], facts: Facts) -> Sequence[Data]:
    name = _one(chance, facts.fields)
    return [{f"{key}_v2" if key == name else key: value for key, value in row.data.items()} for row in rows]


def _half(chance: random.Random, rows: Sequence[Row]) -> set[int]:
    return {at for at in range(len(rows)) if chance.random() < 0.5}


def _silence(chance: random.Random, rows: Sequence[Row]) -> set[int]:
    return {at for at, row in enumerate(rows) if row.at < rows[0].at + SILENCE_S}


KINDS = (
    Kind("missing", "a field is missing", edit=_without),
    Kind("null", "a field is null", edit=_null),
    Kind("number-as-text", "a number is written as text", edit=_number(lambda value, mean, sd: str(value))),
    Kind("thousandfold", "a number is in another unit (× 1000)", edit=_number(lambda value, mean, sd: value * 1000)),
    Kind("fahrenheit", "a number is in another unit (°C → °F)", edit=_number(lambda value, mean, sd: value * 1.8 + 32)),
    Kind("sign", "a number has the wrong sign", edit=_number(lambda value, mean, sd: -value)),
    Kind("spike", "a number is 10 σ above the mean", edit=_number(lambda value, mean, sd: mean + 10 * sd)),
    Kind("swapped", "two numbers have changed places", edit=_swapped),
    Kind(
        "unknown-category",
        "a category is a new word",
        edit=_text(_other, _categories),
    ),
    Kind("typo", "a category has one wrong letter", edit=_text(_typo, _categories)),
    Kind("cut-text", "a text is cut short", edit=_text(_cut, lambda one: one.texts)),
    Kind(
        "date-of-event",
        "the event's time is 14/11/2023 …",
        edit=_text(_our_date, lambda one: ["at"]),
    ),
    Kind("date", "another date is 14/11/2023", edit=_text(_our_date, lambda one: one.dates)),
    Kind("relation", "a value that another one contradicts", edit=_unrelated),
    Kind("renamed", "a field has another name", edit=_renamed),
    Kind("encoding", "bytes that are no UTF-8", edit=_garbled),
    Kind("twice", "a record comes twice", move=_twice),
    Kind("twice-anew", "… with a new id and time", move=_twice_anew),
    Kind("lost", "a record is lost", move=_lost),
    Kind("late", "a record comes 5 s late (50 records)", move=_moved(_late)),
    Kind("out-of-order", "a record comes up to 5 records later", move=_moved(_held_back)),
    Kind("future", "a record from an hour ahead", move=_moved(_from_the_future)),
    Kind("drift-half", "mean + 0.5 σ", spoil=_numbers(lambda chance, value, mean, sd: value + 0.5 * sd)),
    Kind("drift-two", "mean + 2 σ", spoil=_numbers(lambda chance, value, mean, sd: value + 2 * sd)),
    Kind("noise", "σ × 3", spoil=_numbers(lambda chance, value, mean, sd: value + chance.gauss(0, 8**0.5 * sd))),
    Kind("stuck", "a value that does not change", spoil=_stuck),
    Kind("unit-for-all", "another unit (× 1000)", spoil=_numbers(lambda chance, value, mean, sd: value * 1000)),
    Kind("schema", "a field has another name", spoil=_renamed_for_all),
    Kind("half-lost", "half of the records are lost", lost=_half),
    Kind("silence", "no record for 15 s", lost=_silence),
)
