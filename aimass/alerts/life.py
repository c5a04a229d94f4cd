"""The life of one alert: pending, firing, acknowledged or snoozed, resolved; and again, as another episode."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from aimass.alerts.policy import HOUR, Policy, fingerprint, level_of
from aimass.records import Alert, Command, Source, Told, Transition

#: States in which an alert's condition is met.
OPEN = frozenset(("firing", "acknowledged", "snoozed"))
#: Later than any event; finite, for state is kept as JSON (whose numbers, unlike msgpack's, have any size).
NEVER = 1e18
_STARTS = 64  # begins of episodes that are remembered
#: What a command does: the states that it is for, and the state that it leads to.
COMMANDS = {
    "ack": (("firing", "snoozed"), "acknowledged"),
    "unack": (("acknowledged", "snoozed"), "firing"),
    "snooze": (("firing", "acknowledged", "snoozed"), "snoozed"),
    "resolve": (("pending", "firing", "acknowledged", "snoozed"), "resolved"),
}


class Deed(NamedTuple):
    """What made an alert take a step: its name is that of the step; who did it, and why."""

    name: str
    source: Source
    by: str = ""
    why: str = ""


class Case(msgspec.Struct, array_like=True):
    """An alert as it stands: what it says, where in its life it is, and who was told.

    Parameters
    ----------
    alert
        Its fingerprint.
    episode, since
        The id of the alert that began the episode, and when.
    at
        When it last changed.
    notify
        The receivers that its rule tells at once.
    until
        When a snooze ends.
    starts
        When its episodes of the last hour began.
    calm_at
        When it flaps no longer, if it stays calm; never: it does not flap.
    flaps_from
        The episode with which flapping began: the last one that is told.
    told
        The receivers told of this episode, and the highest severity that they were told.
    repeat_at, escalate_at
        When it is due to be told again, and to others.
    """

    alert: str
    rule: str
    key: str
    severity: str
    state: str
    cause: str
    episode: str
    since: float
    at: float
    source: Source
    group: str
    evidence: dict[str, Any]
    notify: tuple[str, ...]
    until: float = NEVER
    starts: list[float] = []
    calm_at: float = NEVER
    flaps_from: str = ""
    told: dict[str, int] = {}
    repeat_at: float = NEVER
    escalate_at: float = NEVER

    @property
    def level(self) -> int:
        """How bad it is, from 0."""
        return level_of(self.severity)

    @property
    def is_flapping(self) -> bool:
        """Whether it came and went too often lately."""
        return self.calm_at < NEVER

    @property
    def flapping(self) -> str:
        """What is said of the episode with which flapping began; empty for all others."""
        is_said = self.is_flapping and self.episode == self.flaps_from
        return f"flapping, {len(self.starts)} episodes within an hour" if is_said else ""

    @property
    def tale(self) -> Told:
        """What a notification tells of it."""
        cause = f"{self.flapping}: {self.cause}" if self.flapping else self.cause
        until = self.at if self.state == "resolved" else None
        return Told(self.alert, self.key, self.rule, self.severity, self.state, cause, self.since, until, self.evidence)


def take(case: Case | None, alert: Alert, time: float, policy: Policy) -> tuple[Case | None, str | None]:
    """Take an alert; return the case as it is then, and its state before if it changed (``None``: it did not).

    A worse severity is a change, too: it ends an acknowledgement and a snooze. An alert of an open episode that is
    no worse changes nothing.
    """
    is_over = case is None or case.state == "resolved"
    if alert.state == "resolved":
        if case is None or is_over:
            return case, None
        case.cause = alert.cause if case.state == "pending" else case.cause
        return case, _go(case, "resolved", time)
    if case is None or is_over:
        return _begin(case, alert, time, policy), "" if case is None else case.state
    is_worse = level_of(alert.severity) > case.level
    if alert.state == "pending" or (case.state != "pending" and not is_worse):
        return case, None
    case.severity = alert.severity if is_worse else case.severity
    case.cause, case.evidence, case.source, case.notify = alert.cause, alert.evidence, alert.source, alert.notify
    before = _go(case, "firing", time)
    if before != "firing":
        _start(case, time, policy)
    if before == "pending":
        _count(case, time, policy)
    return case, before


def obey(case: Case, command: Command, time: float, policy: Policy) -> str | None:
    """Do what a person says; return the state before, or ``None`` where it does not apply."""
    allowed, state = COMMANDS[command.do]
    if case.state not in allowed or (command.do == "snooze" and not (command.until or 0.0) > time):
        return None
    before = _go(case, state, time)
    if command.do == "snooze":
        case.until = command.until or NEVER
    elif command.do == "unack":
        _start(case, case.at, policy)
    return before


def wake(case: Case, time: float) -> str | None:
    """End a snooze whose time is up; return the state before, or ``None``. It is due to be told again."""
    if case.state != "snoozed" or case.until > time:
        return None
    case.repeat_at = time
    return _go(case, "firing", time)


def calm(case: Case, time: float) -> bool:
    """End flapping where there was no new episode for an hour; return whether it ended."""
    if case.calm_at > time:
        return False
    case.calm_at = NEVER
    return True


def transition(case: Case, before: str, pipeline: str, deed: Deed, held: str | None) -> Transition:
    """Return the record of the step that a case has just made."""
    return Transition(
        id=deed.name,
        key=case.key,
        time=case.at,
        pipeline=pipeline,
        source=deed.source,
        alert=case.alert,
        rule=case.rule,
        severity=case.severity,
        state=case.state,
        cause=case.cause,
        episode=case.episode,
        since=case.since,
        before=before,
        group=case.group,
        held=held,
        by=deed.by,
        why=deed.why,
    )


def _begin(case: Case | None, alert: Alert, time: float, policy: Policy) -> Case:
    """Begin an episode: of a new alert, or of one that was resolved."""
    made = Case(
        alert=fingerprint(alert.pipeline, alert.rule, alert.key),
        rule=alert.rule,
        key=alert.key,
        severity=alert.severity,
        state=alert.state,
        cause=alert.cause,
        episode=alert.id,
        since=alert.time,
        at=time if case is None else max(time, case.at),
        source=alert.source,
        group=policy.group_of(alert.rule, alert.key, alert.severity),
        evidence=alert.evidence,
        notify=alert.notify,
    )
    if case is not None:
        made.starts, made.calm_at, made.flaps_from = case.starts, case.calm_at, case.flaps_from
    if alert.state == "firing":
        _start(made, time, policy)
        _count(made, time, policy)
    return made


def _start(case: Case, time: float, policy: Policy) -> None:
    """Let the time run within which somebody must acknowledge."""
    case.repeat_at = time + policy.repeat_s if case.told else NEVER
    case.escalate_at = NEVER if policy.escalate_after_s is None else time + policy.escalate_after_s


def _count(case: Case, time: float, policy: Policy) -> None:
    """Count an episode; too many within an hour are flapping."""
    case.starts = [*(one for one in case.starts if one > time - HOUR), time][-_STARTS:]
    if case.is_flapping or len(case.starts) > policy.flap_episodes:
        case.flaps_from = case.flaps_from if case.is_flapping else case.episode
        case.calm_at = time + HOUR


def _go(case: Case, state: str, time: float) -> str:
    before, case.state, case.at = case.state, state, max(case.at, time)
    case.until = NEVER
    return before
