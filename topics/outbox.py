"""What receivers are to be told. Keyed by the receiver."""

from aimass.records import Notification
from aimass.topic import Topic

TOPIC = Topic(name="outbox", record=Notification, partitions=1)
