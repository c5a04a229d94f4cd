"""What the history of alerts says: how each stands now, which are meant, and what people can do about one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aimass.alerts.life import COMMANDS
from aimass.alerts.policy import level_of
from aimass.records import Transition

_ORDER = {"firing": 0, "acknowledged": 1, "snoozed": 2, "pending": 3, "resolved": 4}


def current(steps: Iterable[Transition]) -> list[Transition]:
    """Return the last step of each alert: those that want somebody first, the worst of them on top.

    Examples
    --------
    >>> from aimass.records import Source
    >>> def step(alert, severity, state):
    ...     return Transition("i", "k", 1.0, "p", Source("t", 0, 0), alert, "r", severity, state, "", "e", 1.0)
    >>> steps = [step("a", "info", "firing"), step("b", "critical", "firing"), step("c", "info", "firing")]
    >>> [one.alert for one in current([*steps, step("a", "info", "resolved")])]
    ['b', 'c', 'a']
    """
    last = {one.alert: one for one in steps}
    return sorted(
        last.values(), key=lambda one: (_ORDER.get(one.state, 5), -level_of(one.severity), one.since, one.alert)
    )


def meant(steps: Iterable[Transition], wanted: str) -> list[Transition]:
    """Return the alerts that a word means: by fingerprint or its beginning, else by key, else by rule and key.

    Where a key has alerts that are not over, only those are meant.
    """
    found = current(steps)
    named = [one for one in found if one.alert.startswith(wanted)] if wanted else []
    keyed = [one for one in found if wanted in (one.key, f"{one.rule}/{one.key}")]
    is_open = [one for one in keyed if one.state != "resolved"]
    return [one for one in named if one.alert == wanted] or named or is_open or keyed


def refusal(do: str, alert: Transition) -> str | None:
    """Return why a person cannot do this to an alert as it stands; ``None``: they can."""
    allowed, _ = COMMANDS[do]
    if alert.state in allowed:
        return None
    return f"it is {alert.state}; {do} is for an alert that is {' or '.join(allowed)}"


def steps_of(steps: Iterable[Transition], alert: str) -> Sequence[Transition]:
    """Return the steps of one alert, in their order."""
    return [one for one in steps if one.alert == alert]
