"""What holds an alert back: silences that people made, worse alerts of the same key, its own flapping."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aimass.alerts.life import OPEN, Case
from aimass.alerts.policy import Policy, is_like
from aimass.records import Command
from aimass.state import ObjectSpec, State

_MOST = 1000  # silences at one time; those that end first go
MATCHABLE = ("rule", "key", "severity")
_encode = msgspec.json.Encoder().encode


class Silence(msgspec.Struct, frozen=True, array_like=True):
    """Alerts that nobody is told of until a time: which, who said so, and why.

    Examples
    --------
    >>> Silence("c-0-4", {"rule": "disk-*", "key": "a"}, 9.0).is_of("disk-full", "a", "info", 8.0)
    True
    """

    id: str
    match: dict[str, str]
    until: float
    by: str = ""
    why: str = ""

    def is_of(self, rule: str, key: str, severity: str, time: float) -> bool:
        """Return whether it holds back such an alert at this time. One that names nothing holds back nothing."""
        if time >= self.until or not self.match:
            return False
        values = {"rule": rule, "key": key, "severity": severity}
        return all(name in values and is_like(glob, values[name]) for name, glob in self.match.items())


#: Cases by fingerprint: what this room and the one of those who tell look at together.
CASES: ObjectSpec[Case] = ObjectSpec("alerts", _encode, msgspec.json.Decoder(Case).decode)
_SILENCES: ObjectSpec[list[Silence]] = ObjectSpec("silences", _encode, msgspec.json.Decoder(list[Silence]).decode)
_KEYS: ObjectSpec[list[str]] = ObjectSpec("alerts.keys", _encode, msgspec.json.Decoder(list[str]).decode)


class Holds:
    """Says of each alert whether it is held back, and by what.

    State: the silences, at most a thousand, until they end; the open alerts of each key.

    Parameters
    ----------
    policy
        Which alerts hold back which.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def reason(self, case: Case, time: float, state: State) -> str | None:
        """Return why nobody is told: ``silenced``, ``inhibited``, ``flapping``, ``snoozed``; ``None``: they are."""
        if self.is_silenced(case.rule, case.key, case.severity, time, state):
            return "silenced"
        if self._is_inhibited(case, state):
            return "inhibited"
        if case.is_flapping and case.episode != case.flaps_from:
            return "flapping"
        return "snoozed" if case.state == "snoozed" else None

    def is_silenced(self, rule: str, key: str, severity: str, time: float, state: State) -> bool:
        """Return whether a silence holds back such an alert."""
        return any(one.is_of(rule, key, severity, time) for one in self.silences(state))

    def silences(self, state: State) -> Sequence[Silence]:
        """Return the silences that there are."""
        return state.objects(_SILENCES).get("") or ()

    def silence(self, command: Command, time: float, state: State) -> float | None:
        """Add the silence of a command; return when it ends, or ``None`` where it has none of the two."""
        until = command.until
        if until is None or not until > time or not command.match:
            return None
        added = Silence(command.id, command.match, until, command.by, command.why)
        kept = sorted([*self.silences(state), added], key=lambda one: (one.until, one.id))[-_MOST:]
        state.objects(_SILENCES).put("", kept)
        return until

    def lift(self, name: str, time: float, state: State) -> bool:
        """Drop the silence of this id and those that have ended; return whether there were any."""
        found = self.silences(state)
        kept = [one for one in found if one.id != name and one.until > time]
        if len(kept) == len(found):
            return False
        if kept:
            state.objects(_SILENCES).put("", kept)
        else:
            state.objects(_SILENCES).delete("")
        return True

    def note(self, case: Case, state: State) -> None:
        """Note whether an alert is open, for others of its key."""
        table = state.objects(_KEYS)
        found = table.get(case.key) or []
        if (case.state in OPEN) == (case.alert in found):
            return
        kept = [one for one in found if one != case.alert]
        kept += [case.alert] if case.state in OPEN else []
        if kept:
            table.put(case.key, kept)
        else:
            table.delete(case.key)

    def others(self, case: Case, state: State) -> list[Case]:
        """Return the other open alerts of a key, in the order in which they opened."""
        names = state.objects(_KEYS).get(case.key) or ()
        found = (state.objects(CASES).get(name) for name in names if name != case.alert)
        return [one for one in found if one is not None]

    def _is_inhibited(self, case: Case, state: State) -> bool:
        holds = self._policy.holds
        return any(
            holds(one.rule, one.level, case.rule, case.level) and not holds(case.rule, case.level, one.rule, one.level)
            for one in self.others(case, state)  # two that hold back each other would leave nobody told
        )
