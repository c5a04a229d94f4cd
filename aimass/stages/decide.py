"""Decide: from what is known of an event to an alert, once an episode."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from aimass.models.features import MISSING
from aimass.records import Alert, Anomaly, Estimate, Prediction
from aimass.rules.document import SEVERITIES
from aimass.stages.base import Outputs
from aimass.stages.condition import Condition
from aimass.state import ObjectSpec, State

_TIERS = ((8.0, "critical"), (5.0, "warning"))
_MAX_EVIDENCE = 1024
_EPISODE = struct.Struct("<dB")


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and what to say when it is met.

    Parameters
    ----------
    name
        The rule's name.
    condition
        When it fires.
    severity
        One of `SEVERITIES`; ``None``: by the highest anomaly score it looks at (critical from 8, warning from 5).
    cause
        What to say; ``None``: said from the evidence.
    cooldown_s
        An episode ends when the condition has not been met for this long, in seconds of event time.
    """

    name: str
    condition: Condition
    severity: str | None = None
    cause: str | None = None
    cooldown_s: float = 60.0

    @property
    def remember_s(self) -> float:
        """For how long a quiet episode is kept: longer than it matters, so that forgetting costs little."""
        return max(3600.0, 4 * self.cooldown_s)


class DecideStage:
    """Emits an alert when a rule's condition becomes true for a key.

    While it stays true, and until it has been quiet for the cool-down, only a higher severity alerts again.

    State: the running episode of each key and rule; one that has been quiet for an hour and four cool-downs goes.

    Examples
    --------
    >>> from aimass.pipeline import compile_stages, parse
    >>> from aimass.testing import MemoryOutputs, MemoryState, prediction
    >>> _, _, stage = compile_stages(parse('name = "p"\\n[[source]]\\ntopic = "t"'))
    >>> out, odd = MemoryOutputs("alerts"), Anomaly(6.2, "f2", "jump", 812.0, 3.0)
    >>> stage.on_batch([prediction({}, odd=odd), prediction({}, odd=odd)], MemoryState(), out)
    >>> [alert.cause for alert in out.records("alerts")]
    ['f2 jumped to 812 (expected about 3); 1 in 10^6.2']
    """

    name = "decide"

    def __init__(self, rules: Sequence[Rule], tick_s: float | None = None) -> None:
        self.tick_s = tick_s
        self._rules = [
            (rule, rule.condition.test, ObjectSpec(f"episodes.{rule.name}", _encode, _decode, rule.remember_s))
            for rule in rules
        ]
        self._needs_data = any(rule.condition.needs_data for rule in rules)

    def on_batch(self, events: Sequence[Prediction], state: State, out: Outputs) -> None:
        """Ask every rule of every prediction."""
        rules, needs_data = self._rules, self._needs_data
        for prediction in events:
            data = orjson.loads(bytes(prediction.data)) if needs_data else None
            for rule, test, episodes in rules:
                if test(prediction, data):
                    severity = rule.severity or _severity(rule.condition, prediction)
                    if _is_news(rule, severity, prediction, state, episodes):
                        out.emit(_alert(rule, severity, prediction, data))

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes: episodes end by themselves."""


Episode = tuple[float, int]


def _encode(episode: Episode) -> bytes:
    return _EPISODE.pack(*episode)


def _decode(raw: bytes) -> Episode:
    last, severity = _EPISODE.unpack(raw)
    return last, severity


def _is_news(rule: Rule, severity: str, event: Prediction, state: State, spec: ObjectSpec[Episode]) -> bool:
    """Return whether this begins an episode or makes it worse; remember that it goes on."""
    table = state.objects(spec)
    level = SEVERITIES.index(severity)
    episode = table.get(event.key)
    if episode is None or event.time - episode[0] > rule.cooldown_s:
        table.put(event.key, (event.time, level))
        return True
    last, worst = episode
    table.put(event.key, (max(last, event.time), max(worst, level)))
    return level > worst


def _severity(condition: Condition, event: Prediction) -> str:
    scores = [anomaly.score for anomaly in _anomalies(condition, event).values()]
    top = max(scores, default=0.0)
    return next((name for least, name in _TIERS if top >= least), "info" if scores else "warning")


def _anomalies(condition: Condition, event: Prediction) -> dict[str, Anomaly]:
    names = {reference.name: None for reference in condition.references if reference.kind == "detector"}
    return {name: event.anomalies[name] for name in names if name in event.anomalies}


def _estimates(condition: Condition, event: Prediction) -> dict[str, Estimate]:
    names = {reference.name: None for reference in condition.references if reference.kind == "model"}
    return {name: event.estimates[name] for name in names if name in event.estimates}


def _alert(rule: Rule, severity: str, event: Prediction, data: Any) -> Alert:
    fields = _fields(rule.condition, event, data)
    cause = rule.cause or _words(rule.condition, event, fields)
    evidence = {"when": rule.condition.text, **_evidence(event), **fields}
    return Alert(
        f"{event.id}-{rule.name}",
        event.key,
        event.time,
        event.pipeline,
        event.source,
        rule.name,
        severity,
        cause,
        evidence,
        event.data,
    )


def _fields(condition: Condition, event: Prediction, data: Any) -> dict[str, Any]:
    values = {ref.text: ref.compile()(event, data) for ref in condition.references if ref.kind == "event"}
    return {name: _modest(value) for name, value in values.items() if value is not MISSING}


def _modest(value: Any) -> Any:
    """Return a value as evidence: a long text or a large object is cut, for the event's own JSON is there anyway."""
    if type(value) not in (str, dict, list):
        return value
    text = value if type(value) is str else orjson.dumps(value).decode()
    return value if len(text) <= _MAX_EVIDENCE else text[: _MAX_EVIDENCE - 3] + "..."


def _evidence(event: Prediction) -> dict[str, Any]:
    """Return all that detectors and models said, whether the rule asked for it or not."""
    said: dict[str, Any] = {}
    for name, anomaly in event.anomalies.items():
        said[f"{name}.score"] = anomaly.score
        for attribute in ("field", "cause", "value", "expected", "related"):
            said[f"{name}.{attribute}"] = getattr(anomaly, attribute)
    for name, estimate in event.estimates.items():
        for attribute in ("value", "probability", "label", "low", "high"):
            said[f"{name}.{attribute}"] = getattr(estimate, attribute)
    return {name: value for name, value in said.items() if value is not None}


def _words(condition: Condition, event: Prediction, fields: dict[str, Any]) -> str:
    """Return the cause in words: the strangest anomaly first, then what models say, then fields."""
    anomalies = sorted(_anomalies(condition, event).values(), key=lambda anomaly: -anomaly.score)
    said = [_strange(anomaly) for anomaly in anomalies if anomaly.cause is not None]
    for name, estimate in _estimates(condition, event).items():
        if estimate.value is not None:
            sure = "" if estimate.probability is None else f" ({estimate.probability:.0%} sure)"
            said.append(f"{name} is predicted to be {_brief(estimate.value)}{sure}")
    said += [f"{name} is {_brief(value)}" for name, value in fields.items()]
    return "; ".join(said) or f"{condition.text} is true"


_DID = {
    "jump": "{field} jumped to {value} (expected about {expected})",
    "first change": "{field} changed for the first time, to {value} (always {expected} before)",
    "never seen": "{field} is at {value}, beyond all seen before (expected about {expected})",
    "daily profile": "{field} is at {value}, off its daily profile (expected about {expected})",
    "shifted": "{field} has shifted, now {value} (expected about {expected})",
    "shifted for long": "{field} has been off for long, now {value} (expected about {expected})",
    "volatility": "{field} moves otherwise than it does, now {value}",
    "relation": "{field} is at {value}, not as {related} lets expect (about {expected})",
    "together": "the fields do not go together, most of all {field} at {value} (expected about {expected})",
    "rare value": "{field} is {value}, which is rare (usually {expected})",
    "new value": "{field} is {value}, never seen before (usually {expected})",
    "rate of value": "{field} is {value} unusually often",
    "missing": "{field} is missing",
    "null": "{field} is null",
    "unexpected field": "{field} is there, which it never is",
    "shape": "{field} takes a shape never seen, now {value}",
    "long shape": "{field} takes a long shape never seen, now about {value}",
    "silent": "silent for {value} s (usually {expected} s)",
    "late": "came after {value} s of silence (usually {expected} s)",
    "burst": "comes every {value} s (usually {expected} s)",
}


def _strange(anomaly: Anomaly) -> str:
    odds = "rarer than 1 in 10^16" if anomaly.score > 16 else f"1 in 10^{anomaly.score:.1f}"
    did = _DID.get(anomaly.cause or "", "{field} is at {value} (expected about {expected})")
    value, expected = _brief(anomaly.value), _brief(anomaly.expected)
    return f"{did.format(field=anomaly.field, value=value, expected=expected, related=anomaly.related)}; {odds}"


def _brief(value: Any) -> str:
    if type(value) is float:
        return f"{value:.4g}"
    text = value if type(value) is str else orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
