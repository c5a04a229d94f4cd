"""What a stage has emitted and what is not yet committed, by topic and partition."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from zlib import crc32

from aimass.codec import dead_letter_headers, encode
from aimass.errors import BadEvent
from aimass.records import DeadLetter
from aimass.runtime.log import OutRecord, Target
from aimass.stages.base import SourceRecord

_NO_HEADERS: list[tuple[str, bytes]] = []


@dataclass(frozen=True, slots=True)
class Channel:
    """Where outputs of one name go: a topic, and which of its partitions.

    Those of the input, unless its records go by key, or to all partitions, each a copy.
    """

    topic: str
    partitions: int
    by_key: bool = False
    to_all: bool = False


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key in a topic that is distributed by key: CRC-32, as librdkafka has it.

    Examples
    --------
    >>> partition_of(b"pump-1", 4)
    2
    """
    return crc32(key) % partitions


class OutputBuffer:
    """Outputs of one partition (implements `aimass.stages.base.Outputs`).

    What was emitted since the last `savepoint` can be dropped by `revert`; `take` hands over the rest to a commit.

    Parameters
    ----------
    stage
        The stage's name, for dead letters.
    partition
        The input partition: outputs keep it unless their channel goes by key.
    channels
        By name; the one under ``""`` is the stage's own.
    deadletters
        Where rejected records go.
    """

    def __init__(self, stage: str, partition: int, channels: Mapping[str, Channel], deadletters: Channel) -> None:
        self._stage = stage
        self._partition = partition
        self._channels = channels
        self._dead = Target(deadletters.topic, partition % deadletters.partitions)
        self._new: dict[Target, list[Any]] = {}
        self._kept: dict[Target, list[Any]] = {}
        self._targets: dict[tuple[str, int], Target] = {}
        self._new_count = 0
        self._new_rejected = 0
        self.count = 0
        self.rejected = 0

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None:
        """Emit one record, encoded by the codec."""
        raw = (record.key if key is None else key).encode()
        self.emit_encoded((raw,), (encode(record),), to=to)

    def emit_encoded(self, keys: Sequence[bytes | None], values: Sequence[bytes], *, to: str | None = None) -> None:
        """Emit many records that the stage has encoded itself."""
        channel = self._channels[to or ""]
        if len(keys) != len(values):
            raise ValueError(f"{len(keys)} keys for {len(values)} values")
        self._new_count += len(values)
        if channel.to_all:
            for number in range(channel.partitions):
                self._list(channel.topic, number).extend(zip(keys, values, repeat(_NO_HEADERS)))
            return
        if not channel.by_key:
            self._list(channel.topic, self._partition).extend(zip(keys, values, repeat(_NO_HEADERS)))
            return
        lists = [self._list(channel.topic, number) for number in range(channel.partitions)]
        count = channel.partitions
        for key, value in zip(keys, values, strict=True):
            lists[crc32(key or b"") % count].append((key, value, _NO_HEADERS))

    def _list(self, topic: str, partition: int) -> list[Any]:
        target = self._targets.get((topic, partition))
        if target is None:
            target = self._targets[topic, partition] = Target(topic, partition)
        found = self._new.get(target)
        if found is None:
            found = self._new[target] = []
        return found

    def reject(self, record: SourceRecord, error: BaseException) -> None:
        """Send a source record to the dead letters, as it came, with the reason."""
        why = "" if isinstance(error, BadEvent) else "".join(traceback.format_exception(error))
        reason = str(error) if isinstance(error, BadEvent) else f"{type(error).__name__}: {error}"
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=self._stage,
            reason=reason[:4096],
            traceback=why[-32_768:],
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            timestamp_ms=record.timestamp,
        )
        out = OutRecord(record.key, record.value, dead_letter_headers(letter))
        self._list(self._dead.topic, self._dead.partition).append(out)
        self._new_count += 1
        self._new_rejected += 1

    def savepoint(self) -> None:
        """Keep what was emitted so far."""
        for target, records in self._new.items():
            if records:
                self._kept.setdefault(target, []).extend(records)
        self._new.clear()
        self.count += self._new_count
        self.rejected += self._new_rejected
        self._new_count = self._new_rejected = 0

    def revert(self) -> None:
        """Drop what was emitted since the last savepoint."""
        self._new.clear()
        self._new_count = self._new_rejected = 0

    def take(self) -> dict[Target, list[Any]]:
        """Begin a commit: hand over everything that was emitted."""
        self.savepoint()
        taken, self._kept = self._kept, {}
        self.count = self.rejected = 0
        return taken

    @property
    def pending(self) -> int:
        """How many records wait for a commit."""
        return self.count + self._new_count
