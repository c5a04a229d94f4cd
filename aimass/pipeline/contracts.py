"""From the file of a contract to the contract, or to all that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import orjson

from aimass.errors import ConfigurationError
from aimass.pipeline.contract_keys import CONTRACT_KINDS, CheckDef, ContractDef, FieldDef, ReferenceDef, TruthDef
from aimass.pipeline.definition import keys_of
from aimass.pipeline.kinds import choice
from aimass.pipeline.lines import Place, index_lines
from aimass.pipeline.reading import text_of, toml_of
from aimass.quality.contracts.contract import Check, Contract, Expectation, Reference, TruthTable
from aimass.quality.contracts.contradictions import contradictions
from aimass.quality.contracts.imported import Imported
from aimass.quality.contracts.odcs import from_odcs
from aimass.quality.contracts.plain import validator
from aimass.quality.contracts.read_schema import from_schema, slug
from aimass.quality.contracts.yaml import Located, read_yaml
from aimass.rules.suggest import closest, meant

_SECTIONS = ("fields", "check", "reference")
ENDINGS = (".toml", ".json", ".yaml", ".yml")


def load(path: str | Path) -> Contract:
    """Read the file of a contract: ``.toml`` is our own form, ``.json`` JSON Schema, ``.yaml`` and ``.yml`` ODCS.

    Raises
    ------
    ConfigurationError
        Naming file, line and key of everything that is wrong.
    """
    return load_noted(path).contract


def load_noted(path: str | Path) -> Imported:
    """Read the file of a contract as `load` does, with notes on what an imported one says that could not be taken over.

    Raises
    ------
    ConfigurationError
        Naming file, line and key of everything that is wrong.
    """
    file = Path(path)
    if file.suffix not in ENDINGS:
        raise ConfigurationError(f"{file}: a contract's file ends in {', '.join(ENDINGS)}")
    text = text_of(file)
    if file.suffix == ".toml":
        return Imported(parse(text, file=str(file)))
    if file.suffix == ".json":
        return _of_schema(text, file)
    return _of_odcs(text, file)


def _of_schema(text: str, file: Path) -> Imported:
    try:
        return from_schema(orjson.loads(text), slug(file.name.partition(".")[0]))
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"{file}:{exc.lineno}: not JSON: {exc.msg}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{file}: {exc}") from exc


def _of_odcs(text: str, file: Path) -> Imported:
    try:
        document, lines = read_yaml(text)
    except Located as exc:
        raise ConfigurationError(f"{file}:{exc.line}: not YAML: {exc}") from exc
    problems: list[tuple[tuple[str | int, ...], str]] = []
    found = from_odcs(document, problems)
    if found is None or problems:
        said = sorted((lines.at(steps), f"{_dotted(steps)}{problem}") for steps, problem in problems)
        raise ConfigurationError("\n".join(f"{file}:{line}: {problem}" for line, problem in said))
    return found


def _dotted(steps: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if type(step) is int else f".{step}" for step in steps)
    return f"{text.lstrip('.')}: " if steps else ""


def parse(text: str, file: str = "contract.toml") -> Contract:
    """Read the text of a contract in our own form.

    Raises
    ------
    ConfigurationError
        Naming file, line and key of everything that is wrong.

    Examples
    --------
    >>> parse('name = "orders"\\n[fields.amount]\\ntype = "number"\\nleast = 0').expectation("amount").least
    0
    >>> parse('name = "orders"\\n[fields.amount]\\ntyp = "number"')
    Traceback (most recent call last):
        ...
    aimass.errors.ConfigurationError: contract.toml:3: [fields.amount] typ: unknown key; did you mean "type"?
    """
    text = text.replace("\r\n", "\n")
    document = toml_of(text, file)
    return _Reader(file, text).contract(document)


class _Reader:
    """Reads a document section by section and collects what is wrong."""

    def __init__(self, file: str, text: str) -> None:
        self._file, self._lines = file, index_lines(text)
        self._headers = dict(_headers(text, self._lines))
        self._problems: list[tuple[int, str]] = []

    def contract(self, document: dict[str, Any]) -> Contract:
        top = {name: value for name, value in document.items() if name not in _SECTIONS}
        values = self._keys(ContractDef, top, "", self._at("", 0), _SECTIONS)
        if "schema" in values:
            values["schema"] = self._schema(values["schema"])
        for name in ("horizon", "delay", "fresh", "season"):
            if name in values:
                values[f"{name}_s"] = values.pop(name)
        fields = self._fields(document.get("fields", {}))
        checks = self._many("check", CheckDef, Check, document.get("check", []))
        references = self._many("reference", ReferenceDef, Reference, document.get("reference", []))
        if self._problems:
            said = [f"{self._file}:{line}: {problem}" for line, problem in sorted(self._problems)]
            raise ConfigurationError("\n".join(said))
        return Contract(**values, fields=fields, checks=checks, references=references)

    def _at(self, section: str, number: int) -> Callable[[str], int]:
        def line(key: str) -> int:
            places = [(section, number, key), (section or key, number, "")]
            return next((self._lines[place] for place in places if place in self._lines), 1)

        return line

    def _keys(
        self, section: Any, table: dict[str, Any], where: str, at: Callable[[str], int], more: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        keys = keys_of(section)
        known = [*keys, *more]
        values: dict[str, Any] = {}
        intended = {closest(key, known) for key in table if key not in keys}
        for key, raw in table.items():
            if key not in keys:
                self._problems.append((at(key), f"{where}{key}: unknown key{meant(key, known)}"))
                continue
            kind, allowed = keys[key].metadata["kind"], keys[key].metadata["allowed"]
            try:
                values[key] = choice(raw, allowed) if kind == "choice" else CONTRACT_KINDS[kind](raw)
            except ValueError as exc:
                self._problems.append((at(key), f"{where}{key}: {exc}"))
        for key, one in keys.items():
            if key not in table and one.default is MISSING and key not in intended:
                said = f'{where or "the contract "}has no "{key}" ({one.metadata["help"]})'
                self._problems.append((at(""), said))
        return values

    def _schema(self, raw: Any) -> dict[str, Any] | None:
        try:
            return _schema_of(raw, Path(self._file).parent)
        except ValueError as exc:
            self._problems.append((self._at("", 0)("schema"), f"schema: {exc}"))
            return None

    # -- fields -------------------------------------------------------------------------------------------------------

    def _fields(self, raw: Any) -> tuple[Expectation, ...]:
        if type(raw) is not dict:
            self._problems.append((self._at("", 0)("fields"), "fields: write each as [fields.NAME]"))
            return ()
        found: dict[str, Expectation] = {}
        for path, table in _tables(raw, ""):
            if type(table) is not dict:
                line = self._line_of(path)("")
                self._problems.append(
                    (line, f"[fields] {path}: write it as [fields.{_quoted(path)}], with its keys below")
                )
                continue
            if path in found:
                self._problems.append((self._line_of(path)(""), f"[fields.{_quoted(path)}] is there twice"))
            found[path] = self._field(path, table)
        return tuple(found.values())

    def _line_of(self, path: str) -> Callable[[str], int]:
        """Return what says where a key of a field stands: below a header of its own, or of a field around it."""
        steps = path.split(".")
        for count in range(len(steps), 0, -1):
            number = self._headers.get(".".join(steps[:count]))
            if number is not None:
                rest = steps[count] if count < len(steps) else ""
                return lambda key: self._at("fields", number)(rest or key)
        return lambda key: self._at("fields", 0)(steps[0])

    def _field(self, path: str, table: dict[str, Any]) -> Expectation:
        where, at, before = f"[fields.{_quoted(path)}] ", self._line_of(path), len(self._problems)
        if any(not step for step in path.split(".")):
            self._problems.append((at(""), f"{where}is no path: names between dots, like customer.id"))
        values = self._keys(FieldDef, table, where, at)
        if values.get("truth") is not None:
            values["truth"] = self._truth(path, values["truth"])
        one = Expectation(path=path, **values)
        if len(self._problems) == before:
            self._problems += [(at(key), f"{where}{key}: {said}") for key, said in contradictions(one)]
        return one

    def _truth(self, path: str, raw: Any) -> TruthTable | None:
        line = self._headers.get(f"{path}.truth")
        at = self._line_of(path) if line is None else self._at("fields", line)
        where, before = f"[fields.{_quoted(path)}.truth] ", len(self._problems)
        if type(raw) is not dict:
            self._problems.append((at("truth"), f"[fields.{_quoted(path)}] truth: write it as {where.strip()}"))
            return None
        values = self._keys(TruthDef, raw, where, lambda key: at(key if line is not None else "truth"))
        return TruthTable(**values) if len(self._problems) == before else None

    # -- checks and references ----------------------------------------------------------------------------------------

    def _many(self, name: str, section: Any, kind: Any, raw: Any) -> tuple[Any, ...]:
        if type(raw) is not list or not all(type(one) is dict for one in raw):
            self._problems.append((self._at(name, 0)(""), f"{name}: write it as [[{name}]]"))
            return ()
        found: list[Any] = []
        names: dict[str, int] = {}
        for number, table in enumerate(raw):
            at, before = self._at(name, number), len(self._problems)
            values = self._keys(section, table, f"[[{name}]] ", at)
            if values.get("name") in names:
                said = f"[[{name}]] name: {values['name']!r} is taken already, in line {names[values['name']]}"
                self._problems.append((at("name"), said))
            elif "name" in values:
                names[values["name"]] = at("name")
            if "within" in values:
                values["within_s"] = values.pop("within")
            if len(self._problems) == before:
                found.append(kind(**values))
        return tuple(found)


def _headers(text: str, lines: dict[Place, int]) -> Iterator[tuple[str, int]]:
    """Yield the path of each header [fields.PATH] and which of them it is."""
    all_lines = text.split("\n")
    for (section, number, key), line in lines.items():
        if section != "fields" or key:
            continue
        try:
            inside = tomllib.loads(all_lines[line - 1])["fields"]
        except (tomllib.TOMLDecodeError, KeyError):
            continue
        steps = []
        while type(inside) is dict and inside:
            ((step, inside),) = inside.items()
            steps.append(step)
        yield ".".join(steps), number


def _tables(raw: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the path and table of each field: a table within it that is no key of it is a field within the field."""
    known = keys_of(FieldDef)
    for name, table in raw.items():
        path = f"{prefix}{name}"
        if type(table) is not dict:
            yield path, table
            continue
        within = {key: one for key, one in table.items() if type(one) is dict and key not in known}
        if len(within) < len(table) or not within:
            yield path, {key: one for key, one in table.items() if key not in within}
        yield from _tables(within, f"{path}.")


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[A-Za-z0-9_-]+", path) else f'"{path}"'


def _schema_of(raw: Any, beside: Path) -> dict[str, Any]:
    text = CONTRACT_KINDS["text"](raw)
    if not text.lstrip().startswith("{"):
        try:
            text = (beside / text).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ValueError(f"{text} cannot be read as text; it is looked for in {beside}") from exc
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"is not JSON: {exc}") from exc
    if type(schema) is not dict:
        raise ValueError("is no object")
    validator(schema)
    return schema
