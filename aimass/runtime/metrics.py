"""Every metric of a worker, in one place: Prometheus conventions, base units, no user's keys in labels."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_STAGE = ("pipeline", "agent")
_PARTITION = ("pipeline", "agent", "topic", "partition")
_MODEL = ("pipeline", "model", "partition")
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.2, 0.35, 0.6, 1, 2, 5, 15, 60)
_RECORDS = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one worker.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.events_in.labels("shuttle", "score").inc(10)
    >>> metrics.registry.get_sample_value("aimass_events_in_total", {"pipeline": "shuttle", "agent": "score"})
    10.0
    """

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    events_in: Counter = field(init=False)
    events_out: Counter = field(init=False)
    dead_letters: Counter = field(init=False)
    deliveries: Counter = field(init=False)
    fed: Counter = field(init=False)
    overtaken: Counter = field(init=False)
    faults: Counter = field(init=False)
    commit_seconds: Histogram = field(init=False)
    chunk_records: Histogram = field(init=False)
    latency_seconds: Histogram = field(init=False)
    restore_seconds: Histogram = field(init=False)
    restored_rows: Counter = field(init=False)
    restore_ratio: Gauge = field(init=False)
    lag_records: Gauge = field(init=False)
    last_commit: Gauge = field(init=False)
    buffered_records: Gauge = field(init=False)
    live_entries: Gauge = field(init=False)
    state_bytes: Gauge = field(init=False)
    drifts: Counter = field(init=False)
    labels: Gauge = field(init=False)
    quality: Gauge = field(init=False)

    def __post_init__(self) -> None:
        r = self.registry
        for name, metric in {
            "events_in": Counter("aimass_events_in", "Records taken and committed", _STAGE, registry=r),
            "events_out": Counter("aimass_events_out", "Records emitted and committed", _STAGE, registry=r),
            "dead_letters": Counter("aimass_dead_letters", "Records sent to the dead letters", _STAGE, registry=r),
            "deliveries": Counter(
                "aimass_deliveries",
                "Attempts to deliver notifications, by what came of them",
                ("pipeline", "receiver", "outcome"),
                registry=r,
            ),
            "fed": Counter("aimass_fed_rows", "Rows that feeds brought", ("pipeline", "topic"), registry=r),
            "overtaken": Counter(
                "aimass_retention_overtaken", "Openings at which Kafka had deleted unread records", _STAGE, registry=r
            ),
            "faults": Counter("aimass_faults", "Partitions dropped and opened again", _STAGE, registry=r),
            "commit_seconds": Histogram(
                "aimass_commit_duration_seconds", "A transaction, begin to end", _STAGE, buckets=_SECONDS, registry=r
            ),
            "chunk_records": Histogram(
                "aimass_chunk_records",
                "Records that one fetch brought of a partition",
                _STAGE,
                buckets=_RECORDS,
                registry=r,
            ),
            "latency_seconds": Histogram(
                "aimass_event_to_output_latency_seconds",
                "From an input's timestamp in Kafka to its outputs' commit (oldest of each commit)",
                _STAGE,
                buckets=_SECONDS,
                registry=r,
            ),
            "restore_seconds": Histogram(
                "aimass_restore_duration_seconds", "Opening a partition, state restored", _STAGE, registry=r
            ),
            "restored_rows": Counter("aimass_restored_rows", "Changelog records read to restore", _STAGE, registry=r),
            "restore_ratio": Gauge("aimass_restore_progress_ratio", "Restored so far, 0 to 1", _PARTITION, registry=r),
            "lag_records": Gauge("aimass_lag_records", "Records between committed and end", _PARTITION, registry=r),
            "last_commit": Gauge("aimass_last_commit_timestamp_seconds", "Its last commit", _PARTITION, registry=r),
            "buffered_records": Gauge("aimass_buffered_records", "Fetched, not yet taken", _PARTITION, registry=r),
            "live_entries": Gauge("aimass_state_live_entries", "State entries held in memory", _PARTITION, registry=r),
            "state_bytes": Gauge("aimass_state_disk_bytes", "Size of the worker's RocksDB", registry=r),
            "drifts": Counter(
                "aimass_drifts",
                "Changes found in a model's inputs, predictions, labels or loss",
                ("pipeline", "model", "what"),
                registry=r,
            ),
            "labels": Gauge("aimass_model_labels", "Labels that a model was measured on", _MODEL, registry=r),
            "quality": Gauge(
                "aimass_model_quality",
                "Prequential metrics of a model (label `metric`), and its baselines'",
                (*_MODEL, "metric"),
                registry=r,
            ),
        }.items():
            object.__setattr__(self, name, metric)

    def forget(self, pipeline: str, agent: str, topic: str, partition: int) -> None:
        """Drop the gauges of a partition that has moved away."""
        for gauge in (self.restore_ratio, self.lag_records, self.last_commit, self.buffered_records, self.live_entries):
            try:
                gauge.remove(pipeline, agent, topic, str(partition))
            except KeyError:
                continue
