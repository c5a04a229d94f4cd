"""The names that a condition may use: of detectors, models and tables, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aimass.rules.syntax import Table

DETECTOR_VALUES = ("score", "field", "cause", "value", "expected", "severity", "related")
MODEL_VALUES = ("value", "probability", "label", "low", "high", "disagreement", "drift")
#: Kinds of these values, where they are always one.
VALUE_KINDS = {
    "score": "number",
    "probability": "number",
    "low": "number",
    "high": "number",
    "disagreement": "number",
    "field": "text",
    "cause": "text",
    "severity": "text",
    "related": "text",
    "drift": "text",
}
#: What is known of a key from its earlier events: kind and meaning.
PROFILE_VALUES: dict[str, tuple[str, str]] = {
    "events": ("number", "how many events it had before this one"),
    "first_seen": ("number", "when it was first seen, in seconds since 1970"),
    "last_seen": ("number", "when its previous event was"),
    "days": ("number", "on how many days it was seen"),
    "sessions": ("number", "how many sessions it had, this one included (30 minutes of quiet end one)"),
    "session_events": ("number", "how many events this session had before this one"),
    "session_s": ("number", "how long this session has lasted, in seconds"),
    "gap_s": ("number", "its usual time between two events, in seconds"),
    "hour": ("number", "the hour of the day at which it is mostly seen, 0 to 23, UTC"),
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What names mean in a condition. Any other name is a field of the event.

    Parameters
    ----------
    detectors, models
        Their names.
    tables
        Decision tables by name: a name alone stands for the table's outcome.
    """

    detectors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
