"""The runtime's figures: ``python -m benchmarks.runtime --json``. One broker, one topic, one process each, one run."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from aimass import admin
from aimass.broker import KafkaSpec, down, up
from aimass.client import Producer
from aimass.runtime.log import KafkaLog, Target
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import Partition, PartitionSpec
from aimass.runtime.store import RocksStore
from benchmarks import latency, outside
from benchmarks.apps.aimass_app import CountMean

APPS = "benchmarks.apps."
console = Console(stderr=True)
PIPELINE = """
name = "{name}"
[[source]]
topic = "{topic}"
key = "key"
time = "ts"
id = "id"
[[detector]]
name = "odd"
fields = ["a", "b", "c"]
{model}
[[rule]]
name = "every"
when = "{when}"
cooldown = "0s"
severity = "info"
"""
RARE = "a > 0.99"
MODEL = '[[model]]\nname = "y"\ntarget = "y"\nrecipe = "classifier"\n'


@contextlib.contextmanager
def broker(bootstrap: str | None) -> Iterator[str]:
    """Yield a Kafka: the one that is named, or a fresh embedded one that is stopped afterwards."""
    if bootstrap:
        yield bootstrap
        return
    with tempfile.TemporaryDirectory(prefix="aimass-bench-") as home:
        yield up(KafkaSpec(home=Path(home), port=0, cache=Path.home() / ".aimass" / "cache" / "jars")).bootstrap
        down(Path(home))


async def make_input(bootstrap: str, topic: str, events: int, keys: int = 1000) -> int:
    """Fill a topic of 4 partitions with JSON events of about 100 bytes, seeded; return how many have a > 0.99."""
    await admin.ensure_topics({"bootstrap_servers": bootstrap}, [(topic, outside.PARTITIONS, {})])
    numbers, rare = random.Random(7), 0
    async with Producer(bootstrap, linger_ms=20) as producer:
        for start in range(0, events, 10_000):
            batch = []
            for i in range(start, min(start + 10_000, events)):
                a, b, c = (round(numbers.random(), 6) for _ in range(3))
                y = int(a + b * b > 0.8 + 0.2 * c)
                batch.append({"id": i, "key": f"k{i % keys}", "ts": 1.7e9 + i * 0.01, "a": a, "b": b, "c": c, "y": y})
            rare += sum(event["a"] > 0.99 for event in batch)  # type: ignore[operator]
            await producer.send_many(topic, batch, keys=[event["key"] for event in batch])
    return rare


def python(module: str) -> list[str]:
    """Return the command that runs one of the apps."""
    return [sys.executable, "-m", APPS + module]


def throughput(bootstrap: str, topic: str, events: int) -> dict[str, Any]:
    """Measure the four systems on the same topic."""
    figures: dict[str, Any] = {}
    env = {
        **os.environ,
        "BOOTSTRAP": bootstrap,
        "IN": topic,
        "RUN": "bare-" + uuid.uuid4().hex[:8],
        "EVENTS": str(events),
    }
    bare = subprocess.run(python("bare_app"), env=env, capture_output=True, text=True, check=True).stdout.split()
    figures["bare_eps"], figures["bare_cpu_s_per_m"] = float(bare[1]), float(bare[2])
    for name, app, limit in (("aimass", "aimass_app", 1e9), ("quix", "quix_app", 30.0), ("faust", "faust_app", 20.0)):
        console.print(f"  {name} …")
        found = outside.run(python(app), bootstrap, topic, events, max_s=limit)
        figures[f"{name}_eps"], figures[f"{name}_cpu_s_per_m"] = found.eps, found.cpu_s_per_m
        figures[f"{name}_rss_mb"] = found.rss_mb
        if found.distinct != found.outputs:
            raise SystemExit(f"{name} wrote {found.outputs} records with {found.distinct} ids")
    figures["rss_mb"] = figures.pop("aimass_rss_mb")
    figures["aimass_to_faust"] = figures["aimass_eps"] / figures["faust_eps"]
    figures["aimass_to_quix"] = figures["aimass_eps"] / figures["quix_eps"]
    figures["aimass_to_bare"] = figures["aimass_eps"] / figures["bare_eps"]
    return figures


@contextlib.contextmanager
def process(command: list[str], env: dict[str, str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for as long as the block lasts."""
    with (directory / "log").open("wb") as log:
        child = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def stage_latency(bootstrap: str, rate: int, seconds: float) -> dict[str, Any]:
    """Measure one stage: event produced to its output read committed."""
    name = "bench-" + uuid.uuid4().hex[:8]
    source, output = f"{name}-in", f"{name}-out"
    asyncio.run(admin.ensure_topics({"bootstrap_servers": bootstrap}, [(source, 4, {}), (output, 4, {})]))
    with tempfile.TemporaryDirectory() as place:
        env = {"AIMASS_BOOTSTRAP_SERVERS": bootstrap, "IN": source, "OUT": output, "RUN": name, "STATE": place}
        env["ECHO_TS"] = "1"
        with process(python("aimass_app"), env, Path(place)):
            time.sleep(4)
            found = asyncio.run(latency.measure(bootstrap, source, output, rate, seconds, lambda out: float(out["ts"])))
    return {"latency_ms_p50": found.p50, "latency_ms_p99": found.p99}


def pipeline(bootstrap: str, topic: str, events: int, alerts: int, seconds: float) -> dict[str, Any]:
    """Measure COLLECT, SCORE and DECIDE in one worker: throughput with and without a model, event-to-alert latency."""
    figures: dict[str, Any] = {}
    for label, model in (("pipeline_eps", MODEL), ("pipeline_no_model_eps", "")):
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            with _worker(bootstrap, topic, model, place) as (name, child):
                figures[label], cpu = _drain(bootstrap, name, events, alerts, child.pid, place)
            figures[label.replace("eps", "cpu_s_per_m")] = cpu
    source = "bench-" + uuid.uuid4().hex[:8]
    asyncio.run(admin.ensure_topics({"bootstrap_servers": bootstrap}, [(source, 4, {})]))
    with tempfile.TemporaryDirectory() as place, _worker(bootstrap, source, MODEL, Path(place), "a >= 0") as (name, _):
        time.sleep(6)
        found = asyncio.run(
            latency.measure(bootstrap, source, f"{name}.alerts", 500, seconds, lambda out: float(out["time"]))
        )
    return figures | {"pipeline_latency_ms_p50": found.p50, "pipeline_latency_ms_p99": found.p99}


@contextlib.contextmanager
def _worker(
    bootstrap: str, topic: str, model: str, place: Path, when: str = RARE
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    name = "bench-" + uuid.uuid4().hex[:8]
    file = place / "pipeline.toml"
    file.write_text(PIPELINE.format(name=name, topic=topic, model=model, when=when))
    env = {"AIMASS_BOOTSTRAP_SERVERS": bootstrap, "AIMASS_HOME": str(place), "AIMASS_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "aimass"]
    subprocess.run(
        [*command, "topics", "create", str(file)], env={**os.environ, **env}, check=True, capture_output=True
    )
    with process([*command, "worker", str(file)], env, place) as child:
        yield name, child


def _drain(bootstrap: str, name: str, events: int, alerts: int, pid: int, place: Path) -> tuple[float, float]:
    """Wait until all is decided; return events a second, first log record to last prediction or alert, and CPU."""
    sampler = outside.Sampler([pid])
    sampler.start()
    options = {"bootstrap_servers": bootstrap}
    asyncio.run(outside.wait(options, f"{name}.alerts", alerts, 1e9, []))
    sampler.stop()
    found, ids = asyncio.run(outside.read(options, f"{name}.alerts"))
    predictions, distinct = asyncio.run(outside.read(options, f"{name}.predictions"))
    if len(ids) != alerts or len(found) != alerts or len(distinct) != events or len(predictions) != events:
        print((place / "log").read_text(), file=sys.stderr)
        raise SystemExit(f"{name}: {len(found)} of {alerts} alerts, {len(predictions)} of {events} predictions")
    log, _ = asyncio.run(outside.read(options, f"{name}.log"))
    start, end = log[0] / 1000, max(found[-1], predictions[-1]) / 1000
    return events / (end - start), sampler.between(start, end) / events * 1e6


def restore(bootstrap: str, rows: int) -> dict[str, Any]:
    """Measure the restore of a lost disk: changelog records into RocksDB, a second."""
    topic = "bench-" + uuid.uuid4().hex[:8]
    options = {"bootstrap_servers": bootstrap}
    asyncio.run(admin.ensure_topics(options, [(topic, 1, {"cleanup.policy": "compact"})]))

    async def fill() -> None:
        async with Producer(bootstrap, linger_ms=20) as producer:
            for start in range(0, rows, 10_000):
                keys = [f"agg\x00k{i}" for i in range(start, min(rows, start + 10_000))]
                await producer.send_many(topic, [b"[12,0.4987654321]"] * len(keys), keys=keys)

    async def read(directory: Path) -> float:
        dead = Channel(topic, 1)
        spec = PartitionSpec(topic, Target(topic, 0), Target(topic, 0), None)
        store = RocksStore(directory)
        outputs = OutputBuffer("bench", 0, {}, dead)
        partition = Partition(spec, CountMean(), store.partition(topic), outputs, KafkaLog(options, topic))
        started = time.monotonic()
        await partition.open()
        seconds = time.monotonic() - started
        await partition.close()
        store.close()
        return partition.restored_rows / seconds

    asyncio.run(fill())
    with tempfile.TemporaryDirectory() as place:
        return {"restore_rows_per_s": asyncio.run(read(Path(place)))}


def scaling(bootstrap: str, events: int) -> dict[str, Any]:
    """Measure how throughput and memory grow with keys, and throughput with workers."""
    figures: dict[str, Any] = {}
    for keys in (1_000, 10_000, 100_000, 1_000_000):
        topic = f"bench-keys-{keys}-{uuid.uuid4().hex[:6]}"
        count = max(events, keys * 2) if keys > 100_000 else events
        asyncio.run(make_input(bootstrap, topic, count, keys))
        figures[f"keys_{keys}"] = asdict(outside.run(python("aimass_app"), bootstrap, topic, count))
        if keys == 1_000:
            for workers in (2, 3):
                found = outside.run(python("aimass_app"), bootstrap, topic, count, processes=workers)
                figures[f"workers_{workers}"] = asdict(found)
    return figures


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.runtime")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--events", type=int, default=500_000, help="events in the topic")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each latency measurement")
    parser.add_argument("--bootstrap", help="a running Kafka (default: a fresh embedded one)")
    parser.add_argument("--only", nargs="*", help="throughput latency pipeline restore scaling")
    parser.add_argument("--scaling", action="store_true", help="also with 1,000 to 1,000,000 keys and 1 to 3 workers")
    args = parser.parse_args()
    wanted = args.only or ["throughput", "latency", "pipeline", "restore"] + ["scaling"] * args.scaling
    figures: dict[str, Any] = {"events": args.events}
    with broker(args.bootstrap) as bootstrap:
        topic = "bench-events-" + uuid.uuid4().hex[:8]
        parts = {
            "throughput": lambda: throughput(bootstrap, topic, args.events),
            "latency": lambda: stage_latency(bootstrap, 2_000, args.seconds),
            "pipeline": lambda: pipeline(bootstrap, topic, args.events, rare, args.seconds),
            "restore": lambda: restore(bootstrap, 1_000_000),
            "scaling": lambda: scaling(bootstrap, args.events),
        }
        rare = asyncio.run(make_input(bootstrap, topic, args.events))
        for part in wanted:
            console.print(f"{part} …")
            figures |= parts[part]()
    if args.json:
        print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.1f}" if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
