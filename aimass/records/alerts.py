"""What DECIDE and NOTIFY say, and what people order: alerts, their lives, and who was told."""

from __future__ import annotations

from typing import Any

import msgspec

from aimass.records.events import Source

#: What people order about records under review, and about gates.
DATA_ORDERS = ("claim", "release", "correct", "accept", "reject", "open", "close")


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
    """What a person does about alerts, records under review, and gates.

    Parameters
    ----------
    key
        The key whose alert it is about; empty when it is about many.
    do
        About alerts: ``ack``, ``unack``, ``snooze``, ``resolve``, ``silence`` or ``unsilence``. About records under
        review: ``claim``, ``release``, ``correct``, ``accept`` or ``reject``. About gates: ``open`` or ``close``.
    alert
        The alert's fingerprint; for ``unsilence`` the id of the silence; the id of the review; the gate's name.
    match
        For a silence: which alerts it holds back, by ``rule``, ``key``, ``severity`` (``*`` stands for anything). For
        reviews: all that are meant at once, by ``cause``, ``source`` and ``key``.
    until
        When a silence or a snooze ends, in seconds since 1970.
    by, why
        Who, and for what reason.
    patch
        For ``correct``: what fields are, by path; null takes a field away.
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
    patch: dict[str, Any] = {}

    @property
    def is_of_data(self) -> bool:
        """Whether it is about reviews or gates: JUDGE's business, not the log's."""
        return self.do in DATA_ORDERS


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
