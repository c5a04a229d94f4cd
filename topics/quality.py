"""How good the data of each source is, pane by pane of event time; revised when late data comes. Keyed by source."""

from aimass.records import Judgement
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="quality", record=Judgement, partitions=1, config=LARGE)
