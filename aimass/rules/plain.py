"""The plain meaning of a condition: one event, one node after the other, nothing clever.

What is fast (`aimass.rules.program`) is tested against it; patterns ask it about what earlier steps captured, and
`aimass why` explains with it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from aimass.models.features import MISSING, getter
from aimass.records import Prediction
from aimass.rules import calls
from aimass.rules.columns import as_float
from aimass.rules.functions import FUNCTIONS
from aimass.rules.operators import before, same
from aimass.rules.sight import disagreement
from aimass.rules.syntax import (
    Among,
    Any_,
    Binary,
    Call,
    Captured,
    Field,
    Judged,
    Node,
    Number,
    Profile,
    Table,
    Text,
    Truth,
    Unary,
)


@dataclass(frozen=True, slots=True)
class Given:
    """All that is known at an event.

    Parameters
    ----------
    prediction
        The event, with what detectors and models say.
    data
        Its own JSON, decoded.
    captured
        Of a pattern's earlier steps: by the step's name, the event's JSON.
    memory
        What each call that remembers says at this event.
    profile
        What is known of the key.
    tags
        The key's tags.
    """

    prediction: Prediction
    data: Mapping[str, Any]
    captured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    memory: Mapping[Call, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    tags: Collection[str] = ()


def given(prediction: Prediction, **more: Any) -> Given:
    """Return what is known at an event whose key has no past.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import prediction
    >>> truth(condition("amount > 3 or country == 'NL'"), given(prediction({"amount": 5})))
    True
    """
    return Given(prediction, orjson.loads(bytes(prediction.data)), **more)


def truth(node: Any_, known: Given) -> bool | None:
    """Return whether a condition is true of an event; ``None`` where the event does not say."""
    found = evaluate(node, known)
    return found if type(found) is bool else None


def evaluate(node: Node, known: Given) -> Any:
    """Return the value of any part of a condition; `MISSING` where there is none."""
    kind = type(node)
    if kind in (Number, Text, Truth):
        return node.value  # type: ignore[attr-defined]
    if kind is Field:
        return getter(node.path)(known.data)  # type: ignore[attr-defined]
    if kind is Captured:
        step = known.captured.get(node.step)  # type: ignore[attr-defined]
        return MISSING if step is None else getter(node.path)(step)  # type: ignore[attr-defined]
    if kind is Profile:
        return known.profile.get(node.attribute, MISSING)  # type: ignore[attr-defined]
    return _OF[kind](node, known)


def _judged(node: Judged, known: Given) -> Any:
    event = known.prediction
    if node.kind == "detector":
        return getattr(event.anomalies.get(node.name), node.attribute, MISSING)
    if node.attribute == "drift":
        return event.drifts.get(node.name, MISSING)
    estimate = event.estimates.get(node.name)
    if node.attribute != "disagreement":
        return getattr(estimate, node.attribute, MISSING)
    votes = None if estimate is None else estimate.votes
    return disagreement(votes) if votes else MISSING


def _call(node: Call, known: Given) -> Any:
    if node.name == "tagged":
        return any(type(one) is Text and one.value in known.tags for one in node.arguments)
    if FUNCTIONS[node.name].group != "plain":
        return known.memory.get(node, MISSING)
    values = [evaluate(one, known) for one in node.arguments]
    event = known.prediction
    if node.name == "known":
        return values[0] is not None and values[0] is not MISSING
    if node.name in ("key", "topic"):
        return event.key if node.name == "key" else event.source.topic
    if node.name in ("time", "hour", "weekday"):
        days = math.floor(event.time / 86_400.0)
        hours = math.floor(event.time / 3600.0)
        return {"time": event.time, "hour": float(hours % 24), "weekday": float((days + 3) % 7 + 1)}[node.name]
    if node.name in ("abs", "least", "greatest", "distance"):
        return _computed(node.name, values)
    found: Any = getattr(calls, node.name)(*values)
    return found


def _computed(name: str, values: list[Any]) -> Any:
    numbers = [_number(value) for value in values]
    if any(math.isnan(number) for number in numbers):
        return MISSING
    if name == "distance":
        lat1, lon1, lat2, lon2 = (math.radians(number) for number in numbers)
        down, over = math.sin((lat2 - lat1) / 2.0), math.sin((lon2 - lon1) / 2.0)
        part = down * down + math.cos(lat1) * math.cos(lat2) * over * over
        return 2.0 * 6371.0088 * math.asin(math.sqrt(min(1.0, max(0.0, part))))
    if name == "abs":
        return abs(numbers[0])
    return min(numbers) if name == "least" else max(numbers)


def _number(value: Any) -> float:
    return as_float(value) if type(value) in (int, float) else math.nan


def _unary(node: Unary, known: Given) -> Any:
    if node.op == "-":
        number = _number(evaluate(node.operand, known))
        return MISSING if math.isnan(number) else -number
    inside = truth(node.operand, known)
    return MISSING if inside is None else not inside


def _binary(node: Binary, known: Given) -> Any:
    if node.op in ("and", "or"):
        decides = node.op == "or"
        both = [truth(node.left, known), truth(node.right, known)]
        return decides if decides in both else MISSING if None in both else not decides
    left, right = evaluate(node.left, known), evaluate(node.right, known)
    if node.op in ("+", "-", "*", "/"):
        return _arithmetic(node.op, _number(left), _number(right))
    if node.op in ("==", "!="):
        said = same(left, right)
        return MISSING if said < 0 else (said == 1) is (node.op == "==")
    said = before(node.op, left, right)
    return MISSING if said < 0 else said == 1


def _arithmetic(op: str, left: float, right: float) -> Any:
    if op == "/" and right == 0:
        return MISSING
    found = left + right if op == "+" else left - right if op == "-" else left * right if op == "*" else left / right
    return found if math.isfinite(found) else MISSING


def _among(node: Among, known: Given) -> Any:
    value = evaluate(node.operand, known)
    said = [same(value, option.value) for option in node.options]
    return MISSING if -1 in said else 1 in said


def _table(node: Table, known: Given) -> Any:
    for row in node.rows:
        if truth(row.when, known):
            return row.then.value
    return MISSING if node.otherwise is None else node.otherwise.value


_OF: dict[type, Any] = {
    Judged: _judged,
    Call: _call,
    Unary: _unary,
    Binary: _binary,
    Among: _among,
    Table: _table,
}
