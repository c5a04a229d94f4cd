"""The tables of `docs/reference/pipeline.md`, from the dataclasses that the parser reads."""

from __future__ import annotations

from dataclasses import MISSING, Field
from typing import Any

from aimass.pipeline.definition import SECTIONS, Pipeline, keys_of

_TYPES = {
    "name": "name",
    "topic-part": "name",
    "topic": "topic name",
    "path": "path",
    "paths": "list of paths",
    "text": "text",
    "condition": "condition",
    "duration": "duration",
    "duration-or-never": "duration or `never`",
    "count": "whole number",
    "small-count": "whole number",
    "amount": "number",
    "share": "number below 1",
    "truth": "`true` or `false`",
    "scalar": "text, number or truth",
    "durations": "list of durations",
    "recipe": "recipe",
    "recipes": "list of recipes",
    "names": "list of names",
    "texts": "list of texts",
    "severities": "list of severities",
    "groupings": "list of `rule`, `key`, `severity`",
    "scalars": "list of texts, numbers or truths",
    "rows": "list of lists",
    "tests": "tables",
    "encodings": "table",
    "cleaning": "table",
    "lasting": "duration",
    "parameters": "table",
    "version": "version",
    "bound": "number or time",
    "length": "whole number",
    "tolerance": "number",
    "pattern": "regular expression",
    "literals": "list of texts, numbers or truths",
    "options": "list of texts, numbers or truths",
    "check": "condition",
    "span": "duration",
    "true-values": "table",
    "schema": "text",
}


def tables() -> str:
    """Return one table for the top of the file and one for each section.

    Examples
    --------
    >>> print(tables().splitlines()[4])
    | `name` | name | required | names the pipeline, its topics and its consumer groups |
    """
    parts = [table_of("Top of the file", Pipeline)]
    for name, (_, section, many) in SECTIONS.items():
        shape = f"[[{name}]]" if many else f"[{name}]"
        said = (section.__doc__ or "").partition(": ")[2]
        parts.append(table_of(f"`{shape}`", section, f"{said[:1].upper()}{said[1:]}\n\n"))
    return "\n".join(parts)


def table_of(title: str, section: Any, intro: str = "") -> str:
    """Return the table of a section's keys, under a title."""
    rows = [
        f"| `{name}` | {_type(one)} | {_default(one)} | {one.metadata['help']} |"
        for name, one in keys_of(section).items()
    ]
    return "\n".join(
        [f"## {title}\n", f"{intro}| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _type(one: Field[Any]) -> str:
    allowed = one.metadata["allowed"]
    return ", ".join(f"`{word}`" for word in allowed) if allowed else _TYPES[one.metadata["kind"]]


def _default(one: Field[Any]) -> str:
    if one.default is MISSING:
        return "required"
    if one.metadata["shown"]:
        return str(one.metadata["shown"])
    if one.default == ():
        return "none"
    if type(one.default) is bool:
        return "`true`" if one.default else "`false`"
    return f"`{_duration(one.default) if _is_duration(one) else one.default}`"


def _is_duration(one: Field[Any]) -> bool:
    return one.metadata["kind"] == "span" or "duration" in one.metadata["kind"]


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"


if __name__ == "__main__":
    print(tables())
