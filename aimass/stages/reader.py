"""Reads the records of a source topic: JSON objects, and where their id, key and time stand."""

from __future__ import annotations

from typing import Any

import orjson

from aimass.errors import BadEvent
from aimass.models.features import MISSING, getter
from aimass.quality.times import moment, unit
from aimass.stages.base import SourceRecord

MAX_DEPTH = 128
MAX_TEXT = 1024
_SPACE = b" \t\n\r"


class Reader:
    """Reads the records of one source topic: what its events' id, key and time are.

    Parameters
    ----------
    topic
        The topic.
    key, time, id
        Paths into the event, or ``@name``: a header of the Kafka record. Without them: the record's key (``""`` when it
        has none), its timestamp, and an id made of topic, partition and offset.

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
        self._heads = {path for path in (key, time, id) if path is not None and path[0] == "@"}

    def read(self, record: SourceRecord) -> tuple[bytes, str | None, str, float]:
        """Return an event's own JSON, its id (``None``: its position's), its key and its time.

        Raises
        ------
        BadEvent
            When the record is no event, with the reason.
        """
        value, data = self.decode(record)
        return value, self.name(record, data), *self.place(record, data)

    def name(self, record: SourceRecord, data: dict[str, Any]) -> str | None:
        """Return an event's own id; ``None``: its position's."""
        if self._heads:
            data = self._with_heads(record, data)
        return None if self._id is None else text_at(self._id(data), self.id, "id")

    def decode(self, record: SourceRecord) -> tuple[bytes, dict[str, Any]]:
        """Return a record's JSON object, as it came and decoded."""
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
        return value, data

    def place(self, record: SourceRecord, data: dict[str, Any]) -> tuple[str, float]:
        """Return key and time."""
        if self._heads:
            data = self._with_heads(record, data)
        key = self._record_key(record) if self._key is None else self._key(data)
        if type(key) is not str or len(key) > MAX_TEXT:
            key = text_at(key, self.key, "key")
        time = max(record.timestamp, 0) / 1000 if self._time is None else self._time(data)
        if type(time) is not float or not 0.0 <= time < 1e11:
            time = self.times(data)
        return key, time

    def _with_heads(self, record: SourceRecord, data: dict[str, Any]) -> dict[str, Any]:
        """Return what paths lead into, headers with it; a time among them may be a number in text."""
        found = dict(data)
        for name, value in record.headers:
            if f"@{name}" in self._heads:
                text = bytes(value).decode("utf-8", "replace")
                found[f"@{name}"] = int(text) if f"@{name}" == self.time and text.isdecimal() else text
        return found

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


def _seconds(value: float, path: str | None) -> float:
    found = unit(value)
    if found is None:
        raise BadEvent(f"the time at {path!r} is {value:.17g}: out of range")
    return found


def _iso(value: str, path: str | None) -> float:
    found = moment(value)
    if found is None:
        raise BadEvent(f"the time at {path!r} is {value[:40]!r}: not ISO 8601")
    return found


def text_at(value: Any, path: str | None, what: str) -> str:
    """Return what stands at a path as a name: text, or a whole number as text."""
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
