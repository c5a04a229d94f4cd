"""Who is told of what, and when: alerts by their groups, what is owed to whom, and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from aimass.alerts.budget import Budget, Wake
from aimass.alerts.holds import CASES, Holds
from aimass.alerts.life import NEVER, OPEN, Case
from aimass.alerts.policy import WORST, Policy, Receiver, named
from aimass.alerts.wording import Tale
from aimass.records import Notification
from aimass.state import ObjectSpec, State

_OWED = 1000  # ends that a group is still to tell


class Owed(msgspec.Struct, frozen=True, array_like=True):
    """That an alert is over, and who is still to hear it."""

    tale: Tale
    receivers: tuple[str, ...]


class Group(msgspec.Struct, array_like=True):
    """Alerts that are told together.

    Parameters
    ----------
    members
        The open ones, by fingerprint.
    owed
        Ends of alerts that receivers were told of.
    told_at
        When news of it was told last.
    due
        When it is to be looked at next.
    woken
        When that was asked for.
    waits
        Whether something in it is held back.
    """

    members: dict[str, bool] = {}
    owed: list[Owed] = []
    told_at: float = -NEVER
    due: float = NEVER
    woken: float = NEVER
    waits: bool = False


_GROUPS: ObjectSpec[Group] = ObjectSpec("groups", msgspec.json.Encoder().encode, msgspec.json.Decoder(Group).decode)


class Teller:
    """Decides who is told of what, and when.

    A first alert waits a little for others of its group; news of a group that was told waits longer; a critical alert
    goes at once, unless its group was told within the short wait. An alert is told to a receiver once an episode and
    severity; then again while it still fires, to others if nobody acknowledges it, and when it is over.

    State: a group for each value of what alerts are grouped by, until none in it is open or owed.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    receivers
        Who may be told.
    policy
        When.
    holds
        What holds alerts back.
    wake
        Asks to be woken at a time, under a name.
    """

    def __init__(self, pipeline: str, receivers: Sequence[Receiver], policy: Policy, holds: Holds, wake: Wake) -> None:
        self._receivers, self._policy, self._holds, self._wake = named(receivers), policy, holds, wake
        self._budget = Budget(pipeline, wake)

    def on_case(self, case: Case, time: float, state: State) -> list[Notification]:
        """Take a step in an alert's life; return what is told at once."""
        table = state.objects(_GROUPS)
        group = table.get(case.group) or Group()
        if case.state == "resolved":
            return self._on_end(case, group, time, state)
        if case.state not in OPEN:
            return []
        group.members[case.alert] = True
        table.put(case.group, group)
        if case.state == "acknowledged":
            return self._acknowledged(case, time, state)
        if case.state == "snoozed":
            return []
        at_once = self._at_once(case, time, state)
        wait = self._policy.group_wait_s
        if case.repeat_at <= time:
            due = time
        elif case.level == WORST:
            due = max(time, group.told_at + wait)
        else:
            due = max(time + wait, group.told_at + self._policy.group_interval_s)
        return at_once + self._due(case.group, group, min(due, case.escalate_at), time, state)

    def on_notice(self, case: Case, time: float, state: State) -> list[Notification]:
        """Tell the receivers that a rule names, of what has no life."""
        if self._holds.is_silenced(case.rule, case.key, case.severity, time, state):
            return []
        return self._tell(self._named(case), "firing", case.group, [case], time, state)

    def release(self, groups: Iterable[str], time: float, state: State) -> list[Notification]:
        """Look again at groups in which something was held back; return what is told."""
        table, told = state.objects(_GROUPS), []
        for name in dict.fromkeys(groups):
            group = table.get(name)
            if group is not None and group.waits:
                told += self._flush(name, group, time, state)
        return told

    def release_all(self, time: float, state: State) -> list[Notification]:
        """Look again at all groups in which something was held back."""
        waiting = [name for name, group in state.objects(_GROUPS).items() if group.waits]
        return self.release(waiting, time, state)

    def wake_group(self, name: str, now: float, state: State) -> list[Notification]:
        """Look at a group whose time may have come."""
        group = state.objects(_GROUPS).get(name)
        if group is None or group.woken > now:
            return []
        group.woken = NEVER
        if group.due <= now:
            return self._flush(name, group, now, state)
        return self._due(name, group, group.due, now, state)

    def wake_receiver(self, name: str, now: float, state: State) -> list[Notification]:
        """Tell a receiver what was over its limit."""
        receiver = self._receivers.get(name)
        made = None if receiver is None else self._budget.digest(receiver, now, state)
        return [] if made is None else [made]

    def _on_end(self, case: Case, group: Group, time: float, state: State) -> list[Notification]:
        table = state.objects(_GROUPS)
        group.members.pop(case.alert, None)
        wanted = [name for name in case.told if name in self._receivers and self._receivers[name].resolved]
        if wanted:
            owed = Owed(Tale(case.tale, case.episode, case.source), tuple(wanted))
            group.owed = [*group.owed, owed][-_OWED:]
            due = max(time, group.told_at + self._policy.group_interval_s)
            return self._due(case.group, group, due, time, state)
        if group.members or group.owed:
            table.put(case.group, group)
        else:
            table.delete(case.group)
        return []

    def _due(self, name: str, group: Group, due: float, time: float, state: State) -> list[Notification]:
        """Let a group be looked at when it is due: now, or when it is woken."""
        group.due = min(group.due, due)
        if group.due <= time:
            return self._flush(name, group, time, state)
        if group.due < group.woken:
            group.woken = group.due
            self._wake(group.due, f"group:{name}", state)
        state.objects(_GROUPS).put(name, group)
        return []

    def _flush(self, name: str, group: Group, time: float, state: State) -> list[Notification]:
        """Tell all that is due in a group."""
        group.due, group.waits = NEVER, False
        told = self._ends(name, group, time, state)
        found = [state.objects(CASES).get(one) for one in group.members]
        free = []
        for case in found:
            if case is None or case.state != "firing":
                continue
            if self._holds.reason(case, time, state) is None:
                free.append(case)
            else:
                group.waits = True
        told += self._again(name, free, time, state)
        told += self._news(name, free, time, state)
        told += self._escalations(name, free, time, state)
        if told:
            group.told_at = time
        if not group.members and not group.owed:
            state.objects(_GROUPS).delete(name)
            return told
        self._due(name, group, min((min(one.repeat_at, one.escalate_at) for one in free), default=NEVER), -NEVER, state)
        return told

    def _ends(self, name: str, group: Group, time: float, state: State) -> list[Notification]:
        """Tell what is over, unless it is silenced, or flaps and may be back."""
        kept = [self._is_kept(owed, time, state) for owed in group.owed]
        due = [owed for owed, is_kept in zip(group.owed, kept, strict=True) if not is_kept]
        group.owed = [owed for owed, is_kept in zip(group.owed, kept, strict=True) if is_kept]
        group.waits = bool(group.owed)
        told = []
        for receiver in self._receivers.values():
            tales = [owed.tale for owed in due if receiver.name in owed.receivers]
            told += self._spend(receiver, "resolved", name, tales, time, state)
        return told

    def _is_kept(self, owed: Owed, time: float, state: State) -> bool:
        one = owed.tale.told
        case = state.objects(CASES).get(one.alert)
        is_flapping = case is not None and case.is_flapping
        return is_flapping or self._holds.is_silenced(one.rule, one.key, one.severity, time, state)

    def _news(self, name: str, free: list[Case], time: float, state: State) -> list[Notification]:
        told: list[Notification] = []
        for receiver in self._receivers.values():
            fresh = [one for one in free if self._wants(receiver, one) and one.told.get(receiver.name, -1) < one.level]
            told += self._spend(receiver, "firing", name, list(map(_tale, fresh)), time, state)
            for case in fresh:
                self._mark(case, receiver, time, state)
        return told

    def _again(self, name: str, free: list[Case], time: float, state: State) -> list[Notification]:
        """Tell again what still fires; what would be due soon goes along."""
        if not any(one.repeat_at <= time for one in free):
            return []
        due = [one for one in free if one.repeat_at <= time + self._policy.group_interval_s]
        told = []
        for receiver in self._receivers.values():
            tales = [_tale(one) for one in due if one.told.get(receiver.name, -1) >= one.level]
            told += self._spend(receiver, "repeated", name, tales, time, state)
        for case in due:
            case.repeat_at = time + self._policy.repeat_s if case.told else NEVER
            state.objects(CASES).put(case.alert, case)
        return told

    def _escalations(self, name: str, free: list[Case], time: float, state: State) -> list[Notification]:
        due = [one for one in free if one.escalate_at <= time]
        receivers = [self._receivers[one] for one in self._policy.escalate_to if one in self._receivers]
        told = []
        for receiver in receivers:
            wanted = [one for one in due if receiver.wants(one.severity, one.rule)]
            told += self._spend(receiver, "escalated", name, list(map(_tale, wanted)), time, state)
            for case in wanted:
                self._mark(case, receiver, time, state)
        for case in due:
            case.escalate_at = NEVER
            state.objects(CASES).put(case.alert, case)
        return told

    def _at_once(self, case: Case, time: float, state: State) -> list[Notification]:
        """Tell the receivers that the alert's rule names, unless they know or it is held back."""
        receivers = [one for one in self._named(case) if case.told.get(one.name, -1) < case.level]
        if not receivers or self._holds.reason(case, time, state) is not None:
            return []
        told = self._tell(receivers, "firing", case.group, [case], time, state)
        for receiver in receivers:
            self._mark(case, receiver, time, state)
        return told

    def _acknowledged(self, case: Case, time: float, state: State) -> list[Notification]:
        """Tell those who know of an alert that somebody has taken it."""
        if self._holds.is_silenced(case.rule, case.key, case.severity, time, state):
            return []
        receivers = [self._receivers[name] for name in case.told if name in self._receivers]
        return self._tell(receivers, "acknowledged", case.group, [case], time, state)

    def _named(self, case: Case) -> list[Receiver]:
        return [self._receivers[name] for name in dict.fromkeys(case.notify) if name in self._receivers]

    def _wants(self, receiver: Receiver, case: Case) -> bool:
        if receiver.name in case.notify:
            return True
        return receiver.name not in self._policy.escalate_to and receiver.wants(case.severity, case.rule)

    def _mark(self, case: Case, receiver: Receiver, time: float, state: State) -> None:
        """Note that a receiver was told; it is told again after a while."""
        case.told[receiver.name] = case.level
        case.repeat_at = time + self._policy.repeat_s
        state.objects(CASES).put(case.alert, case)

    def _tell(
        self, receivers: Iterable[Receiver], kind: str, name: str, cases: list[Case], time: float, state: State
    ) -> list[Notification]:
        told = []
        for receiver in receivers:
            told += self._spend(receiver, kind, name, list(map(_tale, cases)), time, state)
        return told

    def _spend(
        self, receiver: Receiver, kind: str, name: str, tales: Sequence[Tale], time: float, state: State
    ) -> list[Notification]:
        made = self._budget.spend(receiver, kind, name, time, tales, state) if tales else None
        return [] if made is None else [made]


def _tale(case: Case) -> Tale:
    return Tale(case.tale, case.episode, case.source)
