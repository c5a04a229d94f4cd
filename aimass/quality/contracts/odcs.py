"""Open Data Contract Standard (v3.0 and v3.1) to a contract, with a note for all that it says and we do not check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aimass.quality.contracts.conditions import record_condition
from aimass.quality.contracts.contract import FORMATS, Check, Contract, Expectation, Level
from aimass.quality.contracts.contradictions import contradictions
from aimass.quality.contracts.expressions import anywhere, usable
from aimass.quality.contracts.imported import Imported
from aimass.quality.contracts.overlay import laid_over
from aimass.quality.contracts.read_schema import slug
from aimass.quality.times import seconds as seconds_of
from aimass.rules.suggest import meant
from aimass.rules.tokens import Wrong

Steps = tuple[str | int, ...]
Problems = list[tuple[Steps, str]]

LOGICAL = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "truth",
    "object": "object",
    "array": "list",
    "timestamp": "time",
    "date": "time",
    "time": "text",
}
#: The key of what is ours among an ODCS contract's custom properties.
OURS = "aimass"
_OPTIONS = {
    "minimum": ("least", ("number", "integer", "time")),
    "maximum": ("most", ("number", "integer", "time")),
    "minLength": ("min_length", ("text",)),
    "maxLength": ("max_length", ("text",)),
    "minItems": ("min_length", ("list",)),
    "maxItems": ("max_length", ("list",)),
}
METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
#: What is for people and for other tools.
_REMARKS = frozenset(
    ("id", "name", "description", "physicalType", "physicalName", "businessName", "tags", "examples", "logicalType")
).union(
    ("logicalTypeOptions", "required", "unique", "primaryKey", "primaryKeyPosition", "quality", "properties"),
    ("authoritativeDefinitions", "criticalDataElement", "dataGranularityDescription", "partitioned", "items"),
    ("partitionKeyPosition", "transformSourceObjects", "transformLogic", "transformDescription", "customProperties"),
)
_SECONDS = {
    ("ms", "millisecond", "milliseconds"): 0.001,
    ("s", "sec", "second", "seconds"): 1.0,
    ("m", "min", "minute", "minutes"): 60.0,
    ("h", "hr", "hour", "hours"): 3600.0,
    ("d", "day", "days"): 86400.0,
    ("w", "week", "weeks"): 604800.0,
}
_LOOSE = "required only where what it is in is there, which is not checked"
_VERSION = re.compile(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")


def from_odcs(document: Any, problems: Problems) -> Imported | None:
    """Return the contract that an ODCS document means, with notes; ``None`` when it is none.

    Parameters
    ----------
    document
        The document, as decoded YAML.
    problems
        Gets what is wrong: where, as the steps to it, and what.

    Examples
    --------
    >>> amount = {"name": "amount", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}}
    >>> top = {"kind": "DataContract", "apiVersion": "v3.1.0", "id": "o", "name": "orders", "version": "1.0.0"}
    >>> from_odcs({**top, "schema": [{"name": "orders", "properties": [amount]}]}, []).contract.fields
    (Expectation(path='amount', type='number', required=False, ...),)
    """
    reader = _Reader(problems)
    top = reader.table(document, ())
    if top is None:
        return None
    if top.get("kind") != "DataContract":
        reader.wrong(("kind",), 'must be "DataContract": is this a contract of the Open Data Contract Standard?')
    if not str(top.get("apiVersion", "")).startswith("v3."):
        reader.wrong(("apiVersion",), f"{top.get('apiVersion')!r} cannot be read; v3.0 and v3.1 can")
    if problems:
        return None
    contract = reader.contract(top)
    return None if contract is None or problems else Imported(contract, tuple(dict.fromkeys(reader.notes)))


@dataclass(slots=True)
class _Reader:
    problems: Problems
    notes: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def wrong(self, steps: Steps, problem: str) -> None:
        self.problems.append((steps, problem))

    def table(self, raw: Any, steps: Steps) -> dict[str, Any] | None:
        if type(raw) is dict:
            return raw
        self.wrong(steps, "must be a table of keys and values")
        return None

    def tables(self, raw: Any, steps: Steps) -> Iterator[tuple[Steps, dict[str, Any]]]:
        """Yield the tables of a list, with where they stand."""
        if type(raw) is not list:
            self.wrong(steps, "must be a list")
            return
        for number, one in enumerate(raw):
            table = self.table(one, (*steps, number))
            if table is not None:
                yield (*steps, number), table

    def word(self, table: Mapping[str, Any], key: str, steps: Steps) -> str:
        value = table.get(key)
        if value is not None and type(value) is not str:
            self.wrong((*steps, key), f"is {value!r}, where a text must be")
        return value if type(value) is str else ""

    def truth(self, table: Mapping[str, Any], key: str, steps: Steps) -> bool:
        value = table.get(key, False)
        if type(value) is not bool:
            self.wrong((*steps, key), f"is {value!r}, where true or false must be")
        return value is True

    # -- the top ------------------------------------------------------------------------------------------------------

    def contract(self, top: dict[str, Any]) -> Contract | None:
        schemas = list(self.tables(top.get("schema", []), ("schema",)))
        if len(schemas) != 1:
            names = ", ".join(str(one.get("name")) for _, one in schemas) or "none"
            self.wrong(("schema",), f"must have one table, for one source; there is: {names}")
            return None
        steps, schema = schemas[0]
        fields = tuple(self.properties(schema.get("properties", []), (*steps, "properties"), "", is_certain=True))
        made = Contract(
            name=slug(self.word(top, "name", ()) or self.word(schema, "name", steps) or self.word(top, "id", ())),
            version=self.version(top.get("version")),
            owner=self.owner(top.get("team")),
            description=self.described(top.get("description")),
            fields=self.of_table(fields, schema, steps),
            checks=tuple(self.checks),
            **self.levels(top.get("slaProperties", [])),
        )
        for at, one in self.tables(top.get("customProperties", []), ("customProperties",)):
            if one.get("property") == OURS:
                try:
                    made = laid_over(made, one.get("value"))
                    self.notes = [note for note in self.notes if not note.endswith(_LOOSE)]  # ours says it itself
                except ValueError as exc:
                    self.wrong((*at, "value"), f"is not what aimass wrote: {exc}")
        return made

    def version(self, raw: Any) -> str:
        found = _VERSION.fullmatch(str(raw))
        if found is None:
            self.notes.append(f"version: {raw!r} is not major.minor.patch: taken for 1.0.0")
            return "1.0.0"
        return ".".join(str(int(part or 0)) for part in found.groups())

    def owner(self, raw: Any) -> str:
        if type(raw) is dict:
            name = self.word(raw, "name", ("team",))
            if name:
                return name
        members = raw if type(raw) is list else raw.get("members", []) if type(raw) is dict else []
        for at, one in self.tables(members, ("team",)):
            if "owner" in self.word(one, "role", at).lower():
                return self.word(one, "username", at) or self.word(one, "name", at)
        return ""

    def described(self, raw: Any) -> str:
        if type(raw) is str:
            return raw
        return self.word(raw, "purpose", ("description",)) if type(raw) is dict else ""

    def levels(self, raw: Any) -> dict[str, Any]:
        """Return what is promised of times: ``latency`` is our delay, ``freshness`` our fresh."""
        found: dict[str, Any] = {}
        for steps, one in self.tables(raw, ("slaProperties",)):
            name, value = self.word(one, "property", steps), _amount(one.get("value"))
            key = {"latency": "delay_s", "freshness": "fresh_s"}.get(name)
            if key is None:
                self.notes.append(f"slaProperties: {name or '?'} is not checked")
                continue
            unit = str(one.get("unit", "d")).lower()
            size = next((seconds for names, seconds in _SECONDS.items() if unit in names), None)
            if size is None:
                self.wrong((*steps, "unit"), f"{unit!r} is no unit; ms, s, m, h, d and w are")
            elif value is None:
                self.wrong((*steps, "value"), f"is {one.get('value')!r}, where a number above 0 must be")
            else:
                found[key] = value * size
        return found

    def of_table(
        self, fields: tuple[Expectation, ...], schema: dict[str, Any], steps: Steps
    ) -> tuple[Expectation, ...]:
        """Take over the quality that is of the table as a whole."""
        unique: set[str] = set()
        for at, one in self.tables(schema.get("quality", []), (*steps, "quality")):
            if self.check(one, at) or not self.is_zero(one, at, "the table"):
                continue
            named = one.get("arguments", {}).get("properties") if type(one.get("arguments")) is dict else None
            if metric_of(one) == "duplicateValues" and type(named) is list and len(named) == 1:
                unique.add(str(named[0]))
            else:
                self.notes.append(f"the table: {metric_of(one)} is not checked")
        return tuple(replace(one, unique=True) if one.path in unique else one for one in fields)

    # -- fields -------------------------------------------------------------------------------------------------------

    def properties(self, raw: Any, steps: Steps, prefix: str, *, is_certain: bool) -> Iterator[Expectation]:
        seen: set[str] = set()
        for at, one in self.tables(raw, steps):
            name = self.word(one, "physicalName", at) or self.word(one, "name", at)
            if not name:
                self.wrong(at, 'has no "name"')
                continue
            if name in seen:
                self.wrong((*at, "name"), f"{name!r} is there twice")
            seen.add(name)
            if any(not step for step in name.split(".")):
                self.wrong((*at, "name"), f"{name!r} is no name of a field")
                continue
            found = self.field(one, f"{prefix}{name}", at, is_certain=is_certain)
            yield found
            if "properties" in one:
                inside = found.required and not found.nullable
                yield from self.properties(one["properties"], (*at, "properties"), f"{found.path}.", is_certain=inside)

    def field(self, raw: dict[str, Any], path: str, steps: Steps, *, is_certain: bool) -> Expectation:
        logical = self.word(raw, "logicalType", steps)
        if logical and logical not in LOGICAL:
            self.wrong((*steps, "logicalType"), f"{logical!r} is not allowed{meant(logical, LOGICAL)}")
        is_key = self.truth(raw, "primaryKey", steps)
        one = Expectation(
            path=path,
            type=LOGICAL.get(logical, "any"),
            required=self.truth(raw, "required", steps) or is_key,
            unique=self.truth(raw, "unique", steps) or is_key,
            description=self.word(raw, "description", steps),
        )
        one = self.options(one, raw.get("logicalTypeOptions", {}), (*steps, "logicalTypeOptions"))
        for at, quality in self.tables(raw.get("quality", []), (*steps, "quality")):
            one = self.quality(one, quality, at)
        if one.required and not is_certain:
            one = replace(one, required=False)
            self.notes.append(f"{path}: {_LOOSE}")
        self.problems += [(steps, f"{_theirs(key)} {said}") for key, said in contradictions(one)]
        if "items" in raw:
            self.notes.append(f"{path}: what its elements are is not checked")
        self.notes += [f"{path}: {key} is not kept" for key in raw if key not in _REMARKS]
        return one

    def options(self, one: Expectation, raw: Any, steps: Steps) -> Expectation:
        said: dict[str, Any] = {}
        for key, value in (self.table(raw, steps) or {}).items():
            name, types = _OPTIONS.get(key, ("", ()))
            if one.type in types:
                found = self.bound(value, (*steps, key), name, one.type)
                if found is not None:
                    said[name] = found
            elif key == "pattern" and one.type == "text":
                said["pattern"] = self.pattern(one.path, value, (*steps, key))
            elif key == "format" and one.type == "text" and value in FORMATS:
                said["format"] = value
            else:
                self.notes.append(f"{one.path}: {key} is not checked")
        return replace(one, **said)

    def bound(self, value: Any, steps: Steps, name: str, kind: str) -> Any:
        if name.endswith("length"):
            if type(value) is int and value >= 0:
                return value
            self.wrong(steps, f"is {value!r}, where a whole number must be")
        elif kind == "time":
            found = seconds_of(value)
            if found is not None:
                return found
            self.wrong(steps, f"is {value!r}, where a time in ISO 8601 must be")
        elif type(value) in (int, float):
            return value
        else:
            self.wrong(steps, f"is {value!r}, where a number must be")
        return None

    def pattern(self, path: str, value: Any, steps: Steps) -> str | None:
        if type(value) is not str:
            self.wrong(steps, f"is {value!r}, where a text must be")
            return None
        found = usable(anywhere(value))
        if found is None:
            self.notes.append(f"{path}: the pattern {value!r} is not checked: it may mean another thing here")
        return found

    # -- quality ------------------------------------------------------------------------------------------------------

    def quality(self, one: Expectation, raw: dict[str, Any], steps: Steps) -> Expectation:
        """Take over a metric of the library that must be none."""
        if self.check(raw, steps) or not self.is_zero(raw, steps, one.path):
            return one
        given = raw.get("arguments", {})
        arguments = self.table(given, (*steps, "arguments")) or {}
        metric = metric_of(raw)
        if metric == "nullValues":
            return replace(one, required=True)
        if metric == "duplicateValues":
            return replace(one, unique=True)
        if metric == "missingValues":
            values = self.scalars(arguments.get("missingValues", []), (*steps, "arguments", "missingValues"))
            return replace(one, required=True, missing=tuple(value for value in values if value is not None))
        if metric == "invalidValues" and "validValues" in arguments:
            values = self.scalars(arguments["validValues"], (*steps, "arguments", "validValues"))
            allowed = tuple(value for value in values if value is not None)
            one = replace(one, values=allowed or None, nullable=one.nullable or len(allowed) < len(values))
        if metric == "invalidValues" and "pattern" in arguments:
            pattern = self.pattern(one.path, arguments["pattern"], (*steps, "arguments", "pattern"))
            return replace(one, pattern=pattern or one.pattern)
        if metric == "rowCount" or (metric == "invalidValues" and "validValues" not in arguments):
            self.notes.append(f"{one.path}: {metric} is not checked")
        return one

    def scalars(self, raw: Any, steps: Steps) -> list[Any]:
        if type(raw) is list and all(type(value) in (str, int, float, bool, type(None)) for value in raw):
            return raw
        self.wrong(steps, "must be a list of texts, numbers, truths")
        return []

    def is_zero(self, raw: dict[str, Any], steps: Steps, path: str) -> bool:
        """Return whether it is a metric of the library that must be none; note it if not."""
        kind, metric = raw.get("type", "library"), metric_of(raw)
        if kind != "library":
            self.notes.append(f"{path}: quality of type {kind} is not checked")
            return False
        if metric not in METRICS:
            self.wrong((*steps, "metric"), f"{metric!r} is not allowed{meant(str(metric), METRICS)}")
            return False
        if raw.get("mustBe") == 0 or raw.get("mustBeLessOrEqualTo") == 0 or metric == "rowCount":
            return True
        said = next((key for key in raw if key.startswith("must")), "it says no mustBe")
        self.notes.append(f"{path}: {metric} is not checked: {said} is a share, and each record is looked at here")
        return False

    def check(self, raw: dict[str, Any], steps: Steps) -> bool:
        """Take over a check that aimass wrote, if it is one."""
        if raw.get("type") != "custom" or raw.get("engine") != OURS:
            return False
        try:
            text = self.word(raw, "implementation", steps)
            record_condition(text)
        except Wrong as exc:
            self.wrong((*steps, "implementation"), str(exc))
            return True
        level: Level = "warning" if raw.get("severity") == "warning" else "error"
        dimension = "validity" if raw.get("dimension") == "conformity" else "consistency"
        name = slug(self.word(raw, "name", steps)) if raw.get("name") else f"check-{len(self.checks) + 1}"
        said = self.word(raw, "description", steps)
        self.checks.append(Check(name=name, that=text, level=level, dimension=dimension, description=said))
        return True


def _amount(raw: Any) -> float | None:
    """Return a number above 0, which may be written as a text."""
    if type(raw) is str and re.fullmatch(r"[0-9]{1,18}(\.[0-9]+)?", raw):
        raw = float(raw)
    return float(raw) if type(raw) in (int, float) and raw > 0 else None


def _theirs(key: str) -> str:
    """Return what ODCS calls one of our keys."""
    return next((theirs for theirs, (ours, _) in _OPTIONS.items() if ours == key), key)


def metric_of(raw: Mapping[str, Any]) -> Any:
    """Return which metric a quality is about; v3.0 called it ``rule``."""
    return raw.get("metric", raw.get("rule"))
