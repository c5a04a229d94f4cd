"""From what ensembles say of rows to the records that tell it: estimates, drifts and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimass.models.answers import Evaluated
from aimass.models.kernel import Floats, Ints
from aimass.models.monitor import Drifted
from aimass.records import Drift, Estimate, Evaluation
from aimass.stages.rows import Origin

_DIGITS = 6  # of probabilities and numbers on the wire


@dataclass(slots=True)
class Said:
    """What was said of the rows of a run."""

    p: Floats
    low: Floats
    high: Floats
    kept: list[Floats]
    classes: Ints
    votes: dict[int, dict[str, Floats]]
    reasons: dict[int, dict[int, float]]
    told: list[tuple[int, str, Drifted | Evaluated]]

    @classmethod
    def of(cls, n: int) -> Said:
        """Return what is said of so many rows before anyone said anything."""
        nothing, kept = np.full(n, np.nan), [np.empty(0)] * n
        return cls(np.empty((n, 0)), nothing, nothing.copy(), kept, np.ones(n, np.int64), {}, {}, [])


def numbers_of(p: Floats, low: Floats, high: Floats, labels: Sequence[Any]) -> list[Estimate]:
    """Return the estimates of numbers, each with its interval and label."""
    value = p[:, 0] if p.shape[1] else low
    rounded = [[None if v != v else round(v, _DIGITS) for v in column.tolist()] for column in (value, low, high)]
    return [Estimate(v, None, label, a, b) for v, a, b, label in zip(*rounded, labels, strict=True)]


def classes_of(p: Floats, classes: Sequence[Any], labels: Sequence[Any]) -> list[Estimate]:
    """Return the estimates of classes: the likeliest one and its probability.

    Examples
    --------
    >>> known, unknown = classes_of(np.array([[0.25, 0.75], [np.nan, np.nan]]), ["cold", "hot"], [None, "hot"])
    >>> known.value, known.probability, unknown.value, unknown.label
    ('hot', 0.75, None, 'hot')
    """
    if not p.shape[1]:
        return [Estimate(label=label) for label in labels]
    p = np.where(np.isnan(p), -1.0, p)
    best = p.argmax(axis=1)
    chances = p[np.arange(len(p)), best].tolist()
    known = len(classes)
    return [
        Estimate(classes[k], round(chance, _DIGITS), label) if chance >= 0.0 and k < known else Estimate(label=label)
        for k, chance, label in zip(best.tolist(), chances, labels, strict=True)
    ]


def clusters_of(p: Floats) -> list[Estimate]:
    """Return the cluster of each event as its value, and the distance from it as the reason."""
    return [
        Estimate(int(cluster), reasons={"distance": round(distance, _DIGITS)} if distance == distance else None)
        if cluster == cluster
        else Estimate()
        for cluster, distance in (p if p.shape[1] == 2 else np.full((len(p), 2), np.nan)).tolist()
    ]


def explained(
    found: Sequence[Estimate], said: Said, places: Ints, names: Sequence[str], classes: Sequence[Any] | None
) -> list[Estimate]:
    """Return estimates with the members' votes and the features' reasons; ``classes`` is ``None`` for numbers."""

    def vote(one: Floats) -> Any:
        if classes is None:
            return round(float(one[0]), _DIGITS)
        best = int(one.argmax())
        return classes[best] if best < len(classes) else None

    told = []
    for one, row in zip(found, places.tolist(), strict=True):
        votes = {name: vote(vector) for name, vector in said.votes.get(row, {}).items()}
        reasons = {names[j]: round(v, _DIGITS) for j, v in said.reasons.get(row, {}).items() if j < len(names)}
        told.append(Estimate(one.value, one.probability, one.label, one.low, one.high, votes, reasons))
    return told


@dataclass(frozen=True, slots=True)
class About:
    """Whom drifts and evaluations are about: a model, its pipeline, the names of its columns."""

    model: str
    pipeline: str
    names: Sequence[str]

    def record(self, origin: Origin, segment: str, one: Drifted | Evaluated) -> Drift | Evaluation:
        """Return the record of what was found after an event."""
        name = f"{origin.id}-{self.model}" + (f"-{segment}" if segment else "")
        head = (self.model, origin.time, self.pipeline, origin.source, self.model)
        if isinstance(one, Evaluated):
            members = one.members | {f"weight.{member}": weight for member, weight in one.weights.items()}
            return Evaluation(name, *head, one.events, one.metrics, segment, one.baselines, members, one.challengers)
        field = self.names[one.column] if 0 <= one.column < len(self.names) else None
        causes = {self.names[j]: round(v, 3) for j, v in one.causes.items() if j < len(self.names)}
        what = f"{one.what}-{field}" if field else one.what
        return Drift(
            f"{name}-{what}",
            *head,
            what=one.what,
            before=one.before,
            after=one.after,
            field=field,
            deviations=one.deviations,
            events=one.events,
            action=one.action,
            causes=causes or None,
        )
