"""A broken database in a directory whose name contains "lock" was called one in use.

The message of RocksDB was searched for "lock", and it names the path: the worker refused to start, with wrong advice,
where it should have set the database aside and rebuilt it from the changelog.
"""

from pathlib import Path

from aimass.runtime.store import RocksStore


def test_a_broken_database_is_set_aside_whatever_its_path(tmp_path: Path) -> None:
    path = tmp_path / "clocks" / "db"
    RocksStore(path).close()
    (path / "CURRENT").write_bytes(b"MANIFEST-000999\n")
    store = RocksStore(path)
    assert store.partition("one").changelog_offset() == 0
    store.close()
