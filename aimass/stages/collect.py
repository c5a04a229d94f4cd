"""Collect: from bytes on the user's topics to events and labels in the pipeline's one ordered log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

import msgspec

from aimass.errors import BadEvent
from aimass.records import Command, Redrive
from aimass.stages.base import Outputs, SourceRecord
from aimass.stages.control import ControlReader
from aimass.stages.envelope import Envelope
from aimass.stages.intake import Intake, Plan
from aimass.stages.labels import LabelReader
from aimass.state import State

_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_redrive = msgspec.json.Decoder(Redrive).decode
_OPEN: Mapping[str, str] = MappingProxyType({})


class CollectStage:
    """Makes events of the records of sources, each by its plan, and puts them into the log.

    State: that of the sources' intakes; none where a plan only reads.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    plans
        One for each source topic.
    labels
        The readers of topics of labels.
    control
        The reader of the control topic.
    redrives
        The name of the topic with records that people let go on.
    gates
        By source, what closed gates do with its records; looked up as records come.

    Notes
    -----
    Numbers as times: below 1e11 they are seconds since 1970, below 1e14 milliseconds, below 1e17 microseconds, below
    1e20 nanoseconds. Text is ISO 8601; without an offset it is UTC. A repeated name in an object is
    accepted and the last one counts. An integer too large for 64 bits becomes the nearest float. White space
    around the object is dropped; between its braces, it goes on byte for byte.

    Examples
    --------
    >>> from aimass.stages.reader import Reader
    >>> from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState
    >>> stage, out = CollectStage("demo", [Plan(Reader("t", key="pump"))]), MemoryOutputs("log")
    >>> stage.on_batch([MemoryRecord(b'{"pump": 7}', offset=3), MemoryRecord(b"{", offset=4)], MemoryState(), out)
    >>> out.records("log")[0].key, out.rejected[0][1].args[0]
    ('7', 'truncated JSON at byte 1 of 1')
    """

    name = "collect"
    tick_s: float | None = None

    def __init__(
        self,
        pipeline: str,
        plans: Sequence[Plan],
        labels: Sequence[LabelReader] = (),
        control: ControlReader | None = None,
        redrives: str | None = None,
        gates: Mapping[str, str] = _OPEN,
    ) -> None:
        self._pipeline, self._control, self._redrives = pipeline, control, redrives
        envelope = Envelope(pipeline)
        self._intakes = {plan.reader.topic: Intake(pipeline, plan, envelope, gates) for plan in plans}
        self._labels = {reader.topic: reader for reader in labels}

    def on_batch(self, events: Sequence[SourceRecord], state: State, out: Outputs) -> None:
        """Turn the source's next records into events."""
        for topic, run in _runs(events):
            if topic in self._intakes:
                self._intakes[topic].take(run, state, out)
            elif topic in self._labels:
                self._take_labels(self._labels[topic], run, out)
            elif topic == self._redrives:
                self._take_redrives(run, state, out)
            else:
                self._take_orders(run, out)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes."""

    def on_idle(self, state: State, out: Outputs) -> None:
        """Write what was seen and not yet written: nothing more comes for now."""
        for intake in self._intakes.values():
            if intake.has_news(state):
                intake.write(state, out)

    def _take_labels(self, reader: LabelReader, run: Sequence[SourceRecord], out: Outputs) -> None:
        keys: list[bytes | None] = []
        values: list[bytes] = []
        for record in run:
            try:
                label = reader.label(record, self._pipeline)
            except BadEvent as exc:
                out.reject(record, exc)
                continue
            keys.append(label.key.encode())
            values.append(_json(label))
        out.emit_encoded(keys, values)

    def _take_orders(self, run: Sequence[SourceRecord], out: Outputs) -> None:
        """Pass on what people order: about data to JUDGE, anything else into every partition of the log."""
        for record in run:
            try:
                if self._control is None or record.topic != self._control.topic:
                    raise BadEvent(f"{record.topic} is no source of {self._pipeline}")
                order = self._control.order(record, self._pipeline)
            except BadEvent as exc:
                out.reject(record, exc)
                continue
            is_of_data = type(order) is Command and order.is_of_data
            out.emit(order, to="observations" if is_of_data else "everywhere")

    def _take_redrives(self, run: Sequence[SourceRecord], state: State, out: Outputs) -> None:
        for record in run:
            try:
                order = _redrive(record.value or b"")
                intake = self._intakes[order.record.source.topic]
            except (msgspec.DecodeError, KeyError) as exc:
                out.reject(record, BadEvent(f"nothing that can be put back: {exc}"))
                continue
            intake.redrive(order, record, state, out)


def _runs(events: Sequence[SourceRecord]) -> Iterator[tuple[str, Sequence[SourceRecord]]]:
    """Yield what is together of one partition: all, as a rule."""
    first, last = events[0], events[-1]
    if (first.topic, first.partition) == (last.topic, last.partition) and len(
        {(one.topic, one.partition) for one in events}
    ) == 1:
        yield first.topic, events
        return
    for (topic, _), run in groupby(events, lambda one: (one.topic, one.partition)):
        yield topic, list(run)
