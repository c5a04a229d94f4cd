"""Records of a source that could be read: a batch of them, place by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from aimass.errors import BadEvent
from aimass.quality.clean import Changes
from aimass.records import Quarantined
from aimass.stages.base import SourceRecord


@dataclass(slots=True)
class Taken:
    """Records that could be read, and what was found of each, place by place."""

    records: list[SourceRecord] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    changes: list[Changes | None] = field(default_factory=list)
    checksums: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def take(self, which: Sequence[int]) -> Taken:
        """Return some of them."""
        lists = (self.records, self.values, self.data, self.names, self.keys, self.times, self.changes, self.checksums)
        return Taken(*([one[at] for at in which] for one in lists))  # type: ignore[arg-type]

    def id(self, at: int) -> str:
        """Return the id of the event that a record is."""
        record, name = self.records[at], self.names[at]
        return f"{record.topic}-{record.partition}-{record.offset}" if name is None else name


@dataclass(frozen=True, slots=True)
class Again:
    """A record of a source, as it stood there (implements `aimass.stages.base.SourceRecord`)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @classmethod
    def of(cls, one: Quarantined) -> Again:
        place = one.source
        return cls(place.topic, place.partition, place.offset, one.timestamp_ms, one.record_key, one.value, one.headers)


class Ids(Sequence[str]):
    """The ids of a batch, made when they are asked for: few are."""

    def __init__(self, batch: Taken) -> None:
        self._batch = batch

    def __getitem__(self, at: Any) -> Any:
        return self._batch.id(at)

    def __len__(self) -> int:
        return len(self._batch)


def parts_of(records: Sequence[SourceRecord]) -> Iterator[tuple[str, list[int]]]:
    found: dict[str, list[int]] = {}
    for at, record in enumerate(records):
        found.setdefault(f"{record.topic}-{record.partition}", []).append(at)
    yield from found.items()


def dumps(data: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(data)
    except (TypeError, orjson.JSONEncodeError) as exc:
        raise BadEvent(f"cannot be written as JSON: {exc}") from exc
