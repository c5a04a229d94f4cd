"""Gates that are closed at the door: read by every worker that runs COLLECT, whatever partitions it has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from aimass.codec import decoder
from aimass.errors import BadEvent, SourceStopped
from aimass.records import Gate
from aimass.settings import Settings, kafka_options

logger = logging.getLogger(__name__)
_decode = decoder(Gate)
_PAUSE_S = 1.0


class GateBoard(Mapping[str, str]):
    """By source, what closed gates do with its records: ``stop`` before ``quarantine``.

    Until it has read what gates there are, every source is stopped: nothing may pass a gate that is closed.
    """

    def __init__(self, pipeline: str, settings: Settings) -> None:
        self._place = TopicPartition(f"{pipeline}.gates", 0)
        self._options: dict[str, Any] = kafka_options(settings)
        self._closed: dict[str, dict[str, str]] = {}
        self._is_read = False

    def take(self, gate: Gate) -> None:
        """Note how a gate stands."""
        gates = self._closed.setdefault(gate.key, {})
        if gate.is_closed:
            gates[gate.gate] = gate.action
        else:
            gates.pop(gate.gate, None)

    def read(self) -> None:
        """Note that all gates there are have been taken."""
        self._is_read = True

    def __getitem__(self, source: str) -> str:
        if not self._is_read:
            raise SourceStopped(f"{self._place.topic} is being read: are gates closed?")
        actions = self._closed.get(source, {}).values()
        if not actions:
            raise KeyError(source)
        return "stop" if "stop" in actions else "quarantine"

    def __iter__(self) -> Iterator[str]:
        return iter([source for source, gates in self._closed.items() if gates])

    def __len__(self) -> int:
        return sum(map(bool, self._closed.values()))

    async def run(self) -> None:
        """Follow the gates until cancelled."""
        while True:
            try:
                await self._follow()
            except KafkaError as exc:
                logger.warning("gates are read again", extra={"why": repr(exc)})
                await asyncio.sleep(_PAUSE_S)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._options,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=500,
        )
        try:
            await consumer.start()
            consumer.assign([self._place])
            await consumer.seek_to_beginning(self._place)
            end = (await consumer.end_offsets([self._place]))[self._place]
            while True:
                if not self._is_read and await consumer.position(self._place) >= end:
                    self.read()
                for record in (await consumer.getmany(self._place, timeout_ms=200)).get(self._place, ()):
                    try:
                        self.take(_decode(record.value or b""))
                    except BadEvent as exc:
                        logger.error("no gate", extra={"offset": record.offset, "why": str(exc)})
        finally:
            await consumer.stop()
