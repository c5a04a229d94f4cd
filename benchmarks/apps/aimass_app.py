"""aimass: an ordinary Faust agent over chunks; exactly once, state in RocksDB with a changelog."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from aimass import admin
from aimass.runtime.chunk import ChunkSchema
from aimass.runtime.engine import Engine, Wiring
from aimass.runtime.metrics import Metrics
from aimass.runtime.outputs import Channel
from aimass.runtime.store import RocksStore
from aimass.runtime.worker import configure_logging, started
from aimass.settings import Settings, kafka_options
from aimass.stages.base import Outputs
from aimass.state import ObjectSpec, State

ECHO_TS = "ECHO_TS" in os.environ
AGG: ObjectSpec[list[float]] = ObjectSpec("agg", orjson.dumps, orjson.loads)


class CountMean:
    """Count and running mean of field ``a`` per key."""

    name = "count"
    tick_s = None

    def on_batch(self, events: Sequence[Any], state: State, out: Outputs) -> None:
        """Take the next records."""
        table = state.objects(AGG)
        get, put, loads, dumps = table.get, table.put, orjson.loads, orjson.dumps
        values = []
        for record in events:
            event = loads(record.value)
            key, a = event["key"], event["a"]
            seen = get(key) or [0, 0.0]
            seen[0] += 1
            seen[1] += (a - seen[1]) / seen[0]
            put(key, seen)
            result = {"id": event["id"], "key": key, "n": seen[0], "mean": seen[1]}
            if ECHO_TS:
                result["ts"] = event["ts"]
            values.append(dumps(result))
        out.emit_encoded([record.key for record in events], values)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing to do."""


async def main(source: str, output: str, run: str, directory: Path) -> None:
    """Run until SIGTERM."""
    settings = Settings.from_env(os.environ)
    options = kafka_options(settings)
    changelog = f"{run}-changelog"
    wanted = [(changelog, 4, {"cleanup.policy": "compact"}), (f"{run}-dead", 4, {})]
    await admin.ensure_topics(options, wanted)
    engine = Engine(run, settings, RocksStore(directory), Metrics(), group=run)
    wiring = Wiring(CountMean, {source: None}, {"": Channel(output, 4)}, Channel(f"{run}-dead", 4), lambda _: changelog)
    runtime = engine.add("count", wiring)

    @engine.app.agent(engine.app.topic(source, schema=ChunkSchema()), name="count")
    async def count(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with started([engine]):
        await stop.wait()


if __name__ == "__main__":
    configure_logging("WARNING")
    asyncio.run(main(os.environ["IN"], os.environ["OUT"], os.environ["RUN"], Path(os.environ["STATE"]) / "rocks"))
