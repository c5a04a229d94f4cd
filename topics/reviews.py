"""Records that wait for people, and all that people did about them. Keyed by the event's key."""

from aimass.records import Review
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="reviews", record=Review, partitions=1, config=LARGE)
