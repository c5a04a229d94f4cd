"""Episodes of a rule: how long its condition has been met for a key, so that one problem is one alert."""

from __future__ import annotations

import msgspec

from aimass.records import Prediction, Source
from aimass.rules.document import Rule
from aimass.rules.timers import Timers
from aimass.state import ObjectSpec, State

_encode = msgspec.msgpack.Encoder().encode
#: The same whatever the cool-down is: a rule that changes must find its timers again.
_PANE_S = 10.0


class Episode(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An episode that goes on.

    Parameters
    ----------
    id
        The id of the alert that it began with.
    began, last
        When the condition was first and last met.
    worst
        The highest severity so far, from 0.
    fires
        Whether the condition has held long enough; until then it is pending.
    source
        Where the event stood that met it last.
    """

    id: str
    began: float
    last: float
    worst: int
    fires: bool
    source: Source


#: What is to be told: ``pending``, ``firing`` or ``resolved``, of which episode, and when.
News = tuple[str, Episode, float]


class Episodes:
    """The episodes of one rule, by key.

    State: one row for each running episode, and its timer; both go when it ends.

    Parameters
    ----------
    rule
        The rule: its cool-down, and how long it must hold.
    """

    def __init__(self, rule: Rule) -> None:
        place = f"{rule.name}.shadow" if rule.mode == "shadow" else rule.name
        self._cooldown, self._hold, self._name = rule.cooldown_s, rule.hold_s, rule.name
        self._spec = ObjectSpec(f"episodes.{place}", _encode, msgspec.msgpack.Decoder(Episode).decode)
        self._timers = Timers(f"episodes.{place}", _PANE_S)

    def met(self, event: Prediction, level: int, state: State) -> list[News]:
        """Take an event that meets the condition; return what is news: a begin, an end, or a higher severity."""
        table, key, time = state.objects(self._spec), event.key, event.time
        was = table.get(key)
        news: list[News] = []
        if was is not None and time - was.last > self._cooldown:
            news.append(("resolved", was, was.last + self._cooldown))
            was = None
        if was is None:
            now = Episode(f"{event.id}-{self._name}", time, time, level, self._hold <= 0, event.source)
            news.append(("firing" if now.fires else "pending", now, time))
            self._timers.set(key, time + self._cooldown, state)
        else:
            fires = was.fires or time - was.began >= self._hold
            now = Episode(was.id, was.began, max(was.last, time), max(was.worst, level), fires, event.source)
            if fires and (level > was.worst or not was.fires):
                news.append(("firing", now, time))
        table.put(key, now)
        return news

    def unmet(self, event: Prediction, state: State) -> list[News]:
        """Take an event that does not meet the condition: what was pending is over, for it did not hold."""
        table = state.objects(self._spec)
        was = table.get(event.key)
        if was is None or was.fires:
            return []
        table.delete(event.key)
        self._timers.clear(event.key, state)
        return [("resolved", was, event.time)]

    def over(self, now: float, state: State) -> list[tuple[str, News]]:
        """Return the episodes that ended by ``now``, with their keys, in the order in which they did."""
        table, ended = state.objects(self._spec), []
        for key, _ in self._timers.due(now, state):
            episode = table.get(key)
            if episode is None:
                continue
            end = episode.last + self._cooldown
            if end > now:
                self._timers.set(key, end, state)
            else:
                table.delete(key)
                ended.append((key, ("resolved", episode, end)))
        return sorted(ended, key=lambda one: (one[1][2], one[0]))

    def drop(self, state: State) -> list[tuple[str, Episode]]:
        """End all episodes: the rule is asked no longer."""
        table = state.objects(self._spec)
        running = list(table.items())
        for key, _ in running:
            table.delete(key)
            self._timers.clear(key, state)
        return running
