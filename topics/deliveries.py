"""Attempts to deliver what is in the outbox; the last of each is kept, for 30 days. Keyed by receiver and id."""

from datetime import timedelta

from aimass.records import Delivery
from aimass.topic import Topic

TOPIC = Topic(name="deliveries", record=Delivery, partitions=1, retention=timedelta(days=30), cleanup="compact,delete")
