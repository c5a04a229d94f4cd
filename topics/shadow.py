"""What rules in shadow would have said. Keyed as alerts are."""

from aimass.records import Alert
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="shadow", record=Alert, config=LARGE)
