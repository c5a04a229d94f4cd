"""The numbers of events whose series are compared, side by side. Keyed and distributed by their group."""

from aimass.records import Series, Tick
from aimass.topic import Topic

TOPIC = Topic(name="series", record=Series | Tick)
