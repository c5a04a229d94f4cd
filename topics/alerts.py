"""Rules whose condition was met. Keyed by the entity that misbehaved."""

from aimass.records import Alert
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="alerts", record=Alert, config=LARGE)
