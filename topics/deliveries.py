"""Attempts to deliver what is in the outbox; the last of each is kept. Keyed by receiver and notification."""

from aimass.records import Delivery
from aimass.topic import Topic

TOPIC = Topic(name="deliveries", record=Delivery, partitions=1, cleanup="compact")
