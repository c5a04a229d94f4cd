"""The embedded Kafka itself, on homes and ports of its own: it starts, survives kill -9, and stops."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from aimass.broker import KafkaSpec, down, start_broker, status, stop_broker, up
from aimass.broker.errors import PortOccupied
from aimass.broker.processes import find_broker

pytestmark = pytest.mark.kafka
JARS = Path.home() / ".aimass" / "cache" / "jars"
TOPIC = "kept"


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[KafkaSpec]:
    yield KafkaSpec(home=tmp_path, port=0, heap_mb=256, cache=JARS)
    down(tmp_path, timeout=5.0)


async def create(bootstrap: str, replication: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=replication)])
    finally:
        await admin.close()


async def produce(bootstrap: str, values: list[bytes], *, commit: bool = True) -> None:
    """Send all in one transaction."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="test") as producer:
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(TOPIC, value, partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


async def consume(bootstrap: str, count: int) -> list[bytes]:
    """Read that many committed values from the beginning."""
    partition = TopicPartition(TOPIC, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed") as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(count)]


async def settled(bootstrap: str, end: int) -> None:
    """Wait until the marker of the last transaction is written, too.

    The answer to an abort comes before it. A broker that dies in between may forget it when it starts (see
    `docs/operations/kafka.md`), and then the next commit makes the aborted record count.
    """
    partition = TopicPartition(TOPIC, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed") as consumer:
        async with asyncio.timeout(30):
            while (await consumer.end_offsets([partition]))[partition] < end:
                await asyncio.sleep(0.05)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_broker_lives_dies_and_keeps_its_data(spec: KafkaSpec) -> None:
    told: list[tuple[str, int, int]] = []
    first = up(spec, lambda *what: told.append(what))
    assert not first.already_running
    assert ("starting Kafka", 1, 1) in told
    assert all(path.exists() for path in first.log_files.values())

    second = up(spec)
    assert second.already_running
    assert (second.bootstrap, second.pids) == (first.bootstrap, first.pids)
    seen = status(spec.home)
    assert seen.running
    assert seen.healthy
    assert (seen.bootstrap, seen.pids) == (first.bootstrap, first.pids)

    asyncio.run(create(first.bootstrap, 1))
    asyncio.run(produce(first.bootstrap, [b"one", b"two"]))
    asyncio.run(produce(first.bootstrap, [b"never"], commit=False))
    asyncio.run(settled(first.bootstrap, 5))

    os.kill(first.pids[0], signal.SIGKILL)
    until(lambda: not status(spec.home).running)
    third = up(spec)
    assert not third.already_running
    assert third.bootstrap == first.bootstrap
    asyncio.run(produce(third.bootstrap, [b"three"]))
    assert asyncio.run(consume(third.bootstrap, 3)) == [b"one", b"two", b"three"]

    assert down(spec.home)
    assert not status(spec.home).running
    assert not down(spec.home)


def test_a_killed_up_is_taken_up_by_the_next(spec: KafkaSpec) -> None:
    """Killed while formatting, then while starting; the broker it left is found and not started twice."""
    code = (
        "import sys; from pathlib import Path; from aimass.broker import KafkaSpec, up\n"
        "up(KafkaSpec(home=Path(sys.argv[1]), port=0, heap_mb=256, cache=Path(sys.argv[2])))"
    )
    node = spec.home / "kafka" / "node-0"
    for moment in (lambda: any(node.glob("formatting-*/data")), lambda: find_broker(node) is not None):
        starter = subprocess.Popen([sys.executable, "-c", code, str(spec.home), str(JARS)])
        with starter:
            until(moment)
            starter.kill()
    pid = find_broker(node)
    running = up(spec)
    assert running.already_running
    assert running.pids == {0: pid}
    assert status(spec.home).healthy


def test_an_occupied_port_is_said_before_anything_starts(spec: KafkaSpec, kafka: str) -> None:
    port = int(kafka.rpartition(":")[2])
    with pytest.raises(PortOccupied, match=str(port)):
        up(KafkaSpec(home=spec.home, port=port, cache=JARS))
    assert not status(spec.home).running


def test_three_brokers_go_on_without_one_and_take_it_back(tmp_path: Path) -> None:
    spec = KafkaSpec(home=tmp_path, brokers=3, port=0, heap_mb=256, cache=JARS)
    with contextlib.ExitStack() as after:
        after.callback(down, tmp_path, timeout=2.0)
        running = up(spec)
        assert len(running.pids) == len(running.bootstrap.split(",")) == 3
        asyncio.run(create(running.bootstrap, 3))
        asyncio.run(produce(running.bootstrap, [b"before"]))
        stop_broker(tmp_path, 1, kill=True)
        assert [node.running for node in status(tmp_path).nodes] == [True, False, True]
        asyncio.run(produce(running.bootstrap, [b"without"]))
        start_broker(tmp_path, 1)
        assert status(tmp_path).healthy
        asyncio.run(produce(running.bootstrap, [b"after"]))
        assert asyncio.run(consume(running.bootstrap, 3)) == [b"before", b"without", b"after"]
