"""How many notifications a receiver gets in an hour; what is over comes as one digest at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from aimass.alerts.policy import HOUR, Receiver
from aimass.alerts.wording import Tale, notification
from aimass.records import Notification
from aimass.state import ObjectSpec, State

_KEPT = 1000  # alerts of a digest
Wake = Callable[[float, str, State], None]


class Spent(msgspec.Struct, array_like=True):
    """What a receiver got in an hour, and what it is still to hear of."""

    hour: int
    count: int = 0
    over: dict[str, Tale] = {}


_SPENT: ObjectSpec[Spent] = ObjectSpec("receivers", msgspec.json.Encoder().encode, msgspec.json.Decoder(Spent).decode)


class Budget:
    """Lets notifications through while their receiver wants more of them.

    State: a count for each receiver, and what its digest will say, at most a thousand alerts.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    wake
        Asks to be woken at a time, under a name.
    """

    def __init__(self, pipeline: str, wake: Wake) -> None:
        self._pipeline, self._wake = pipeline, wake

    def spend(
        self, receiver: Receiver, kind: str, group: str, time: float, tales: Sequence[Tale], state: State
    ) -> Notification | None:
        """Return the notification, or ``None`` where it waits for the digest."""
        made = notification(self._pipeline, receiver.name, kind, group, time, tales)
        if receiver.per_hour is None:
            return made
        table, hour = state.objects(_SPENT), math.floor(time / HOUR)
        spent = table.get(receiver.name) or Spent(hour)
        if spent.hour < hour and not spent.over:
            spent = Spent(hour)
        if spent.count < receiver.per_hour:
            spent.count += 1
            table.put(receiver.name, spent)
            return made
        if not spent.over:
            self._wake((spent.hour + 1) * HOUR, f"digest:{receiver.name}", state)
        for tale in tales:
            if tale.told.alert in spent.over or len(spent.over) < _KEPT:
                spent.over[tale.told.alert] = tale
        table.put(receiver.name, spent)
        return None

    def digest(self, receiver: Receiver, time: float, state: State) -> Notification | None:
        """Return the digest of an hour that is over, if there is anything to say."""
        table = state.objects(_SPENT)
        spent = table.get(receiver.name)
        if spent is None or (spent.hour + 1) * HOUR > time:
            return None
        table.delete(receiver.name)
        if not spent.over:
            return None
        tales = list(spent.over.values())
        return notification(self._pipeline, receiver.name, "digest", "all", (spent.hour + 1) * HOUR, tales)
