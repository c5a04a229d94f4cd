"""What a pipeline file can say: each section a frozen dataclass whose fields carry their kind, default and meaning."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from aimass.models.recipes import RECIPES
from aimass.stages.decide import SEVERITIES


def setting(kind: str, help: str, *, default: Any = MISSING, shown: str = "", allowed: tuple[str, ...] = ()) -> Any:
    """Declare a key of a section: its kind (see `aimass.pipeline.kinds`), meaning, default and allowed values."""
    metadata = {"kind": kind, "help": help, "allowed": allowed, "shown": shown}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDef:
    """`[[source]]`: a topic whose JSON objects are events. At least one."""

    topic: str = setting("topic", "the Kafka topic to read")
    key: str | None = setting(
        "path",
        "where the event's key stands; state, order and detectors are per key",
        default=None,
        shown="the Kafka key",
    )
    time: str | None = setting("path", "where the event's time stands", default=None, shown="the Kafka timestamp")
    id: str | None = setting("path", "where the event's own id stands", default=None, shown="topic-partition-offset")
    format: str = setting("choice", "how its values are written", default="json", allowed=("json",))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDef:
    """`[[model]]`: a River model that predicts each event and then learns from it."""

    name: str = setting("name", "names the model in rules and predictions")
    target: str = setting(
        "path", "where the true value stands in events that bear one; no feature and no detector sees it"
    )
    recipe: str = setting("choice", "which model", default="classifier", allowed=tuple(RECIPES))
    scope: str = setting("choice", "what one model learns from", default="partition", allowed=("partition",))
    fields: tuple[str, ...] | None = setting(
        "paths", "its features, numeric fields", default=None, shown="all numeric fields at the top level"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorDef:
    """`[[detector]]`: scores how strange each event is for its key. Without any: one named `odd`."""

    name: str = setting("name", "names the detector in rules and predictions")
    fields: tuple[str, ...] | None = setting(
        "paths", "the numeric fields it looks at, at most 64", default=None, shown="all numeric fields at the top level"
    )
    scope: str = setting("choice", "what it compares an event with", default="key", allowed=("key",))
    forget: float | None = setting(
        "duration-or-never", "a key without events for this long is forgotten", default=2592000.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDef:
    """`[[rule]]`: a condition that alerts. Without any: one named `odd`, over the first detector's score."""

    name: str = setting("name", "names the rule in alerts")
    when: str = setting("condition", "the condition, see below")
    severity: str | None = setting(
        "choice",
        "how bad it is",
        default=None,
        shown="by the highest score the rule looks at: `critical` from 8, `warning` from 5, else `info`",
        allowed=SEVERITIES,
    )
    cause: str | None = setting("text", "what the alert says", default=None, shown="said from the evidence")
    cooldown: float = setting(
        "duration", "while the condition is met within this long of the last time, there is no new alert", default=60.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDef:
    """`[time]`: how event time advances."""

    lateness: float = setting("duration", "how far behind the newest event an event may come", default=0.0)
    tick: float | None = setting(
        "duration-or-never", "how often time-driven work happens, in event time; forgetting keys needs it", default=10.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline, as its file defines it: validated and with every default filled in.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> pipeline = parse('name = "pumps"\\n[[source]]\\ntopic = "pumps.telemetry"')
    >>> pipeline.detectors[0].name, pipeline.rules[0].when
    ('odd', 'odd.score > 5')
    """

    name: str = setting("topic-part", "names the pipeline, its topics and its consumer groups")
    partitions: int | None = setting(
        "count", "partitions of the log and all that follows it", default=None, shown="as many as the first source has"
    )
    sources: tuple[SourceDef, ...] = ()
    models: tuple[ModelDef, ...] = ()
    detectors: tuple[DetectorDef, ...] = ()
    rules: tuple[RuleDef, ...] = ()
    time: TimeDef = TimeDef()


#: Sections by their name in the file: the attribute of `Pipeline`, the class, and whether there may be many.
SECTIONS: dict[str, tuple[str, Any, bool]] = {
    "source": ("sources", SourceDef, True),
    "model": ("models", ModelDef, True),
    "detector": ("detectors", DetectorDef, True),
    "rule": ("rules", RuleDef, True),
    "time": ("time", TimeDef, False),
}


def keys_of(section: Any) -> dict[str, Field[Any]]:
    """Return the keys that a section of the file may have, by name.

    Examples
    --------
    >>> list(keys_of(TimeDef))
    ['lateness', 'tick']
    """
    return {one.name: one for one in fields(section) if one.metadata}
