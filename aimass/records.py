"""The records on aimass' topics, each a typed, immutable struct. The wire format is `aimass.codec`'s business.

Every record says what it is (``type``), which event it comes from (``id``, ``key``, ``time``), which pipeline made
it and where in the user's topic the event stood (``source``). An event's own JSON travels along as it came, in
``data``.
"""

from __future__ import annotations

from typing import Any

import msgspec

#: How bad an alert is, from little to most.
SEVERITIES = ("info", "warning", "critical")


class Source(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where in Kafka an event came from; on the wire ``["topic", partition, offset]``.

    Examples
    --------
    >>> Source("sensors", 3, 1042).id
    'sensors-3-1042'
    """

    topic: str
    partition: int
    offset: int

    @property
    def id(self) -> str:
        """The id of the event that stood here, the same at every replay."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Event(msgspec.Struct, frozen=True, gc=False, tag="event"):
    """Something that happened, once, with a key and a time: what the log of a pipeline holds.

    Parameters
    ----------
    id
        Names the event for good: from its source position, or the user's own id.
    key
        What state and order are kept per.
    time
        When it happened, in seconds since 1970 (UTC).
    pipeline
        The pipeline that collected it.
    source
        Its position in the user's topic.
    data
        The event's own JSON, byte for byte as it was produced.

    Examples
    --------
    >>> event = Event("s-0-7", "pump-1", 1.7e9, "demo", Source("s", 0, 7), msgspec.Raw(b'{"a": 1}'))
    >>> bytes(event.data)
    b'{"a": 1}'
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    data: msgspec.Raw


class Tick(msgspec.Struct, frozen=True, gc=False, tag="tick"):
    """Event time moved on although nothing happened: written into the log of an idle partition.

    Examples
    --------
    >>> Tick(1.7e9).time
    1700000000.0
    """

    time: float


class Label(msgspec.Struct, frozen=True, gc=False, tag="label"):
    """The truth about an earlier event, come later: what a model learns from, or an analyst's word on an anomaly.

    Parameters
    ----------
    id, key, time, pipeline, source
        As of an `Event`: the label is a record of its own. Its key is that of the event which it speaks of.
    event
        The id of the event which it speaks of.
    about
        The model, or the detector, that it is for.
    value
        The true value; for a detector, false says "not an anomaly".
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    event: str
    about: str
    value: Any


class Anomaly(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How strange one event is to one detector, and why. A score, never a decision.

    Parameters
    ----------
    score
        Higher is stranger: −log10 of the estimated tail probability.
    field
        The field that was strangest, or ``None`` when the detector was still warming up.
    cause
        In words: which signal stood out.
    value, expected
        What the field was, and what the detector expected.
    severity
        How bad it is (info, warning, critical), when the score crossed the detector's line; else ``None``.
    related
        The field or key that ``field`` stands in a relation to, where the anomaly is one of a relation.
    """

    score: float
    field: str | None = None
    cause: str | None = None
    value: Any = None
    expected: Any = None
    severity: str | None = None
    related: str | None = None


class Estimate(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a model said of an event before it learned from it.

    Parameters
    ----------
    value
        The predicted class or number; ``None`` while the model knows nothing yet.
    probability
        The probability of ``value``, for a classifier.
    label
        The true value, when the event carried it: predicted first, then learned from.
    low, high
        For a number: the interval that holds the truth as often as the model was asked to make it (conformal).
    votes
        What each member of the ensemble said, by its name, when the model explains itself.
    reasons
        What each feature adds to the prediction (log-odds, or the target's unit), the largest first.
    """

    value: Any = None
    probability: float | None = None
    label: Any = None
    low: float | None = None
    high: float | None = None
    votes: dict[str, Any] | None = None
    reasons: dict[str, float] | None = None


class Prediction(msgspec.Struct, frozen=True, gc=False, tag="prediction", omit_defaults=True):
    """An event with all that the models know of it: one for every event of the log, in the log's order.

    ``anomalies`` has one entry for each detector and ``estimates`` one for each model, by its name; ``drifts`` one for
    each model of which drift was found at this event: what moved (see `Drift`).
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    anomalies: dict[str, Anomaly]
    estimates: dict[str, Estimate]
    data: msgspec.Raw
    drifts: dict[str, str] = {}


class Drift(msgspec.Struct, frozen=True, gc=False, tag="drift", omit_defaults=True):
    """The stream's distribution changed: what moved, from what to what, and what was done about it.

    Parameters
    ----------
    about
        The model whose inputs, predictions, labels or loss moved.
    what
        ``input``, ``prediction``, ``label`` or ``loss``.
    field
        The feature that moved, for an input.
    before, after
        The mean before and after the change.
    deviations
        How far it moved, in standard deviations of before.
    events
        How many events ago the change began, as far as can be told.
    action
        What was done: ``none``, ``warn``, ``reset``, ``rate``, ``swap`` or ``fallback``.
    causes
        For a change of loss: the inputs that moved at the same time, in deviations, the largest first.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    about: str
    what: str
    before: float
    after: float
    field: str | None = None
    deviations: float = 0.0
    events: int = 0
    action: str = "none"
    causes: dict[str, float] | None = None


class Evaluation(msgspec.Struct, frozen=True, gc=False, tag="evaluation", omit_defaults=True):
    """How good a model is: measured on each event before the model learned from it.

    Parameters
    ----------
    about
        The model.
    segment
        The segment it was measured on; empty for all events of the partition.
    events
        How many labelled events there were so far.
    metrics
        By name, over all events and (``fading.*``) over recent ones.
    baselines
        The main metric of predictors that know nothing: ``no_change``, ``majority`` or ``mean``.
    members
        The main metric of each member of the ensemble, and ``weight.*``.
    challengers
        By name: its main metric, and ``evidence.<name>``: the e-value that it beats the champion.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    about: str
    events: int
    metrics: dict[str, float]
    segment: str = ""
    baselines: dict[str, float] = {}
    members: dict[str, float] = {}
    challengers: dict[str, float] = {}


class Series(msgspec.Struct, frozen=True, gc=False, tag="series"):
    """The numeric fields of one event, on their way to be compared with those of other sources.

    Parameters
    ----------
    id, time, pipeline, source
        Of the event.
    key
        The group within which series are compared: other than the event's key, where keys differ.
    about
        The correlation that compares them.
    entity
        The event's key.
    values
        Its numbers, by the path of the field.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    about: str
    entity: str
    values: dict[str, float]


class Link(msgspec.Struct, frozen=True, gc=False, tag="link", omit_defaults=True):
    """Two series that move together: which, how strongly, with what lag, since when; or that they ceased to.

    Parameters
    ----------
    key
        The group that both belong to.
    leader, follower
        The series, as ``topic/field`` (and ``@key`` where the keys differ).
    lag_s
        By how much the follower comes later, in seconds.
    strength
        Their correlation at that lag, −1 to 1.
    since
        When it was first found, in seconds since 1970.
    change
        ``found``, ``changed``, ``broken`` or ``gone``.
    score
        How strange the change is: −log10 of a tail probability.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    link: str
    leader: str
    follower: str
    lag_s: float
    strength: float
    since: float
    change: str
    score: float = 0.0


class Alert(msgspec.Struct, frozen=True, gc=False, tag="alert", omit_defaults=True):
    """The decision that a rule's condition was met: who, how bad, why, and on what evidence.

    Its ``id`` is the event's id and the rule's name, so that a replay alerts under the same id.

    Parameters
    ----------
    state
        ``firing``; ``pending`` while a rule waits whether its condition holds; ``resolved`` when the episode is over.
    version
        Of the rule.
    episode
        The id of the alert that this one carries on or ends; ``None`` for the first of an episode.
    notify
        The receivers that the rule tells at once.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    rule: str
    severity: str
    cause: str
    evidence: dict[str, Any]
    data: msgspec.Raw
    state: str = "firing"
    version: int = 1
    episode: str | None = None
    notify: tuple[str, ...] = ()


class RuleChange(msgspec.Struct, frozen=True, gc=False, tag="rule", omit_defaults=True):
    """A rule was added, edited or moved on in its life: in force from this place of the log on.

    Parameters
    ----------
    rule
        The rule as it is from now on (the JSON of `aimass.rules.document.Rule`).
    by, why
        Who changed it, and for what reason.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    rule: msgspec.Raw
    by: str = ""
    why: str = ""


class Command(msgspec.Struct, frozen=True, gc=False, tag="command", omit_defaults=True):
    """What a person does about alerts.

    Parameters
    ----------
    key
        The key whose alert it is about; empty when it is about many.
    do
        ``ack``, ``unack``, ``snooze``, ``resolve``, ``silence`` or ``unsilence``.
    alert
        The alert's fingerprint; for ``unsilence`` the id of the silence.
    match
        For a silence: which alerts it holds back, by ``rule``, ``key``, ``severity`` (``*`` stands for anything).
    until
        When a silence or a snooze ends, in seconds since 1970.
    by, why
        Who, and for what reason.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    do: str
    alert: str = ""
    match: dict[str, str] = {}
    until: float | None = None
    by: str = ""
    why: str = ""


class Transition(msgspec.Struct, frozen=True, gc=False, tag="transition", omit_defaults=True):
    """An alert went from one state of its life to another: the history of all alerts, one step a record.

    Parameters
    ----------
    alert
        The alert's fingerprint: the same for each alert of one rule and key.
    episode
        The id of the alert that began this episode.
    state, before
        ``pending``, ``firing``, ``acknowledged``, ``snoozed`` or ``resolved``; ``before`` is empty at the first.
    since
        When the episode began.
    group
        The group it is notified with.
    held
        Why nobody is told of it: ``silenced``, ``inhibited``, ``flapping``, ``snoozed``; ``None``: they are.
    by, why
        Who did it (a person, or empty for the rule itself), and why.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    alert: str
    rule: str
    severity: str
    state: str
    cause: str
    episode: str
    since: float
    before: str = ""
    group: str = ""
    held: str | None = None
    by: str = ""
    why: str = ""


class Told(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One alert, as a notification tells of it."""

    alert: str
    key: str
    rule: str
    severity: str
    state: str
    cause: str
    since: float
    until: float | None = None
    evidence: dict[str, Any] = {}


class Notification(msgspec.Struct, frozen=True, gc=False, tag="notification", omit_defaults=True):
    """What a receiver is to be told: decided, not yet delivered.

    Parameters
    ----------
    id
        The same at every replay and every attempt: a receiver that has seen it has been told.
    key
        The receiver.
    kind
        ``firing``, ``resolved``, ``acknowledged``, ``repeated``, ``escalated`` or ``digest``.
    group
        What its alerts have in common, as text.
    alerts
        The alerts, the worst first; at most a hundred.
    more
        How many alerts are left out of ``alerts``.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    receiver: str
    kind: str
    group: str
    severity: str
    title: str
    alerts: list[Told]
    more: int = 0


class Delivery(msgspec.Struct, frozen=True, gc=False, tag="delivery", omit_defaults=True):
    """An attempt to deliver a notification, and what came of it.

    Parameters
    ----------
    id
        Of the notification.
    key
        The receiver and the notification's id: the topic is compacted by it.
    outcome
        ``sending`` (an attempt is made, and may have arrived), ``sent``, ``retrying``, ``failed`` (no more attempts),
        ``refused`` (the guard), or ``requested`` (redeliver).
    attempt
        Counts from 1.
    status
        The HTTP status, where there is one.
    took_ms
        How long it took.
    next
        When the next attempt is due.
    """

    id: str
    key: str
    time: float
    pipeline: str
    receiver: str
    outcome: str
    attempt: int = 1
    status: int | None = None
    error: str = ""
    took_ms: float = 0.0
    next: float | None = None


class Offer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One recommended item.

    Parameters
    ----------
    item
        The item.
    score
        What the ranking expects of it.
    probability
        With what probability this policy puts this item first at this place: what off-policy evaluation needs.
    because
        Why, in words.
    """

    item: str
    score: float
    probability: float
    because: str = ""


class Recommendation(msgspec.Struct, frozen=True, gc=False, tag="recommendation", omit_defaults=True):
    """Items for a key, the best first.

    Parameters
    ----------
    name
        The ``[[recommend]]`` that made it.
    offers
        The items.
    segment
        The key's segment.
    policy
        Which policy chose: ``bandit``, ``popular``, ``pinned``.
    popular
        The candidate that popularity alone would have put first; off-policy evaluation asks.
    candidates
        How many there were to choose from.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    name: str
    offers: list[Offer]
    segment: str = ""
    policy: str = ""
    popular: str = ""
    candidates: int = 0


class Outcome(msgspec.Struct, frozen=True, gc=False, tag="outcome", omit_defaults=True):
    """What became of a recommendation: an offer was taken, or none was within its time.

    Parameters
    ----------
    recommendation
        The id of the recommendation.
    item
        The item that was taken; empty when none was.
    place
        Its place in the list, from 0; −1 when none was taken.
    reward
        What it was worth.
    probability
        As the recommendation had it: of the item that was first, when none was taken.
    """

    id: str
    key: str
    time: float
    pipeline: str
    source: Source
    name: str
    recommendation: str
    item: str = ""
    place: int = -1
    reward: float = 0.0
    probability: float = 0.0
    after_s: float = 0.0


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A record no stage could accept, as it came, with the reason.

    On the wire the bytes stay the record's own key and value; the rest are headers named ``aimass.*``.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str
    traceback: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


#: What people order: SCORE passes it on in its place.
ORDERS = (RuleChange, Command)
#: What moves no event time: labels tell of the past, and people live in another time.
TIMELESS = (Label, *ORDERS)
#: What the log of a pipeline holds.
LogRecord = Event | Label | Tick | RuleChange | Command
#: What DECIDE reads: predictions, and what is passed on to it in its place among them.
PredictionRecord = Prediction | Tick | RuleChange | Command
#: What the keeper of alerts reads.
Signal = Alert | Command | Tick
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
    | Transition
    | Notification
    | Delivery
    | Recommendation
    | Outcome
)
