"""Changes of rules and commands about alerts, as `aimass rules` and `aimass alerts` write them: JSON objects."""

from aimass.topic import Topic

TOPIC = Topic(name="control", partitions=1)
