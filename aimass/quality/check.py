"""A contract, held against batches of records: field by field, then fields together, then against what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimass.models.kernel import Ints
from aimass.quality.batch import Records
from aimass.quality.contracts.conditions import record_condition
from aimass.quality.contracts.contract import Contract, Expectation
from aimass.quality.contracts.plain import names_of, validator
from aimass.quality.expect import FieldCheck, Look, plain_look
from aimass.quality.remembered import Order, Unique
from aimass.rules.calls import Memory
from aimass.rules.columns import Truths
from aimass.rules.program import Program
from aimass.rules.syntax import Call
from aimass.state import State

#: Fields that no contract names are looked at too, the first so many.
OTHERS = 64
_LONGEST = 128  # characters; what is called longer is not followed


@dataclass(slots=True)
class Findings:
    """What a batch of records keeps of its contract, and what it breaks.

    Parameters
    ----------
    looks
        What each field was, by path.
    errors, warnings
        By place in the batch, what it breaks: ``path:kind``, or the name of a check.
    checks
        By check of fields together: of each record 1 kept, 0 broken, −1 cannot be asked.
    truths
        By path: where values were held against a truth, and whether they were right.
    """

    looks: dict[str, Look] = field(default_factory=dict)
    errors: dict[int, list[str]] = field(default_factory=dict)
    warnings: dict[int, list[str]] = field(default_factory=dict)
    checks: dict[str, Truths] = field(default_factory=dict)
    truths: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)

    def note(self, at: int, cause: str, level: str) -> None:
        """Note that a record breaks something."""
        place = self.errors if level == "error" else self.warnings
        place.setdefault(at, []).append(cause)


class Checker:
    """Holds a contract against batches.

    State: of unique fields the values of the last ``horizon_s``, of ordered ones the last value of each key.

    Parameters
    ----------
    contract
        The contract.
    topic
        The source, which names its tables.
    truths
        For each path with a truth: its values by key.

    Examples
    --------
    >>> contract = Contract(name="c", fields=(Expectation(path="a", type="number", least=0, required=True),))
    >>> Checker(contract, "t").check(Records([{"a": 1}, {"a": -1}, {}], "kkk", [1, 2, 3]), None).errors
    {2: ['a:required'], 1: ['a:least']}
    """

    def __init__(self, contract: Contract, topic: str, truths: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.contract = contract
        self._fields = [FieldCheck(one) for one in contract.fields]
        self._paths = [one.path for one in contract.fields]
        self._named = names_of(contract)
        self._width = len({path for path in self._paths if "." not in path})
        self._is_flat = self._width == len(self._paths)
        self._program = Program([record_condition(one.that) for one in contract.checks], _none)
        self._schema = None if contract.schema is None else validator(contract.schema).is_valid
        self._memories: list[Unique | Order] = []
        self._memories += [Unique(topic, one, contract.horizon_s) for one in contract.fields if one.unique]
        self._memories += [Order(topic, one) for one in contract.fields if one.order is not None]
        self._unknown: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._truths = [(one, (truths or {}).get(one.path, {})) for one in contract.fields if one.truth is not None]

    def check(self, records: Records, state: State | None) -> Findings:
        """Check a batch; without a state, what needs other records is not asked."""
        found = Findings()
        for check, column in zip(self._fields, records.columns(self._paths), strict=True):
            look = found.looks[check.path] = check.look(column)
            for at, kind in look.breaches:
                found.note(at, f"{check.path}:{kind}", check.expectation.level)
        self._look_around(records, found)
        if self.contract.checks:
            self._ask(records, state, found)
        if self._schema is not None:
            for at, data in enumerate(records.data):
                if not self._schema(data):
                    found.note(at, "schema", "error")
        for one, truth in self._truths:
            found.truths[one.path] = _compare(one, truth, records)
        if state is not None:
            for memory in self._memories:
                look = found.looks[memory.path]
                for at in memory.look(look, records, state):
                    look.breaches.append((at, memory.kind))
                    found.note(at, f"{memory.path}:{memory.kind}", memory.level)
        return found

    def _look_around(self, records: Records, found: Findings) -> None:
        """Look at fields that the contract does not name."""
        if self._is_flat and self._paths and max(map(len, records.data), default=0) <= self._width:
            looks = found.looks.values()
            if all(look.there is None for look in looks):
                return  # as many fields as are named, and all of those are there
        others = self.contract.others
        extra: dict[str, None] = {}
        for at, data in enumerate(records.data):
            shape = tuple(data)
            unknown = self._unknown.get(shape)
            if unknown is None:
                unknown = self._of_shape(shape)
            if unknown:
                extra.update(dict.fromkeys(unknown))
                if others != "allow":
                    for name in unknown:
                        found.note(at, f"{name}:unknown", others)
        names = list(extra)[: 4 * OTHERS]
        for name, column in zip(names, map(records.field, names), strict=True):
            found.looks[name] = plain_look(column)

    def _of_shape(self, shape: tuple[str, ...]) -> tuple[str, ...]:
        unknown = tuple(name for name in shape if name not in self._named and len(name) <= _LONGEST)[:OTHERS]
        if len(shape) <= 256:
            if len(self._unknown) >= 1024:  # a cache, rebuilt at will
                self._unknown.clear()
            self._unknown[shape] = unknown
        return unknown

    def _ask(self, records: Records, state: State | None, found: Findings) -> None:
        answers = self._program.run(records, state)  # type: ignore[arg-type]  # nothing here remembers
        for check, truths in zip(self.contract.checks, answers, strict=True):
            found.checks[check.name] = truths
            for at in np.flatnonzero(truths == 0).tolist():
                found.note(at, check.name, check.level)


def _compare(one: Expectation, truth: Mapping[str, Any], records: Records) -> tuple[Ints, Ints]:
    """Return which values there is a truth for, and which of them are right."""
    assert one.truth is not None
    known, right = [], []
    names, values = records.field(one.truth.by).values(), records.field(one.path).values()
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        true = truth.get(str(name)) if type(name) in (str, int) else None
        if true is None:
            continue
        known.append(at)
        if type(value) in (int, float) and type(true) is float:
            if abs(value - true) <= one.truth.tolerance:
                right.append(at)
        elif str(value) == str(true):
            right.append(at)
    return np.array(known, np.int64), np.array(right, np.int64)


def _none(call: Call) -> Memory:
    raise AssertionError(f"{call.name} remembers, and a check looks at one record")


def explain(cause: str, contract: Contract, value: Any) -> str:
    """Return in words what a record breaks.

    Examples
    --------
    >>> explain("a:most", Contract(name="c", fields=(Expectation(path="a", most=5),)), 7)
    'a is 7, more than 5'
    """
    path, _, kind = cause.rpartition(":")
    one = contract.expectation(path)
    if kind == "unknown":
        return f"{path} is no field of the contract"
    if one is None:
        check = next((each for each in contract.checks if each.name == cause), None)
        return f"not true: {check.that}" if check is not None else cause
    said = f"{path} is {_brief(value)}"
    words = {
        "required": f"{path} is missing",
        "type": f"{said}, no {one.type}",
        "least": f"{said}, less than {one.least:g}" if one.least is not None else said,
        "most": f"{said}, more than {one.most:g}" if one.most is not None else said,
        "min_length": f"{said}, shorter than {one.min_length}",
        "max_length": f"{said}, longer than {one.max_length}",
        "pattern": f"{said}, which does not match {one.pattern}",
        "format": f"{said}, no {one.format}",
        "values": f"{said}, none of {_brief(list(one.values or ()))}",
        "unique": f"{said}, which came before",
        "order": f"{said}, which is not {one.order} after the one before",
    }
    return words.get(kind, cause)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def causes_of(found: Findings, at: int) -> tuple[str, ...]:
    """Return all that a record breaks, errors first."""
    return (*found.errors.get(at, ()), *found.warnings.get(at, ()))


def paths_of(causes: Sequence[str]) -> list[str]:
    """Return the fields that causes speak of."""
    return [cause.rpartition(":")[0] for cause in causes if ":" in cause]
