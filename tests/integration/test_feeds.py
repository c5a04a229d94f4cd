"""Feeds on a Kafka: whoever is killed, and whenever, each row comes once and in order."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

import topics.positions
from aimass.admin import ensure_topics
from aimass.client import Message, Subscriber
from aimass.errors import Fenced
from aimass.feeds.base import Portion, Row
from aimass.feeds.service import FeedService
from aimass.feeds.writer import place_of, writing
from aimass.pipeline.definition import SourceDef
from aimass.settings import Settings, kafka_options
from tests.integration.support import SESSION_S, until

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
KILLS = 3
_PROCESS = """
import asyncio, sys
from aimass.feeds.service import FeedService
from aimass.pipeline.definition import SourceDef
from aimass.settings import Settings

name, servers, session_s, *pairs = sys.argv[1:]
sources = [SourceDef(topic=topic, feed=feed) for topic, feed in zip(pairs[::2], pairs[1::2])]
settings = Settings(bootstrap_servers=servers, session_timeout_s=int(session_s), transaction_timeout_ms=2000)
asyncio.run(FeedService(name, sources, settings).run())
"""


class Feeding:
    """Processes that feed the topics of a pipeline, as workers do."""

    def __init__(self, settings: Settings, name: str, feeds: dict[str, str]) -> None:
        self._settings = settings
        pairs = [one for pair in feeds.items() for one in pair]
        self._command = [sys.executable, "-c", _PROCESS, name, str(settings.bootstrap_servers), str(SESSION_S), *pairs]
        self.log = settings.home / "feeding.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.processes.append(subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ))
        return self.processes[-1]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


@asynccontextmanager
async def feeding(settings: Settings, name: str, feeds: dict[str, str]) -> AsyncIterator[Feeding]:
    one = Feeding(settings, name, feeds)
    try:
        yield one
    finally:
        for process in one.processes:
            one.kill(process)


async def create(settings: Settings, name: str, *sources: str, **config: str) -> None:
    positions = topics.positions.TOPIC.of(name)
    wanted = [(topic, 2, config) for topic in sources]
    await ensure_topics(
        kafka_options(settings), [*wanted, (positions.name, positions.partitions or 12, positions.settings())]
    )


async def read(settings: Settings, topic: str) -> list[Message]:
    async with Subscriber(topic, where=settings, from_="beginning", until_end=True) as subscriber:
        return [message async for message in subscriber.messages()]


async def values(settings: Settings, topic: str) -> list[bytes]:
    return [message.value or b"" for message in await read(settings, topic)]


class Log:
    """Logs that are written and rotated for as long as one likes; `files` has what each file of a name held."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.files = folder, {name: list[list[bytes]]([[]]) for name in names}
        folder.mkdir()

    async def write(self, done: asyncio.Event, chance: random.Random) -> None:
        while not done.is_set():
            for name, files in self.files.items():
                made = [
                    b"%s.%d %d" % (name.encode(), len(files), len(files[-1]) + n) for n in range(chance.randrange(200))
                ]
                with (self.folder / name).open("ab") as file:
                    file.write(b"".join(line + b"\n" for line in made))
                files[-1] += made
                if chance.random() < 0.1:
                    self._rotate(self.folder / name)
                    files.append([])
            await asyncio.sleep(0.05)

    def _rotate(self, path: Path) -> None:
        for number in range(200, 0, -1):
            old = Path(f"{path}.{number}")
            if old.exists():
                old.rename(f"{path}.{number + 1}")
        path.rename(f"{path}.1")


async def test_lines_of_rotated_logs_come_once_and_in_order_whoever_is_killed(
    settings: Settings, unique: Unique, tmp_path: Path
) -> None:
    name, chance, done = unique("feed"), random.Random(6), asyncio.Event()
    topic = f"{name}.web"
    await create(settings, name, topic)
    logs = Log(tmp_path / "logs", ["a.log", "b.log"])
    async with feeding(settings, name, {topic: f"{logs.folder}/*"}) as workers:
        writing = asyncio.create_task(logs.write(done, chance))
        for _ in range(KILLS):
            before, process = len(await values(settings, topic)), workers.start()

            async def more(before: int = before) -> bool:
                return len(await values(settings, topic)) > before

            await until(more, f"more is fed\n{workers.tail()}")
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            workers.kill(process)
        done.set()
        await writing
        workers.start()
        written = [lines for files in logs.files.values() for lines in files]
        expected = Counter(line for lines in written for line in lines)

        async def all_in() -> bool:
            return len(await values(settings, topic)) >= expected.total()

        await until(all_in, f"all is fed\n{workers.tail()}", every_s=0.5)
        found = await values(settings, topic)
    assert Counter(found) == expected
    place = {line: number for number, line in enumerate(found)}
    for lines in written:
        assert sorted(lines, key=place.__getitem__) == lines, "each file is in order"


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Fenced):
            await task


async def fed(settings: Settings, topic: str, count: int) -> list[Message]:
    async def there() -> list[Message] | None:
        found = await read(settings, topic)
        return found if len(found) >= count else None

    return await until(there, f"{count} rows in {topic}")  # type: ignore[no-any-return]


async def test_whoever_takes_over_goes_on_and_the_other_ends(
    settings: Settings, unique: Unique, tmp_path: Path
) -> None:
    name = unique("feed")
    topic, log = f"{name}.web", tmp_path / "app.log"
    await create(settings, name, topic)
    sources = [SourceDef(topic=topic, feed=str(log), every=0.2)]
    log.write_bytes(b"one\n")
    counted: list[tuple[str, int]] = []
    first = FeedService(name, sources, settings, observe=lambda *told: counted.append(told))
    second = FeedService(name, sources, settings)
    async with running(first.run_alone()) as ending:
        await fed(settings, topic, 1)
        async with running(second.run_alone()):
            await until(lambda: second.states()[0].rows == 1, "the second has taken over")
            with log.open("ab") as file:
                file.write(b"two\n")
            with pytest.raises(Fenced, match="Let one of them run"):
                await asyncio.wait_for(ending, 30)
            found = [message.value for message in await fed(settings, topic, 2)]
    assert found == [b"one", b"two"]
    assert counted == [(topic, 1)]
    assert first.states()[0].error == "another worker has taken over"
    assert (second.states()[0].rows, second.states()[0].error) == (2, "")


async def test_feeds_are_shared_and_move(settings: Settings, unique: Unique, tmp_path: Path) -> None:
    name = unique("feed")
    names = [f"{name}.t{number}" for number in range(6)]
    await create(settings, name, *names)
    for number in range(6):
        (tmp_path / str(number)).write_bytes(b"one\n")
    sources = [SourceDef(topic=topic, feed=str(tmp_path / topic[-1])) for topic in names]
    quick = replace(settings, session_timeout_s=SESSION_S)
    first, second = FeedService(name, sources, quick), FeedService(name, sources, quick)

    def here(service: FeedService) -> set[str]:
        return {state.topic for state in service.states() if state.is_here}

    async with running(first.run()):
        await until(lambda: here(first) == set(names), "one worker runs all feeds")
        async with running(second.run()):
            await until(lambda: here(second) and here(first) | here(second) == set(names), "two workers share them")
            await until(lambda: not here(first) & here(second), "no feed is run by both")
        await until(lambda: here(first) == set(names), "one worker runs all feeds again")
        for number in range(6):
            with (tmp_path / str(number)).open("ab") as file:
                file.write(b"two\n")
        for topic in names:
            assert [message.value for message in await fed(settings, topic, 2)] == [b"one", b"two"]


async def test_a_feed_that_cannot_work_holds_up_no_other(settings: Settings, unique: Unique, tmp_path: Path) -> None:
    name = unique("feed")
    web, orders = f"{name}.web", f"{name}.orders"
    await create(settings, name, web, orders)
    (tmp_path / "app.log").write_bytes(b"one\n")
    query = "select * from orders where id > :cursor order by id"
    database = SourceDef(topic=orders, feed=f"sqlite:///{tmp_path}/shop.db", query=query, cursor="id", every=0.2)
    service = FeedService(name, [SourceDef(topic=web, feed=str(tmp_path)), database], settings)
    async with running(service.run()):
        await fed(settings, web, 1)
        await until(lambda: "there is no file" in service.states()[1].error, "the database's feed says what is wrong")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table orders (id integer, at text)")
        connection.executemany("insert into orders values (?, '')", [(number,) for number in range(1500)])
        connection.commit()
    async with running(FeedService(name, [database], settings).run_alone()):
        found = await fed(settings, orders, 1499)
    assert [message.value for message in found] == [b'{"id":%d,"at":""}' % number for number in range(1, 1500)]


async def test_a_line_that_the_topic_does_not_take_is_cut_off(
    settings: Settings, unique: Unique, tmp_path: Path
) -> None:
    name = unique("feed")
    topic, log = f"{name}.web", tmp_path / "app.log"
    await create(settings, name, topic, **{"max.message.bytes": "100000"})
    log.write_bytes(b"one\n" + os.urandom(60_000).hex().encode() + b"\n" + b"two\n" * 50_000)
    async with running(FeedService(name, [SourceDef(topic=topic, feed=str(log))], settings).run_alone()):
        found = await fed(settings, topic, 50_002)
    assert len(found) == 50_002
    assert found[0].value == b"one"
    assert dict(found[1].headers)["aimass.cut"] == b"120000"
    assert len(found[1].value or b"") < 5000


async def test_a_position_behind_another_feeds_open_transaction_is_found(settings: Settings, unique: Unique) -> None:
    name = unique("feed")
    mine = f"{name}.a"
    other = next(f"{name}.b{n}" for n in range(1000) if place_of(f"{name}.b{n}", 12) == place_of(mine, 12))
    await create(settings, name, mine, other)
    options = kafka_options(settings)
    hanging = AIOKafkaProducer(**options, transactional_id=unique("hanging"), transaction_timeout_ms=2000)
    await hanging.start()
    try:
        await hanging.begin_transaction()
        await hanging.send_and_wait(f"{name}.positions", b"{}", key=other.encode(), partition=place_of(mine, 12))
        async with writing(options, name, mine, "files", 10_000) as writer:
            await writer.write(Portion([Row(b"one")], {"at": 1}))
        async with writing(options, name, mine, "files", 10_000) as writer:
            assert (writer.position, writer.rows) == ({"at": 1}, 1)
    finally:
        with suppress(KafkaError):
            await hanging.stop()
