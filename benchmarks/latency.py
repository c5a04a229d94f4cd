"""Latency from an event's production to an output that a read-committed subscriber has in hand, at a steady rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer

from aimass.client import Producer

KEYS = 1000


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds, and how many events they are of."""

    p50: float
    p99: float
    events: int


async def measure(
    bootstrap: str, source: str, output: str, rate: int, seconds: float, sent_at: Callable[[Any], float]
) -> Latency:
    """Produce at a rate and subscribe to the output; the first quarter of the time warms up and does not count.

    Parameters
    ----------
    sent_at
        Reads the time of production, in seconds, out of an output.
    """
    consumer = AIOKafkaConsumer(
        output,
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="latest",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    found: list[tuple[float, float]] = []

    async def listen() -> None:
        async for record in consumer:
            sent = sent_at(orjson.loads(record.value))
            found.append((sent, time.time() - sent))

    listener = asyncio.create_task(listen())
    await asyncio.sleep(1.0)
    began = time.time()
    await _produce(bootstrap, source, rate, seconds)
    await asyncio.sleep(3.0)
    listener.cancel()
    await consumer.stop()
    taken = sorted(delay * 1000 for sent, delay in found if sent > began + seconds / 4)
    if not taken:
        raise SystemExit(f"no outputs on {output}")
    return Latency(taken[len(taken) // 2], taken[int(len(taken) * 0.99)], len(taken))


async def _produce(bootstrap: str, topic: str, rate: int, seconds: float) -> None:
    """Send in steps of 5 ms: as steady as a busy machine allows."""
    step = 0.005
    async with Producer(bootstrap, linger_ms=0) as producer:
        began, sent = time.time(), 0
        while (elapsed := time.time() - began) < seconds:
            due = int(elapsed * rate)
            for number in range(sent, due):
                event = {
                    "id": number,
                    "key": f"k{number % KEYS}",
                    "ts": time.time(),
                    "a": 0.5,
                    "b": 0.1,
                    "c": 0.2,
                    "y": 0,
                }
                await producer.send(topic, event, key=event["key"])
            sent = max(sent, due)
            await asyncio.sleep(step)
