"""Records that people let go on: COLLECT puts them into their place."""

from aimass.topic import LARGE, Topic

TOPIC = Topic(name="redrive", partitions=1, config=LARGE)
