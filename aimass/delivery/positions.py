"""How far each receiver was told: the group's offset is that of the slowest, the others stand in its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiokafka import TopicPartition

from aimass.connection import Options, connected

_LONGEST = 4000


def to_metadata(positions: Mapping[str, int]) -> tuple[int, str]:
    """Return the offset to commit, and its metadata.

    Examples
    --------
    >>> to_metadata({"pager": 7, "chat": 12})
    (7, '{"chat":12}')
    """
    first = min(positions.values())
    ahead = msgspec.json.encode({name: at for name, at in sorted(positions.items()) if at > first}).decode()
    return first, ahead if len(ahead) <= _LONGEST else ""


def from_metadata(offset: int, metadata: str, names: Iterable[str]) -> dict[str, int]:
    """Return how far each receiver was told; what is not known of one is known of the slowest.

    Examples
    --------
    >>> from_metadata(7, '{"chat":12}', ["pager", "chat"]), from_metadata(7, "", ["pager"])
    ({'pager': 7, 'chat': 12}, {'pager': 7})
    """
    try:
        ahead = msgspec.json.decode(metadata, type=dict[str, int])
    except msgspec.MsgspecError:
        ahead = {}
    return {name: max(offset, ahead.get(name, offset)) for name in names}


async def commit(consumer: Any, place: TopicPartition, positions: Mapping[str, int]) -> None:
    """Commit how far each receiver was told."""
    if positions:
        await consumer.commit({place: to_metadata(positions)})


async def committed(options: Options, group: str, place: TopicPartition, names: Iterable[str]) -> dict[str, int]:
    """Return how far each receiver was told; 0 where nothing is known."""
    async with connected(options) as admin:
        found = (await admin.list_consumer_group_offsets(group)).get(place)
    return from_metadata(0, "", names) if found is None else from_metadata(max(0, found.offset), found.metadata, names)
