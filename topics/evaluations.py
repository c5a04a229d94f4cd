"""How good each model is, measured on each event before it learned from it. Keyed by the model."""

from aimass.records import Evaluation
from aimass.topic import Topic

TOPIC = Topic(name="evaluations", record=Evaluation)
