"""What a pipeline file says of rules: `[[rule]]` and `[[table]]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aimass.pipeline.setting import setting
from aimass.records import SEVERITIES
from aimass.rules.document import MODES


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDef:
    """`[[rule]]`: a condition, and what to do when it is met. Without any: `odd`, over the first detector's score."""

    name: str = setting("name", "names the rule in alerts")
    when: str | None = setting(
        "condition",
        "the condition, in the language of rules.md; needed unless there is a template",
        default=None,
        shown="",
    )
    template: str | None = setting("text", "a template of templates.md instead of a condition", default=None, shown="")
    given: tuple[tuple[str, Any], ...] = setting("parameters", "the template's parameters", default=())
    severity: str | None = setting(
        "choice",
        "how bad it is",
        default=None,
        shown="by the highest score the rule looks at: `critical` from 8, `warning` from 5, else `info`",
        allowed=SEVERITIES,
    )
    cause: str | None = setting("text", "what the alert says", default=None, shown="said from the evidence")
    cooldown: float | None = setting(
        "duration",
        "an episode is over when the condition has not been met for this long; until then there is no new alert",
        default=None,
        shown="`1m`, or the template's",
    )
    hold: float = setting(
        "duration",
        "the condition must hold for this long before it alerts; until then the alert is pending",
        default=0.0,
    )
    mode: str = setting(
        "choice",
        "where in its life it stands: `draft` is not asked, `shadow` tells only the shadow topic, `retired` is over",
        default="live",
        allowed=MODES,
    )
    version: int = setting("count", "counts its changes; alerts bear it", default=1)
    alert: bool = setting("truth", "whether it alerts", default=True)
    tag: str | None = setting("name", "the tag that it gives to the key, for `tagged(...)`", default=None, shown="none")
    tag_for: float = setting("duration", "how long the tag stays", default=86_400.0)
    review: bool = setting("truth", "whether the event goes to people, on `<pipeline>.reviews`", default=False)
    emit: str | None = setting(
        "topic-part", "each firing goes to the topic `<pipeline>.<emit>`, too", default=None, shown="nowhere"
    )
    notify: tuple[str, ...] = setting("names", "receivers that are told of each firing at once", default=())
    recommend: tuple[str, ...] = setting("texts", "items that it recommends to the key", default=())
    recommend_for: float = setting("duration", "how long it recommends them", default=86_400.0)
    partials: int = setting("small-count", "how many unfinished matches of a pattern a key may have", default=16)
    owner: str = setting("text", "whose it is", default="", shown="nobody")
    description: str = setting("text", "what it is for", default="", shown="none")
    test: tuple[Any, ...] = setting("tests", "events, and when it must fire on them; see rules.md", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDef:
    """`[[table]]`: a decision table, whose outcome rules may look at by its name."""

    name: str = setting("name", "names the table in conditions")
    inputs: tuple[str, ...] = setting("texts", "what its columns look at: fields, or any other value", default=())
    rows: tuple[Any, ...] = setting("rows", "the rows, each a list: one cell for each input, then the outcome")
    otherwise: str | int | float | bool | None = setting(
        "scalar", "the outcome when no row matches", default=None, shown="unknown"
    )
    hit: str = setting(
        "choice",
        "which row counts: the first that matches, or that with the outcome named first in `order`",
        default="first",
        allowed=("first", "priority"),
    )
    order: tuple[Any, ...] = setting("scalars", "the outcomes by priority", default=())
