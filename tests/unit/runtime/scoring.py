"""A partition of SCORE with models inside, for tests of crashes and replays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass.codec import decoder, encode
from aimass.records import LogRecord
from aimass.runtime.outputs import Channel
from tests.unit.runtime.harness import Record, World, stream
from tests.unit.stages import all_of_score as parts

CHANNELS = {
    "": Channel("out", 1),
    "tick": Channel("in", 1),
    **{name: Channel(name, 1) for name in ("anomalies", "drifts", "evaluations", "series", "observations")},
}
POISON = (b"{not json", b"", b'{"type":"event","key":7}')


def records_of(text: str, count: int, seed: int = 3) -> list[Record]:
    """Return the log of a pipeline as it stands in Kafka, with poison, and with labels that no model can learn."""
    log: list[Any] = [encode(one) for one in parts.log(text, count, seed)]
    for i, raw in enumerate(POISON):
        log.insert((i + 1) * len(log) // 5, raw)
    if 'about = "m"' in text:
        of = next(one for one in parts.log(text, 1, seed) if type(one).__name__ == "Event")
        log.insert(len(log) // 2, encode(parts.label(of, "m", "x" * 300, 8000)))
    return stream(log)


def world_of(text: str, records: Sequence[Record], **more: Any) -> World:
    """Return a world whose stage is SCORE, as a pipeline file makes it."""
    own = {"slice_records": 40, "max_live": 8} | more
    return World(records, stage=lambda: parts.score(text), decode=decoder(LogRecord), channels=CHANNELS, **own)
