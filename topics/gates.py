"""Which gates are closed at the door: what COLLECT does with a source's records. Keyed by source and gate."""

from aimass.records import Gate
from aimass.topic import Topic

TOPIC = Topic(name="gates", record=Gate, partitions=1, cleanup="compact")
