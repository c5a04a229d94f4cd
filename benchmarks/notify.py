"""From an event to a webhook: ``python -m benchmarks.notify --json``. One broker, one worker, one receiver, one run."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from aimass.client import Producer, Subscriber
from aimass.records import Delivery
from benchmarks.runtime import broker, process

PIPELINE = """
name = "{name}"

[[source]]
topic = "{name}.in"
key = "key"
time = "ts"
id = "id"

[[rule]]
name = "alarm"
when = "alarm == 1"
severity = "critical"

[alerts]
group_by = ["rule", "key"]

[[receiver]]
name = "hook"
kind = "webhook"
url = "{url}"
secret = "HOOK_SECRET"
allow_internal = true
"""


class Hook:
    """A receiver that answers at once; keeps when it was told of which key."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        self.calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the connection ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                body = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                now = time.time()
                self.calls += 1
                for told in orjson.loads(body)["data"]["alerts"]:
                    self.told.setdefault(told["key"], now)
                writer.write(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()


async def produce(bootstrap: str, topic: str, prefix: str, rate: int, seconds: float) -> dict[str, float]:
    """Send alarms at a rate, each of another key; return when, by key."""
    sent: dict[str, float] = {}
    async with Producer(bootstrap, linger_ms=0) as producer:
        began = time.time()
        while (elapsed := time.time() - began) < seconds:
            for number in range(len(sent), int(elapsed * rate)):
                key = f"{prefix}{number}"
                sent[key] = time.time()
                await producer.send(topic, {"id": key, "key": key, "ts": sent[key], "alarm": 1}, key=key)
            await asyncio.sleep(0.005)
    return sent


async def arrived(hook: Hook, sent: dict[str, float], patience_s: float) -> None:
    """Wait until all that was sent has been told of."""
    deadline = time.monotonic() + patience_s
    while not sent.keys() <= hook.told.keys():
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(sent.keys() - hook.told.keys())} of {len(sent)} alerts were not told")
        await asyncio.sleep(0.05)


async def attempts(bootstrap: str, name: str) -> dict[str, float]:
    """Return how long attempts took, the note before each among it, and how many there were."""
    async with Subscriber(f"{name}.deliveries", where=bootstrap, from_="beginning", until_end=True) as subscriber:
        records: list[Delivery] = [message.record async for message in subscriber.messages()]
    took = [one.took_ms for one in records if one.outcome == "sent"]
    return {"attempt_ms_p50": statistics.median(took), "attempts": float(len(took))}


async def measure(bootstrap: str, rate: int, seconds: float, place: Path) -> dict[str, Any]:
    """Run a worker, warm it up, and measure."""
    hook, name = Hook(), "bench-" + uuid.uuid4().hex[:8]
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
    file = place / "pipeline.toml"
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    file.write_text(PIPELINE.format(name=name, url=url))
    env = {
        "AIMASS_BOOTSTRAP_SERVERS": bootstrap,
        "AIMASS_HOME": str(place),
        "AIMASS_LOG_LEVEL": "WARNING",
        "AIMASS_WEB_PORT": "0",
        "HOOK_SECRET": "whsec_" + "A" * 44,
    }
    command = [sys.executable, "-m", "aimass"]
    made = [*command, "topics", "create", str(file)]
    await asyncio.to_thread(subprocess.run, made, env={**os.environ, **env}, check=True, capture_output=True)
    with process([*command, "worker", str(file)], env, place):
        try:
            await arrived(hook, await produce(bootstrap, f"{name}.in", "w", rate, 5.0), 60.0)
            sent = await produce(bootstrap, f"{name}.in", "k", rate, seconds)
            await arrived(hook, sent, 60.0)
        except SystemExit:
            print((place / "log").read_text(), file=sys.stderr)
            raise
        found = await attempts(bootstrap, name)
    server.close()
    taken = sorted((hook.told[key] - at) * 1000 for key, at in sent.items())
    return {
        "notify_latency_ms_p50": taken[len(taken) // 2],
        "notify_latency_ms_p99": taken[int(len(taken) * 0.99)],
        "alerts": len(taken),
        "rate_per_s": rate,
        **found,
    }


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.notify")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--rate", type=int, default=50, help="alerts a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the measurement")
    parser.add_argument("--bootstrap", help="a running Kafka (default: a fresh embedded one)")
    args = parser.parse_args()
    with broker(args.bootstrap) as bootstrap, tempfile.TemporaryDirectory() as place:
        figures = asyncio.run(measure(bootstrap, args.rate, args.seconds, Path(place)))
    if args.json:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in figures.items():
        Console().print(f"{name}: {value:,.1f}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
