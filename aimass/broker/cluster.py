"""The description of a home's cluster: made once, kept in ``kafka/cluster.json``, read by every command after."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aimass.broker.disk import guarded, write_atomically
from aimass.broker.errors import ClusterMismatch, NoSuchBroker
from aimass.broker.spec import KafkaSpec


@dataclass(frozen=True, slots=True)
class Node:
    """One broker's place: its number, its directory and its ports on 127.0.0.1.

    Examples
    --------
    >>> Node(0, Path("/home/me/.aimass/kafka/node-0"), 9092, 29092).data.name
    'data'
    """

    node_id: int
    folder: Path
    port: int
    controller_port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def log_file(self) -> Path:
        return self.logs / "server.log"

    @property
    def java_args(self) -> Path:
        """The Java argument file; rewritten at each start, so its age is the broker's."""
        return self.folder / "java.args"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a home's Kafka is: enough to start any of its brokers again.

    Examples
    --------
    >>> spec = KafkaSpec(home=Path("/home/me/.aimass"))
    >>> cluster = Cluster("AAAAAAAAAAAAAAAAAAAAAA", "4.4.0", spec, (9092,), (29092,))
    >>> cluster.bootstrap, cluster.node(0).folder.name
    ('127.0.0.1:9092', 'node-0')
    """

    cluster_id: str
    version: str
    spec: KafkaSpec
    ports: tuple[int, ...]
    controller_ports: tuple[int, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        root = kafka_dir(self.spec.home)
        pairs = zip(self.ports, self.controller_ports, strict=True)
        return tuple(Node(i, root / f"node-{i}", port, controller) for i, (port, controller) in enumerate(pairs))

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def node(self, node_id: int) -> Node:
        """Give one broker."""
        if not 0 <= node_id < len(self.ports):
            raise NoSuchBroker(
                f"There is no broker {node_id}: this cluster has 0 to {len(self.ports) - 1}; choose one."
            )
        return self.nodes[node_id]

    def save(self) -> None:
        """Write the description, as a whole or not at all."""
        root = kafka_dir(self.spec.home)
        with guarded(root):
            root.mkdir(parents=True, exist_ok=True)
            write_atomically(_file(self.spec.home), json.dumps(asdict(self), indent=1, default=str) + "\n")


def new_cluster(spec: KafkaSpec, version: str) -> Cluster:
    """Describe a cluster that does not exist yet; its ports are chosen when it starts."""
    cluster_id = _id(uuid.uuid4())
    return Cluster(cluster_id, version, spec, (0,) * spec.brokers, (0,) * spec.brokers)


def _id(drawn: uuid.UUID) -> str:
    """Return a cluster's id as Kafka writes one; never with a hyphen in front, which its tools take for an option."""
    text = base64.urlsafe_b64encode(drawn.bytes).rstrip(b"=").decode()
    return f"A{text[1:]}" if text.startswith("-") else text


def load_cluster(home: Path) -> Cluster | None:
    """Read a home's description; None when no Kafka was ever started there."""
    path = _file(home)
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if any(kafka_dir(home).glob("node-*/data")):
            raise ClusterMismatch(
                f"{kafka_dir(home)} holds Kafka's data but {path.name} is gone. Put it back, or move {kafka_dir(home)} "
                f"away to start with an empty Kafka."
            ) from None
        return None
    try:
        return _from_json(json.loads(text), home)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ClusterMismatch(
            f"{path} cannot be read ({exc}). Put a good copy back, or move {kafka_dir(home)} away to start with an "
            f"empty Kafka."
        ) from exc


def _from_json(document: dict[str, Any], home: Path) -> Cluster:
    wish = dict(document["spec"])
    cache = wish.pop("cache")
    spec = KafkaSpec(**{**wish, "home": home, "cache": Path(cache) if cache else None})
    ports, controllers = tuple(map(int, document["ports"])), tuple(map(int, document["controller_ports"]))
    if not len(ports) == len(controllers) == spec.brokers:
        raise ValueError(f"{spec.brokers} brokers but {len(ports)} ports and {len(controllers)} controller ports")
    return Cluster(str(document["cluster_id"]), str(document["version"]), spec, ports, controllers)


def merge(existing: Cluster | None, spec: KafkaSpec, version: str) -> Cluster:
    """Give what `spec` asks for as far as the home allows: its data and number of brokers stay, the rest may change.

    Who asks for one broker is served as well by three; who asks for three wants replicas that one cannot give.
    """
    if existing is None:
        return new_cluster(spec, version)
    if existing.spec.brokers < spec.brokers:
        raise ClusterMismatch(
            f"{kafka_dir(spec.home)} holds a Kafka of {existing.spec.brokers} broker, not {spec.brokers}. Ask for "
            f"--brokers {existing.spec.brokers}, choose another AIMASS_HOME, or stop it and move that directory away."
        )
    return replace(existing, spec=replace(spec, brokers=existing.spec.brokers), version=version)


def kafka_dir(home: Path) -> Path:
    """Where a home keeps Kafka's data and logs."""
    return home / "kafka"


def _file(home: Path) -> Path:
    return kafka_dir(home) / "cluster.json"
