"""What became of each alert, step by step. Keyed by the alert's fingerprint."""

from aimass.records import Transition
from aimass.topic import Topic

TOPIC = Topic(name="transitions", record=Transition, partitions=1)
