"""The records on aimass' topics, each a typed, immutable struct. The wire format is `aimass.codec`'s business.

Every record says what it is (``type``), which event it comes from (``id``, ``key``, ``time``), which pipeline made
it and where in the user's topic the event stood (``source``). An event's own JSON travels along as it came, in
``data``.
"""

from __future__ import annotations

from aimass.records.alerts import DATA_ORDERS, Alert, Command, Delivery, Notification, RuleChange, Told, Transition
from aimass.records.events import DeadLetter, Event, Label, Quality, Source, Tick
from aimass.records.offers import Offer, Outcome, Recommendation
from aimass.records.quality import (
    FieldJudgement,
    FieldPane,
    Gate,
    Indicator,
    Judgement,
    Pane,
    Quarantined,
    Redrive,
    Review,
)
from aimass.records.scores import Anomaly, Drift, Estimate, Evaluation, Link, Prediction, Series

#: How bad an alert is, from little to most.
SEVERITIES = ("info", "warning", "critical")
#: What people order: SCORE passes it on in its place.
ORDERS = (RuleChange, Command, Gate)
#: What moves no event time: labels tell of the past, people live in another time, and bad records say anything.
TIMELESS = (Label, *ORDERS, Quarantined)
#: What the log of a pipeline holds.
LogRecord = Event | Label | Tick | RuleChange | Command | Gate
#: What DECIDE reads: predictions, and what is passed on to it in its place among them.
PredictionRecord = Prediction | Tick | RuleChange | Command | Gate
#: What the keeper of alerts reads.
Signal = Alert | Command | Tick
#: What JUDGE reads: what COLLECT saw, and what people say of it.
Observation = Pane | Quarantined | Alert | Command | Tick
Record = (
    Event
    | Label
    | Tick
    | Prediction
    | Alert
    | Drift
    | Evaluation
    | Series
    | Link
    | RuleChange
    | Command
    | Gate
    | Transition
    | Notification
    | Delivery
    | Recommendation
    | Outcome
    | Pane
    | Judgement
    | Quarantined
    | Review
    | Redrive
)

__all__ = [
    "DATA_ORDERS",
    "ORDERS",
    "SEVERITIES",
    "TIMELESS",
    "Alert",
    "Anomaly",
    "Command",
    "DeadLetter",
    "Delivery",
    "Drift",
    "Estimate",
    "Evaluation",
    "Event",
    "FieldJudgement",
    "FieldPane",
    "Gate",
    "Indicator",
    "Judgement",
    "Label",
    "Link",
    "LogRecord",
    "Notification",
    "Observation",
    "Offer",
    "Outcome",
    "Pane",
    "Prediction",
    "PredictionRecord",
    "Quality",
    "Quarantined",
    "Recommendation",
    "Record",
    "Redrive",
    "Review",
    "RuleChange",
    "Series",
    "Signal",
    "Source",
    "Tick",
    "Told",
    "Transition",
]
