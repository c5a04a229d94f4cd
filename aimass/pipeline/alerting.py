"""What a pipeline file says of alerts and who is told: `[[receiver]]` and `[alerts]`."""

from __future__ import annotations

from dataclasses import dataclass

from aimass.alerts.policy import GROUPINGS, Inhibition, Policy, Receiver
from aimass.pipeline.setting import setting
from aimass.records import SEVERITIES

KINDS_OF_RECEIVER = ("webhook", "slack", "pagerduty", "alertmanager", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverDef:
    """`[[receiver]]`: somebody who is told of alerts, and how. Secrets stand in environment variables, named here.

    Examples
    --------
    >>> ReceiverDef(name="pager", kind="pagerduty", severities=("critical",)).receiver.wants("warning", "fast")
    False
    """

    name: str = setting("name", "names the receiver in rules and notifications")
    kind: str = setting("choice", "what it is, which says how it is told", allowed=KINDS_OF_RECEIVER)
    url: str | None = setting(
        "text", "where to send to; all kinds but `email` and `pagerduty` need it", default=None, shown="none"
    )
    secret: str | None = setting(
        "text", "the environment variable that holds the secret to sign with (webhook)", default=None, shown="none"
    )
    previous_secret: str | None = setting(
        "text", "the one that holds the secret before: both sign while it is replaced", default=None, shown="none"
    )
    key: str | None = setting(
        "text", "the environment variable that holds the routing key (pagerduty)", default=None, shown="none"
    )
    to: tuple[str, ...] = setting("texts", "addresses (email)", default=())
    sender: str | None = setting("text", "the address it comes from (email)", default=None, shown="none")
    server: str | None = setting("text", "the mail server, `host:port` (email)", default=None, shown="none")
    user: str | None = setting("text", "the environment variable that holds the mail user", default=None, shown="none")
    password: str | None = setting(
        "text", "the environment variable that holds the mail user's password", default=None, shown="none"
    )
    severities: tuple[str, ...] = setting("texts", "only alerts of these: `info`, `warning`, `critical`", default=())
    rules: tuple[str, ...] = setting("texts", "only alerts of rules like these; `*` stands for anything", default=())
    per_hour: int | None = setting(
        "count",
        "at most so many notifications an hour; what is over comes as a digest at its end",
        default=None,
        shown="any number",
    )
    resolved: bool = setting("truth", "whether it is told when an alert is over", default=True)
    allow_internal: bool = setting("truth", "whether `url` may lead into a private network", default=False)
    timeout: float = setting("duration", "how long an attempt may take", default=15.0)

    @property
    def receiver(self) -> Receiver:
        """What those who decide must know of it."""
        return Receiver(self.name, self.severities, self.rules, self.per_hour, self.resolved)

    def problems(self) -> list[str]:
        """Return what this kind of receiver lacks.

        Examples
        --------
        >>> ReceiverDef(name="chat", kind="slack").problems()
        ['a slack receiver needs "url"']
        """
        needed = {"email": ("to", "sender", "server"), "pagerduty": ("key",)}.get(self.kind, ("url",))
        found = [f'a {self.kind} receiver needs "{name}"' for name in needed if not getattr(self, name)]
        return found + ["severities: " + _unknown(one, SEVERITIES) for one in self.severities if one not in SEVERITIES]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsDef:
    """`[alerts]`: how alerts are grouped, repeated, escalated and held back.

    Examples
    --------
    >>> AlertsDef(inhibit=("host-down > disk-*",)).policy.inhibit
    (Inhibition(by='host-down', of=('disk-*',)),)
    """

    group_by: tuple[str, ...] = setting(
        "texts", "what alerts that are told together have in common: `rule`, `key`, `severity`", default=("rule",)
    )
    group_wait: float = setting(
        "duration", "how long a first alert waits for others of its group; a critical one does not", default=10.0
    )
    group_interval: float = setting(
        "duration", "how long news waits of a group that was told already; critical news does not", default=300.0
    )
    repeat_interval: float = setting(
        "duration", "after how long an alert is told again that fires, unacknowledged", default=14400.0
    )
    escalate_after: float | None = setting(
        "duration-or-never", "after how long unacknowledged an alert goes to others", default=None, shown="`never`"
    )
    escalate_to: tuple[str, ...] = setting(
        "names", "the receivers that it goes to; they are told of nothing else", default=()
    )
    inhibit_by_severity: bool = setting(
        "truth", "whether a critical alert holds back lesser ones of the same key", default=True
    )
    inhibit: tuple[str, ...] = setting(
        "texts", 'which rules hold back others of the same key, like `["host-down > disk-*, cpu-high"]`', default=()
    )
    flap_episodes: int = setting(
        "count", "more episodes than this within an hour, and an alert is held until calm for an hour", default=4
    )
    retention: float = setting("duration", "how long a resolved alert is remembered", default=604800.0)

    @property
    def policy(self) -> Policy:
        """What those who decide must know.

        Raises
        ------
        ValueError
            When ``inhibit`` cannot be understood.
        """
        return Policy(
            group_by=self.group_by,
            group_wait_s=self.group_wait,
            group_interval_s=self.group_interval,
            repeat_s=self.repeat_interval,
            escalate_after_s=self.escalate_after,
            escalate_to=self.escalate_to,
            inhibit_by_severity=self.inhibit_by_severity,
            inhibit=tuple(map(Inhibition.of_text, self.inhibit)),
            flap_episodes=self.flap_episodes,
            retention_s=self.retention,
        )

    def problems(self, receivers: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return the keys of this section that are wrong, and why, given the names of receivers."""
        found = [
            ("escalate_to", f"no [[receiver]] is named {one!r}") for one in self.escalate_to if one not in receivers
        ]
        if self.escalate_after is not None and not self.escalate_to:
            found.append(("escalate_after", 'to whom? escalate_to = ["boss"]'))
        if self.escalate_to and self.escalate_after is None:
            found.append(("escalate_to", 'after how long? escalate_after = "15m"'))
        found += [("group_by", _unknown(one, GROUPINGS)) for one in self.group_by if one not in GROUPINGS]
        try:
            list(map(Inhibition.of_text, self.inhibit))
        except ValueError as exc:
            found.append(("inhibit", str(exc)))
        return found


def _unknown(value: str, allowed: tuple[str, ...]) -> str:
    return f"{value!r} is not allowed; allowed: {', '.join(allowed)}"
