"""Collect: from bytes on the user's topics to events in the pipeline's one ordered log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from aimass.errors import BadEvent
from aimass.models.features import MISSING, getter
from aimass.stages.base import Outputs, SourceRecord, State

MAX_DEPTH = 128
MAX_TEXT = 1024
_SPACE = b" \t\n\r"
_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))  # whole: Python divides exactly


class Reader:
    """Reads the records of one source topic: what its events' id, key and time are.

    Parameters
    ----------
    topic
        The topic.
    key, time, id
        Paths into the event. Without them: the Kafka record's key (``""`` when it has none), its timestamp, and an id
        made of topic, partition and offset.

    Examples
    --------
    >>> Reader("t", key="pump", time="at").times({"at": 1700000000123})
    1700000000.123
    """

    def __init__(self, topic: str, key: str | None = None, time: str | None = None, id: str | None = None) -> None:
        self.topic = topic
        self.key, self.time, self.id = key, time, id
        self._key = None if key is None else getter(key)
        self._time = None if time is None else getter(time)
        self._id = None if id is None else getter(id)

    def read(self, record: SourceRecord) -> tuple[bytes, str | None, str, float]:
        """Return an event's own JSON, its id (``None``: its position's), its key and its time.

        Raises
        ------
        BadEvent
            When the record is no event, with the reason.
        """
        value = record.value
        if not value:
            raise BadEvent("no value (a tombstone)" if value is None else "an empty value")
        if value[0] != 123 or value[-1] != 125:
            value = value.strip(_SPACE)
        if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
            _check_depth(value)
        try:
            data = orjson.loads(value)
        except orjson.JSONDecodeError as exc:
            raise BadEvent(_why_not_json(value, exc)) from exc
        if type(data) is not dict:
            raise BadEvent(f"not a JSON object but {_kind(data)}")
        name = None if self._id is None else _text(self._id(data), self.id, "id")
        key = self._record_key(record) if self._key is None else self._key(data)
        if type(key) is not str or len(key) > MAX_TEXT:
            key = _text(key, self.key, "key")
        time = max(record.timestamp, 0) / 1000 if self._time is None else self._time(data)
        if type(time) is not float or not 0.0 <= time < 1e11:
            time = self.times(data)
        return value, name, key, time

    def _record_key(self, record: SourceRecord) -> str:
        try:
            key = (record.key or b"").decode()
        except UnicodeDecodeError as exc:
            raise BadEvent("the Kafka record's key is not UTF-8; name a field as the key") from exc
        return _short(key, "the Kafka record's key")

    def times(self, data: Any) -> float:
        """Return the time that a decoded event bears."""
        if self._time is None:
            raise BadEvent("the Kafka record's timestamp is out of range; name a field as the time")
        value = self._time(data)
        kind = type(value)
        if kind is float or kind is int:
            return _seconds(value, self.time)
        if value is MISSING:
            raise BadEvent(f"no time: nothing at {self.time!r}")
        if kind is str:
            return _seconds(_iso(value, self.time), self.time)
        raise BadEvent(f"the time at {self.time!r} is {_kind(value)}, not a number or ISO 8601 text")


class CollectStage:
    """Decodes JSON events, finds their key and time, and puts them into the log; what is no event is rejected.

    State: none.

    Parameters
    ----------
    pipeline
        The pipeline's name.
    readers
        One for each source topic.

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

    def __init__(self, pipeline: str, readers: Sequence[Reader]) -> None:
        self._pipeline = pipeline
        self._readers = {reader.topic: reader for reader in readers}
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._frames: dict[tuple[str, int], tuple[bytes, bytes]] = {}

    def on_batch(self, events: Sequence[SourceRecord], state: State, out: Outputs) -> None:
        """Turn the source's next records into events."""
        keys: list[bytes | None] = []
        values: list[bytes] = []
        readers, known, frames = self._readers, self._keys, self._frames
        for record in events:
            topic, place = record.topic, (record.topic, record.partition)
            try:
                data, name, key, time = readers[topic].read(record)
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


def _seconds(value: float, path: str | None) -> float:
    if value >= 0:
        for limit, unit in _UNITS:
            if value < limit:
                return value / unit
    raise BadEvent(f"the time at {path!r} is {value:.17g}: out of range")


def _iso(value: str, path: str | None) -> float:
    try:
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as exc:
        raise BadEvent(f"the time at {path!r} is {value[:40]!r}: not ISO 8601") from exc


def _text(value: Any, path: str | None, what: str) -> str:
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is not str:
        if value is MISSING:
            raise BadEvent(f"no {what}: nothing at {path!r}")
        raise BadEvent(f"the {what} at {path!r} is {_kind(value)}, not text or a whole number")
    return _short(value, f"the {what} at {path!r}")


def _short(text: str, what: str) -> str:
    if len(text) > MAX_TEXT:
        raise BadEvent(f"{what} has {len(text):,} characters, more than {MAX_TEXT:,}")
    return text


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _check_depth(value: bytes) -> None:
    """Raise when brackets outside of texts are nested too deep for a decoder to be safe."""
    depth = 0
    for i, part in enumerate(value.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')):
        if i % 2 == 0:
            for byte in part:
                depth += (byte in b"[{") - (byte in b"]}")
                if depth > MAX_DEPTH:
                    raise BadEvent(f"nested deeper than {MAX_DEPTH} levels")


def _why_not_json(value: bytes, exc: orjson.JSONDecodeError) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as bad:
        return f"not UTF-8: byte {bad.start} is 0x{value[bad.start]:02x}"
    at = len(text[: exc.pos].encode())
    if text[exc.pos :].startswith(("NaN", "Infinity", "-Infinity")) or text[max(exc.pos - 1, 0) :].startswith("-Inf"):
        return f"NaN or Infinity at byte {at}: not JSON"
    if at >= len(value) or not text[exc.pos :].strip():
        return f"truncated JSON at byte {len(value)} of {len(value)}"
    if "infinity" in exc.msg:
        return f"a number too large at byte {at}"
    return f"not JSON at byte {at}: {exc.msg.partition(':')[0]}"
