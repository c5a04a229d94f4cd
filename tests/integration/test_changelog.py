"""State restored from changelogs as a real broker leaves them: compacted, emptied, ended by markers, cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from aimass.admin import end_offsets, ensure_topics
from aimass.runtime.log import KafkaLog, Target
from aimass.runtime.outputs import Channel, OutputBuffer
from aimass.runtime.partition import PROGRESS, Partition, PartitionSpec
from aimass.runtime.store import RocksStore
from aimass.settings import Settings, kafka_options
from aimass.stages.base import Outputs
from aimass.state import ObjectSpec, State
from tests.integration.support import PATIENCE_S, until
from tests.unit.runtime.harness import Record

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]
#: Compacts at once, tombstones and all: a segment a commit, and nothing is too clean or too young.
EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "50",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
    "min.compaction.lag.ms": "0",
}
COUNTS = ObjectSpec("counts", lambda n: str(n).encode(), int)


class CountStage:
    """Counts each key's records; a tombstone forgets the key."""

    name = "count"
    tick_s: float | None = None

    def on_batch(self, events: Sequence[Any], state: State, out: Outputs) -> None:
        counts = state.objects(COUNTS)
        for record in events:
            key = record.key.decode()
            if record.value is None:
                counts.delete(key)
            else:
                counts.put(key, (counts.get(key) or 0) + 1)

    def on_time(self, now: float, state: State, out: Outputs) -> None:
        """Nothing."""


class Bench:
    """A stage's partition on a real changelog, opened again and again with stores that may be lost."""

    def __init__(self, settings: Settings, name: str, root: Path) -> None:
        self.options = kafka_options(settings)
        self.name, self.root = name, root
        self.source, self.changelog = Target(f"{name}.in", 0), Target(f"{name}-changelog", 0)
        self.log = KafkaLog(self.options, name)
        self.read = 0

    async def create(self, config: dict[str, str]) -> Bench:
        await ensure_topics(self.options, [(self.source.topic, 1, {}), (self.changelog.topic, 1, config)])
        return self

    @asynccontextmanager
    async def opened(self, directory: str) -> AsyncIterator[Partition]:
        """Open the partition: its restore must end."""
        store = RocksStore(self.root / directory)
        spec = PartitionSpec(self.name, self.source, self.changelog, None)
        outputs = OutputBuffer("count", 0, {"": Channel("none", 1)}, Channel("none", 1))
        partition = Partition(spec, CountStage(), store.partition(self.name), outputs, self.log)
        try:
            await asyncio.wait_for(partition.open(), PATIENCE_S)
            yield partition
        finally:
            await partition.close()
            store.close()

    async def take(self, partition: Partition, *keys: str, value: bytes | None = b"1") -> None:
        """Take records of these keys, and commit."""
        records = [Record(self.read + i, value, key.encode()) for i, key in enumerate(keys)]
        self.read += len(keys)
        partition.take(records, self.read)
        await partition.commit()

    async def rows(self, directory: str) -> dict[bytes, bytes]:
        """Open, and return all rows."""
        async with self.opened(directory) as partition:
            return dict(partition.state.store.scan(b""))

    async def kept(self) -> list[int]:
        """Return the offsets of what the changelog still has."""
        tp = TopicPartition(*self.changelog)
        found: list[int] = []
        async with AIOKafkaConsumer(**self.options, isolation_level="read_committed") as consumer:
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            end = (await consumer.end_offsets([tp]))[tp]
            while await consumer.position(tp) < end:
                fetched = await consumer.getmany(tp, timeout_ms=500)
                found += [record.offset for record in fetched.get(tp, ())]
        return found


@pytest.fixture
def bench(settings: Settings, unique: Unique, tmp_path: Path) -> Bench:
    return Bench(settings, unique("changelog"), tmp_path)


async def test_a_compacted_changelog_restores(bench: Bench) -> None:
    await bench.create(EAGER)
    async with bench.opened("first") as partition:
        for _ in range(20):
            await bench.take(partition, "a", "b", "gone", "c")
        await bench.take(partition, "gone", value=None)
        written = len(await bench.kept())

        async def compacted() -> bool:
            await bench.take(partition, "a")  # rolls the segment before it, which may then be compacted
            return len(await bench.kept()) < written / 2

        await until(compacted, "Kafka has compacted the changelog", every_s=0.5)
        expected = dict(partition.state.store.scan(b""))
    assert b"gone" not in b" ".join(expected)
    assert await bench.rows("lost") == expected
    async with bench.opened("another") as partition:
        assert partition.position == bench.read
        await bench.take(partition, "a", "gone")
        expected = dict(partition.state.store.scan(b""))
    assert await bench.rows("first") == expected, "a directory left behind catches up through what was compacted"


async def test_an_empty_changelog_restores_to_nothing(bench: Bench) -> None:
    await bench.create({"cleanup.policy": "compact"})
    async with bench.opened("first") as partition:
        assert partition.position is None
        assert partition.restored_rows == 0
    assert await bench.rows("first") == {}


async def test_a_changelog_whose_records_are_all_gone_restores_to_nothing(bench: Bench) -> None:
    await bench.create({"cleanup.policy": "compact,delete"})
    async with bench.opened("first") as partition:
        await bench.take(partition, "a")
    tp = TopicPartition(*bench.changelog)
    end = (await end_offsets(bench.options, [tp.topic]))[tp]
    admin = AIOKafkaAdminClient(**bench.options)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=end)})
    finally:
        await admin.close()
    async with bench.opened("lost") as partition:
        assert partition.position is None
        await bench.take(partition, "a")
    assert PROGRESS in await bench.rows("lost")


@pytest.mark.parametrize("tail", ["committed", "aborted", "cut off"])
async def test_a_changelog_that_ends_in_markers_restores_to_its_end(bench: Bench, unique: Unique, tail: str) -> None:
    """The end of the changelog is a marker, or many, or records of a transaction that its killed writer left open."""
    await bench.create({"cleanup.policy": "compact"})
    async with bench.opened("first") as partition:
        await bench.take(partition, "a", "b", "a")
        expected = dict(partition.state.store.scan(b""))
    own = tail == "cut off"
    name = bench.name if own else unique("other")
    producer = AIOKafkaProducer(**bench.options, transactional_id=name)
    await producer.start()
    try:
        for _ in range(3):
            await producer.begin_transaction()
            await producer.send_and_wait(bench.changelog.topic, b"0", key=b"never", partition=0)
            if own:
                break
            if tail == "aborted":
                await producer.abort_transaction()
            else:
                await producer.send_and_wait(bench.changelog.topic, None, key=b"never", partition=0)
                await producer.commit_transaction()
        for directory in ("first", "lost"):
            assert await bench.rows(directory) == expected
            async with bench.opened(directory) as partition:
                assert partition.position == bench.read
    finally:
        await abandon(producer)


async def abandon(producer: AIOKafkaProducer) -> None:
    """Let a producer go that a later one may have fenced."""
    await producer.client.close()
    await producer._sender.close()
