"""Predictions in which a detector found something that crossed its line. Keyed by the entity that misbehaved."""

from aimass.records import Prediction
from aimass.topic import LARGE, Topic

TOPIC = Topic(name="anomalies", record=Prediction, config=LARGE)
