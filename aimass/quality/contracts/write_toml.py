"""A contract as a TOML file: what `aimass.pipeline.contracts` reads back to an equal one."""

from __future__ import annotations

import math
import re
from typing import Any

import orjson

from aimass.quality.contracts.contract import Check, Contract, Expectation, Reference, TruthTable
from aimass.rules.tokens import span

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: By class: the keys in the order in which they are written, and what they are when they are left out.
_TOP = ("name", "version", "owner", "description", "others", "horizon", "delay", "fresh", "season")
_SPANS = {"horizon": "horizon_s", "delay": "delay_s", "fresh": "fresh_s", "season": "season_s", "within": "within_s"}
_FIELD = (
    *("type", "required", "nullable", "missing", "least", "most", "min_length", "max_length", "pattern", "format"),
    *("values", "unique", "order", "unit", "description", "level"),
)
_ALWAYS = ("name", "version", "that", "path", "source", "field", "file", "by", "key", "value")


def to_toml(contract: Contract) -> str:
    """Return the text of a contract's file.

    Raises
    ------
    ValueError
        When it has a value that TOML has no word for, such as null.

    Examples
    --------
    >>> print(to_toml(Contract(name="orders", fields=(Expectation(path="a.b", type="number", least=0),))), end="")
    name = "orders"
    version = "1.0.0"
    <BLANKLINE>
    [fields."a.b"]
    type = "number"
    least = 0
    """
    parts = [_keys(contract, Contract(name=""), _TOP)]
    if contract.schema is not None:
        parts[0] += f"schema = {_schema(contract.schema)}\n"
    for one in contract.fields:
        parts.append(f"[fields.{_key(one.path)}]\n" + _keys(one, Expectation(path=""), _FIELD))
        if one.truth is not None:
            empty = TruthTable(file="", by="", key="", value="")
            keys = _keys(one.truth, empty, ("file", "by", "key", "value", "tolerance"))
            parts.append(f"[fields.{_key(one.path)}.truth]\n{keys}")
    for check in contract.checks:
        keys = _keys(check, Check(name="", that=""), ("name", "that", "level", "dimension", "description"))
        parts.append(f"[[check]]\n{keys}")
    for reference in contract.references:
        empty_one = Reference(name="", path="", source="", field="")
        keys = _keys(reference, empty_one, ("name", "path", "source", "field", "within", "level", "description"))
        parts.append(f"[[reference]]\n{keys}")
    return "\n".join(parts)


def _keys(one: Any, default: Any, names: tuple[str, ...]) -> str:
    lines = []
    for name in names:
        attribute = _SPANS.get(name, name)
        value = getattr(one, attribute)
        if name in _ALWAYS or repr(value) != repr(getattr(default, attribute)):
            try:
                lines.append(f"{name} = {_value(span(value) if name in _SPANS else value)}\n")
            except ValueError as exc:
                raise ValueError(f"{getattr(one, 'path', name)}: {name}: {exc}") from exc
    return "".join(lines)


def _value(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is str:
        return _text(value)
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    if type(value) in (tuple, list):
        return f"[{', '.join(map(_value, value))}]"
    raise ValueError(f"TOML cannot say {value!r} here")


def _text(text: str) -> str:
    """Return a text in quotes: in single ones where that saves backslashes."""
    if ("\\" in text or '"' in text) and "'" not in text and not _CONTROL.search(text):
        return f"'{text}'"
    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")


def _key(path: str) -> str:
    return path if _BARE.fullmatch(path) else orjson.dumps(path).decode().replace("\x7f", "\\u007f")


def _schema(schema: dict[str, Any]) -> str:
    """Return a JSON Schema as a text of many lines."""
    text = orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
    if "'''" in text or "\x7f" in text:
        return _text(orjson.dumps(schema).decode())
    return f"'''\n{text}'''"
