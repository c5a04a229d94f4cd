"""What SCORE says: anomalies, estimates, predictions; drift and evaluations of models; series and their links."""

from __future__ import annotations

from typing import Any

import msgspec

from aimass.records.events import Quality, Source


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
    each model of which drift was found at this event: what moved (see `Drift`). ``crc`` and ``quality`` are the
    event's; ``gates`` names what closed gates of its source do.
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
    crc: int = 0
    quality: Quality | None = None
    gates: tuple[str, ...] = ()


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
