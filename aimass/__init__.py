"""aimass: event-sourced stream processing for online machine learning on Kafka."""

from aimass.errors import AimassError
from aimass.records import Alert, Event, Prediction, Source, Tick
from aimass.topic import Topic

__all__ = ["AimassError", "Alert", "Event", "Prediction", "Source", "Tick", "Topic", "__version__"]

__version__ = "0.1.0"
