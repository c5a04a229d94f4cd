"""The kinds of values in a pipeline file: what each accepts, and what it says when a value is something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aimass.alerts.policy import GROUPINGS
from aimass.models.encode import ENCODINGS
from aimass.models.tasks import OTHERS, RECIPES
from aimass.records import SEVERITIES
from aimass.rules.suggest import closest, meant
from aimass.rules.tokens import duration

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PATH_OF_CODE = re.compile(r"river(\.\w+)+|[A-Za-z_][\w.]*:[A-Za-z_]\w*")
#: Recipes that learn without labels.
UNLABELLED = ("clusterer",)
MAX_NAME = 100


def _lasting(value: Any) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError('must be longer than nothing; "never" turns it off')
    return seconds


def _duration_or_never(value: Any) -> float | None:
    return None if value == "never" else _lasting(value)


def _text(value: Any) -> str:
    if type(value) is not str or not value.strip():
        raise ValueError("must be text, not empty")
    return value


def _matching(pattern: re.Pattern[str], rule: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = _text(value)
        if not pattern.fullmatch(text) or len(text) > MAX_NAME:
            raise ValueError(f"{text!r} must be {rule}{_slug(text, pattern)}")
        return text

    return check


def _slug(text: str, pattern: re.Pattern[str]) -> str:
    """Return a valid spelling of a name, as a hint."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return f'; did you mean "{slug}"?' if pattern.fullmatch(slug) and len(slug) <= MAX_NAME else ""


def _topic(value: Any) -> str:
    text = _text(value)
    if not _TOPIC.fullmatch(text) or text in (".", ".."):
        raise ValueError(f"{text!r} is no topic name: letters, digits, dots, underscores, hyphens; at most 249")
    return text


def _path(value: Any) -> str:
    text = _text(value)
    if any(not step for step in text.split(".")):
        raise ValueError(
            f"{text!r} is no path: names of fields and indices of lists between dots, like readings.0.heat"
        )
    return text


def _paths(value: Any) -> tuple[str, ...]:
    if type(value) is not list or not value:
        raise ValueError('must be a list of paths, like ["f1", "pos.x"]')
    found = tuple(_path(one) for one in value)
    if len(found) > 64:
        raise ValueError(f"names {len(found)} fields, at most 64 are possible")
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise ValueError(f"names {twice!r} twice")
    return found


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 10_000:
        raise ValueError("must be a whole number from 1 to 10000")
    return value


def _up_to(most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"must be a whole number from 0 to {most}")
        return value

    return check


def _amount(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e9:
        raise ValueError("must be a number above 0")
    return float(value)


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1:
        raise ValueError("must be a number between 0 and 1, like 0.9")
    return float(value)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _scalar(value: Any) -> Any:
    if type(value) not in (str, int, float, bool):
        raise ValueError("must be a text, a number, true or false")
    return value


def _listed(kind: Callable[[Any], Any], what: str) -> Callable[[Any], tuple[Any, ...]]:
    def check(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) > 8:
            raise ValueError(f"must be a list of at most 8 {what}")
        return tuple(kind(one) for one in value)

    return check


def _recipe(value: Any) -> str:
    text = _text(value)
    if not _PATH_OF_CODE.fullmatch(text):
        choice(text, (*RECIPES, *OTHERS))
    return text


def _encodings(value: Any) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or not value:
        raise ValueError('must be a table of paths and encodings, like { merchant = "id" }')
    return tuple((_path(path), choice(kind, ENCODINGS)) for path, kind in _flat(value))


def _cleaning(value: Any) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or not value:
        raise ValueError('must be a table of paths and steps, like { heat = "number | convert F C" }')
    return tuple((_path(path), _text(steps)) for path, steps in _flat(value))


def _rows(value: Any) -> tuple[tuple[Any, ...], ...]:
    if type(value) is not list or not value or not all(type(row) is list and len(row) > 1 for row in value):
        raise ValueError('must be a list of rows, like [["> 100", "NL", "high"], ["-", "-", "low"]]')
    return tuple(tuple(_scalar(cell) for cell in row) for row in value)


def _tests(value: Any) -> tuple[Any, ...]:
    if type(value) is not list or not all(type(one) is dict for one in value):
        raise ValueError("write each test as [[rule.test]], with events and fires")
    return tuple(value)


def _parameters(value: Any) -> tuple[tuple[str, Any], ...]:
    if type(value) is not dict:
        raise ValueError("must be a table of names and values, like { n_models = 10 }")
    return tuple((str(name), _scalar(one)) for name, one in value.items())


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of a table by their path: TOML reads ``a.b = 1`` as a table in a table."""
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        found += _flat(value, f"{prefix}{name}.") if type(value) is dict else [(prefix + name, value)]
    return found


def choice(value: Any, allowed: tuple[str, ...]) -> str:
    """Read one of the allowed words."""
    if value not in allowed:
        hint = meant(value, allowed) if type(value) is str and closest(value, allowed) else ""
        raise ValueError(f"{value!r} is not allowed{hint}; allowed: {', '.join(allowed)}")
    return str(value)


_NAME_RULE = "small letters, digits and hyphens, at most 100, beginning with a letter"
_PART_RULE = "small letters, digits and hyphens, at most 100, beginning with a letter or digit"

#: By kind: the function that returns a value of the file as the pipeline has it, or raises ValueError.
KINDS: dict[str, Callable[[Any], Any]] = {
    "name": _matching(_NAME, _NAME_RULE),
    "topic-part": _matching(_PART, _PART_RULE),
    "topic": _topic,
    "path": _path,
    "paths": _paths,
    "text": _text,
    "condition": _text,
    "duration": duration,
    "duration-or-never": _duration_or_never,
    "count": _count,
    "small-count": _up_to(32),
    "amount": _amount,
    "share": _share,
    "truth": _truth,
    "scalar": _scalar,
    "durations": _listed(_lasting, "durations"),
    "recipe": _recipe,
    "recipes": _listed(_recipe, "recipes"),
    "names": _listed(_matching(_NAME, _NAME_RULE), "names"),
    "texts": _listed(_text, "texts"),
    "severities": _listed(lambda value: choice(value, SEVERITIES), "severities"),
    "groupings": _listed(lambda value: choice(value, GROUPINGS), "groupings"),
    "scalars": _listed(_scalar, "values"),
    "rows": _rows,
    "tests": _tests,
    "encodings": _encodings,
    "cleaning": _cleaning,
    "lasting": _lasting,
    "parameters": _parameters,
}
