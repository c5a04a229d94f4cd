"""Notify: from alerts, and what people do about them, to what becomes of each, and who is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from aimass.alerts import life
from aimass.alerts.holds import CASES, Holds
from aimass.alerts.life import NEVER, Case
from aimass.alerts.policy import HOUR, Policy, Receiver, fingerprint
from aimass.alerts.telling import Teller
from aimass.records import Alert, Command, Notification, Signal
from aimass.stages.base import Outputs
from aimass.stages.silent import Wheel
from aimass.state import ObjectSpec, State

_SEEN_S = 24 * HOUR
_SEEN: ObjectSpec[dict[str, float]] = ObjectSpec(
    "commands", msgspec.json.Encoder().encode, msgspec.json.Decoder(dict[str, float]).decode
)


class NotifyStage:
    """Folds signals into the lives of alerts: each step goes to ``transitions``, what is to be told to ``outbox``.

    Time is event time: an alert's own, or the last tick where that is later. A command takes effect where it stands.

    State: a case for each alert, forgotten some days after it was resolved; groups of open alerts; silences until they
    end; ids of commands for a day; what is due, in a timer wheel.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    receivers
        Who may be told.
    policy
        How alerts are grouped, held back, repeated and escalated.

    Examples
    --------
    >>> from aimass.records import Source
    >>> from aimass.testing import MemoryOutputs, MemoryState
    >>> stage, state, out = NotifyStage("p", [Receiver("pager")]), MemoryState(), MemoryOutputs("transitions")
    >>> seen = Source("t", 0, 7)
    >>> alert = Alert("t-0-7-fast", "ada", 9.0, "p", seen, "fast", "critical", "4 in a second", {}, msgspec.Raw(b"{}"))
    >>> stage.on_batch([alert], state, out)
    >>> [one.title for one in out.records("outbox")], [one.state for one in out.records("transitions")]
    (['critical: fast of ada: 4 in a second'], ['firing'])
    """

    name = "notify"

    def __init__(self, pipeline: str, receivers: Sequence[Receiver] = (), policy: Policy | None = None) -> None:
        self.tick_s: float | None = 1.0 if receivers else 10.0  # an idle partition writes one each
        self._pipeline, self._policy = pipeline, policy or Policy()
        self._wheel = Wheel("notify")
        self._holds = Holds(self._policy)
        self._teller = Teller(pipeline, receivers, self._policy, self._holds, self._wake)

    def on_batch(self, events: Sequence[Signal], state: State, out: Outputs) -> None:
        """Take the next signals, one after the other."""
        for one in events:
            if type(one) is Alert:
                self._take(one, max(one.time, state.now), state, out)
            elif type(one) is Command and self._is_new(one, state):
                self._obey(one, state.now, state, out)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Do what is due by now, in its order; it may make other things due."""
        while taken := self._wheel.take(now, state):
            for _, name in taken:
                kind, _, what = name.partition(":")
                if kind == "case":
                    self._wake_case(what, now, state, out)
                elif kind == "group":
                    _emit(self._teller.wake_group(what, now, state), out)
                elif kind == "digest":
                    _emit(self._teller.wake_receiver(what, now, state), out)
                elif self._holds.lift(what, now, state):
                    _emit(self._teller.release_all(now, state), out)

    def _wake(self, at: float, name: str, state: State) -> None:
        if at < NEVER:
            self._wheel.put([(math.ceil(at), name)], state)

    def _take(self, alert: Alert, time: float, state: State, out: Outputs) -> None:
        table = state.objects(CASES)
        name = fingerprint(alert.pipeline, alert.rule, alert.key)
        if alert.state == "notice":
            fired = msgspec.structs.replace(alert, state="firing")
            case, _ = life.take(None, fired, time, self._policy)
            if case is not None:
                case.state = "notice"
                _emit(self._teller.on_notice(case, time, state), out)
            return
        known = table.get(name)
        was_flapping = known is not None and known.is_flapping
        case, before = life.take(known, alert, time, self._policy)
        if case is None or before is None:
            return
        if case.is_flapping and not was_flapping:
            self._wake(case.calm_at, f"case:{name}", state)
        self._step(case, before, life.Deed(alert.id, alert.source, why=case.flapping), state, out)

    def _obey(self, command: Command, time: float, state: State, out: Outputs) -> None:
        if command.do == "silence":
            until = self._holds.silence(command, time, state)
            if until is not None:
                self._wake(until, f"silence:{command.id}", state)
        elif command.do == "unsilence":
            if self._holds.lift(command.alert, time, state):
                _emit(self._teller.release_all(time, state), out)
        else:
            case = state.objects(CASES).get(command.alert)
            before = None if case is None else life.obey(case, command, time, self._policy)
            if case is not None and before is not None:
                deed = life.Deed(f"{command.id}-{case.alert}", command.source, command.by, command.why)
                self._step(case, before, deed, state, out)

    def _wake_case(self, name: str, now: float, state: State, out: Outputs) -> None:
        """End what is over for an alert: a snooze, flapping, and in the end its being remembered."""
        table = state.objects(CASES)
        case = table.get(name)
        if case is None:
            return
        snoozed_until = case.until
        before = life.wake(case, now)
        if before is not None:
            deed = life.Deed(f"{name}-snooze-{snoozed_until!r}", case.source, why="the snooze is over")
            self._step(case, before, deed, state, out)
        if case.is_flapping:
            if life.calm(case, now):
                table.put(name, case)
                _emit(self._teller.release([case.group], now, state), out)
            else:
                self._wake(case.calm_at, f"case:{name}", state)
        if case.state == "resolved" and case.at + self._policy.retention_s <= now and not case.is_flapping:
            table.delete(name)

    def _step(self, case: Case, before: str, cause: life.Deed, state: State, out: Outputs) -> None:
        """Keep a case that has made a step, write it down, and tell who is to be told."""
        state.objects(CASES).put(case.alert, case)
        self._holds.note(case, state)
        held = self._holds.reason(case, case.at, state)
        out.emit(life.transition(case, before, self._pipeline, cause, held), key=case.alert)
        if case.state == "snoozed":
            self._wake(case.until, f"case:{case.alert}", state)
        elif case.state == "resolved":
            forget = math.ceil((case.at + self._policy.retention_s) / HOUR) * HOUR  # many at a time
            self._wake(forget, f"case:{case.alert}", state)
        _emit(self._teller.on_case(case, case.at, state), out)
        if case.state == "resolved":
            others = [one.group for one in self._holds.others(case, state)]
            _emit(self._teller.release(others, case.at, state), out)

    def _is_new(self, command: Command, state: State) -> bool:
        """Return whether a command comes for the first time: each partition of the log brings it.

        One about an alert that is not known yet is nothing yet: in a replay it may come by another partition before it.
        """
        if command.alert and command.do != "unsilence" and state.objects(CASES).get(command.alert) is None:
            return False
        table = state.objects(_SEEN)
        seen, now = table.get("") or {}, max(state.now, -NEVER)
        if command.id in seen:
            return False
        kept = {name: time for name, time in seen.items() if time > now - _SEEN_S}
        table.put("", {**kept, command.id: now})
        return True


def _emit(notifications: Iterable[Notification], out: Outputs) -> None:
    for one in notifications:
        out.emit(one, to="outbox")
