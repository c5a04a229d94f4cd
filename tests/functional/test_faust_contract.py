"""What `aimass/runtime/driver.py` overrides and uses of Faust and aiokafka is still what it was.

Fails with every new version of either: read what changed in the parts below, run the integration tests, and then
change the version here.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import aiokafka
import faust
import faust.topics as faust_topics
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport import conductor
from faust.transport.base import Transport as BaseTransport
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock
from faust.types import TP
from faust.types.tuples import Message

from aimass.runtime import driver
from aimass.runtime.chunk import Chunk, ChunkSchema
from aimass.runtime.driver import SCHEME, App, ChunkConsumer, Transport

FAUST, AIOKAFKA = "0.15.3", "0.14."

#: What is overridden: its parameters in Faust, and whether it is a coroutine.
CONSUMER = {
    "on_start": ([], True),
    "on_stop": ([], True),
    "_drain_messages": (["fetcher"], True),
    "_to_message": (["tp", "record"], False),
    "subscribe": (["topics"], True),
    "ack": (["message"], False),
    "_commit": (["offsets"], True),
    "commit": (["topics", "start_new_transaction"], True),
    "perform_seek": ([], True),
    "seek_to_committed": ([], True),
    "verify_event_path": (["now", "tp"], False),
    "assignment": ([], False),
    "highwater": (["tp"], False),
    "topic_partitions": (["topic"], False),
    "_new_topicpartition": (["topic", "partition"], False),
    "_getmany": (["active_partitions", "timeout"], True),
    "_seek": (["partition", "offset"], True),
    "seek_wait": (["partitions"], True),
    "position": (["tp"], True),
    "earliest_offsets": (["partitions"], True),
    "highwaters": (["partitions"], True),
    "key_partition": (["topic", "key", "partition"], False),
}
#: What is called, as it is.
USED = {
    "on_partitions_revoked": (["revoked"], True),
    "on_partitions_assigned": (["assigned", "generation_id"], True),
    "stop_flow": ([], False),
    "resume_flow": ([], False),
}
APP = {
    "_consumer_wait_empty": (["consumer", "logger"], True),
    "crash": (["reason"], True),
    "on_rebalance_start": ([], False),
    "create_event": (["key", "value", "headers", "message"], False),
}


def shape(owner: Any, name: str) -> tuple[list[str], bool]:
    """Return the parameters of a method, and whether it is a coroutine."""
    method = inspect.unwrap(getattr(owner, name))
    return [p for p in inspect.signature(method).parameters if p != "self"], inspect.iscoroutinefunction(method)


def test_this_version_of_faust_and_aiokafka_is_the_one_that_was_read() -> None:
    assert faust.__version__ == FAUST, f"{__doc__}"
    assert aiokafka.__version__.startswith(AIOKAFKA), f"{__doc__}"


@pytest.mark.parametrize("name", CONSUMER)
def test_consumer_methods_that_are_overridden_are_what_they_were(name: str) -> None:
    assert shape(Consumer, name) == CONSUMER[name]
    ours = shape(ChunkConsumer, name)
    assert ours == CONSUMER[name], "ours is called like Faust's"
    assert name in vars(ChunkConsumer)


def test_every_override_is_listed_here() -> None:
    overridden = {
        name
        for name, value in vars(ChunkConsumer).items()
        if inspect.isfunction(value) and hasattr(Consumer, name) and not name.startswith("__")
    }
    assert overridden == CONSUMER.keys() | {"create_topic"}
    own = {name for name, value in vars(App).items() if inspect.isfunction(value)}
    assert own == {"_consumer_wait_empty", "crash"}


def test_every_abstract_method_of_a_consumer_is_there() -> None:
    assert Consumer.__abstractmethods__, "there are some"
    assert not ChunkConsumer.__abstractmethods__
    assert Consumer.__abstractmethods__ <= vars(ChunkConsumer).keys()


@pytest.mark.parametrize("name", USED)
def test_consumer_methods_that_are_called_are_what_they_were(name: str) -> None:
    assert shape(Consumer, name) == USED[name]
    assert name not in vars(ChunkConsumer)


@pytest.mark.parametrize("name", ["callback", "can_resume_flow", "_unacked_messages", "consumer_stopped_errors"])
def test_consumer_attributes_that_are_used_are_there(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(Consumer) or hasattr(Consumer, name)


def test_flow_is_a_flag() -> None:
    assert "self.flow_active" in inspect.getsource(Consumer.stop_flow)
    assert Consumer.flow_active in (True, False)


@pytest.mark.parametrize("name", APP)
def test_app_methods_are_what_they_were(name: str) -> None:
    assert shape(faust.App, name) == APP[name]


def test_the_fetcher_asks_the_consumer_to_drain() -> None:
    assert "await consumer._drain_messages(self)" in inspect.getsource(Fetcher)


def test_partitions_are_let_go_of_when_they_are_revoked_and_at_the_end() -> None:
    for method in (faust.App._on_partitions_revoked, faust.App._stop_consumer):
        assert "self._consumer_wait_empty" in inspect.getsource(method) or "T(self._consumer_wait_empty)" in (
            inspect.getsource(method)
        )


def test_faust_commits_and_seeks_by_what_is_overridden_and_by_nothing_else() -> None:
    source = inspect.getsource(Consumer)
    assert source.count("await self._commit(") + source.count("T(self._commit)(") >= 1
    assert "def perform_seek" in source
    assert not hasattr(ChunkConsumer, "_commit_offsets") or "_commit_offsets" in vars(Consumer)


def test_the_transport_is_found_by_its_scheme() -> None:
    assert TRANSPORTS.aliases[SCHEME] == f"{driver.__name__}:{Transport.__name__}"
    assert TRANSPORTS.by_name(SCHEME) is Transport
    assert Transport.Consumer is ChunkConsumer
    assert issubclass(Transport, stock.Transport)
    assert {"Consumer", "Producer"} <= vars(BaseTransport).get("__annotations__", {}).keys()


def test_the_schema_decodes_messages() -> None:
    parameters, is_coroutine = shape(faust.Schema, "compile")
    assert parameters == ["app", "on_key_decode_error", "on_value_decode_error", "default_propagate"]
    assert not is_coroutine
    assert "self.schema.compile(" in inspect.getsource(faust_topics.Topic)
    assert "compile" in vars(ChunkSchema)


async def test_the_conductor_hands_a_chunk_to_its_topic_as_it_is() -> None:
    app = faust.App("contract", broker="aimass://127.0.0.1:1", store="memory://", web_enabled=False)
    tp = TP("in", 0)
    channel = app.topic("in", schema=ChunkSchema())
    chunk = Chunk(tp, [], 0, 7, 1)
    deliver = conductor.ConductorCompiler().build(app.topics, tp, {channel})
    app.flow_control.resume()
    await deliver(message(tp, chunk))
    event = await asyncio.wait_for(channel.queue.get(), 10)
    assert event.value is chunk


def message(tp: TP, chunk: Chunk) -> Message:
    """Make the message that carries a chunk, as the driver does."""
    consumer: Any = type("Bare", (), {"app": type("Bare", (), {"consumer_generation_id": 1})})
    record: Any = type("Bare", (), {"offset": 6, "timestamp": 0})
    full = Chunk(tp, [record], 0, chunk.next_offset, chunk.epoch)
    made = ChunkConsumer._to_message(consumer, tp, full)
    made.value = chunk  # type: ignore[assignment]
    return made


async def test_positions_stand_where_the_driver_reads_them() -> None:
    tp = aiokafka.TopicPartition("in", 0)
    subscriptions = SubscriptionState()
    subscriptions.assign_from_user({tp})
    assert subscriptions.is_assigned(tp)
    state = subscriptions.subscription.assignment.state_value(tp)
    assert not state.has_valid_position
    subscriptions.seek(tp, 5)
    assert state.has_valid_position
    assert state.position == 5
    assert "self.generation = " in inspect.getsource(GroupCoordinator)
    assert "self._subscription = " in inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "self._coordinator = " in inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert callable(aiokafka.AIOKafkaConsumer.last_stable_offset)
