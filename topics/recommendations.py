"""Items for a key, and with what probability each was chosen. Keyed by the key."""

from aimass.records import Recommendation
from aimass.topic import Topic

TOPIC = Topic(name="recommendations", record=Recommendation)
