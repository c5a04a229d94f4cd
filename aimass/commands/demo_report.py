"""What the demo says of what it saw: pure functions over predictions, alerts and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aimass.records import Evaluation


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction beside the truth.

    Parameters
    ----------
    partition, offset
        Where it stood: the order in which the model of a partition met the events.
    value
        The predicted label, ``None`` when the model had nothing to say.
    label
        The true label: 1 for an anomaly.
    score
        The anomaly score.
    """

    partition: int
    offset: int
    value: Any
    label: Any
    score: float


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Prequential accuracies: the model's, and those of two that anyone can have for nothing."""

    model: float
    no_change: float
    majority: float


def accuracies(judged: Iterable[Judged]) -> Accuracies:
    """Return how often the model was right, and how often two baselines would have been.

    Each predicts before it sees the label: no-change says the partition's last label again, majority the one seen
    most often in the partition. Who has nothing to say is wrong.

    Parameters
    ----------
    judged
        In any order; each partition is taken in the order of its offsets.

    Examples
    --------
    >>> accuracies([Judged(0, n, 1, label, 0.0) for n, label in enumerate([1, 1, 0, 1])])
    Accuracies(model=0.75, no_change=0.25, majority=0.5)
    """
    last: dict[int, Any] = {}
    seen: dict[int, Counter[Any]] = {}
    right, total = [0, 0, 0], 0
    for one in sorted(judged, key=lambda one: (one.partition, one.offset)):
        counts = seen.setdefault(one.partition, Counter())
        majority = counts.most_common(1)[0][0] if counts else None
        guesses = (one.value, last.get(one.partition), majority)
        for place, guess in enumerate(guesses):
            right[place] += guess is not None and guess == one.label
        last[one.partition] = one.label
        counts[one.label] += 1
        total += 1
    return Accuracies(*(count / total if total else 0.0 for count in right))


@dataclass(frozen=True, slots=True)
class Detection:
    """How anomaly scores over a threshold fit the labels."""

    threshold: float
    flagged: int
    anomalies: int
    hits: int

    @property
    def precision(self) -> float:
        """Of those flagged, the part that was anomalous."""
        return self.hits / self.flagged if self.flagged else 0.0

    @property
    def recall(self) -> float:
        """Of the anomalous, the part that was flagged."""
        return self.hits / self.anomalies if self.anomalies else 0.0


def foreseen(judged: Sequence[Judged]) -> Detection:
    """Return how the faults that the model predicted, each before it saw the label, fit the labels.

    Examples
    --------
    >>> found = foreseen([Judged(0, 0, 1, 1, 0.0), Judged(0, 1, 0, 1, 0.0), Judged(0, 2, 0, 0, 0.0)])
    >>> found.precision, found.recall
    (1.0, 0.5)
    """
    said = [one for one in judged if one.value == 1]
    hits = sum(one.label == 1 for one in said)
    return Detection(0.5, len(said), sum(one.label == 1 for one in judged), hits)


def detection(judged: Sequence[Judged], threshold: float) -> Detection:
    """Return how scores over a threshold fit the labels.

    Examples
    --------
    >>> found = detection([Judged(0, 0, 0, 1, 6.0), Judged(0, 1, 0, 0, 5.5), Judged(0, 2, 0, 1, 1.0)], 5.0)
    >>> found.precision, found.recall
    (0.5, 0.5)
    """
    flagged = [one for one in judged if one.score > threshold]
    hits = sum(one.label == 1 for one in flagged)
    return Detection(threshold, len(flagged), sum(one.label == 1 for one in judged), hits)


def members(evaluations: Iterable[Evaluation]) -> dict[str, tuple[float, float]]:
    """Return each member's accuracy and share of the vote over all partitions, the most accurate first.

    Examples
    --------
    >>> from aimass.records import Source
    >>> one = Evaluation("i", "m", 1.0, "p", Source("t", 0, 0), "m", 10, {}, members={"a": 0.5, "weight.a": 1.0})
    >>> members([one])
    {'a': (0.5, 1.0)}
    """
    found: dict[str, list[tuple[int, float, float]]] = {}
    for one in evaluations:
        for name, value in one.members.items():
            if not name.startswith(("weight.", "fading.")):
                found.setdefault(name, []).append((one.events, value, one.members.get(f"weight.{name}", 0.0)))
    means = {}
    for name, parts in found.items():
        total = sum(events for events, _, _ in parts)
        means[name] = tuple(sum(events * part[i] for events, *part in parts) / total for i in (0, 1))
    return {name: (value, weight) for name, (value, weight) in sorted(means.items(), key=lambda one: -one[1][0])}


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below which a part of the values lies: the nearest rank.

    Examples
    --------
    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([], 0.5)
    (2.0, 0.0)
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1)]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the tail of values, by name."""
    return {name: round(percentile(values, part), 1) for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def spread(alerts: Sequence[Any], count: int) -> list[Any]:
    """Return a few alerts to show: the severest first, of different keys and causes while there are some.

    Examples
    --------
    >>> from collections import namedtuple
    >>> A = namedtuple("A", "key severity cause time")
    >>> [a.key for a in spread([A("a", "info", "x", 1), A("a", "critical", "y", 2), A("b", "critical", "y", 3)], 2)]
    ['a', 'b']
    """
    order = {"critical": 0, "warning": 1, "info": 2}
    left = sorted(alerts, key=lambda alert: (order.get(alert.severity, 3), alert.time))
    firsts = list({alert.key: alert for alert in reversed(left)}.values())
    firsts.sort(key=left.index)
    return (firsts + [alert for alert in left if alert not in firsts])[:count]


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's figures."""

    pipeline: str
    events: int
    predictions: int
    alerts: int
    burst_events: int
    burst_seconds: float
    accuracy: Accuracies
    detection: Detection
    foreseen: Detection
    latency_ms: dict[str, dict[str, float]]
    paced_rate: float
    members: dict[str, tuple[float, float]]
    loss_drifts: int

    @property
    def throughput(self) -> float:
        """Events a second while they came at once, from the first one sent to the last prediction read."""
        return self.burst_events / self.burst_seconds if self.burst_seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            **asdict(self),
            "throughput_eps": round(self.throughput, 1),
            "precision": round(self.detection.precision, 4),
            "recall": round(self.detection.recall, 4),
            "foreseen_precision": round(self.foreseen.precision, 4),
            "foreseen_recall": round(self.foreseen.recall, 4),
        }
