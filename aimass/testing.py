"""Checks and stand-ins for those who write stages: state and outputs in memory, and `check_stage`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from aimass import codec
from aimass.memory import MemoryOutputs as MemoryOutputs
from aimass.memory import MemoryState as MemoryState
from aimass.memory import run_stage as run_stage
from aimass.records import Anomaly, Estimate, Event, Prediction, Source
from aimass.stages.base import Stage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A record of a source topic (implements `aimass.stages.base.SourceRecord`)."""

    value: bytes | None
    key: bytes | None = None
    topic: str = "t"
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_700_000_000_000
    headers: tuple[tuple[str, bytes], ...] = ()


def event(data: dict[str, Any], key: str = "k", time: float = 1.7e9, offset: int = 0) -> Event:
    """Return an event with this JSON.

    Examples
    --------
    >>> event({"a": 1}, offset=7).id
    't-0-7'
    """
    source = Source("t", 0, offset)
    return Event(source.id, key, time, "demo", source, msgspec.Raw(codec.encode(data)))


def prediction(
    data: dict[str, Any] | None = None,
    key: str = "k",
    time: float = 1.7e9,
    offset: int = 0,
    estimates: dict[str, Estimate] | None = None,
    **anomalies: Anomaly,
) -> Prediction:
    """Return a prediction with these anomalies.

    Examples
    --------
    >>> prediction(odd=Anomaly(4.5)).anomalies["odd"].score
    4.5
    """
    one = event(data or {}, key, time, offset)
    return Prediction(one.id, key, time, one.pipeline, one.source, anomalies, estimates or {}, one.data)


def check_stage(
    make: Callable[[], Stage],
    events: Sequence[Any],
    *,
    cuts: Sequence[Sequence[int]] | None = None,
    alone: Sequence[Any] | None = None,
) -> None:
    """Check the promises of every stage on these events; raise AssertionError naming the one that is broken.

    Replay gives identical outputs and state; so does any cut into batches, and stopping anywhere, restoring and going
    on; inputs are not changed; an event alone, in any order, is survived.

    Parameters
    ----------
    make
        Makes a fresh stage.
    events
        Records of the type that the stage takes.
    cuts
        Where to cut and to stop; ``None``: in singles, in the middle, and at a few odd places.
    alone
        The events that are to be survived alone; ``None``: each.

    Examples
    --------
    >>> class Forgetful:
    ...     name, tick_s, seen = "forgetful", None, 0
    ...     def on_batch(self, events, state, out):
    ...         self.seen += len(events)
    ...         out.emit_encoded([None], [b"%d" % self.seen])
    ...     def on_time(self, now, state, out): ...
    >>> check_stage(Forgetful, [event({}), event({})])
    Traceback (most recent call last):
        ...
    AssertionError: forgetful: cut into batches before [1], its outputs differ
    """
    before = [repr(one) for one in events]
    whole, state = run_stage(make(), events)
    name, rows = make().name, state.commit()
    if [repr(one) for one in events] != before:
        raise AssertionError(f"{name}: it changed its inputs")
    _same(name, "replayed", whole, rows, run_stage(make(), events))
    for cut in cuts if cuts is not None else _cuts(len(events)):
        at = list(cut)
        _same(name, f"cut into batches before {at[:5]}", whole, rows, run_stage(make(), events, cuts=at))
        for stop in (at, at[:1]):
            _same(name, f"stopped before {stop[:5]}", whole, rows, run_stage(_Fresh(make), events, restarts=stop))
    for one in reversed(events if alone is None else alone):
        run_stage(make(), [one])


def _cuts(count: int) -> list[list[int]]:
    return [list(range(1, count)), [count // 2], sorted({1, count // 3, count // 3 + 1, count - 1} - {0})]


class _Fresh:
    """A stage that is made anew for every batch."""

    def __init__(self, make: Callable[[], Stage]) -> None:
        self._make = make
        self.name, self.tick_s = make().name, make().tick_s

    def on_batch(self, events: Sequence[Any], state: Any, out: Any) -> None:
        self._make().on_batch(events, state, out)

    def on_time(self, now: float, state: Any, out: Any) -> None:
        self._make().on_time(now, state, out)


def _same(name: str, how: str, whole: MemoryOutputs, rows: Any, other: tuple[MemoryOutputs, MemoryState]) -> None:
    if other[0].seen() != whole.seen():
        raise AssertionError(f"{name}: {how}, its outputs differ")
    if other[1].commit() != rows:
        raise AssertionError(f"{name}: {how}, its state differs")
