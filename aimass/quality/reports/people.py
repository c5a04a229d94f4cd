"""What people and gates did in a period: reviews by verdict, and when gates were closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from aimass.records import Gate, Judgement, Review

#: What a person can say of a record.
VERDICTS = ("corrected", "accepted", "rejected")
WAITING = ("open", "claimed")
_AUDIT = ("audit",)
_LONGEST = 200


class Example(msgspec.Struct, frozen=True):
    """A record that broke something: its id, and what it said, where it waits or waited for a person."""

    id: str
    value: str | None = None


class Reviews(msgspec.Struct, frozen=True):
    """What became of the records of a period that people were to look at.

    Parameters
    ----------
    tasks, audits
        How many there were; how many of them were a sample of what is valid.
    verdicts
        How many were corrected, accepted, rejected; and how many expired.
    audits_judged, audits_right
        Of how many audits there is a verdict; how many of these were accepted: the record is right.
    by
        By person, how many verdicts.
    median_s
        The median time from when a record was set apart to the verdict, in seconds.
    waiting, claimed
        How many of this period wait, and how many of these somebody has claimed.
    waiting_all, oldest
        How many wait of all times; the event time of the oldest.
    """

    tasks: int
    audits: int
    verdicts: dict[str, int]
    audits_judged: int
    audits_right: int
    by: dict[str, int]
    median_s: float | None
    waiting: int
    claimed: int
    waiting_all: int
    oldest: float | None


class Closing(msgspec.Struct, frozen=True):
    """A time during which a gate was closed; ``opened`` is ``None`` while it is."""

    closed: float
    opened: float | None
    by: str
    why: str
    opened_by: str = ""
    opened_why: str = ""


class GateHistory(msgspec.Struct, frozen=True):
    """How a gate stood in a period: for how many seconds of it it was closed, and when."""

    source: str
    gate: str
    action: str
    state: str
    is_closed: bool
    closed_s: float
    closings: list[Closing]


def last_steps(reviews: Iterable[Review]) -> dict[str, Review]:
    """Return how each task stands: what was done to it last."""
    return {one.id: one for one in reviews}


def example_of(reviews: Iterable[Review]) -> dict[str, Example]:
    """Return what the records said that people looked at, by id."""
    return {one.id: Example(one.id, said(one)) for one in reviews if one.record is not None}


def said(review: Review) -> str:
    """Return a record as text, cut where it is long; what is no text with its bytes escaped.

    Examples
    --------
    >>> from aimass.records import Quarantined, Source
    >>> place = Source("t", 0, 0)
    >>> record = Quarantined("i", "k", 0.0, "p", place, ("a:least",), b'{"a":\\xff}')
    >>> said(Review("i", "k", 0.0, "p", place, "open", ("a:least",), "quarantined", 0.0, record=record))
    '{"a":\\\\xff}'
    """
    value = b"" if review.record is None else review.record.value
    text = value[: 4 * _LONGEST].decode("utf-8", "backslashreplace")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def reviews_of(reviews: Sequence[Review], start: float, end: float) -> Reviews:
    """Return what became of the tasks whose events happened in a period, and what waits now."""
    last = last_steps(reviews)
    inside = {name: one for name, one in last.items() if start <= one.time < end}
    begun: dict[str, float] = {}
    for one in reviews:
        if one.do == "quarantined":
            begun.setdefault(one.id, one.at)
    done = [one for one in inside.values() if one.state in VERDICTS]
    waiting = [one for one in last.values() if one.state in WAITING]
    states = dict.fromkeys((*VERDICTS, "expired"), 0)
    by: dict[str, int] = {}
    for one in inside.values():
        if one.state in states:
            states[one.state] += 1
    for one in done:
        by[one.by] = by.get(one.by, 0) + 1
    audits = [one for one in inside.values() if one.causes == _AUDIT]
    times = [max(0.0, one.at - begun[one.id]) for one in done if one.id in begun]
    return Reviews(
        tasks=len(inside),
        audits=len(audits),
        verdicts=states,
        audits_judged=sum(one.state in VERDICTS for one in audits),
        audits_right=sum(one.state == "accepted" for one in audits),
        by=dict(sorted(by.items(), key=lambda one: (-one[1], one[0]))),
        median_s=median(times) if times else None,
        waiting=sum(one.state in WAITING for one in inside.values()),
        claimed=sum(one.state == "claimed" for one in inside.values()),
        waiting_all=len(waiting),
        oldest=min((one.time for one in waiting), default=None),
    )


def gates_of(gates: Sequence[Gate], judged: Sequence[Judgement], start: float, end: float) -> list[GateHistory]:
    """Return what each gate did in a period; one that never turned as its source's last judgement has it."""
    turns: dict[tuple[str, str], list[Gate]] = {}
    for gate in {one.id: one for one in gates}.values():
        turns.setdefault((gate.key, gate.gate), []).append(gate)
    states: Mapping[tuple[str, str], str] = {
        (one.key, name): state for one in sorted(judged, key=lambda one: one.time) for name, state in one.gates.items()
    }
    return [
        _history(place, sorted(turns.get(place, []), key=lambda one: one.time), states.get(place), start, end)
        for place in sorted({*turns, *states})
    ]


def _history(place: tuple[str, str], turns: Sequence[Gate], state: str | None, start: float, end: float) -> GateHistory:
    closings = [one for one in closings_of(turns) if one.closed < end and (one.opened is None or one.opened > start)]
    last = turns[-1] if turns else None
    source, gate = place
    return GateHistory(
        source=source,
        gate=gate,
        action="" if last is None else last.action,
        state=state or ("insufficient" if last is None else last.state),
        is_closed=bool(closings) and (closings[-1].opened is None or closings[-1].opened >= end),
        closed_s=sum(min(end, end if one.opened is None else one.opened) - max(start, one.closed) for one in closings),
        closings=closings,
    )


def closings_of(turns: Sequence[Gate]) -> list[Closing]:
    """Return when a gate was closed, from what it did, in order.

    Examples
    --------
    >>> from aimass.records import Source
    >>> at = Source("", 0, 0)
    >>> shut = Gate("1", "t", 10.0, "p", at, "g", "tag", "fail", True, why="bad")
    >>> open_ = Gate("2", "t", 70.0, "p", at, "g", "tag", "pass", False, "ada", "mended")
    >>> [(one.closed, one.opened, one.opened_by) for one in closings_of([shut, open_])]
    [(10.0, 70.0, 'ada')]
    """
    found: list[Closing] = []
    for one in turns:
        if one.is_closed:
            found.append(Closing(one.time, None, one.by, one.why))
        elif found and found[-1].opened is None:
            found[-1] = msgspec.structs.replace(found[-1], opened=one.time, opened_by=one.by, opened_why=one.why)
    return found
