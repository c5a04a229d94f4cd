"""Collect: from bytes on the user's topics to events and labels in the pipeline's one ordered log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from aimass.errors import BadEvent
from aimass.stages.base import Outputs, SourceRecord
from aimass.stages.control import ControlReader
from aimass.stages.labels import LabelReader
from aimass.stages.reader import Reader
from aimass.state import State

_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class CollectStage:
    """Decodes JSON events, finds their key and time, and puts them into the log; what is no event is rejected.

    State: none.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    readers
        One for each source topic and each topic of labels.
    control
        The reader of the control topic.

    Notes
    -----
    Numbers as times: below 1e11 they are seconds since 1970, below 1e14 milliseconds, below 1e17 microseconds, below
    1e20 nanoseconds. Text is ISO 8601; without an offset it is UTC. A repeated name in an object is
    accepted and the last one counts. An integer too large for 64 bits becomes the nearest float. White space
    around the object is dropped; between its braces, it goes on byte for byte.

    Examples
    --------
    >>> from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState
    >>> stage, out = CollectStage("demo", [Reader("t", key="pump")]), MemoryOutputs("log")
    >>> stage.on_batch([MemoryRecord(b'{"pump": 7}', offset=3), MemoryRecord(b"{", offset=4)], MemoryState(), out)
    >>> out.records("log")[0].key, out.rejected[0][1].args[0]
    ('7', 'truncated JSON at byte 1 of 1')
    """

    name = "collect"
    tick_s: float | None = None

    def __init__(self, pipeline: str, readers: Sequence[Reader], control: ControlReader | None = None) -> None:
        self._pipeline = pipeline
        self._control = control
        self._readers = {reader.topic: reader for reader in readers}
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._frames: dict[tuple[str, int], tuple[bytes, bytes]] = {}

    def on_batch(self, events: Sequence[SourceRecord], state: State, out: Outputs) -> None:
        """Turn the source's next records into events."""
        keys: list[bytes | None] = []
        values: list[bytes] = []
        readers, control, known, frames = self._readers, self._control, self._keys, self._frames
        for record in events:
            topic, place = record.topic, (record.topic, record.partition)
            try:
                if control is not None and topic == control.topic:
                    out.emit(control.order(record, self._pipeline), to="everywhere")
                    continue
                reader = readers[topic]
                if type(reader) is LabelReader:
                    label = reader.label(record, self._pipeline)
                    keys.append(label.key.encode())
                    values.append(_json(label))
                    continue
                data, name, key, time = reader.read(record)
            except BadEvent as exc:
                out.reject(record, exc)
                continue
            head, middle = frames.get(place) or self._frame(*place)
            offset = b"%d" % record.offset
            own_id = head + offset + b'"' if name is None else b'{"type":"event","id":' + _json(name)
            raw_key, key_json = known.get(key) or self._remember(key)
            seconds = repr(time).encode() if time >= 1.0 else _json(time)
            keys.append(raw_key)
            values.append(
                b"".join(
                    (own_id, key_json, seconds, middle, offset, b'],"data":', data, b"}")
                )  # as codec.encode has it
            )
        if values:
            out.emit_encoded(keys, values)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do as time passes."""

    def _remember(self, key: str) -> tuple[bytes, bytes]:
        if len(self._keys) >= 65_536:  # a cache, rebuilt at will
            self._keys.clear()
        texts = self._keys[key] = (key.encode(), b',"key":' + _json(key) + b',"time":')
        return texts

    def _frame(self, topic: str, partition: int) -> tuple[bytes, bytes]:
        """Return what stands before the first and the second offset of an event."""
        head = _json(f"{topic}-{partition}-")[:-1]
        middle = b',"pipeline":%b,"source":[%b,%d,' % (_json(self._pipeline), _json(topic), partition)
        frame = self._frames[topic, partition] = (b'{"type":"event","id":' + head, middle)
        return frame
