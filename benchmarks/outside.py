"""Measures a stream processor from outside: what it wrote, by the broker's clock, and the CPU that it took."""

from __future__ import annotations

import asyncio
import bisect
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from aimass import admin

TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 4
_ID = re.compile(rb'"id":"?[^",]+')


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one system.

    Parameters
    ----------
    eps
        Outputs a second, from the first to the last by the broker's append time.
    cpu_s_per_m
        CPU seconds of the process per million outputs, between those two moments.
    rss_mb
        Its peak resident memory.
    outputs, distinct
        How many records it wrote, and how many different ids they have.
    """

    eps: float
    cpu_s_per_m: float
    rss_mb: float
    outputs: int
    distinct: int


class Sampler(threading.Thread):
    """Samples the CPU seconds of a process and its children, every 20 ms, until stopped."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self.cpu: list[float] = []
        self.rss_mb = 0.0
        self._pids = pids
        self._stop_it = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._stop_it.wait(0.02):
            try:
                cpu = sum(_cpu_ticks(pid) for pid in self._pids) / TICKS
                self.rss_mb = max(self.rss_mb, sum(_peak_mb(pid) for pid in self._pids))
            except OSError:
                continue
            self.times.append(time.time())
            self.cpu.append(cpu)

    def stop(self) -> None:
        """Stop sampling."""
        self._stop_it.set()
        self.join()

    def between(self, start: float, end: float) -> float:
        """Return the CPU seconds used between two moments."""
        at = [min(bisect.bisect(self.times, moment), len(self.cpu) - 1) for moment in (start, end)]
        return self.cpu[at[1]] - self.cpu[at[0]]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15])


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(
    command: Sequence[str], bootstrap: str, source: str, expected: int, *, max_s: float = 1e9, processes: int = 1
) -> Measured:
    """Run a system over a topic until it has written ``expected`` records, or for ``max_s`` after its first."""
    name = "bench-" + uuid.uuid4().hex[:8]
    output = f"{name}-out"
    options = {"bootstrap_servers": bootstrap}
    by_append = {"message.timestamp.type": "LogAppendTime"}
    asyncio.run(admin.ensure_topics(options, [(output, PARTITIONS, by_append)]))
    directory = Path(tempfile.mkdtemp(prefix=name))
    children = [_start(command, bootstrap, source, output, name, directory / str(i)) for i in range(processes)]
    sampler = Sampler([child.pid for child in children])
    sampler.start()
    try:
        asyncio.run(wait(options, output, expected, max_s, children))
    finally:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        sampler.stop()
    stamps, ids = asyncio.run(read(options, output))
    asyncio.run(admin.delete_topics(options, [output]))
    if len(stamps) < 2:
        raise SystemExit(f"{command}: no output\n" + (directory / "0" / "log").read_text()[-3000:])
    shutil.rmtree(directory, ignore_errors=True)
    start, end = stamps[0] / 1000, stamps[-1] / 1000
    return Measured(
        eps=len(stamps) / (end - start),
        cpu_s_per_m=sampler.between(start, end) / len(stamps) * 1e6,
        rss_mb=sampler.rss_mb,
        outputs=len(stamps),
        distinct=len(ids),
    )


def _start(
    command: Sequence[str], bootstrap: str, source: str, output: str, name: str, directory: Path
) -> subprocess.Popen[bytes]:
    directory.mkdir(parents=True)
    env = {
        **os.environ,
        "BOOTSTRAP": bootstrap,
        "AIMASS_BOOTSTRAP_SERVERS": bootstrap,
        "IN": source,
        "OUT": output,
        "RUN": name,
        "STATE": str(directory),
        "PYTHONHASHSEED": "0",
    }
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)


async def wait(
    options: dict[str, str], topic: str, expected: int, max_s: float, children: Sequence[subprocess.Popen[bytes]]
) -> None:
    tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(**options, isolation_level="read_committed")
    await consumer.start()
    first, last, moved = 0.0, -1, time.time()
    try:
        while True:
            await asyncio.sleep(0.25)
            now, end = time.time(), sum((await consumer.end_offsets(tps)).values())
            if end != last:
                last, moved = end, now
                first = first or (now if end else 0.0)
            finished = end >= expected and now - moved > 1.0
            if finished or (first and now - first > max_s) or now - moved > 60:
                return
            if children and all(child.poll() is not None for child in children):
                return
    finally:
        await consumer.stop()


async def read(options: dict[str, str], topic: str) -> tuple[list[int], set[bytes]]:
    """Return the sorted append times of all committed records, and their distinct values."""
    tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(
        **options,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    stamps: list[int] = []
    ids: set[bytes] = set()
    try:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                stamps.extend(record.timestamp for record in records)
                ids.update(_ID.search(record.value).group() for record in records)  # type: ignore[union-attr]
    finally:
        await consumer.stop()
    return sorted(stamps), ids
