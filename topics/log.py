"""The one ordered log of a pipeline: its events and its ticks of time. Keyed and distributed by the event's key."""

from aimass.records import LogRecord
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="log", record=LogRecord, config=LARGE)
