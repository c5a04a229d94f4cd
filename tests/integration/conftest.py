"""The embedded Kafka that the integration tests share, started once a session on free ports."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimass.broker import KafkaSpec, down, up
from aimass.settings import Settings


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its bootstrap servers; `AIMASS_TEST_BOOTSTRAP` names a running one instead, for a faster second run."""
    running = os.environ.get("AIMASS_TEST_BOOTSTRAP")
    if running:
        yield running
        return
    home = tmp_path_factory.mktemp("kafka")
    yield up(KafkaSpec(home=home, port=0, cache=Path.home() / ".aimass" / "cache" / "jars")).bootstrap
    down(home)


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> Settings:
    """Settings of this Kafka, with a home of the test's own."""
    return Settings(home=tmp_path, bootstrap_servers=kafka, web_port=0)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Make a name that no other test uses."""
    return lambda name: f"{name}-{uuid.uuid4().hex[:8]}"
