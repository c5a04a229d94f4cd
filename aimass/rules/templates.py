"""Templates: rules with parameters left open, each a file of the library beside this module."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aimass.rules.document import Rule
from aimass.rules.read import NO_NAMES, Wrong, condition
from aimass.rules.suggest import meant
from aimass.rules.tokens import quoted, seconds
from aimass.rules.vocabulary import Vocabulary
from aimass.rules.write import path

_HERE = Path(__file__).parent / "library"
_HOLE = re.compile(r"\$([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a template leaves open.

    Parameters
    ----------
    name
        Its name.
    kind
        ``field``, ``number``, ``text``, ``duration``, ``condition``, or ``name`` (of a detector or model).
    help
        What it means.
    default
        What it is when it is not given; ``None``: it must be.
    """

    name: str
    kind: str
    help: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Template:
    """A rule with parameters.

    Examples
    --------
    >>> rule = load("velocity").rule("fast", {"times": 5, "within": "10m"})
    >>> rule.text
    'count(10m) > 5'
    >>> load("velocity").rule("fast", {"tmies": 5})
    Traceback (most recent call last):
        ...
    ValueError: template velocity has no parameter 'tmies'; did you mean "times"?
    """

    name: str
    description: str
    when: str
    parameters: tuple[Parameter, ...]
    severity: str | None
    cause: str | None
    cooldown_s: float
    tests: tuple[Mapping[str, Any], ...]

    def rule(self, name: str, given: Mapping[str, Any], words: Vocabulary = NO_NAMES) -> Rule:
        """Return the rule that the template makes with these values.

        Raises
        ------
        ValueError
            Naming the parameter that is unknown, missing or of the wrong kind.
        """
        known = [one.name for one in self.parameters]
        for parameter in given:
            if parameter not in known:
                hint = meant(parameter, known)
                raise ValueError(f"template {self.name} has no parameter {parameter!r}{hint}")
        values = {one.name: self._value(one, given) for one in self.parameters}
        text = _HOLE.sub(lambda hole: values[hole[1]], self.when)
        try:
            when = condition(text, words)
        except Wrong as exc:
            raise ValueError(f"template {self.name} makes {text!r} of it: {exc}") from exc
        return Rule(
            name,
            when,
            text,
            severity=self.severity,
            cause=self.cause,
            cooldown_s=self.cooldown_s,
            description=self.description,
        )

    def _value(self, one: Parameter, given: Mapping[str, Any]) -> str:
        value = given.get(one.name, one.default)
        if value is None:
            raise ValueError(f"template {self.name} needs {one.name}: {one.help}")
        try:
            return _KINDS[one.kind](value)
        except (ValueError, KeyError) as exc:
            raise ValueError(f"template {self.name}, {one.name}: {value!r} is no {one.kind}") from exc


def _field(value: Any) -> str:
    return path(_text(value))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "`" in value:
        raise ValueError
    return value


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return repr(value) if value >= 0 else f"({value!r})"


def _duration(value: Any) -> str:
    seconds(_text(value))
    return _text(value)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else _number(value)


_KINDS = {
    "field": _field,
    "number": _number,
    "text": _literal,
    "duration": _duration,
    "condition": lambda value: f"({_text(value)})",
    "name": _text,
}


def names() -> list[str]:
    """Return the names of all templates."""
    return sorted(file.stem for file in _HERE.glob("*.toml"))


@cache
def load(name: str) -> Template:
    """Return a template of the library.

    Raises
    ------
    ValueError
        When there is none of that name.
    """
    if name not in names():
        raise ValueError(f"there is no template {name!r}{meant(name, names())}")
    raw = tomllib.loads((_HERE / f"{name}.toml").read_text("utf-8"))
    return Template(
        name=name,
        description=raw["description"],
        when=raw["when"],
        parameters=tuple(Parameter(hole, **one) for hole, one in raw.get("parameters", {}).items()),
        severity=raw.get("severity"),
        cause=raw.get("cause"),
        cooldown_s=seconds(raw.get("cooldown", "1m")),
        tests=tuple(raw.get("test", ())),
    )


def reference() -> str:
    """Return the page of all templates."""
    parts = []
    for name in names():
        one = load(name)
        rows = [f"| `{each.name}` | {each.kind} | {_default(each)} | {each.help} |" for each in one.parameters]
        head = ["| parameter | kind | default | meaning |", "| --- | --- | --- | --- |"] if rows else []
        parts += [f"## {name}", "", one.description, "", f"```\n{one.when}\n```", "", *head, *rows, ""]
    return "\n".join(parts)


def _default(one: Parameter) -> str:
    return "required" if one.default is None else f"`{one.default}`"
