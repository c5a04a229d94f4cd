"""A contract for records that have none: learned from the earlier part of them, and tried on the later part.

What is broken in the later part too often is widened to what all records say, or dropped; the evidence says which,
how often, and why. The same records give the same contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from aimass.models.features import MISSING, getter
from aimass.quality.contracts.contract import Check, Contract, Expectation
from aimass.quality.contracts.learn import head_room, keeps, learn, order_of
from aimass.quality.contracts.plain import failed, holds, is_absent
from aimass.quality.contracts.together import relations
from aimass.quality.indicators import wilson
from aimass.quality.times import seconds

Verdict = Literal["kept", "widened", "dropped"]
#: The share of records, the first ones, that is learned from.
LEARNED = 0.7
#: How often an expectation may be broken: it is, too often, when the interval of 95 % is wholly above.
ALLOWED = 0.001
LEAST, MOST, MOST_FIELDS, MOST_DEPTH = 20, 100_000, 500, 8
#: What a value alone is asked: the facets of an expectation, in the order in which they are told.
FACETS = ("required", "type", "values", "least", "most", "min_length", "max_length", "pattern", "format")
_LADDER = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an expectation did on the records that it was not learned from.

    Parameters
    ----------
    path
        The field or check; ``""``: the source.
    what
        Which of its expectations, such as ``most``.
    said
        What it says; in the contract, unless it was dropped.
    verdict
        ``kept``, ``widened`` or ``dropped``.
    tried, broken
        Of how many later records it could be asked, and how many broke it as it was learned.
    low, high
        The share that breaks it, with 95 % confidence (Wilson's interval).
    why
        Why it is not as it was learned; ``""`` when it is.
    """

    path: str
    what: str
    said: str
    verdict: Verdict
    tried: int
    broken: int
    low: float
    high: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A contract that was learned, how many records it was learned from and tried on, and the evidence."""

    contract: Contract
    learned: int
    tried: int
    evidence: tuple[Evidence, ...]


def suggest(records: Iterable[dict[str, Any]], name: str) -> Contract:
    """Return a contract for records, the oldest first.

    Raises
    ------
    ValueError
        When there are too few of them.

    Examples
    --------
    >>> found = suggest([{"state": "on" if n % 3 else "off", "volts": 230 + n % 7} for n in range(400)], "meters")
    >>> [(one.path, one.type, one.required, one.values) for one in found.fields]
    [('state', 'text', True, ('off', 'on')), ('volts', 'integer', True, (230, 231, 232, 233, 234, 235, 236))]
    """
    return propose(records, name).contract


def propose(
    records: Iterable[dict[str, Any]],
    name: str,
    *,
    keys: Sequence[str] | None = None,
    delays: Sequence[float] | None = None,
) -> Proposal:
    """Return a contract for records with its evidence.

    Parameters
    ----------
    records
        The records, the oldest first: of them, the newest `MOST` count.
    name
        The contract's name.
    keys
        Of each record, its key: order is of one key. Without them, all are of one.
    delays
        Of each record, how many seconds after it happened it came.

    Raises
    ------
    ValueError
        When there are too few of them.
    """
    every = list(records)
    rows = every[-MOST:]
    if len(rows) < LEAST:
        raise ValueError(f"{len(rows)} records are too few to learn from: {LEAST} are the least, 1,000 are better")
    names = ["" for _ in rows] if keys is None else list(keys)[-len(rows) :]
    return _Learner(name, rows, names, None if delays is None else list(delays)[-len(rows) :]).proposal()


def paths_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the paths of all fields, those within objects too, in the order in which they are met.

    Examples
    --------
    >>> paths_of([{"a": {"b": 1}}, {"c": [1]}])
    ['a', 'a.b', 'c']
    """
    found: dict[str, None] = {}

    def visit(one: Mapping[str, Any], prefix: str, depth: int) -> None:
        for key, value in one.items():
            if not key or "." in key or len(found) >= MOST_FIELDS:
                continue
            found[prefix + key] = None
            if type(value) is dict and depth < MOST_DEPTH:
                visit(value, f"{prefix}{key}.", depth + 1)

    for record in records:
        visit(record, "", 1)
    places = {path: at for at, path in enumerate(found)}  # a field within another stands behind it
    return sorted(
        found, key=lambda path: [places[".".join(path.split(".")[: n + 1])] for n in range(path.count(".") + 1)]
    )


class _Learner:
    """Learns from the first records, tries on the others, and corrects."""

    def __init__(
        self, name: str, rows: list[dict[str, Any]], keys: Sequence[str], delays: Sequence[float] | None
    ) -> None:
        self._name, self._rows, self._keys, self._delays = name, rows, keys, delays
        self._cut = round(len(rows) * LEARNED)
        self._columns = {path: list(map(getter(path), rows)) for path in paths_of(rows)}
        self._evidence: list[Evidence] = []

    def proposal(self) -> Proposal:
        fields = tuple(self._field(path, values) for path, values in self._columns.items())
        contract = Contract(
            name=self._name,
            description=f"Suggested from {len(self._rows):,} records.",
            fields=fields,
            checks=tuple(self._checks()),
            delay_s=self._delay(),
        )
        return Proposal(contract, self._cut, len(self._rows) - self._cut, tuple(self._evidence))

    def _tell(
        self, path: str, what: str, said: str, tried: int, broken: int, verdict: Verdict = "kept", why: str = ""
    ) -> None:
        low, high = wilson(broken, tried)
        self._evidence.append(Evidence(path, what, said, verdict, tried, broken, low, high, why))

    # -- one field ----------------------------------------------------------------------------------------------------

    def _field(self, path: str, values: Sequence[Any]) -> Expectation:
        """Learn a field, try it, and take of what all records say where it is broken too often."""
        one, later = learn(path, values[: self._cut]), values[self._cut :]
        broken = _counted(one, later)
        present = sum(value is not None and not is_absent(one, value) for value in later)
        if all(value is MISSING for value in values[: self._cut]):
            self._tell(path, "type", "any", present, 0, "kept", "only the later records have it: nothing is learned")
            return Expectation(path=path)
        bad = {
            what for what, count in broken.items() if _too_often(count, len(later) if what == "required" else present)
        }
        made = _corrected(one, bad, learn(path, values), values) if bad else one
        for what in FACETS:
            was, now = _worth(one, what), _worth(made, what)
            if was is None and now is None:
                continue
            tried = len(later) if what == "required" else present
            verdict: Verdict = "kept" if was == now else "widened" if now is not None else "dropped"
            said = _shown(now if now is not None else was)
            why = (
                "" if verdict == "kept" else f"was {_shown(was)}" if was is not None else "in place of what was broken"
            )
            self._tell(path, what, said, tried, broken.get(what, 0), verdict, why)
        made = self._unique(made, values)
        return self._order(made, values)

    def _unique(self, one: Expectation, values: Sequence[Any]) -> Expectation:
        if not one.unique:
            return one
        seen = {value for value in values[: self._cut] if type(value) in (str, int)}
        later = [value for value in values[self._cut :] if type(value) in (str, int)]
        again = len(later) - len(set(later) - seen)
        bad = _too_often(again, len(later))
        self._tell(
            one.path, "unique", "true", len(later), again, "dropped" if bad else "kept", "values come again" * bad
        )
        return replace(one, unique=not bad)

    def _order(self, one: Expectation, values: Sequence[Any]) -> Expectation:
        """Learn whether values of a key rise or fall; a bound that they move towards is no bound."""
        if one.type not in ("time", "number", "integer") or one.values is not None:
            return one
        pairs: list[list[tuple[float, float]]] = [[], []]
        before: dict[str, float] = {}
        for at, (key, value) in enumerate(zip(self._keys, values, strict=True)):
            number = seconds(value) if one.type == "time" else value if type(value) in (int, float) else None
            if number is not None:
                if key in before:
                    pairs[at >= self._cut].append((before[key], number))
                before[key] = number
        order = order_of(pairs[0])
        if order is None:
            return one
        broken = sum(not keeps(order, *pair) for pair in pairs[1])
        bad = _too_often(broken, len(pairs[1]))
        why = "values of a key turn back" if bad else ""
        self._tell(one.path, "order", order, len(pairs[1]), broken, "dropped" if bad else "kept", why)
        if bad:
            return one
        open_end = "most" if order in ("rising", "not-falling") else "least"
        if getattr(one, open_end) is not None:
            self._evidence = [each for each in self._evidence if (each.path, each.what) != (one.path, open_end)]
        return _with(one, {"order": order, open_end: None})

    # -- fields together, and the source ------------------------------------------------------------------------------

    def _checks(self) -> Iterable[Check]:
        columns = {path: values[: self._cut] for path, values in self._columns.items()}
        for check in relations(columns):
            answers = [holds(check, row) for row in self._rows[self._cut :]]
            tried, broken = sum(one is not None for one in answers), sum(one is False for one in answers)
            bad = _too_often(broken, tried)
            why = "it held in the earlier records only" if bad else ""
            self._tell(check.name, "check", check.that, tried, broken, "dropped" if bad else "kept", why)
            if not bad:
                yield check

    def _delay(self) -> float | None:
        """Return how late records come, with head-room, on a ladder of usual durations."""
        if self._delays is None:
            return None
        earlier, later = self._delays[: self._cut], self._delays[self._cut :]
        learned = _rung(earlier)
        broken = sum(one > learned for one in later)
        made = _rung(self._delays) if _too_often(broken, len(later)) else learned
        verdict: Verdict = "kept" if made == learned else "widened"
        self._tell(
            "", "delay", f"{made:g} s", len(later), broken, verdict, "" if made == learned else f"was {learned:g} s"
        )
        return made


def _rung(delays: Sequence[float]) -> float:
    ordered = sorted(delays)
    bound = ordered[-1] + head_room(ordered)
    return float(next((rung for rung in _LADDER if rung >= bound), -(-bound // 604800) * 604800))


def _counted(one: Expectation, values: Sequence[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        for what in failed(one, value):
            found[what] = found.get(what, 0) + 1
    return found


def _too_often(broken: int, tried: int) -> bool:
    return broken > 0 and wilson(broken, tried)[0] > ALLOWED


def _corrected(one: Expectation, bad: set[str], every: Expectation, values: Sequence[Any]) -> Expectation:
    """Return an expectation with what all records say, or nothing, in place of what is broken."""
    if "required" in bad:
        is_there = all(value is not MISSING for value in values)  # then it is null that came
        one = replace(one, required=is_there, nullable=True)
    if "type" in bad:
        return replace(every, required=one.required, nullable=one.nullable, missing=one.missing)
    if bad & {"values", "pattern", "format"}:  # one of them stands for the others
        kept: dict[str, Any] = {
            "required": one.required,
            "nullable": one.nullable,
            "missing": one.missing,
            "unique": one.unique,
        }
        return _with(every, kept)
    return _with(one, {what: getattr(every, what) for what in bad - {"required"}})


def _with(one: Expectation, said: dict[str, Any]) -> Expectation:
    return replace(one, **said)


def _worth(one: Expectation, what: str) -> Any:
    """Return what an expectation says; ``None`` where it says nothing."""
    value = getattr(one, what)
    if what == "required":
        return ("or null" if one.nullable else "always") if value else None
    return None if value == "any" else value


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if type(value) is tuple else f"{value}"
    return text if len(text) <= 60 else f"{text[:59]}…"
