"""Notifications: their ids, the same at every replay, and what they say first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from aimass.alerts.policy import level_of
from aimass.records import Notification, Source, Told

_SPACE = uuid.UUID("6f1c1f5e-9f0c-5b1e-8a53-0d7a4f1f2f5c")
_MOST = 100  # alerts that one notification tells of


class Tale(msgspec.Struct, frozen=True, array_like=True):
    """What is told of one alert, and of which episode: what a notification is made of."""

    told: Told
    episode: str
    source: Source


def notification(
    pipeline: str, receiver: str, kind: str, group: str, time: float, tales: Sequence[Tale]
) -> Notification:
    """Return a notification: the worst alerts first; its id is made from all that it says, and when.

    Examples
    --------
    >>> told = Told("3f", "ada", "fast", "critical", "firing", "4 in a second", 9.0)
    >>> made = notification("p", "pager", "firing", "rule=fast", 9.0, [Tale(told, "t-0-7-fast", Source("t", 0, 7))])
    >>> made.title, made.severity
    ('critical: fast of ada: 4 in a second', 'critical')
    """
    said = [f"{one.episode}:{one.told.state}:{one.told.severity}" for one in tales]
    name = uuid.uuid5(_SPACE, "\0".join((pipeline, receiver, kind, group, repr(time), *said)))
    ordered = sorted(tales, key=lambda one: -level_of(one.told.severity))
    worst = ordered[0]
    return Notification(
        id=str(name),
        key=receiver,
        time=time,
        pipeline=pipeline,
        source=worst.source,
        receiver=receiver,
        kind=kind,
        group=group,
        severity=worst.told.severity,
        title=_title(kind, group, worst.told, len(tales)),
        alerts=[one.told for one in ordered[:_MOST]],
        more=max(0, len(tales) - _MOST),
    )


def _title(kind: str, group: str, worst: Told, count: int) -> str:
    lead = f"{worst.severity}: " if kind == "firing" else f"{kind}: "
    if count == 1:
        return f"{lead}{worst.rule} of {worst.key}: {worst.cause}"
    if kind == "digest":
        return f"{lead}{count} alerts within the hour, beyond what this receiver wants"
    return f"{lead}{count} alerts, {group}"
