"""Starts, stops and looks at the embedded Kafka of a home."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aimass.broker.cluster import Cluster, Node, kafka_dir, load_cluster, merge
from aimass.broker.disk import exclusive
from aimass.broker.errors import BrokerDidNotStop, ClusterMismatch, NoSuchBroker, UnsupportedPlatform
from aimass.broker.jars import fetch_jars
from aimass.broker.java import find_java
from aimass.broker.lock import kafka_version, load_lock
from aimass.broker.ports import choose_ports
from aimass.broker.processes import end_brokers, find_broker
from aimass.broker.spec import BrokerStatus, KafkaSpec, NodeStatus, Progress, Running
from aimass.broker.start import is_ready, launch, prepare, wait_ready
from aimass.broker.warm import learn_after

_LOCK_TIMEOUT = 180.0


def up(spec: KafkaSpec, progress: Progress | None = None) -> Running:
    """Start the embedded Kafka, or find that it runs already.

    Parameters
    ----------
    spec
        What to start. The data and the number of brokers of an existing home stay as they are.
    progress
        Called with what is going on, how much of it is done, and of how much.

    Returns
    -------
    Running
        When every broker answers and knows the others.

    Raises
    ------
    aimass.broker.errors.BrokerError
        One of its kinds, saying what to do.

    Examples
    --------
    >>> running = up(KafkaSpec(home=Path.home() / ".aimass"))  # doctest: +SKIP
    >>> running.bootstrap  # doctest: +SKIP
    '127.0.0.1:9092'
    """
    tell = progress or _silent
    java = find_java()
    home = spec.home.expanduser().absolute()
    spec = replace(spec, home=home, cache=spec.cache.expanduser().absolute() if spec.cache else None)
    with exclusive(kafka_dir(home) / "lock", _LOCK_TIMEOUT):
        locked = load_lock()
        cluster = merge(load_cluster(home), spec, kafka_version(locked))
        missing = [node for node in cluster.nodes if find_broker(node.folder) is None]
        if missing:
            jars = fetch_jars(locked, spec.jars, tell)
            if len(missing) == len(cluster.nodes):
                cluster = _with_ports(cluster)
            cluster.save()
            _start(cluster, [cluster.node(node.node_id) for node in missing], java, jars, tell)
        else:
            _wait(cluster, tell)
    return _running(cluster, already_running=not missing)


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


def _with_ports(cluster: Cluster) -> Cluster:
    ports = choose_ports(cluster.spec.port, cluster.ports)
    return replace(cluster, ports=ports, controller_ports=choose_ports(0, cluster.controller_ports, ports))


def _start(cluster: Cluster, nodes: Sequence[Node], java: Path, jars: Sequence[Path], tell: Progress) -> None:
    tell("preparing storage", 0, 1)
    prepare(cluster, nodes, java, jars)
    tell("preparing storage", 1, 1)
    try:
        launch(cluster, nodes, java)
        _wait(cluster, tell)
    except BaseException:  # a start that failed, or that Ctrl-C ended, leaves nothing behind
        end_brokers([node.folder for node in nodes], 0.0)
        raise


def _wait(cluster: Cluster, tell: Progress) -> None:
    total = len(cluster.nodes)
    tell("starting Kafka", 0, total)
    wait_ready(cluster, cluster.nodes, lambda ready: tell("starting Kafka", ready, total))


def _running(cluster: Cluster, *, already_running: bool) -> Running:
    found = {node.node_id: find_broker(node.folder) for node in cluster.nodes}
    pids = {node_id: pid for node_id, pid in found.items() if pid is not None}
    logs = {node.node_id: node.log_file for node in cluster.nodes}
    return Running(cluster.bootstrap, cluster.version, pids, logs, already_running)


def down(home: Path, timeout: float = 30.0) -> bool:
    """Stop the embedded Kafka of a home; what is still there after `timeout` seconds is killed, without loss.

    Parameters
    ----------
    home
        The directory given to `up`.
    timeout
        In seconds.

    Returns
    -------
    bool
        Whether there was anything to stop.

    Examples
    --------
    >>> down(Path("/nonexistent/aimass"))
    False
    """
    home = home.expanduser().absolute()
    if not kafka_dir(home).is_dir():
        return False
    with exclusive(kafka_dir(home) / "lock", _LOCK_TIMEOUT):
        running = [folder for folder in kafka_dir(home).glob("node-*") if find_broker(folder) is not None]
        _end(running, timeout)
        with suppress(ClusterMismatch, UnsupportedPlatform):  # what cannot be read or run can still be stopped
            _learn(load_cluster(home), find_java())
    return bool(running)


def _learn(cluster: Cluster | None, java: Path) -> None:
    if cluster is not None:
        learn_after(cluster.node(0).folder, java, cluster.spec.jars, cluster.version)


def _end(folders: Sequence[Path], timeout: float, *, kill: bool = False) -> None:
    left = end_brokers(folders, timeout, kill=kill)
    if left:
        pids = ", ".join(str(find_broker(folder)) for folder in left)
        raise BrokerDidNotStop(
            f"Kafka (pid {pids}) is still there after kill -9: its disk may hang. Look with ps, try again."
        )


def start_broker(home: Path, node_id: int) -> None:
    """Start one broker of a cluster whose others may be running, and wait until it belongs to them again.

    Parameters
    ----------
    home
        The directory given to `up`.
    node_id
        Which.

    Examples
    --------
    >>> start_broker(Path.home() / ".aimass", 2)  # doctest: +SKIP
    """
    java = find_java()
    cluster = _known(home)
    with exclusive(kafka_dir(cluster.spec.home) / "lock", _LOCK_TIMEOUT):
        node = cluster.node(node_id)
        if find_broker(node.folder) is not None:
            return
        jars = fetch_jars(load_lock(), cluster.spec.jars, _silent)
        prepare(cluster, [node], java, jars)
        launch(cluster, [node], java)
        wait_ready(cluster, [node], lambda _: None)


def stop_broker(home: Path, node_id: int, *, kill: bool = False, timeout: float = 30.0) -> None:
    """Stop one broker.

    Parameters
    ----------
    home
        The directory given to `up`.
    node_id
        Which.
    kill
        With kill -9, at once.
    timeout
        How long it may take to stop by itself, in seconds.

    Examples
    --------
    >>> stop_broker(Path.home() / ".aimass", 2, kill=True)  # doctest: +SKIP
    """
    cluster = _known(home)
    with exclusive(kafka_dir(cluster.spec.home) / "lock", _LOCK_TIMEOUT):
        _end([cluster.node(node_id).folder], timeout, kill=kill)


def _known(home: Path) -> Cluster:
    cluster = load_cluster(home.expanduser().absolute())
    if cluster is None:
        raise NoSuchBroker(f"No Kafka was ever started in {home}: start it with `aimass up`.")
    return cluster


def status(home: Path) -> BrokerStatus:
    """Look at the embedded Kafka of a home without touching it.

    Parameters
    ----------
    home
        The directory given to `up`.

    Examples
    --------
    >>> status(Path("/nonexistent/aimass")).running
    False
    """
    home = home.expanduser().absolute()
    cluster = load_cluster(home)
    if cluster is None:
        return BrokerStatus(None, None, kafka_dir(home), ())
    nodes = tuple(_node_status(cluster, node) for node in cluster.nodes)
    return BrokerStatus(cluster.bootstrap, cluster.version, kafka_dir(home), nodes)


def _node_status(cluster: Cluster, node: Node) -> NodeStatus:
    pid = find_broker(node.folder)
    healthy = pid is not None and is_ready(cluster, node, {node.node_id})
    uptime = None if pid is None else max(0.0, time.time() - node.java_args.stat().st_mtime)
    return NodeStatus(node.node_id, pid, node.port, pid is not None, healthy, uptime, node.log_file)
