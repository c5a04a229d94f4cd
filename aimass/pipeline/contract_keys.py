"""What the file of a contract can say: each section a frozen dataclass whose fields carry kind, default and meaning."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aimass.pipeline.kinds import KINDS
from aimass.pipeline.setting import setting
from aimass.quality.contracts.conditions import record_condition
from aimass.quality.contracts.contract import FORMATS, ORDERS, TYPES
from aimass.quality.contracts.expressions import MAX_PATTERN, usable
from aimass.quality.times import seconds as seconds_of

LEVELS = ("error", "warning")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDef:
    """The top of the file: what holds for the records as a whole."""

    name: str = setting("topic-part", "names the contract")
    version: str = setting("version", "its version, `major.minor.patch`", default="1.0.0")
    owner: str = setting("text", "who answers for it", default="", shown="nobody")
    description: str = setting("text", "for people", default="", shown="none")
    others: str = setting(
        "choice",
        "what fields at the top level are that it does not name",
        default="allow",
        allowed=("allow", "warning", "error"),
    )
    horizon: float = setting(
        "duration", "how long values of `unique` fields are remembered, in event time", default=3600.0
    )
    delay: float | None = setting(
        "duration", "how long after it happened a record may arrive, to be timely", default=None, shown="any time"
    )
    fresh: float | None = setting(
        "duration", "a source without records for so long is stale", default=None, shown="never"
    )
    season: float | None = setting(
        "duration",
        "the season of the volume: records are counted, and compared with those at the same place in earlier seasons",
        default=None,
        shown="volume is not judged",
    )
    schema: dict[str, Any] | None = setting(  # noqa: RUF009
        "schema",
        "a JSON Schema that records must meet besides: as a text, or the name of a file beside this one",
        default=None,
        shown="none",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDef:
    """`[fields.PATH]`: what is expected of a field. `[fields."customer.id"]` is one within another."""

    type: str = setting("choice", "what it is", default="any", allowed=TYPES)
    required: bool = setting("truth", "whether it must be there, and (unless `nullable`) not null", default=False)
    nullable: bool = setting("truth", "whether null is a value like any other; else it counts as absent", default=False)
    missing: tuple[Any, ...] = setting(
        "literals", 'values that say that there is none, like `["N/A", -999]`: they count as absent', default=()
    )
    least: float | None = setting(
        "bound", "the least number; of a `time`: ISO 8601, or seconds since 1970", default=None, shown="none"
    )
    most: float | None = setting("bound", "the greatest, itself allowed", default=None, shown="none")
    min_length: int | None = setting(
        "length", "the fewest characters of a text, elements of a list", default=None, shown="none"
    )
    max_length: int | None = setting("length", "the most", default=None, shown="none")
    pattern: str | None = setting(
        "pattern",
        "a regular expression that the whole text matches, of at most 1,000 characters",
        default=None,
        shown="none",
    )
    format: str | None = setting("choice", "what the text looks like", default=None, shown="any", allowed=FORMATS)
    values: tuple[Any, ...] | None = setting("options", "the only values allowed", default=None, shown="any")
    unique: bool = setting("truth", "whether no value may come twice within `horizon`", default=False)
    order: str | None = setting(
        "choice", "how it follows the value before, of the same key", default=None, shown="any", allowed=ORDERS
    )
    truth: Any = setting("true-values", "where its true values stand: see below", default=None, shown="nowhere")  # noqa: RUF009
    unit: str = setting("text", "for people, like `EUR`", default="", shown="none")
    description: str = setting("text", "for people", default="", shown="none")
    level: str = setting(
        "choice",
        "how bad a breach is: an `error` makes the record invalid, a `warning` is counted",
        default="error",
        allowed=LEVELS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthDef:
    """`[fields.PATH.truth]`: the CSV file that knows the true values of a field."""

    file: str = setting("text", "the file, with a header")
    by: str = setting("path", "the record's field that is looked up in the column `key`")
    key: str = setting("text", "the column that is looked up")
    value: str = setting("text", "the column of the true value")
    tolerance: float = setting("tolerance", "by how much a number may differ", default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDef:
    """`[[check]]`: a condition that every record meets. Where a field of it is missing, it is not asked."""

    name: str = setting("name", "names the check")
    that: str = setting("check", "the condition, in the language of rules: over fields of one record")
    level: str = setting("choice", "how bad a breach is", default="error", allowed=LEVELS)
    dimension: str = setting(
        "choice", "which indicator it counts for", default="consistency", allowed=("consistency", "validity")
    )
    description: str = setting("text", "for people", default="", shown="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceDef:
    """`[[reference]]`: every value of a field was seen before in another source, under the same key."""

    name: str = setting("name", "names the reference")
    path: str = setting("path", "the field of this source's records")
    source: str = setting("topic", "the topic of the other source")
    field: str = setting("path", "the field of the other source's records that had the value")
    within: float = setting("span", "how long before, in event time, at the most", default=3600.0)
    level: str = setting("choice", "how bad a breach is", default="warning", allowed=LEVELS)
    description: str = setting("text", "for people", default="", shown="none")


def _version(value: Any) -> str:
    if type(value) is not str or not _VERSION.fullmatch(value):
        raise ValueError('must be three numbers, like "1.2.0"')
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("must be a number")
    number: float = value
    return number


def _bound(value: Any) -> float:
    """Read a number, or a time as text, in seconds."""
    if type(value) is not str:
        return _number(value)
    found: float | None = seconds_of(value)
    if found is None:
        raise ValueError(f"{value!r} is neither a number nor a time in ISO 8601")
    return found


def _length(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("must be a whole number, 0 or more")
    return value


def _tolerance(value: Any) -> float:
    if _number(value) < 0:
        raise ValueError("must be 0 or more")
    return float(value)


def _pattern(value: Any) -> str:
    text: str = KINDS["text"](value)
    if len(text) > MAX_PATTERN:
        raise ValueError(f"has {len(text):,} characters, more than {MAX_PATTERN:,}")
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"is no regular expression: {exc}") from exc
    if usable(text) is None:
        raise ValueError("could keep a short text busy for years: a repeat of a repeat, like (a+)+; write it as one")
    return text


def _literals(value: Any) -> tuple[Any, ...]:
    if type(value) is not list or len(value) > 10_000:
        raise ValueError("must be a list of at most 10,000 texts, numbers, truths")
    return tuple(KINDS["scalar"](one) for one in value)


def _options(value: Any) -> tuple[Any, ...]:
    found = _literals(value)
    if not found:
        raise ValueError("allows no value at all: name some, or leave it out")
    return found


def _check(value: Any) -> str:
    text: str = KINDS["condition"](value)
    record_condition(text)
    return text


def _span(value: Any) -> float:
    seconds: float = KINDS["duration"](value)
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def _any(value: Any) -> Any:
    return value


#: By kind, as `aimass.pipeline.kinds.KINDS`, with those that only contracts have.
CONTRACT_KINDS: dict[str, Callable[[Any], Any]] = {
    **KINDS,
    "version": _version,
    "bound": _bound,
    "length": _length,
    "tolerance": _tolerance,
    "pattern": _pattern,
    "literals": _literals,
    "options": _options,
    "check": _check,
    "span": _span,
    "duration": _span,
    "true-values": _any,
    "schema": _any,
}
