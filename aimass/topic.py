"""What a topic is: the one declaration that `topics/` and the core share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

FOREVER = timedelta.max
#: Room for the largest event that a source may hold (8 MiB) in its envelope.
LARGE = {"max.message.bytes": str(16 << 20)}


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic: its name, what its records are, and how Kafka keeps them.

    Parameters
    ----------
    name
        The topic's name in Kafka, or the last part of it before :meth:`of` names the pipeline.
    record
        The type of its records (a :class:`msgspec.Struct` or a union of them), or ``None`` for bytes
        that are handed over as they came.
    partitions
        How many partitions to create it with; ``None`` takes the number of the topic it follows.
    retention
        How long records are kept (:data:`FOREVER`: for good). Topics that are only compacted ignore it.
    cleanup
        Kafka's clean-up policy.
    config
        Further topic settings, by Kafka's own names.

    Examples
    --------
    >>> alerts = Topic(name="alerts", retention=timedelta(days=30))
    >>> alerts.of("shuttle").name
    'shuttle.alerts'
    >>> alerts.settings()["retention.ms"]
    '2592000000'
    """

    name: str
    record: Any = None
    partitions: int | None = None
    retention: timedelta = FOREVER
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    config: Mapping[str, str] = field(default_factory=dict)

    def of(self, pipeline: str) -> Topic:
        """Return the same declaration as the topic of one pipeline."""
        return replace(self, name=f"{pipeline}.{self.name}")

    def settings(self) -> dict[str, str]:
        """Return the settings to create the topic with, by Kafka's names."""
        settings: dict[str, str] = {"cleanup.policy": self.cleanup}
        if self.cleanup != "compact":
            keep = -1 if self.retention == FOREVER else int(self.retention.total_seconds() * 1000)
            settings["retention.ms"] = str(keep)
        return {**settings, **self.config}
