"""Events of the log, encoded around their own JSON: the bytes that `aimass.codec` would write, many times as fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from aimass.records import Quality
from aimass.stages.base import SourceRecord

_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_REMEMBERED = 65_536


class Envelope:
    """Encodes the events of one pipeline.

    Examples
    --------
    >>> from aimass.testing import MemoryRecord
    >>> envelope = Envelope("demo")
    >>> keys, values = envelope.frames([MemoryRecord(b"{}", offset=7)], [None], ["ada"], [9.0], [b"{}"], [5], [None])
    >>> keys, values[0][:40], values[0][-29:]
    ([b'ada'], b'{"type":"event","id":"t-0-7","key":"ada"', b':["t",0,7],"data":{},"crc":5}')
    """

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._heads: dict[tuple[str, int], tuple[bytes, bytes]] = {}

    def frames(
        self,
        records: Sequence[SourceRecord],
        names: Sequence[str | None],
        keys: Sequence[str],
        times: Sequence[float],
        data: Sequence[bytes],
        checksums: Sequence[int],
        qualities: Sequence[Quality | None],
    ) -> tuple[list[bytes | None], list[bytes]]:
        """Return the keys and the values of events; without a name, an event's id is its place."""
        raw_keys: list[bytes | None] = []
        values: list[bytes] = []
        known, heads = self._keys, self._heads
        for record, name, key, time, own, checksum, quality in zip(
            records, names, keys, times, data, checksums, qualities, strict=True
        ):
            place = (record.topic, record.partition)
            head, middle = heads.get(place) or self._head(*place)
            offset = b"%d" % record.offset
            own_id = head + offset + b'"' if name is None else b'{"type":"event","id":' + _json(name)
            raw_key, key_json = known.get(key) or self._remember(key)
            seconds = repr(time).encode() if time >= 1.0 else _json(time)
            end = b',"crc":%d}' % checksum if checksum else b"}"
            if quality is not None:
                end = end[:-1] + b',"quality":' + _json(quality) + b"}"
            raw_keys.append(raw_key)
            values.append(b"".join((own_id, key_json, seconds, middle, offset, b'],"data":', own, end)))
        return raw_keys, values

    def _remember(self, key: str) -> tuple[bytes, bytes]:
        if len(self._keys) >= _REMEMBERED:  # a cache, rebuilt at will
            self._keys.clear()
        texts = self._keys[key] = (key.encode(), b',"key":' + _json(key) + b',"time":')
        return texts

    def _head(self, topic: str, partition: int) -> tuple[bytes, bytes]:
        """Return what stands before the first and the second offset of an event."""
        head = _json(f"{topic}-{partition}-")[:-1]
        middle = b',"pipeline":%b,"source":[%b,%d,' % (_json(self._pipeline), _json(topic), partition)
        found = self._heads[topic, partition] = (b'{"type":"event","id":' + head, middle)
        return found
