"""JSON Schema to a contract: what expectations can say becomes expectations, and nothing is dropped silently.

What they cannot say stays in `Contract.schema`, which is then the whole schema: records must meet it besides. So the
contract allows what the schema allows, whatever of it was understood here. Formats count, as they do in most uses of
JSON Schema, though its newer drafts call them remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from aimass.quality.contracts.contract import FORMATS, Contract, Expectation
from aimass.quality.contracts.contradictions import contradictions
from aimass.quality.contracts.expressions import usable, whole
from aimass.quality.contracts.imported import Imported
from aimass.quality.contracts.plain import failed, validator

_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "truth",
    "object": "object",
    "array": "list",
}
#: What is for people, and for those who read the schema.
_REMARKS = frozenset(
    ("$schema", "$id", "id", "$comment", "$defs", "definitions", "$vocabulary", "title", "description", "default")
).union(("examples", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "x-unit", "version"))
_LENGTHS = {
    "minLength": ("min_length", "text"),
    "maxLength": ("max_length", "text"),
    "minItems": ("min_length", "list"),
    "maxItems": ("max_length", "list"),
}
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
MAX_DEPTH = 32
MAX_FIELDS = 2000


def slug(text: str) -> str:
    """Return a name for a contract.

    Examples
    --------
    >>> slug("Customer Orders (v2)"), slug("§")
    ('customer-orders-v2', 'contract')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100].strip("-") or "contract"


def from_schema(schema: Any, name: str = "contract") -> Imported:
    """Return the contract that a JSON Schema means (2020-12, or draft-07 if it says so), with notes on what it keeps.

    Parameters
    ----------
    schema
        The schema, as decoded JSON. It refers to nothing outside.
    name
        The contract's name, where the schema has no title.

    Raises
    ------
    ValueError
        When it is no JSON Schema, or not one of objects.

    Examples
    --------
    >>> found = from_schema({"properties": {"n": {"type": "integer", "multipleOf": 5}}, "required": ["n"]})
    >>> found.contract.fields
    (Expectation(path='n', type='integer', required=True, ...),)
    >>> found.notes
    ('n: multipleOf is left to the schema',)
    """
    if type(schema) is not dict:
        raise ValueError("a JSON Schema is an object")
    validator(schema)
    reader = _Reader(schema)
    one, fields = reader.root()
    notes = tuple(dict.fromkeys(reader.notes))
    version = schema.get("version")
    contract = Contract(
        name=slug(schema["title"]) if type(schema.get("title")) is str else name,
        version=version if type(version) is str and _VERSION.fullmatch(version) else "1.0.0",
        description=one.description,
        fields=fields,
        others="error" if reader.is_closed else "allow",
        schema=schema if notes else None,
    )
    return Imported(contract, notes)


@dataclass(slots=True)
class _Reader:
    """Walks a schema, collecting what it cannot say."""

    document: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    is_closed: bool = False
    count: int = 0

    def root(self) -> tuple[Expectation, tuple[Expectation, ...]]:
        schema = self.resolved(self.document, "", ())
        if schema is None:
            return Expectation(path=""), ()
        types = schema.get("type", "object")
        if types != "object" and "object" not in (types if type(types) is list else []):
            raise ValueError(f"is of {types!r}, and records are objects")
        one = self.described(schema)
        for key in ("enum", "const"):
            if key in schema:
                self.keep("", key)
        extra = schema.get("additionalProperties", True)
        # a property whose name is no path would be one that our contract does not name
        named = set(_names(schema)) == set(schema.get("properties", {})) and all(map(_is_step, _names(schema)))
        self.is_closed = extra is False and named and "patternProperties" not in schema
        if extra is not True and extra != {} and not self.is_closed:
            self.keep("", "additionalProperties")
        found = list(self.properties(schema, "", (), is_certain=True))
        self.leave("", schema, {"type", "properties", "required", "additionalProperties", "enum", "const"})
        return one, tuple(found)

    def properties(
        self, schema: dict[str, Any], prefix: str, seen: tuple[str, ...], *, is_certain: bool
    ) -> Iterator[Expectation]:
        """Yield what is expected of an object's properties; it is certain to be an object, or it may be none."""
        raw = schema.get("properties", {})
        required = schema.get("required", [])
        for name in _names(schema):
            path = f"{prefix}{name}"
            if not _is_step(name):
                self.keep(path, "a name that is no step of a path")
                continue
            if prefix and not is_certain and name.isdecimal():
                self.keep(path, "a number as a name")  # a list may have it as an index
                continue
            if name in required and not is_certain:
                self.keep(path, "required only where what it is in is there")
            must = name in required and is_certain
            yield from self.field(raw.get(name, True), path, seen, must=must)

    def field(self, raw: Any, path: str, seen: tuple[str, ...], *, must: bool) -> Iterator[Expectation]:
        schema = self.resolved(raw, path, seen)
        if schema is None:
            yield Expectation(path=path, required=must, nullable=True)
            return
        refers = (*seen, raw["$ref"]) if type(raw) is dict and type(raw.get("$ref")) is str else seen
        one = replace(self.described(schema), path=path, required=must)
        one = self.typed(one, schema)
        one = self.consistent(self.bounded(one, schema))
        if not one.required and not one.nullable:
            self.keep(path, "null, which it forbids, counts as absent here, and so")
        yield one
        if "properties" in schema or "required" in schema:
            is_certain = one.required and not one.nullable and one.type == "object"
            yield from self.properties(schema, f"{path}.", refers, is_certain=is_certain)
        extra = schema.get("additionalProperties", True)
        if extra is not True and extra != {}:
            self.keep(path, "additionalProperties")
        self.leave(path, schema, {"type", "properties", "required", "additionalProperties", "enum", "const", *_HANDLED})

    def described(self, schema: dict[str, Any]) -> Expectation:
        said, unit = schema.get("description"), schema.get("x-unit")
        return Expectation(
            path="",
            description=said.strip() if type(said) is str else "",
            unit=unit.strip() if type(unit) is str else "",
        )

    def typed(self, one: Expectation, schema: dict[str, Any]) -> Expectation:
        """Take over what types and values are allowed, null among them."""
        types = schema.get("type")
        names = set(_TYPES) | {"null"} if types is None else {types} if type(types) is str else set(types)
        nullable = "null" in names
        names -= {"null"}
        if {"integer", "number"} <= names:
            names -= {"integer"}
        kind = "any"
        if len(names) == 1:
            kind = _TYPES[next(iter(names))]
        elif types is not None:
            self.keep(one.path, "a choice of types" if names else "type null")
        values: tuple[Any, ...] | None = None
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if "const" in schema and "enum" in schema:
            self.keep(one.path, "enum besides const")
        if allowed is not None:
            nullable = nullable and None in allowed
            scalars = [value for value in allowed if value is not None]
            if scalars and all(type(value) in (str, int, float, bool) for value in scalars):
                values = tuple(scalars)
            else:
                self.keep(one.path, "enum")
        return replace(one, type=kind, nullable=nullable, values=values)

    def bounded(self, one: Expectation, schema: dict[str, Any]) -> Expectation:
        """Take over ranges, lengths, patterns and formats."""
        said: dict[str, Any] = {}
        for key, name in (("minimum", "least"), ("maximum", "most")):
            if key in schema and one.type in ("number", "integer", "any"):
                said[name] = schema[key]
        for key, (name, kind) in _LENGTHS.items():
            if key not in schema or one.type not in (kind, "any"):
                continue  # it says nothing of other types
            if one.type == kind:
                said[name] = int(schema[key])
            else:
                self.keep(one.path, key)
        if "pattern" in schema and one.type in ("text", "any"):
            said["pattern"] = usable(whole(schema["pattern"]))
            if said["pattern"] is None:
                self.keep(one.path, f"the pattern {schema['pattern']!r}")
        if "format" in schema and one.type in ("text", "any"):
            if schema["format"] in FORMATS:
                said["format"] = schema["format"]
            else:
                self.keep(one.path, f"the format {schema['format']!r}")
        return replace(one, **said)

    def consistent(self, one: Expectation) -> Expectation:
        """Return what is left of an expectation that contradicts itself: JSON Schema may, and forbids all so."""
        if not contradictions(one):
            return one
        bare = replace(one, values=None, required=False)
        possible = tuple(value for value in one.values or () if not failed(bare, value))
        one = replace(one, values=possible or None)
        if not possible or contradictions(one):
            self.keep(one.path, "what contradicts itself")
            nothing: dict[str, Any] = {"least": None, "most": None, "min_length": None, "max_length": None}
            one = replace(one, values=None, **nothing)
        return one

    def resolved(self, raw: Any, path: str, seen: tuple[str, ...]) -> dict[str, Any] | None:
        """Return a schema with what it refers to; ``None`` when nothing can be said of it."""
        self.count += 1
        if raw is True:
            return {}
        if type(raw) is not dict:
            self.keep(path, "that it must not be")
            return None
        if len(seen) > MAX_DEPTH or path.count(".") > MAX_DEPTH or self.count > MAX_FIELDS:
            self.keep(path, "what is nested so deep, or so much of it,")
            return None
        if path and ("$id" in raw or "$anchor" in raw or "$dynamicRef" in raw):
            self.keep(path, "what has a name of its own")
            return None
        schema = _without_null(raw)
        if "$ref" not in schema:
            return schema
        target = schema["$ref"]
        found = self.pointed(target)
        if target in seen or type(found) is not dict or (path and "$id" in found):
            self.keep(path, f"{target}, within itself" if target in seen else f"{target}")
            return None
        inner = self.resolved(found, path, (*seen, target))
        if inner is None or "draft-07" in str(self.document.get("$schema", "")):
            return inner
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        if any(key in inner for key in beside if key not in _REMARKS):
            self.keep(path, f"{target} with more beside it")
            return None
        both: dict[str, Any] = inner | beside
        return both

    def pointed(self, target: Any) -> Any:
        """Return what a reference within the document points to."""
        if type(target) is not str or not (target == "#" or target.startswith("#/")):
            return None
        found: Any = self.document
        for step in target.split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if type(found) is list and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            elif type(found) is dict and step in found:
                found = found[step]
            else:
                return None
        return found

    def keep(self, path: str, what: str) -> None:
        """Note that something is left to the schema."""
        self.notes.append(f"{path or 'the record'}: {what} is left to the schema")

    def leave(self, path: str, schema: dict[str, Any], done: set[str]) -> None:
        """Note all that was not looked at."""
        for key in schema:
            if key not in done and key not in _REMARKS:
                self.keep(path, key)


_HANDLED = ("minimum", "maximum", "pattern", "format", *_LENGTHS)


def _names(schema: dict[str, Any]) -> list[str]:
    """Return the names of an object's properties, those too that are only required."""
    return list(dict.fromkeys([*schema.get("properties", {}), *schema.get("required", [])]))


def _is_step(name: str) -> bool:
    return bool(name) and "." not in name


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return ``anyOf`` of something and null as one schema: so many generators write what may be null."""
    for key in ("anyOf", "oneOf"):
        both = schema.get(key)
        if type(both) is not list or len(both) != 2 or {"type": "null"} not in both:
            continue
        (other,) = [one for one in both if one != {"type": "null"}] or [None]
        if type(other) is not dict or set(schema) - _REMARKS - {key} or type(other.get("type")) is not str:
            continue
        if other["type"] == "null" or set(other) & {"const", "enum", "$ref"}:
            continue
        return {**{name: one for name, one in schema.items() if name != key}, **other, "type": [other["type"], "null"]}
    return schema
