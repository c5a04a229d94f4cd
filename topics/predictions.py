"""Each event with all that the models know of it, in the order of the log. Keyed by the event's key."""

from aimass.records import PredictionRecord
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="predictions", record=PredictionRecord, config=LARGE)
