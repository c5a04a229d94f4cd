"""What is decided beforehand: who receives what, how alerts are grouped, and what holds them back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from aimass.records import SEVERITIES

HOUR = 3600.0
WORST = len(SEVERITIES) - 1
#: What alerts can be grouped by.
GROUPINGS = ("rule", "key", "severity")
_LEVELS = {name: level for level, name in enumerate(SEVERITIES)}


def level_of(severity: str) -> int:
    """Return how bad a severity is, from 0."""
    return _LEVELS.get(severity, 1)


def fingerprint(pipeline: str, rule: str, key: str) -> str:
    """Return the name of an alert: the same for every episode of one rule and key.

    Examples
    --------
    >>> fingerprint("shop", "fast", "ada")
    '46e8b32b324a4330'
    """
    return hashlib.sha256("\0".join((pipeline, rule, key)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, glob.split("*"))), re.DOTALL)


def is_like(glob: str, text: str) -> bool:
    """Return whether a text is like a pattern, in which ``*`` stands for anything.

    Examples
    --------
    >>> is_like("disk-*", "disk-full"), is_like("disk", "disk-full"), is_like("*", "")
    (True, False, True)
    """
    return _pattern(glob).fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told, and of what.

    Parameters
    ----------
    name
        Its name.
    severities, rules
        Only these severities; only rules like one of these patterns. Empty: all.
    per_hour
        At most so many notifications an hour; what is over comes as a digest at its end. ``None``: no limit.
    resolved
        Whether it is told that an alert is over.

    Examples
    --------
    >>> Receiver("pager", severities=("critical",), rules=("disk-*",)).wants("critical", "disk-full")
    True
    """

    name: str
    severities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    per_hour: int | None = None
    resolved: bool = True

    def wants(self, severity: str, rule: str) -> bool:
        """Return whether it is told of alerts of this severity and rule."""
        if self.severities and severity not in self.severities:
            return False
        return not self.rules or any(is_like(one, rule) for one in self.rules)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert of one rule fires for a key, alerts of other rules for the same key are held back.

    Examples
    --------
    >>> Inhibition.of_text("host-down > disk-*, cpu-high")
    Inhibition(by='host-down', of=('disk-*', 'cpu-high'))
    """

    by: str
    of: tuple[str, ...]

    @classmethod
    def of_text(cls, text: str) -> Inhibition:
        """Read ``"host-down > disk-*, cpu-high"``.

        Raises
        ------
        ValueError
            When it is not written so.
        """
        by, arrow, others = text.partition(">")
        names = tuple(one.strip() for one in others.split(","))
        if not arrow or not by.strip() or not all(names):
            raise ValueError(f'{text!r} is no inhibition; write it like "host-down > disk-slow, cpu-*"')
        return cls(by.strip(), names)

    def holds(self, rule: str, other: str) -> bool:
        """Return whether an alert of a rule holds back one of another."""
        return rule != other and is_like(self.by, rule) and any(is_like(one, other) for one in self.of)


@dataclass(frozen=True, slots=True)
class Policy:
    """How alerts are told. Times are seconds of event time.

    Parameters
    ----------
    group_by
        What alerts of one group have in common, of `GROUPINGS`; empty: all are one group.
    group_wait_s
        How long a first alert waits for others of its group. A critical one goes at once.
    group_interval_s
        How long news of a group waits that was told already.
    repeat_s
        After how long an alert is told again that still fires and that nobody acknowledged.
    escalate_after_s, escalate_to
        After how long unacknowledged, and to whom. Those told then are told of nothing else.
    inhibit_by_severity
        Whether a critical alert holds back those that are not, for the same key.
    inhibit
        Which rules hold back which others, for the same key.
    flap_episodes
        More episodes than this within an hour, and an alert flaps: it is held until calm for an hour.
    retention_s
        How long a resolved alert is remembered.
    """

    group_by: tuple[str, ...] = ("rule",)
    group_wait_s: float = 10.0
    group_interval_s: float = 300.0
    repeat_s: float = 4 * HOUR
    escalate_after_s: float | None = None
    escalate_to: tuple[str, ...] = ()
    inhibit_by_severity: bool = True
    inhibit: tuple[Inhibition, ...] = ()
    flap_episodes: int = 4
    retention_s: float = 7 * 24 * HOUR

    def group_of(self, rule: str, key: str, severity: str) -> str:
        """Return the group of an alert, as text.

        Examples
        --------
        >>> Policy().group_of("fast", "ada", "info"), Policy(group_by=()).group_of("fast", "ada", "info")
        ('rule=fast', 'all')
        """
        values = {"rule": rule, "key": key, "severity": severity}
        return ", ".join(f"{name}={values[name]}" for name in self.group_by) or "all"

    def holds(self, rule: str, level: int, other: str, other_level: int) -> bool:
        """Return whether an alert that fires holds back another one of the same key."""
        if self.inhibit_by_severity and other_level < WORST <= level:
            return True
        return any(one.holds(rule, other) for one in self.inhibit)


def named(receivers: Iterable[Receiver]) -> dict[str, Receiver]:
    """Return receivers by their names."""
    return {one.name: one for one in receivers}
