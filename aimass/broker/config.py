"""What each broker is told: ``server.properties``, the options of its virtual machine, and its logging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from aimass.broker.cluster import Cluster, Node
from aimass.broker.processes import marker

MESSAGE_MAX_BYTES = 8 * 1024 * 1024
_DAY_MS = 24 * 3600 * 1000


def server_properties(cluster: Cluster, node: Node, data: Path) -> dict[str, str]:
    """Give a broker's settings.

    Parameters
    ----------
    cluster, node
        Whose.
    data
        Where it keeps its data.
    """
    return {key: str(value) for key, value in {**_place(cluster, node, data), **_safety(cluster), **_LOCAL}.items()}


def _place(cluster: Cluster, node: Node, data: Path) -> Mapping[str, object]:
    voters = ",".join(f"{peer.node_id}@127.0.0.1:{peer.controller_port}" for peer in cluster.nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
    }


def _safety(cluster: Cluster) -> Mapping[str, object]:
    """Replication 3 with two in sync survives any one broker; a single broker has only itself."""
    copies = cluster.spec.replication
    in_sync = max(1, copies - 1)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "num.partitions": cluster.spec.partitions,
        # a broker killed and started again is let in only when its former self's session has run out; a single one
        # shares its process with the controller that counts, so no pause can make it seem dead
        "broker.session.timeout.ms": 1000 if copies == 1 else 4000,
        "broker.heartbeat.interval.ms": 250 if copies == 1 else 1000,
    }


_LOCAL: Mapping[str, object] = {
    # few internal partitions: a laptop starts and recovers faster with 20 than with 100
    "offsets.topic.num.partitions": 10,
    "transaction.state.log.num.partitions": 10,
    "share.coordinator.state.topic.num.partitions": 3,
    # topics are declared; one that a misspelling makes would only hide it
    "auto.create.topics.enable": "false",
    "message.max.bytes": MESSAGE_MAX_BYTES,
    "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
    # a worker that joins, dies or is fenced should be noticed in seconds
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "controlled.shutdown.enable": "true",
    "transaction.max.timeout.ms": 900_000,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "add.partitions.to.txn.retry.backoff.ms": 5,
    # what no topic declares for itself
    "log.retention.ms": 30 * _DAY_MS,
    "offsets.retention.minutes": 30 * 24 * 60,
    "log.segment.bytes": 256 * 1024 * 1024,
    # memory and threads of a small machine
    "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 4,
}


def render_properties(settings: Mapping[str, str]) -> str:
    """Write settings in Java's properties format.

    Examples
    --------
    >>> render_properties({"log.dirs": "C:\\\\data"})
    'log.dirs=C:\\\\\\\\data\\n'
    """
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def _escaped(value: str) -> str:
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in value.replace("\\", "\\\\"))


def java_options(cluster: Cluster, node: Node) -> list[str]:
    """Give the virtual machine's options: bounded memory, and an end to the process when it runs out."""
    return [
        f"-Xmx{cluster.spec.heap_mb}m",
        "-Xms64m",
        "-XX:+UseSerialGC",
        "-XX:MaxMetaspaceSize=128m",
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:MaxDirectMemorySize=128m",
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={node.logs}/java-crash.log",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={node.folder}/log4j2.xml",
    ]


def broker_command(java: Path, node: Node, options: Sequence[str] = ()) -> list[str | Path]:
    """Give the command line of a broker; the marker comes first, where `find_broker` looks for it."""
    arguments: list[str | Path] = [f"@{node.java_args}", "kafka.Kafka", node.folder / "server.properties"]
    return [java, marker(node.folder), *options, *arguments]


def log4j2_xml(node: Node) -> str:
    """Log to a file of at most 10 MB, begun anew at each start, with five older ones beside it."""
    file, older = quoteattr(str(node.log_file)), quoteattr(f"{node.log_file}.%i")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders>
    <RollingFile name="file" fileName={file} filePattern={older}>
      <PatternLayout pattern="%d %p %m (%c)%n"/>
      <Policies>
        <OnStartupTriggeringPolicy/>
        <SizeBasedTriggeringPolicy size="10MB"/>
      </Policies>
      <DefaultRolloverStrategy max="5"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="state.change.logger" level="WARN"/>
    <Logger name="org.apache.kafka.common.utils.AppInfoParser" level="WARN"/>
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="WARN"/>
    <Root level="INFO"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""
