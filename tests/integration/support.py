"""What the tests of survival share: a small pipeline, its workers as processes, and what subscribers see of it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from aimass.client import Message, Producer, Subscriber
from aimass.commands.pipelines import create_topics
from aimass.errors import WorldFault
from aimass.pipeline import Pipeline, load
from aimass.records import Tick
from aimass.runtime.replay import Replayed, run_replay
from aimass.settings import Settings

PATIENCE_S = float(os.environ.get("AIMASS_TEST_PATIENCE_S", "120"))
SESSION_S = 4
KEYS = 20
JARS = Path.home() / ".aimass" / "cache" / "jars"
_TOML = """
name = "{name}"

[[source]]
topic = "{name}.in"
key = "key"
time = "at"
id = "id"

[[detector]]
name = "odd"
fields = ["x"]

[[rule]]
name = "odd"
when = "odd.score > 3"

[[rule]]
name = "alarm"
when = "alarm == 1"
cooldown = "0s"
"""


async def until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S, every_s: float = 0.1) -> Any:
    """Ask until the answer is truthy, and return it; the patience is for a test that has failed, not for a slow one."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = holds()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"after {patience_s:.0f} s still not: {what}"
        await asyncio.sleep(every_s)


class Worker:
    """`aimass worker` as a process with a state directory of its own; `start` again after every end."""

    def __init__(self, flow: Flow, name: str, files: Sequence[Path], *arguments: str, **settings: str) -> None:
        self.state = flow.root / f"state-{name}"
        self.log = flow.root / f"worker-{name}.log"
        self._flow, self._files, self._arguments, self._settings = flow, files, arguments, settings
        self.process: subprocess.Popen[bytes] = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "aimass", "worker", *map(str, self._files), *self._arguments]
        own = {"AIMASS_STATE_DIR": str(self.state), **self._settings}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env={**self._flow.environment(), **own}, stdout=log, stderr=log)

    def start(self) -> None:
        """Start it (again), whatever became of the last one."""
        self.process = self._spawn()

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def lose_disk(self) -> None:
        """Delete its state."""
        shutil.rmtree(self.state, ignore_errors=True)

    async def ended(self, patience_s: float = PATIENCE_S) -> int:
        """Wait until it ends by itself, and return its exit status."""
        await until(lambda: not self.is_running, f"{self.log} ends\n{self.tail()}", patience_s)
        return int(self.process.returncode)

    async def stop(self) -> int:
        """SIGTERM it, and return its exit status."""
        self.send(signal.SIGTERM)
        return await self.ended()

    async def url(self) -> str:
        """Return the address of its web page, once it has one; it must have been started with a port."""
        card = self._flow.root / "workers" / f"{self.process.pid}.json"
        await until(card.exists, f"the worker is up\n{self.tail()}")
        return str(orjson.loads(card.read_bytes())["url"])

    def said(self, text: str) -> int:
        """Return how often its log has a text."""
        return self.text().count(text)

    def text(self) -> str:
        """Return all that it has said."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 25) -> str:
        """Return the last that it has said."""
        return "\n".join(self.text().splitlines()[-lines:])


@dataclass
class Flow:
    """A pipeline of the test's own with its workers, on a running Kafka."""

    name: str
    settings: Settings
    partitions: int = 2
    text: str = _TOML
    sent: list[str] = field(default_factory=list)
    alarms: set[str] = field(default_factory=set)
    workers: list[Worker] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.settings.home

    @property
    def file(self) -> Path:
        return self.root / f"{self.name}.toml"

    @property
    def pipeline(self) -> Pipeline:
        return load(self.file)

    @property
    def source(self) -> str:
        return f"{self.name}.in"

    def environment(self) -> dict[str, str]:
        """Return the environment of its workers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMASS_")}
        return {
            **kept,
            "AIMASS_HOME": str(self.root),
            "AIMASS_BOOTSTRAP_SERVERS": str(self.settings.bootstrap_servers),
            "AIMASS_SESSION_TIMEOUT_S": str(self.settings.session_timeout_s),
            "AIMASS_WEB_PORT": "0",
        }

    async def create(self) -> Flow:
        """Write the pipeline's file and make its topics."""
        self.file.write_text(self.text.format(name=self.name))
        await create_topics(replace(self.settings, partitions=self.partitions), [self.pipeline])
        return self

    def worker(self, *arguments: str, files: Sequence[Path] = (), **settings: str) -> Worker:
        """Start one more worker."""
        worker = Worker(self, f"{self.name}-{len(self.workers)}", files or [self.file], *arguments, **settings)
        self.workers.append(worker)
        return worker

    async def command(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `aimass` to its end."""
        command = [sys.executable, "-m", "aimass", *arguments]
        env = {**self.environment(), **settings}
        return await asyncio.to_thread(
            subprocess.run, command, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    async def printed(self, *arguments: str) -> list[Any]:
        """Run a command that succeeds with --json, and return what it prints."""
        ended = await self.command(*arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return [orjson.loads(line) for line in ended.stdout.splitlines()]

    def close(self) -> None:
        """End the workers that are still there."""
        for worker in self.workers:
            if worker.is_running:
                worker.kill()

    # -- events -------------------------------------------------------------------------------------------------------

    def events(self, count: int, *, all_alarm: bool = False) -> list[dict[str, Any]]:
        """Return the next events of the one stream of this pipeline: 20 keys, odd ones now and then, few alarms."""
        first = len(self.sent)
        made: list[dict[str, Any]] = []
        for n in range(first, first + count):
            noise = random.Random(n)
            x = noise.gauss(20.0, 1.0) + (50.0 if noise.random() < 0.01 else 0.0)
            alarm = int(all_alarm or n % 40 < 2)
            made.append({"id": f"e{n}", "key": f"k{n % KEYS}", "at": 1.7e9 + n * 0.05, "x": x, "alarm": alarm})
        self.sent += [one["id"] for one in made]
        self.alarms |= {f"{one['id']}-alarm" for one in made if one["alarm"]}
        return made

    async def produce(self, count: int, *, all_alarm: bool = False) -> None:
        """Send the next events."""
        events = self.events(count, all_alarm=all_alarm)
        async with Producer(self.settings) as producer:
            await producer.send_many(self.source, events, keys=[event["key"] for event in events])

    async def produce_until(self, done: asyncio.Event, every_s: float = 0.05, at_once: int = 20) -> None:
        """Send events steadily until told to stop: load."""
        async with Producer(self.settings) as producer:
            while not done.is_set():
                events = self.events(at_once)
                await producer.send_many(self.source, events, keys=[event["key"] for event in events])
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), every_s)

    # -- what came of them --------------------------------------------------------------------------------------------

    async def read(self, topic: str) -> list[Message]:
        """Return what a read-committed subscriber sees of a topic now, ticks left out."""
        async with Subscriber(topic, where=self.settings, from_="beginning", until_end=True) as subscriber:
            messages = [message async for message in subscriber.messages()]
        return [message for message in messages if not isinstance(message.record, Tick)]

    async def ids(self, last: str) -> list[str]:
        """Return the ids on one of the pipeline's topics."""
        return [message.record.id for message in await self.read(f"{self.name}.{last}")]

    async def finish(self) -> None:
        """Send a last event of each key, which alerts, and wait until all that was sent has come out at the end."""
        await self.produce(KEYS, all_alarm=True)
        await self.done()

    async def done(self) -> None:
        """Wait until all that was sent has come out."""

        async def all_out() -> bool:
            self.check_workers()
            try:
                if not set(self.sent) <= set(await self.ids("predictions")):
                    return False
                return self.alarms <= set(await self.ids("alerts"))
            except WorldFault:
                return False

        await until(all_out, f"all events are out\n{self.tails()}", every_s=1.0)

    def check_workers(self) -> None:
        """Fail when a worker has ended by itself."""
        for worker in self.workers:
            assert worker.process.poll() in (None, 0, -signal.SIGKILL, -signal.SIGTERM), worker.tail()

    def tails(self) -> str:
        """Return the last that each worker has said."""
        return "\n\n".join(f"{worker.log.name}:\n{worker.tail(8)}" for worker in self.workers)

    async def check(self) -> None:
        """Check that subscribers see every event once on each topic, and what an undisturbed run would have given.

        The undisturbed run is a replay of the log in this process: state that lost an event or saw one twice would
        give other scores.
        """
        expected = Counter(self.sent)
        for last in ("log", "predictions"):
            found = Counter(await self.ids(last))
            assert not expected - found, f"{last}: missing {_some(expected - found)}"
            assert not found - expected, f"{last}: doubled {_some(found - expected)}"
        found = Counter(await self.ids("alerts"))
        assert max(found.values()) == 1, f"alerts: doubled {_some(found - Counter(set(found)))}"
        assert self.alarms <= set(found)
        await self.compare(await self.replay("check"))

    async def replay(self, name: str) -> Replayed:
        """Replay the pipeline over its log."""
        return await asyncio.to_thread(run_replay, self.pipeline, self.settings, name, {})

    async def compare(self, replayed: Replayed) -> None:
        """Check that a replay's outputs are those of the workers, byte for byte and in order."""
        for last, other in (("predictions", replayed.predictions), ("alerts", replayed.alerts)):
            assert by_partition(await self.read(f"{self.name}.{last}")) == by_partition(await self.read(other)), last


def by_partition(messages: Iterable[Message]) -> dict[int, list[tuple[bytes | None, bytes | None]]]:
    """Return keys and values in order, by partition."""
    found: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
    for message in messages:
        found.setdefault(message.partition, []).append((message.key, message.value))
    return found


def _some(ids: Counter[str]) -> str:
    return f"{ids.total()}: {', '.join(sorted(ids)[:10])}"


@asynccontextmanager
async def flowing(
    settings: Settings, name: str, partitions: int = 2, session_s: int = SESSION_S, text: str = _TOML
) -> AsyncIterator[Flow]:
    """Yield a pipeline of the test's own, its topics made; end its workers afterwards."""
    flow = await Flow(name, replace(settings, session_timeout_s=session_s), partitions, text).create()
    try:
        yield flow
    finally:
        flow.close()
