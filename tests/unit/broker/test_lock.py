"""The lock of Kafka's jars and the fetching under it."""

import hashlib
import os
from pathlib import Path

import pytest
import requests
from jgo.maven import Artifact

from aimass.broker import download as fetching
from aimass.broker.errors import ChecksumMismatch, DiskFull, JarUnavailable, LockUnreadable, NoNetwork
from aimass.broker.jars import fetch_jars
from aimass.broker.lock import Jar, kafka_version, load_lock, parse_lock

RIGHT = b"the right bytes"
JAR = Jar("org.example:thing:1.0", len(RIGHT), hashlib.sha256(RIGHT).hexdigest())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven repository on disk, in the place of the machine's own."""
    folder = tmp_path / "m2"
    monkeypatch.setattr(fetching, "local_repository", lambda: folder)
    return folder


def serve(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> list[int]:
    """Let every fetch give these bytes or fail so; returns a list that grows with each."""
    calls: list[int] = []

    def resolve(artifact: Artifact) -> Path:
        calls.append(1)
        if isinstance(answer, Exception):
            raise answer
        path = artifact.cached_path
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(answer)
        return path

    monkeypatch.setattr(Artifact, "resolve", resolve)
    return calls


def fetch(cache: Path) -> list[Path]:
    return fetch_jars([JAR], cache, lambda *_: None)


def test_the_shipped_lock_is_a_kafka_4_with_matching_clients() -> None:
    jars = load_lock()
    versions = {jar.coordinate.split(":")[2] for jar in jars if jar.coordinate.startswith("org.apache.kafka:")}
    assert versions == {kafka_version(jars)}
    assert kafka_version(jars).startswith("4.")
    assert len({jar.filename for jar in jars}) == len(jars)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# only a comment",
        "abc 12 org.example:thing:1.0",
        "0" * 64 + " many org.example:thing:1.0",
        "0" * 64 + " 1 thing",
    ],
)
def test_a_damaged_lock_is_refused(line: str) -> None:
    with pytest.raises(LockUnreadable, match=r"install aimass again\.$"):
        parse_lock(line)


def test_a_damaged_lock_names_the_line() -> None:
    with pytest.raises(LockUnreadable, match="line 3"):
        parse_lock("# one\n\nnonsense")


def test_a_jar_that_is_right_is_not_fetched(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = serve(monkeypatch, b"")
    (tmp_path / JAR.filename).write_bytes(RIGHT)
    assert fetch(tmp_path) == [tmp_path / JAR.filename]
    assert not calls


@pytest.mark.parametrize("found", [b"", RIGHT[:5], b"THE RIGHT BYTES"])
def test_a_half_or_changed_jar_is_fetched_again(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, found: bytes
) -> None:
    serve(monkeypatch, RIGHT)
    (tmp_path / JAR.filename).write_bytes(found)
    assert fetch(tmp_path)[0].read_bytes() == RIGHT


def test_a_fetched_jar_that_differs_is_refused_and_not_kept(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, b"wrong")
    with pytest.raises(ChecksumMismatch, match=r"thing-1\.0\.jar"):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_maven_fetched_before_will_do(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = serve(monkeypatch, b"")
    (repository / JAR.repository_path).parent.mkdir(parents=True)
    (repository / JAR.repository_path).write_bytes(RIGHT)
    assert fetch(tmp_path / "cache")[0].read_bytes() == RIGHT
    assert not calls


def test_no_network_is_tried_again_and_then_says_what_to_do(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = serve(monkeypatch, requests.ConnectionError("no route"))
    with pytest.raises(NoNetwork, match="Connect this machine"):
        fetch(tmp_path)
    assert len(calls) == 3


def test_a_jar_that_no_repository_has_says_so(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, RuntimeError("Artifact not found"))
    with pytest.raises(JarUnavailable, match=r"org\.example:thing:1\.0"):
        fetch(tmp_path)


def test_a_full_disk_is_found_before_fetching(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = serve(monkeypatch, RIGHT)
    with pytest.raises(DiskFull, match="Free some space"):
        fetch_jars([Jar(JAR.coordinate, 1 << 60, JAR.sha256)], tmp_path, lambda *_: None)
    assert not calls


def test_what_a_killed_process_left_is_swept(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, RIGHT)
    for name in (".partial-old", ".partial-new"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / ".partial-old", (0, 0))
    fetch(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {JAR.filename, ".partial-new"}
