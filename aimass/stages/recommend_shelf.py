"""The items of a partition: what each goes with, how popular it is, and how often it was taken. Bounded."""

from __future__ import annotations

import msgspec
import numpy as np

from aimass.models.kernel import Floats
from aimass.models.recommend import bandit
from aimass.models.recommend.covisits import NEIGHBOURS
from aimass.models.recommend.fading import Fading, Record
from aimass.state import ObjectSpec, State

ITEMS = 10_000
SEGMENTS = 100
TRENDING = 100
#: What is popular changes faster than what goes together.
TREND_SHARE = 0.1
_SEGMENTS_OF_ITEM = 32
_NONE, _NEVER = Record(), (0.0, 0.0)


class Item(msgspec.Struct, array_like=True):
    """An item: where it stands in the round of items, what it goes with, and its record by segment."""

    slot: int
    is_fresh: bool
    near: Fading
    record: Record


class _Round(msgspec.Struct, array_like=True):
    """How many slots are taken, which is looked at next when one is needed, and the segments that are known."""

    count: int = 0
    hand: int = 0
    segments: list[str] = []


class Shelf:
    """Items by name, at most `ITEMS` of them: those that nobody looked at for longest make room (CLOCK, Corbató 1968).

    State: an object an item (at most 50 neighbours, 32 segments), a name a slot, an object a segment (100 items).

    Parameters
    ----------
    name
        Names its tables.
    half_life_s
        How long until what was seen counts half, in seconds of event time.
    most
        How many items there may be.

    Examples
    --------
    >>> from aimass.testing import MemoryState
    >>> shelf, state = Shelf("shop", 86_400.0), MemoryState()
    >>> shelf.see("tea", [], "", 0.0, state)
    >>> shelf.see("cup", ["tea"], "", 60.0, state)
    >>> shelf.near("tea", state).top(3), shelf.trending("", state).top(3)
    (['cup'], ['cup', 'tea'])
    """

    def __init__(self, name: str, half_life_s: float, most: int = ITEMS) -> None:
        self._half_life, self._most = half_life_s, most
        self._trend_life = half_life_s * TREND_SHARE
        encode = msgspec.msgpack.Encoder().encode
        item = msgspec.msgpack.Decoder(Item)
        self._items: ObjectSpec[Item] = ObjectSpec(f"{name}.items", encode, item.decode)
        self._slots: ObjectSpec[str] = ObjectSpec(f"{name}.slots", str.encode, bytes.decode)
        self._round: ObjectSpec[_Round] = ObjectSpec(f"{name}.round", encode, msgspec.msgpack.Decoder(_Round).decode)
        trend = msgspec.msgpack.Decoder(Fading)
        self._trends: ObjectSpec[Fading] = ObjectSpec(f"{name}.trends", encode, trend.decode)

    def near(self, item: str, state: State) -> Fading | None:
        """Return what an item goes with."""
        found = state.objects(self._items).get(item)
        return None if found is None else found.near

    def trending(self, segment: str, state: State) -> Fading | None:
        """Return what is popular in a segment; of ``""``: in all."""
        return state.objects(self._trends).get(_named(segment))

    def see(self, item: str, before: list[str], segment: str, now: float, state: State) -> None:
        """Take note that a key was interested in an item, and in these before it within its session."""
        table, mine = state.objects(self._items), self._item(item, state)
        for other in before:
            beside = table.get(other)
            if beside is not None and other != item:
                mine.near.add(other, now, self._half_life, NEIGHBOURS)
                beside.near.add(item, now, self._half_life, NEIGHBOURS)
                table.put(other, beside)
        table.put(item, mine)
        for one in dict.fromkeys(("", segment)):
            if self._knows(one, state):
                trend = state.objects(self._trends).get(_named(one)) or Fading()
                trend.add(item, now, self._trend_life, TRENDING)
                state.objects(self._trends).put(_named(one), trend)

    def judge(self, item: str, segment: str, reward: float, now: float, state: State) -> None:
        """Take note of what an offer of an item brought."""
        table = state.objects(self._items)
        found = table.get(item)
        if found is None:
            return
        for one in dict.fromkeys(("", segment)):
            found.record.add(_named(one), reward, now, self._half_life, _SEGMENTS_OF_ITEM)
        table.put(item, found)

    def describe(self, items: list[str], segment: str, near: dict[str, float], usual: float, now: float,
                 state: State) -> Floats:  # fmt: skip
        """Return the features of offers (see `aimass.models.recommend.bandit`), but for what only the key knows.

        Parameters
        ----------
        items, segment
            The offers, and the key's segment.
        near
            How each goes with what the key looked at.
        usual
            What an offer brings on the average.
        """
        here, everywhere = self._popularity(segment, state), self._popularity("", state)
        top = (1.0 / max(here.values(), default=1.0), 1.0 / max(everywhere.values(), default=1.0))
        get, name = state.objects(self._items).get, _named(segment)
        raw = []
        for item in items:
            found = get(item)
            record = _NONE if found is None else found.record
            raw.append(
                (
                    near.get(item, 0.0),
                    here.get(item, 0.0) * top[0],
                    everywhere.get(item, 0.0) * top[1],
                    record.since,
                    *record.counts.get("", _NEVER),
                    *record.counts.get(name, _NEVER),
                )
            )
        x = np.zeros((len(items), bandit.D))
        bandit.describe(np.array(raw, np.float64).reshape(-1, bandit.RAW), usual, now, self._half_life, bool(name), x)
        return x

    def _popularity(self, segment: str, state: State) -> dict[str, float]:
        trend = state.objects(self._trends).get(_named(segment))
        return {} if trend is None else trend.weights

    def _knows(self, segment: str, state: State) -> bool:
        """Return whether a segment is followed; the first `SEGMENTS` are."""
        if not segment:
            return True
        table = state.objects(self._round)
        around = table.get("") or _Round()
        if segment in around.segments:
            return True
        if len(around.segments) >= SEGMENTS:
            return False
        around.segments.append(segment)
        table.put("", around)
        return True

    def _item(self, item: str, state: State) -> Item:
        """Return an item, made if it is new."""
        found = state.objects(self._items).get(item)
        if found is not None:
            found.is_fresh = True
            return found
        slot = self._slot(state)
        state.objects(self._slots).put(str(slot), item)
        return Item(slot, False, Fading(), Record())

    def _slot(self, state: State) -> int:
        """Return a free slot; where there is none, that of the next item that nobody looked at since the last round."""
        rounds, items = state.objects(self._round), state.objects(self._items)
        around = rounds.get("") or _Round()
        slot = around.count
        if around.count < self._most:
            around.count += 1
        while slot == self._most:
            at, around.hand = around.hand, (around.hand + 1) % self._most
            name = state.objects(self._slots).get(str(at)) or ""
            item = items.get(name)
            if item is not None and item.is_fresh:
                item.is_fresh = False
                items.put(name, item)
                continue
            items.delete(name)
            slot = at
        rounds.put("", around)
        return slot


def _named(segment: str) -> str:
    return f"={segment}" if segment else ""
