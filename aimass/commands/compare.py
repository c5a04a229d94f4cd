"""Are two topics the same, record by record? Compared by id, in whatever order and partition they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from aimass.client import Subscriber
from aimass.records import Tick
from aimass.settings import Settings

_SHOWN = 5

#: By a record's id: the digest of its bytes, and where it stands.
Digests = dict[str, tuple[bytes, tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that differs: its bytes, ``None`` where there is no such record."""

    id: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two topics have in common, and what not.

    Examples
    --------
    >>> Comparison("a", "b", 3, 3, 3, 0, 0, 0, ()).same
    True
    """

    first: str
    second: str
    first_records: int
    second_records: int
    equal: int
    different: int
    only_first: int
    only_second: int
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether each record of one has its equal in the other."""
        return not (self.different or self.only_first or self.only_second)


async def compare(settings: Settings, first: str, second: str, *, part: bool = False) -> Comparison:
    """Compare all records of two topics by id, byte for byte.

    Parameters
    ----------
    settings
        With the cluster's address.
    first, second
        The topics.
    part
        The second holds a part only: what it lacks does not count.
    """
    one, other = await _digests(settings, first), await _digests(settings, second)
    different, only_first, only_second = sift(one, other)
    if part:
        one = {name: found for name, found in one.items() if name in other}
        only_first = []
    shown = [*different, *only_first, *only_second][:_SHOWN]
    places = [
        (topic, found[name][1]) for name in shown for topic, found in ((first, one), (second, other)) if name in found
    ]
    texts = await _texts(settings, (first, second), places)
    return Comparison(
        first,
        second,
        len(one),
        len(other),
        len(one.keys() & other.keys()) - len(different),
        len(different),
        len(only_first),
        len(only_second),
        tuple(Difference(name, texts.get((first, name)), texts.get((second, name))) for name in shown),
    )


def sift(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return the ids whose digests differ, those that only one has, and those that only the other has.

    Examples
    --------
    >>> sift({"a": (b"1", (0, 0)), "b": (b"2", (0, 1))}, {"a": (b"9", (0, 0)), "c": (b"3", (0, 1))})
    (['a'], ['b'], ['c'])
    """
    different = [name for name, found in one.items() if name in other and other[name][0] != found[0]]
    return different, [name for name in one if name not in other], [name for name in other if name not in one]


async def _digests(settings: Settings, topic: str) -> Digests:
    digests: Digests = {}
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        async for message in subscriber.messages():
            record = message.record
            if record is None or isinstance(record, Tick):
                continue
            digest = blake2b((message.key or b"") + b"\0" + (message.value or b""), digest_size=16).digest()
            name = record.id if record.id not in digests else f"{record.id} (again, at {message.id})"
            digests[name] = (digest, (message.partition, message.offset))
    return digests


async def _texts(
    settings: Settings, topics: tuple[str, str], places: list[tuple[str, tuple[int, int]]]
) -> dict[tuple[str, str], str]:
    """Return the bytes of a few records, by topic and id, as text."""
    wanted, texts = set(places), {}
    if not wanted:
        return {}
    async with Subscriber(*topics, where=settings, from_="beginning", until_end=True) as subscriber:
        async for message in subscriber.messages():
            if (message.topic, (message.partition, message.offset)) in wanted:
                value = (message.value or b"").decode("utf-8", "backslashreplace")
                texts[message.topic, message.record.id] = value
    return texts
