"""What COLLECT saw of data, and what people say of it, in one order: one partition."""

from aimass.records import Observation
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="observations", record=Observation, partitions=1, config=LARGE)
