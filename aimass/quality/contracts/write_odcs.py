"""A contract as one of the Open Data Contract Standard, v3.1; what that cannot say stands in a custom property."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aimass.quality.contracts.contract import Check, Contract, Expectation
from aimass.quality.contracts.expressions import searched
from aimass.quality.contracts.odcs import LOGICAL, OURS, from_odcs
from aimass.quality.contracts.overlay import difference
from aimass.quality.times import seconds as seconds_of

_LOGICAL = {ours: theirs for theirs, ours in reversed(LOGICAL.items())}
_OPTIONS = {
    "number": {"minimum": "least", "maximum": "most"},
    "integer": {"minimum": "least", "maximum": "most"},
    "text": {"minLength": "min_length", "maxLength": "max_length", "format": "format"},
    "list": {"minItems": "min_length", "maxItems": "max_length"},
}


def to_odcs(contract: Contract) -> dict[str, Any]:
    """Return the ODCS document of a contract: reading it back gives an equal contract.

    Examples
    --------
    >>> amount = Expectation(path="amount", type="number", least=0, unit="EUR")
    >>> document = to_odcs(Contract(name="orders", fields=(amount,)))
    >>> document["schema"][0]["properties"]
    [{'name': 'amount', 'logicalType': 'number', 'logicalTypeOptions': {'minimum': 0}}]
    >>> document["customProperties"]
    [{'property': 'aimass', 'value': {'fields': {'amount': {'unit': 'EUR'}}}}]
    """
    document: dict[str, Any] = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": contract.name,
        "name": contract.name,
        "version": contract.version,
        "status": "active",
    }
    if contract.description:
        document["description"] = {"purpose": contract.description}
    if contract.owner:
        document["team"] = {"name": contract.owner}
    document["schema"] = [_table(contract)]
    promised = (("latency", contract.delay_s), ("freshness", contract.fresh_s))
    levels = [{"property": name, "value": value, "unit": "s"} for name, value in promised if value is not None]
    if levels:
        document["slaProperties"] = levels
    read = from_odcs(document, [])
    if read is None:
        raise ValueError(f"{contract.name} cannot be written as ODCS: a name or a text of it is not allowed there")
    rest = difference(contract, read.contract)
    if rest:
        document["customProperties"] = [{"property": OURS, "value": rest}]
    return document


def _table(contract: Contract) -> dict[str, Any]:
    made: dict[str, Any] = {"name": contract.name, "physicalType": "topic", "logicalType": "object"}
    roots: list[dict[str, Any]] = []
    places: dict[str, dict[str, Any]] = {}
    types = {one.path: one.type for one in contract.fields}
    for one in contract.fields:
        if _has_place(one.path, types):
            _place(one.path, roots, places).update(_property(one))
    if roots:
        made["properties"] = roots
    if contract.checks:
        made["quality"] = [_check(one) for one in contract.checks]
    return made


def _has_place(path: str, types: dict[str, str]) -> bool:
    """Return whether ODCS has a place for a field: within objects only, and by names."""
    steps = path.split(".")
    around = [".".join(steps[:count]) for count in range(1, len(steps))]
    return not any(step.isdecimal() for step in steps) and all(types.get(one, "object") == "object" for one in around)


def _place(path: str, roots: list[dict[str, Any]], places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the property of a path, made with those around it where there is none."""
    if path not in places:
        around, _, name = path.rpartition(".")
        made: dict[str, Any] = {"name": name}
        places[path] = made
        if around:
            outer = _place(around, roots, places)
            outer.setdefault("logicalType", "object")
            outer.setdefault("properties", []).append(made)
        else:
            roots.append(made)
    return places[path]


def _property(one: Expectation) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.type != "any":
        made["logicalType"] = _LOGICAL[one.type]
    if one.required and not one.nullable:
        made["required"] = True
    if one.unique:
        made["unique"] = True
    if one.description:
        made["description"] = one.description
    options = _options(one)
    if options:
        made["logicalTypeOptions"] = options
    quality = _quality(one)
    if quality:
        made["quality"] = quality
    return made


def _options(one: Expectation) -> dict[str, Any]:
    names = _OPTIONS.get(one.type, {})
    found = {theirs: getattr(one, ours) for theirs, ours in names.items() if getattr(one, ours) is not None}
    if one.type == "text" and one.pattern is not None and searched(one.pattern) is not None:
        found["pattern"] = searched(one.pattern)
    if one.type == "time":
        bounds = (("minimum", one.least), ("maximum", one.most))
        found |= {name: _iso(value) for name, value in bounds if value is not None and _iso(value)}
    return found


def _iso(seconds: float) -> str:
    try:
        text = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return ""
    return text if seconds_of(text) == seconds else ""


def _quality(one: Expectation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if one.missing and one.required and not one.nullable:
        arguments = {"missingValues": list(one.missing)}
        found.append({"metric": "missingValues", "arguments": arguments, "mustBe": 0, "severity": one.level})
    if one.values:
        allowed = [*one.values, None] if one.nullable else list(one.values)
        found.append(
            {"metric": "invalidValues", "arguments": {"validValues": allowed}, "mustBe": 0, "severity": one.level}
        )
    return found


def _check(one: Check) -> dict[str, Any]:
    made = {
        "type": "custom",
        "engine": OURS,
        "name": one.name,
        "implementation": one.that,
        "severity": one.level,
        "dimension": "conformity" if one.dimension == "validity" else "consistency",
    }
    return {**made, "description": one.description} if one.description else made
