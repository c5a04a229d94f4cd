"""What a feed is: something outside of Kafka that is read bit by bit, and how far it has been read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Row(NamedTuple):
    """One record that a feed has brought.

    ``stream`` names what it is in order with (a file, a table): rows of one stream go to one partition, in order,
    unless they have a key. ``timestamp_ms`` is when it happened as far as the feed knows; ``None``: now.
    """

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows, and where to read on once they are in Kafka: both are written in one transaction."""

    rows: Sequence[Row]
    position: Any  # what JSON can hold


class Feed(Protocol):
    """Reads something outside.

    Attributes
    ----------
    name
        Names its position: the same at every start, another for another thing that is read.
    """

    name: str

    def portions(self, position: Any) -> AsyncIterator[Portion]:
        """Yield what comes after a position (``None``: the beginning), for ever; a portion has at most 1,000 rows.

        The next portion is asked for when the last one is written, so that one may read again after a fault.

        Raises
        ------
        WorldFault
            When the world fails: it is begun again at the last position that was written, after a pause.
        ConfigurationError
            When it can never work; the message says what to do.
        """
