"""How good the data of each source is, pane by pane of event time: of each the last judgement. Keyed by its id."""

from aimass.records import Judgement
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="quality", record=Judgement, partitions=1, cleanup="compact", config=LARGE)
