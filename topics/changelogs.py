"""The rows of a stage's state, the newest of each key: what a lost disk or a new worker is rebuilt from."""

from aimass.topic import LARGE, Topic

#: How long a deletion can be seen: a worker that was away for longer must not bring a deleted row back to life.
_MONTH_MS = str(30 * 86_400_000)

TOPIC = Topic(
    name="changelog",
    cleanup="compact",
    config={"min.cleanable.dirty.ratio": "0.3", "segment.ms": "3600000", "delete.retention.ms": _MONTH_MS, **LARGE},
)
