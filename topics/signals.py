"""Alerts and what people do about them, in one order: one partition, for an alert concerns all of its group."""

from aimass.records import Signal
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="signals", record=Signal, partitions=1, config=LARGE)
