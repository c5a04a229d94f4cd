"""How far feeds have read what is outside of Kafka, written with what they brought. Keyed by the topic that is fed."""

from aimass.topic import LARGE, Topic

TOPIC = Topic(name="positions", partitions=12, cleanup="compact", config=LARGE)
