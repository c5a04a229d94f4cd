"""A contract as a JSON Schema (2020-12), with notes on what that cannot ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aimass.quality.contracts.contract import Contract, Expectation
from aimass.quality.contracts.expressions import searched

_TYPES = {
    "text": "string",
    "number": "number",
    "integer": "integer",
    "truth": "boolean",
    "object": "object",
    "list": "array",
}
_LENGTHS: dict[str, tuple[tuple[str, str], ...]] = {
    "text": (("minLength", "min_length"), ("maxLength", "max_length")),
    "list": (("minItems", "min_length"), ("maxItems", "max_length")),
}
_LENGTHS["any"] = (*_LENGTHS["text"], *_LENGTHS["list"])
_REST = "urn:aimass:rest"


def to_schema(contract: Contract) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the JSON Schema of a contract, and what of the contract it leaves out.

    Examples
    --------
    >>> fields = (Expectation(path="n", type="integer", required=True, most=5, order="rising"),)
    >>> schema, notes = to_schema(Contract(name="c", fields=fields))
    >>> schema["properties"], schema["required"], notes
    ({'n': {'type': 'integer', 'maximum': 5}}, ['n'], ('n: order needs more than one record',))
    """
    writer = _Writer(contract)
    root = writer.within("", writer.tree(), is_root=True)
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract.name,
        "version": contract.version,
    }
    if contract.description:
        made["description"] = contract.description
    made |= root
    if contract.others == "error":
        made["additionalProperties"] = False
    if contract.schema is not None:
        rest = {"$schema": made["$schema"], **contract.schema}
        name = rest.setdefault("$id", _REST)
        made |= {"$defs": {"rest": rest}, "allOf": [{"$ref": name}]}
    return made, tuple(dict.fromkeys([*writer.notes, *_left_out(contract)]))


def _left_out(contract: Contract) -> Iterator[str]:
    if contract.others == "warning":
        yield "others: that fields it does not name are counted"
    for check in contract.checks:
        yield f"{check.name}: {check.that}"
    for reference in contract.references:
        yield f"{reference.name}: that {reference.path} is in {reference.source}"
    for name in ("delay", "fresh", "season"):
        if getattr(contract, f"{name}_s") is not None:
            yield f"{name}: is of the source, not of a record"


Tree = dict[str, Any]


@dataclass(slots=True)
class _Writer:
    """Writes the fields of a contract as properties within properties."""

    contract: Contract
    notes: list[str] = field(default_factory=list)

    def tree(self) -> Tree:
        """Return the paths of the contract as names within names."""
        root: Tree = {}
        for one in self.contract.fields:
            steps = one.path.split(".")
            if one.level == "warning":
                self.notes.append(f"{one.path}: is only counted")
            elif any(step.isdecimal() for step in steps[1:]):
                self.notes.append(f"{one.path}: may be within a list")
                continue
            place = root
            for step in steps:
                place = place.setdefault(step, {})
        return root

    def within(self, prefix: str, tree: Tree, *, is_root: bool = False) -> dict[str, Any]:
        """Return the schema of an object: its properties, and those that must be there."""
        properties, required = {}, []
        for name, inner in tree.items():
            path = f"{prefix}{name}"
            one = self.contract.expectation(path)
            if one is None or one.level == "warning":
                one = Expectation(path=path)
            inside = self.within(f"{path}.", inner) if inner else {}
            made, must = self.property(one, inside)
            properties[name] = made
            required += [name] if must else []
        made = {"type": "object"} if is_root else {}
        if properties:
            made["properties"] = properties
        return {**made, "required": required} if required else made

    def property(self, one: Expectation, inside: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the schema of a field, and whether it must be there: it must, for what must be within it."""
        for name in ("unique", "order", "truth"):
            if getattr(one, name):
                self.notes.append(f"{one.path}: {name} needs more than one record")
        must_hold = "required" in inside
        allows_null = one.nullable or not one.required
        made = {**self.asked(one, allows_null=allows_null), **inside}
        if one.missing:
            nothing = {"enum": list(one.missing)}
            made = {**made, "not": nothing} if one.required else {"anyOf": [nothing, made]}
        if must_hold:
            made = {"allOf": [{"type": "object"}, made]} if made.get("type") != "object" else made
        if one.description:
            made["description"] = one.description
        if one.unit:
            made["x-unit"] = one.unit
        return made, one.required or must_hold

    def asked(self, one: Expectation, *, allows_null: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if one.type == "time":
            self.notes.append(f"{one.path}: that it is a time, and its range")
            made["type"] = ["string", "number", "null"] if allows_null else ["string", "number"]
        elif one.type != "any":
            made["type"] = [_TYPES[one.type], "null"] if allows_null else _TYPES[one.type]
        elif not allows_null:
            made["type"] = sorted({*_TYPES.values()} - {"integer"})
        if one.type in ("number", "integer", "any"):
            bounds = (("minimum", one.least), ("maximum", one.most))
            made |= {name: value for name, value in bounds if value is not None}
        for name, attribute in _LENGTHS.get(one.type, ()):
            if getattr(one, attribute) is not None:
                made[name] = getattr(one, attribute)
        if one.pattern is not None:
            pattern = searched(one.pattern)
            if pattern is None:
                self.notes.append(f"{one.path}: the pattern {one.pattern}, which may mean another thing there")
            else:
                made["pattern"] = pattern
        if one.format is not None:
            made["format"] = one.format
        if one.values is not None:
            made["enum"] = [*one.values, None] if allows_null else list(one.values)
        return made
