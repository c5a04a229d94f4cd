"""A worker process: hosts pipelines until it is told to stop, and leaves with everything committed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson

from aimass import admin
from aimass.errors import ConfigurationError
from aimass.pipeline import Pipeline
from aimass.runtime.engine import Engine
from aimass.runtime.metrics import Metrics
from aimass.runtime.store import RocksStore
from aimass.runtime.warm import warm
from aimass.runtime.web import WorkerWeb
from aimass.settings import AGENTS, Settings, kafka_options

logger = logging.getLogger(__name__)
_QUIET = ("faust", "mode", "aiokafka", "aimass.runtime.driver", "asyncio", "httpx", "httpcore")
_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def run_worker(pipelines: Sequence[Pipeline], settings: Settings, agents: frozenset[str]) -> int:
    """Host pipelines in this process until SIGTERM or SIGINT, or until something fails for good.

    Parameters
    ----------
    pipelines
        What to host; their topics must exist.
    settings
        The worker's settings.
    agents
        Which of `aimass.settings.AGENTS` run here.

    Returns
    -------
    int
        The exit status: 0 when told to stop, 1 when something failed.
    """
    configure_logging(settings.log_level)
    return asyncio.run(_work(pipelines, settings, agents))


async def _work(pipelines: Sequence[Pipeline], settings: Settings, agents: frozenset[str]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = load_app()
    options = kafka_options(settings)
    there = await admin.list_topics(options)
    metrics = Metrics()
    with (
        state_directory(settings.state_dir) as directory,
        contextlib.closing(RocksStore(directory / "rocks")) as store,
    ):
        engines = []
        _warm(pipelines, agents)
        for pipeline in pipelines:
            layout = app.Layout.of(pipeline)
            _check(app, layout, there, agents)
            await admin.ensure_topics(options, layout.changelogs(there), replication=settings.replication)
            engine = Engine(pipeline.name, settings, store, metrics)
            app.build(engine, pipeline, layout, there, agents)
            engines.append(engine)
        async with _serving(engines, settings, metrics, store, agents):
            return await _run(engines, stop)


def _warm(pipelines: Sequence[Pipeline], agents: frozenset[str]) -> None:
    """Compile what is hot before the worker joins its group: afterwards, nothing may block for seconds."""
    if agents.isdisjoint({"score", "correlate"}):
        return
    began = time.monotonic()
    for pipeline in pipelines:
        warm(pipeline)
    logger.info("kernels ready", extra={"seconds": round(time.monotonic() - began, 1)})


async def _run(engines: Sequence[Engine], stop: asyncio.Event) -> int:
    async with started(engines):
        logger.info("worker started", extra={"pipelines": [engine.pipeline for engine in engines]})
        told = asyncio.ensure_future(stop.wait())
        waits: list[asyncio.Future[Any]] = [told, *(engine.failure for engine in engines)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
    failed = [engine.failure.result() for engine in engines if engine.failure.done()]
    for exc in failed:
        logger.error("worker failed", exc_info=exc)
    logger.info("worker stopped")
    return 1 if failed else 0


@asynccontextmanager
async def started(engines: Sequence[Engine]) -> AsyncIterator[None]:
    """Run the applications of engines for as long as the block lasts; then stop them, what is done committed."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # batches make many short-lived objects and no cycles
    try:
        for engine in engines:
            engine.failure = asyncio.get_running_loop().create_future()
            await engine.app.start()
        yield
    finally:
        for engine in engines:
            with contextlib.suppress(Exception):
                await engine.app.stop()


@asynccontextmanager
async def _serving(
    engines: Sequence[Engine], settings: Settings, metrics: Metrics, store: RocksStore, agents: frozenset[str]
) -> AsyncIterator[None]:
    """Serve the worker's web page, and list the worker in the home directory, for as long as the block lasts."""

    def refresh() -> None:
        metrics.state_bytes.set(store.size_bytes())
        for engine in engines:
            for lane in engine.lanes.values():
                lane.report()

    web = WorkerWeb(engines, metrics, settings.web_port, refresh)
    url = await web.start() if settings.web_port else None
    card = settings.home / "workers" / f"{os.getpid()}.json"
    card.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "pid": os.getpid(),
        "url": url,
        "pipelines": [engine.pipeline for engine in engines],
        "agents": sorted(agents),
        "started": time.time(),
    }
    card.write_bytes(orjson.dumps(facts))
    if url:
        logger.info("metrics and health", extra={"url": url})
    try:
        yield
    finally:
        card.unlink(missing_ok=True)
        await web.stop()


def _check(app: Any, layout: Any, there: dict[str, int], agents: frozenset[str]) -> None:
    unknown = agents - set(AGENTS)
    if unknown or not agents:
        raise ConfigurationError(f"no such agent: {', '.join(sorted(unknown))}; there are {', '.join(AGENTS)}.")
    missing = [name for name in (*layout.sources, *(topic.name for topic in layout.own)) if name not in there]
    if missing:
        raise ConfigurationError(
            f"topics are missing: {', '.join(missing)}. `aimass topics create PIPELINE.toml` makes them "
            "(`aimass run PIPELINE.toml` does it by itself)."
        )


@contextmanager
def state_directory(root: Path) -> Iterator[Path]:
    """Yield a directory that no other worker uses: the first free ``worker-N``, so that a restart finds its state."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1000):
        directory = root / f"worker-{number}"
        directory.mkdir(exist_ok=True)
        with (directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield directory
            return
    raise ConfigurationError(f"{root} has a thousand workers already: set AIMASS_STATE_DIR to another directory.")


def load_app() -> Any:
    """Import `agents.app`: from beside the package in a clone, from inside it in an installed wheel."""
    package = Path(__file__).parent.parent
    inside = package / "_app"
    place = str(inside if inside.is_dir() else package.parent)
    if place not in sys.path:
        sys.path.insert(0, place)
    return importlib.import_module("agents.app")


class _Lines(logging.Formatter):
    """One line a record: time, level, event name, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname:<7} {record.getMessage()}"
        fields = {name: value for name, value in vars(record).items() if name not in _EXTRA}
        line += "".join(f" {name}={value}" for name, value in fields.items() if name not in ("stack", "data"))
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging(level: str) -> None:
    """Log to standard error, one line a record; libraries only when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR if level != "DEBUG" else logging.DEBUG)
