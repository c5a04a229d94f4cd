"""A chunk: what one fetch brought of a partition, and the Faust schema that makes one of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import faust
from faust.types import TP

from aimass.stages.base import SourceRecord


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records that one fetch brought of a partition.

    Parameters
    ----------
    tp
        The topic and partition.
    records
        As Kafka delivered them.
    start
        Where the chunk before it ended: whoever takes it must have come so far.
    next_offset
        Where the partition goes on: past the last record and any transaction marker after it.
    epoch
        Which opening of the partition it belongs to; chunks of an earlier one are stale.
    """

    tp: TP
    records: Sequence[SourceRecord]
    start: int
    next_offset: int
    epoch: int


class ChunkSchema(faust.Schema[Any, Any]):
    """Hands a chunk to the agent as it is: events are decoded where they are taken, a batch at a time."""

    def compile(self, app: Any, **hooks: Any) -> Any:
        """Return the function by which a topic makes an event of a message: Faust asks for it once a topic."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(message.key, message.value, message.headers, message)

        return decode
