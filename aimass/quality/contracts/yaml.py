"""YAML as JSON has it: only texts, numbers, truths, null, lists and tables, and where each of them stands."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

Steps = tuple[str | int, ...]
MAX_NODES = 200_000
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_PLAIN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = ("", "~", "null", "Null", "NULL")


class _Dumper(yaml.SafeDumper):
    """Writes what `read_yaml` reads back: texts that look like numbers or have odd characters are quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    style = '"' if _NUMBER.fullmatch(text) or not text.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_yaml(document: Any) -> str:
    """Return a document as YAML, keys in their order.

    Examples
    --------
    >>> print(dump_yaml({"country": "NO", "code": "1e3", "count": 2}), end="")
    country: 'NO'
    code: "1e3"
    count: 2
    """
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class Located(ValueError):
    """Something wrong, and its line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the parts of a document stand."""

    lines: dict[Steps, int]

    def at(self, steps: Steps) -> int:
        """Return the line of a part, or of the nearest one around it that is there."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Read YAML 1.2 as JSON has it: ``NO`` is a text, ``2026-05-01`` is one, and a key comes once.

    Raises
    ------
    Located
        When it is no YAML, or not such.

    Examples
    --------
    >>> document, lines = read_yaml("country: NO\\nsince:\\n  - 2026-05-01")
    >>> document, lines.at(("since", 0))
    ({'country': 'NO', 'since': ['2026-05-01']}, 3)
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise Located(exc.problem or "cannot be read", mark.line + 1 if mark else 1) from exc
    except yaml.YAMLError as exc:
        raise Located(str(exc).splitlines()[0], 1) from exc
    lines: dict[Steps, int] = {}
    try:
        return (None if node is None else _value(node, (), lines)), Lines(lines)
    except RecursionError as exc:
        raise Located("nested too deep, or a part contains itself", 1) from exc


def _value(node: Any, steps: Steps, lines: dict[Steps, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(steps, line)
    if len(lines) > MAX_NODES:
        raise Located(f"more than {MAX_NODES:,} parts", line)
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*steps, number), lines) for number, one in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, line)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, at = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key == "<<":
            raise Located("a key that is no plain text", at)
        if key in found:
            raise Located(f"the key {key!r} is there twice", at)
        lines[(*steps, key)] = at
        found[key] = _value(value_node, (*steps, key), lines)
    return found


def _scalar(node: Any, line: int) -> Any:
    text = node.value
    if node.style is not None or (node.tag == "tag:yaml.org,2002:str" and not _NUMBER.fullmatch(text)):
        return text
    if text in _NULL:
        return None
    if text in _PLAIN:
        return _PLAIN[text]
    if not _NUMBER.fullmatch(text):
        return text
    if re.fullmatch(r"[-+]?[0-9]+", text):
        if len(text) > 300:
            raise Located("a number too large", line)
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise Located("a number too large", line)
    return value
