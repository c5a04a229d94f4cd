"""The rows of a stage's state, the newest of each key: what a lost disk or a new worker is rebuilt from."""

from aimass.topic import LARGE, Topic

TOPIC = Topic(
    name="changelog",
    cleanup="compact",
    config={"min.cleanable.dirty.ratio": "0.3", "segment.ms": "3600000", **LARGE},
)
