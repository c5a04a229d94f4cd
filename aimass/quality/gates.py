"""Gates: what is done with a source while its data is bad, and when that is over."""

from __future__ import annotations

from dataclasses import dataclass

from aimass.records import Indicator

#: What a closed gate does.
ACTIONS = ("tag", "quarantine", "pause-learning", "stop")
#: What COLLECT does; the others are SCORE's, from where they stand in the log.
AT_THE_DOOR = ("quarantine", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """When a gate closes, and what it does.

    Parameters
    ----------
    name, source
        Its name, and whose records it is about.
    indicator, field
        What it watches, of all records or of one field.
    below, until
        It closes when the indicator is surely below the first, and opens when it is surely at the second or above.
    least
        With fewer observations nothing is sure.
    over_s
        Observations of so many seconds of event time count together.
    action
        One of `ACTIONS`.
    """

    name: str
    source: str
    indicator: str = "validity"
    field: str | None = None
    below: float = 0.9
    until: float = 0.95
    least: int = 100
    over_s: float = 300.0
    action: str = "tag"


@dataclass(slots=True)
class GateState:
    """How a gate stands; ``by`` names who holds it against the data."""

    state: str = "insufficient"
    is_closed: bool = False
    by: str = ""


def step(spec: GateSpec, gate: GateState, seen: Indicator) -> GateState:
    """Return how a gate stands after another look.

    What is between the two borders, or not sure, leaves it as it is.

    Examples
    --------
    >>> spec, gate = GateSpec(name="g", source="t"), GateState()
    >>> for value, low, high in ((0.8, 0.75, 0.85), (0.94, 0.92, 0.96), (0.99, 0.97, 0.999)):
    ...     gate = step(spec, gate, Indicator(value, low, high, 400))
    ...     print(gate.state, gate.is_closed)
    fail True
    fail True
    pass False
    """
    if seen.value is None or seen.low is None or seen.high is None or seen.n < spec.least:
        state, is_closed = "insufficient", gate.is_closed
    elif seen.high < spec.below:
        state, is_closed = "fail", True
    elif gate.is_closed:
        is_closed = seen.low < spec.until
        state = "fail" if is_closed else "pass"
    else:
        state, is_closed = ("warn" if seen.value < spec.below else "pass"), False
    return GateState(state, gate.is_closed if gate.by else is_closed, gate.by)
