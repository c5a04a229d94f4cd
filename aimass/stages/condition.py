"""What a rule asks of a prediction: a compiled condition, and the values it may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aimass.models.features import MISSING, getter
from aimass.records import Prediction

#: True, False, or ``None`` when the event does not say.
Truth = bool | None
Test = Callable[[Prediction, Any], Truth]
Value = Callable[[Prediction, Any], Any]

DETECTOR_VALUES = ("score", "field", "cause", "value", "expected", "severity", "related")
MODEL_VALUES = ("value", "probability", "label", "low", "high")


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that a condition looks at: of a detector, of a model, or of the event itself.

    Examples
    --------
    >>> Reference("detector", "odd", "score").text
    'odd.score'
    """

    kind: Literal["detector", "model", "event"]
    name: str
    attribute: str = ""

    @property
    def text(self) -> str:
        """The reference as it is written."""
        return self.name if self.kind == "event" else f"{self.name}.{self.attribute}"

    def compile(self) -> Value:
        """Return the function that finds the value, `MISSING` when there is none."""
        name, attribute = self.name, self.attribute
        if self.kind == "event":
            find = getter(name)
            return lambda prediction, data: find(data)
        if self.kind == "detector":
            return lambda prediction, data: getattr(prediction.anomalies.get(name), attribute, MISSING)
        return lambda prediction, data: getattr(prediction.estimates.get(name), attribute, MISSING)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, ready to be asked.

    Parameters
    ----------
    text
        As the user wrote it.
    test
        Called with a prediction and the event's decoded data (``None`` unless `needs_data`).
    references
        What it looks at, each once.
    """

    text: str
    test: Test
    references: tuple[Reference, ...]

    @property
    def needs_data(self) -> bool:
        """Whether the event's own fields are looked at."""
        return any(reference.kind == "event" for reference in self.references)
