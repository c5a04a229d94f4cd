"""What models say of themselves, as metrics: taken from the records that were committed, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aimass.codec import decoder
from aimass.records import Drift, Evaluation, Record
from aimass.runtime.log import Target
from aimass.runtime.metrics import Metrics


class Observer:
    """Turns committed evaluations and drifts into metrics.

    Parameters
    ----------
    metrics
        The worker's metrics.
    pipeline
        The pipeline's name.
    topics
        The topics that hold evaluations and drifts.

    Examples
    --------
    >>> from aimass.codec import encode
    >>> from aimass.records import Source
    >>> metrics = Metrics()
    >>> drift = Drift("t-0-1", "m", 1.0, "p", Source("t", 0, 1), "m", "loss", 0.1, 0.4)
    >>> Observer(metrics, "p", ["p.drifts"])({Target("p.drifts", 0): [(b"m", encode(drift), [])]})
    >>> metrics.registry.get_sample_value("aimass_drifts_total", {"pipeline": "p", "model": "m", "what": "loss"})
    1.0
    """

    def __init__(self, metrics: Metrics, pipeline: str, topics: Iterable[str]) -> None:
        self._metrics, self._pipeline, self._topics = metrics, pipeline, frozenset(topics)
        self._decode = decoder(Record)

    def __call__(self, committed: Mapping[Target, list[Any]]) -> None:
        """Look at what a commit made final."""
        for target, records in committed.items():
            if target.topic in self._topics:
                for record in records:
                    self._see(self._decode(record[1]), str(target.partition))

    def _see(self, record: Any, partition: str) -> None:
        if type(record) is Drift:
            self._metrics.drifts.labels(self._pipeline, record.about, record.what).inc()
        elif type(record) is Evaluation and not record.segment:
            labels = (self._pipeline, record.about, partition)
            self._metrics.labels.labels(*labels).set(record.events)
            for name, value in {**record.metrics, **_prefixed("baseline.", record.baselines)}.items():
                self._metrics.quality.labels(*labels, name).set(value)


def _prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {prefix + name: value for name, value in values.items()}
