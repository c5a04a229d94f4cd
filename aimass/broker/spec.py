"""What a user may choose about the embedded Kafka, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class KafkaSpec:
    """The embedded Kafka as its user wants it.

    Parameters
    ----------
    home
        The directory of everything: ``kafka/`` holds data, logs and the description, ``cache/`` the jars.
    brokers
        1, or 3 with everything replicated. A home keeps the number it was made with, and 3 will do for 1.
    port
        The client port of broker 0, on 127.0.0.1; the others take the next free ones. 0 chooses free ports,
        the same ones each time while they are free.
    heap_mb
        The heap of each broker in MiB.
    partitions
        How many partitions a topic gets when its creator doesn't say.
    cache
        Where the jars are kept, when not in the home.
    start_timeout
        How long Kafka may take to start, in seconds.

    Examples
    --------
    >>> KafkaSpec(home=Path("/tmp/aimass"), brokers=3).replication
    3
    """

    home: Path
    brokers: int = 1
    port: int = 9092
    heap_mb: int = 512
    partitions: int = 4
    cache: Path | None = None
    start_timeout: float = 90.0

    def __post_init__(self) -> None:
        if self.brokers not in (1, 3):
            raise ValueError(f"brokers is {self.brokers}; choose 1, or 3 for a replicated cluster.")
        if not 0 <= self.port <= 65_000:
            raise ValueError(f"port is {self.port}; choose one between 1 and 65000, or 0 for a free one.")

    @property
    def replication(self) -> int:
        return self.brokers

    @property
    def jars(self) -> Path:
        return self.cache or self.home / "cache" / "jars"


@dataclass(frozen=True, slots=True)
class Running:
    """A Kafka that answers.

    Examples
    --------
    >>> Running("127.0.0.1:9092", "4.4.0", {0: 4711}, {0: Path("server.log")}, already_running=False).bootstrap
    '127.0.0.1:9092'
    """

    bootstrap: str
    version: str
    pids: dict[int, int]
    log_files: dict[int, Path]
    already_running: bool


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One broker: `running` says that its process is there, `healthy` that it answers and its cluster counts it in.

    Examples
    --------
    >>> NodeStatus(0, None, 9092, False, False, None, Path("server.log")).running
    False
    """

    node_id: int
    pid: int | None
    port: int
    running: bool
    healthy: bool
    uptime_s: float | None
    log_file: Path


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """The embedded Kafka of a home, as it is now.

    Examples
    --------
    >>> BrokerStatus(None, None, Path("/tmp/aimass/kafka"), ()).running
    False
    """

    bootstrap: str | None
    version: str | None
    data_dir: Path
    nodes: tuple[NodeStatus, ...]

    @property
    def running(self) -> bool:
        """Whether any broker's process is there."""
        return any(node.running for node in self.nodes)

    @property
    def healthy(self) -> bool:
        """Whether there is a cluster and each of its brokers answers."""
        return bool(self.nodes) and all(node.healthy for node in self.nodes)

    @property
    def pids(self) -> dict[int, int]:
        return {node.node_id: node.pid for node in self.nodes if node.pid is not None}

    @property
    def log_files(self) -> tuple[Path, ...]:
        return tuple(node.log_file for node in self.nodes)

    @property
    def uptime_s(self) -> float | None:
        """How long every broker has been running; nothing while one is not."""
        uptimes = [node.uptime_s for node in self.nodes if node.uptime_s is not None]
        return min(uptimes) if uptimes and len(uptimes) == len(self.nodes) else None
