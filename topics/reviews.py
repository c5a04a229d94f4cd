"""Events that a rule sends to people. Keyed by the event's key."""

from aimass.records import Alert
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="reviews", record=Alert, config=LARGE)
