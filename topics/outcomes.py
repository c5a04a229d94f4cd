"""What became of recommendations. Keyed by the key."""

from aimass.records import Outcome
from aimass.topic import Topic

TOPIC = Topic(name="outcomes", record=Outcome)
