"""Changes of a model's inputs, predictions, labels or loss, and what was done about them. Keyed by the model."""

from aimass.records import Drift
from aimass.topic import Topic

TOPIC = Topic(name="drifts", record=Drift)
