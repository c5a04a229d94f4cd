"""What alerts say: the cause in words, and the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from aimass.models.features import MISSING
from aimass.records import Anomaly, Estimate, Prediction

_MAX_EVIDENCE = 1024
_TIERS = ((8.0, "critical"), (5.0, "warning"))
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


def severity_of(scores: Iterable[float]) -> str:
    """Return how bad the strangest of some anomalies is; a rule that looks at none warns.

    Examples
    --------
    >>> severity_of([3.0, 8.5]), severity_of([])
    ('critical', 'warning')
    """
    found = list(scores)
    top = max(found, default=0.0)
    return next((name for least, name in _TIERS if top >= least), "info" if found else "warning")


def words(text: str, anomalies: Iterable[Anomaly], estimates: Mapping[str, Estimate], values: Mapping[str, Any]) -> str:
    """Return the cause in words: the strangest anomaly first, then what models say, then fields and windows."""
    strangest = sorted(anomalies, key=lambda anomaly: -anomaly.score)
    said = [_strange(anomaly) for anomaly in strangest if anomaly.cause is not None]
    for name, estimate in estimates.items():
        if estimate.value is not None:
            sure = "" if estimate.probability is None else f" ({estimate.probability:.0%} sure)"
            said.append(f"{name} is predicted to be {brief(estimate.value)}{sure}")
    said += [f"{name} is {brief(value)}" for name, value in values.items()]
    return "; ".join(said) or f"{text} is true"


def evidence(event: Prediction) -> dict[str, Any]:
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


def modest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return known values as evidence; a long text or a large object is cut, for the event's JSON is there anyway."""
    return {name: _cut(value) for name, value in values.items() if value is not MISSING}


def _cut(value: Any) -> Any:
    if type(value) not in (str, dict, list):
        return value
    text = value if type(value) is str else orjson.dumps(value).decode()
    return value if len(text) <= _MAX_EVIDENCE else text[: _MAX_EVIDENCE - 3] + "..."


def _strange(anomaly: Anomaly) -> str:
    odds = "rarer than 1 in 10^16" if anomaly.score > 16 else f"1 in 10^{anomaly.score:.1f}"
    did = _DID.get(anomaly.cause or "", "{field} is at {value} (expected about {expected})")
    value, expected = brief(anomaly.value), brief(anomaly.expected)
    return f"{did.format(field=anomaly.field, value=value, expected=expected, related=anomaly.related)}; {odds}"


def brief(value: Any) -> str:
    """Return a value in few characters."""
    if type(value) is float:
        return f"{value:.4g}"
    text = value if type(value) is str else orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
