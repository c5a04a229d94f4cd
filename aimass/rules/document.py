"""A rule as a whole: what it asks, what it does, whose it is, and where in its life it stands."""

from __future__ import annotations

import hashlib

import msgspec

from aimass.records import SEVERITIES
from aimass.rules.syntax import Condition

MODES = ("draft", "shadow", "live", "retired")
_LONGEST_S = 366 * 86_400.0


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A condition, and what to do when it is met. As JSON it is what the log holds of a rule.

    Parameters
    ----------
    name
        The rule's name.
    when
        What it asks.
    text
        The condition as its author wrote it; made from ``when`` where there is none.
    version
        Counts the changes of the rule, from 1.
    mode
        ``draft`` (not asked), ``shadow`` (asked, tells the shadow topic only), ``live`` or ``retired``.
    severity
        One of `SEVERITIES`; ``None``: by the highest anomaly score it looks at (critical from 8, warning from 5).
    cause
        What an alert says; ``None``: said from the evidence.
    cooldown_s
        An episode ends when the condition has not been met for this long, in seconds of event time.
    hold_s
        The condition must hold this long before it fires; until then the alert is pending.
    alert
        Whether it alerts.
    tag, tag_s
        The tag that it gives to the key, and for how long.
    review
        Whether the event goes to people to be looked at.
    emit
        The topic, below the pipeline's name, that gets each firing.
    notify
        The receivers that are told of each firing at once, beside what becomes of the alert.
    recommend
        The items that it pins for the key, for `recommend_s` seconds.
    partials
        How many unfinished matches of a pattern a key may have; the oldest goes.
    owner, description
        Whose it is, and what for.

    Examples
    --------
    >>> from aimass.rules.syntax import Binary, Field, Number
    >>> Rule("large", Binary(">", Field("amount"), Number(100))).is_asked
    True
    """

    name: str
    when: Condition
    text: str = ""
    version: int = 1
    mode: str = "live"
    severity: str | None = None
    cause: str | None = None
    cooldown_s: float = 60.0
    hold_s: float = 0.0
    alert: bool = True
    tag: str | None = None
    tag_s: float = 86_400.0
    review: bool = False
    emit: str | None = None
    notify: tuple[str, ...] = ()
    recommend: tuple[str, ...] = ()
    recommend_s: float = 86_400.0
    partials: int = 16
    owner: str = ""
    description: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether events are held against it."""
        return self.mode in ("live", "shadow")

    @property
    def remember_s(self) -> float:
        """For how long a quiet episode is kept: longer than it matters, so that forgetting costs little."""
        return max(3600.0, 4 * self.cooldown_s)


def problems(rule: Rule) -> list[str]:
    """Return what is wrong with a rule that came as JSON, its condition aside.

    Examples
    --------
    >>> from aimass.rules.syntax import Truth
    >>> problems(Rule("x", Truth(True), mode="on", cooldown_s=-1.0))
    ['mode "on" is none of draft, shadow, live, retired', 'cooldown_s must be a time']
    """
    found = []
    if not rule.name or len(rule.name) > 100:
        found.append("name must have 1 to 100 characters")
    if rule.mode not in MODES:
        found.append(f'mode "{rule.mode}" is none of {", ".join(MODES)}')
    if rule.severity is not None and rule.severity not in SEVERITIES:
        found.append(f'severity "{rule.severity}" is none of {", ".join(SEVERITIES)}')
    for name in ("cooldown_s", "hold_s", "tag_s", "recommend_s"):
        if not 0 <= getattr(rule, name) < _LONGEST_S:
            found.append(f"{name} must be a time")
    if not 1 <= rule.partials <= 64:
        found.append("partials must be from 1 to 64")
    return found


def digest(node: msgspec.Struct) -> str:
    """Return the name of what a node remembers: the same for equal nodes, in every rule, version and process.

    An edit that leaves a window or a pattern as it was leaves its state, too; another one begins afresh.

    Examples
    --------
    >>> from aimass.rules.syntax import Field
    >>> digest(Field("amount")) == digest(Field("amount")), len(digest(Field("amount")))
    (True, 12)
    """
    return hashlib.sha256(msgspec.json.encode(node)).hexdigest()[:12]
