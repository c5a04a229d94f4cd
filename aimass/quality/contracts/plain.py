"""The plain meaning of a contract for one record alone: one expectation after the other, nothing clever.

What is fast is tested against it, and what compares, imports and suggests contracts reasons by it. Expectations that
need other records (``unique``, ``order``, references) or files (``truth``) are not asked here.

- Absent is what is not there, what is null where null is no value (``nullable``), and what ``missing`` lists. Only
  ``required`` minds.
- Null, where it is a value, meets every other expectation.
- Ranges hold for numbers (of a ``time``: for its seconds), lengths for texts and lists, patterns and formats for texts;
  values of other types are left to ``type``.
- Values are equal as JSON has it: 1 is 1.0, true is not 1.
- ``others`` is about fields at the top level: one is named when a path is it, or begins with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec
import orjson

from aimass.models.features import MISSING, getter
from aimass.quality.contracts.contract import Check, Contract, Expectation, Level
from aimass.quality.contracts.looks import looks
from aimass.quality.times import seconds as seconds_of
from aimass.records import Prediction, Source
from aimass.rules.plain import Given, truth
from aimass.rules.read import condition
from aimass.rules.syntax import Condition, Pattern


@dataclass(frozen=True, slots=True)
class Breach:
    """What a record does not keep: the field or check, and which of its expectations."""

    path: str
    what: str
    level: Level = "error"


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are the same in JSON.

    Examples
    --------
    >>> equal(1, 1.0), equal(1, True), equal([1, {"a": True}], [1, {"a": 1}])
    (True, False, False)
    """
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if type(left) is dict and type(right) is dict:
        return left.keys() == right.keys() and all(equal(left[name], right[name]) for name in left)
    return (type(left) is bool) == (type(right) is bool) and bool(left == right)


def is_of(value: Any, type_: str) -> bool:
    """Return whether a value is of one of `TYPES` (`contract.py`). A float without a fraction is an integer.

    Examples
    --------
    >>> is_of(3.0, "integer"), is_of(True, "number"), is_of("2026-05-01", "time")
    (True, False, True)
    """
    kind = type(value)
    if type_ == "any":
        return True
    if type_ == "integer":
        return kind is int or (kind is float and value.is_integer())
    if type_ == "number":
        return kind is int or kind is float
    if type_ == "time":
        return seconds_of(value) is not None
    return kind is {"text": str, "truth": bool, "object": dict, "list": list}[type_]


def is_absent(one: Expectation, value: Any) -> bool:
    """Return whether a value counts as none."""
    if value is None:
        return not one.nullable or any(missing is None for missing in one.missing)
    return value is MISSING or any(equal(value, missing) for missing in one.missing)


def failed(one: Expectation, value: Any) -> list[str]:
    """Return which expectations of a field a value does not meet; `MISSING` stands for none.

    Examples
    --------
    >>> failed(Expectation(path="n", type="integer", most=5), 7.5)
    ['type', 'most']
    >>> failed(Expectation(path="n", required=True, missing=("-",)), "-")
    ['required']
    """
    if is_absent(one, value):
        return ["required"] if one.required else []
    if value is None:
        return []
    return [name for name, holds in _ASKED.items() if not holds(one, value)]


def _measure(one: Expectation, value: Any) -> float | None:
    if one.type == "time":
        return seconds_of(value)
    return value if type(value) in (int, float) else None


def _least(one: Expectation, value: Any) -> bool:
    found = None if one.least is None else _measure(one, value)
    return found is None or one.least is None or found >= one.least


def _most(one: Expectation, value: Any) -> bool:
    found = None if one.most is None else _measure(one, value)
    return found is None or one.most is None or found <= one.most


def _min_length(one: Expectation, value: Any) -> bool:
    return one.min_length is None or type(value) not in (str, list) or len(value) >= one.min_length


def _max_length(one: Expectation, value: Any) -> bool:
    return one.max_length is None or type(value) not in (str, list) or len(value) <= one.max_length


def _pattern(one: Expectation, value: Any) -> bool:
    return one.pattern is None or type(value) is not str or compiled(one.pattern).fullmatch(value) is not None


def _format(one: Expectation, value: Any) -> bool:
    return one.format is None or type(value) is not str or looks(value, one.format)


def _values(one: Expectation, value: Any) -> bool:
    return one.values is None or any(equal(value, allowed) for allowed in one.values)


_ASKED: dict[str, Callable[[Expectation, Any], bool]] = {
    "type": lambda one, value: is_of(value, one.type),
    "least": _least,
    "most": _most,
    "min_length": _min_length,
    "max_length": _max_length,
    "pattern": _pattern,
    "format": _format,
    "values": _values,
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a regular expression, once."""
    return re.compile(pattern)


_NOBODY = Prediction("", "", 0.0, "", Source("", 0, 0), {}, {}, msgspec.Raw(b"{}"))


@lru_cache(maxsize=1024)
def parsed(text: str) -> Condition:
    """Read a condition, once."""
    return condition(text)


def holds(check: Check, record: Mapping[str, Any]) -> bool | None:
    """Return whether a check is true of a record; ``None`` where the record does not say.

    Examples
    --------
    >>> holds(Check(name="sum", that="a + b == c"), {"a": 1, "b": 2, "c": 3})
    True
    """
    node = parsed(check.that)
    if isinstance(node, Pattern):
        raise ValueError(f"{check.name}: a pattern is no condition of one record")
    return truth(node, Given(_NOBODY, record))


def breaches(contract: Contract, record: Mapping[str, Any]) -> list[Breach]:
    """Return what a record does not keep of a contract.

    Examples
    --------
    >>> orders = Contract(name="orders", fields=(Expectation(path="n", required=True),), others="error")
    >>> breaches(orders, {"m": 1})
    [Breach(path='n', what='required', level='error'), Breach(path='m', what='others', level='error')]
    """
    found = [
        Breach(one.path, what, one.level) for one in contract.fields for what in failed(one, getter(one.path)(record))
    ]
    if contract.others != "allow":
        named = names_of(contract)
        found += [Breach(name, "others", contract.others) for name in record if name not in named]
    found += [Breach(one.name, "check", one.level) for one in contract.checks if holds(one, record) is False]
    if contract.schema is not None and not _validator(orjson.dumps(contract.schema)).is_valid(record):
        found.append(Breach("", "schema"))
    return found


def is_valid(contract: Contract, record: Mapping[str, Any]) -> bool:
    """Return whether a record breaches nothing of level ``error``.

    Examples
    --------
    >>> is_valid(Contract(name="orders", fields=(Expectation(path="n", most=3, level="warning"),)), {"n": 5})
    True
    """
    return all(one.level != "error" for one in breaches(contract, record))


def names_of(contract: Contract) -> frozenset[str]:
    """Return the fields at the top level that a contract names.

    Examples
    --------
    >>> sorted(names_of(Contract(name="c", fields=(Expectation(path="customer.id"),))))
    ['customer', 'customer.id']
    """
    paths = [one.path for one in contract.fields]
    return frozenset([*paths, *(path.partition(".")[0] for path in paths)])


def validator(schema: dict[str, Any]) -> Any:
    """Return what checks records by a JSON Schema: 2020-12 unless it says otherwise; formats count, nothing is fetched.

    Raises
    ------
    ValueError
        When it is no JSON Schema, or refers to another document.
    """
    try:
        draft = jsonschema_rs.validator_cls_for(schema)
        return draft(schema, validate_formats=True, retriever=_refuse)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as exc:
        raise ValueError(str(exc).splitlines()[0]) from exc


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    return validator(orjson.loads(schema))


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is another document: nothing is fetched; put it into $defs")
