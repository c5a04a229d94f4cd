"""Series that move together, found, changed, broken or gone. Keyed by their group."""

from aimass.records import Link
from aimass.topic import Topic

TOPIC = Topic(name="links", record=Link)
