"""What a partition's store promises, in memory and on RocksDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimass.errors import StateError
from aimass.runtime.store import MemoryPartition, PartitionStore, RocksStore
from tests.unit.runtime.memory_log import rows_of


@pytest.fixture(scope="module")
def rocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RocksStore]:
    store = RocksStore(tmp_path_factory.mktemp("rocks") / "db")
    yield store
    store.close()


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, rocks: RocksStore) -> PartitionStore:
    if request.param == "memory":
        return MemoryPartition()
    partition = rocks.partition("one")
    partition.clear()
    return partition


def test_a_new_store_is_empty_and_reaches_nothing(store: PartitionStore) -> None:
    assert store.get_many([]) == []
    assert store.get_many([b"a", b"b"]) == [None, None]
    assert list(store.scan(b"")) == []
    assert store.changelog_offset() == 0


def test_rows_and_the_offset_that_they_reach_are_written_together(store: PartitionStore) -> None:
    store.write({b"t\0a": b"1", b"t\0b": b"", b"u\0a": b"2"}, 7)
    store.write({b"t\0a": None, b"t\0never": None, b"t\0c": b"3"}, 9)
    assert store.get_many([b"t\0c", b"t\0a", b"t\0b", b"t\0b"]) == [b"3", None, b"", b""]
    assert store.changelog_offset() == 9
    store.write({}, 12)
    assert store.changelog_offset() == 12


def test_a_scan_is_of_a_prefix_and_in_the_order_of_the_keys(store: PartitionStore) -> None:
    rows = {b"t\0b": b"2", b"t\0\xff": b"4", b"t\0": b"0", b"t\0a": b"1", b"s\0z": b"9", b"t\x01a": b"8", b"u\0a": b"9"}
    store.write(rows, 1)
    assert list(store.scan(b"t\0")) == [(b"t\0", b"0"), (b"t\0a", b"1"), (b"t\0b", b"2"), (b"t\0\xff", b"4")]
    assert list(store.scan(b"none")) == []


def test_a_scan_of_everything_shows_rows_only(store: PartitionStore) -> None:
    rows = {b"\0progress": b"{}", b"t\0a": b"1"}
    store.write(rows, 5)
    assert list(store.scan(b"")) == sorted(rows.items())


def test_a_scan_sees_the_rows_of_when_it_began(store: PartitionStore) -> None:
    store.write({b"t\0a": b"1", b"t\0b": b"1"}, 1)
    scan = store.scan(b"t\0")
    first = next(scan)
    store.write({b"t\0b": b"2", b"t\0c": b"3"}, 2)
    assert [first, *scan] == [(b"t\0a", b"1"), (b"t\0b", b"1")]


def test_a_cleared_store_has_forgotten_everything(store: PartitionStore) -> None:
    store.write({b"t\0a": b"1", b"\xff\xff": b"2"}, 7)
    store.clear()
    assert list(store.scan(b"")) == []
    assert store.get_many([b"t\0a", b"\xff\xff"]) == [None, None]
    assert store.changelog_offset() == 0


def test_partitions_of_one_worker_do_not_see_each_other(rocks: RocksStore) -> None:
    stores = {name: rocks.partition(name) for name in ("p", "p.1", "p.10", "p.11", "q")}
    for i, (name, store) in enumerate(stores.items()):
        store.write({b"k": name.encode()}, i)
    stores["p.1"].clear()
    assert [list(store.scan(b"")) for store in stores.values()] == [
        [(b"k", b"p")],
        [],
        [(b"k", b"p.10")],
        [(b"k", b"p.11")],
        [(b"k", b"q")],
    ]
    assert [store.changelog_offset() for store in stores.values()] == [0, 0, 2, 3, 4]


keys = st.sampled_from([b"", b"a", b"a\0", b"a\0b", b"b", b"\xff", b"t\0x"])
writes = st.lists(st.tuples(st.dictionaries(keys, st.none() | st.binary(max_size=3)), st.integers(0, 99)), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes, keys)
def test_memory_and_rocksdb_agree(rocks: RocksStore, batches: list[tuple[Any, int]], prefix: bytes) -> None:
    memory, disk = MemoryPartition(), rocks.partition("model")
    disk.clear()
    for rows, offset in batches:
        memory.write(rows, offset)
        disk.write(rows, offset)
    assert rows_of(disk) == rows_of(memory)
    assert list(disk.scan(prefix)) == list(memory.scan(prefix))
    assert disk.changelog_offset() == memory.changelog_offset()


def test_a_worker_that_opens_its_store_again_finds_what_it_wrote(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "db")
    first.partition("one").write({b"a": b"1"}, 3)
    first.close()
    again = RocksStore(tmp_path / "db")
    assert list(again.partition("one").scan(b"")) == [(b"a", b"1")]
    assert again.partition("one").changelog_offset() == 3
    assert again.size_bytes() > 0
    again.close()


def test_a_directory_of_another_worker_is_refused_and_left_alone(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "db")
    first.partition("one").write({b"a": b"1"}, 3)
    with pytest.raises(StateError, match="AIMASS_STATE_DIR"):
        RocksStore(tmp_path / "db")
    assert first.partition("one").get_many([b"a"]) == [b"1"]
    first.close()


def test_a_broken_database_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "db")
    first.partition("one").write({b"a": b"1"}, 3)
    first.close()
    (tmp_path / "db" / "CURRENT").write_bytes(b"nonsense")
    again = RocksStore(tmp_path / "db")
    assert again.partition("one").changelog_offset() == 0
    assert (tmp_path / "db.broken").is_dir()
    again.close()
