"""What COLLECT saw of data, and what people say of it, in one order: one partition. Read at once, kept for audits."""

from datetime import timedelta

from aimass.records import Observation
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="observations", record=Observation, partitions=1, retention=timedelta(days=7), config=LARGE)
