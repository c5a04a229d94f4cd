"""Brings brokers to life: configuration, storage, process, first answer."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aimass.broker import config
from aimass.broker.cluster import Cluster, Node
from aimass.broker.disk import MIB, ensure_room, guarded
from aimass.broker.errors import BrokerDidNotStart, DiskFull, PortOccupied
from aimass.broker.java import run_java, write_args
from aimass.broker.ports import require_free
from aimass.broker.probe import ask
from aimass.broker.processes import find_broker, spawn
from aimass.broker.warm import warm_options

_FORMAT_TIMEOUT = 60.0
_ROOM_FIRST, _ROOM_AGAIN = 256 * MIB, 64 * MIB  # an existing one must start even on a tight disk, to be emptied
_TRY = "formatting-"
_TAIL = 16_384
_TAIL_LINES = 12
_EXEC_GRACE = 2.0  # a process carries its broker's name only once the shell has become Java


def prepare(cluster: Cluster, nodes: Sequence[Node], java: Path, jars: Sequence[Path]) -> None:
    """Write each broker's configuration, and format the storage of those that have none yet.

    Parameters
    ----------
    cluster, nodes
        The cluster, and those of its brokers that are about to start.
    java, jars
        The checked runtime.
    """
    for node in nodes:
        with guarded(node.folder):
            node.logs.mkdir(parents=True, exist_ok=True)
            ensure_room(node.folder, _ROOM_AGAIN if node.data.exists() else _ROOM_FIRST)
            properties = config.server_properties(cluster, node, node.data)
            (node.folder / "server.properties").write_text(config.render_properties(properties), encoding="ascii")
            (node.folder / "log4j2.xml").write_text(config.log4j2_xml(node), encoding="utf-8")
            write_args(node.java_args, config.java_options(cluster, node), jars)
    empty = [node for node in nodes if not node.data.exists()]
    with ThreadPoolExecutor(max(1, len(empty))) as pool:
        list(pool.map(lambda node: _format(cluster, node, java), empty))


def _format(cluster: Cluster, node: Node, java: Path) -> None:
    """Format beside the final place and move in one step: half-formatted storage is never taken for data.

    Each try has a directory of its own, because the formatter that a killed `up` left may still be at work in the last.
    """
    with guarded(node.folder):
        for left in node.folder.glob(f"{_TRY}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_TRY, dir=node.folder, ignore_cleanup_errors=True) as folder:
            data, settings = Path(folder, "data"), Path(folder, "server.properties")
            data.mkdir()
            properties = config.server_properties(cluster, node, data)
            settings.write_text(config.render_properties(properties), encoding="ascii")
            tool = ["-XX:TieredStopAtLevel=1", f"@{node.java_args}", "kafka.tools.StorageTool", "format"]
            done = run_java(java, [*tool, "-t", cluster.cluster_id, "-c", str(settings)], _FORMAT_TIMEOUT)
            if done.returncode:
                raise _did_not_start(node, "could not format its storage", f"{done.stdout}\n{done.stderr}")
            data.rename(node.data)


def launch(cluster: Cluster, nodes: Sequence[Node], java: Path) -> None:
    """Start each broker's process."""
    for node in nodes:
        require_free(node.port)
        require_free(node.controller_port)
        options = warm_options(node, cluster.spec.jars, cluster.version)
        spawn(config.broker_command(java, node, options), node.folder, node.logs / "console.log")


def wait_ready(cluster: Cluster, nodes: Sequence[Node], tell: Callable[[int], None]) -> None:
    """Wait until each broker answers and counts every one of `nodes` as a member.

    Parameters
    ----------
    cluster, nodes
        The cluster and the brokers to wait for.
    tell
        Told how many are ready.
    """
    began = time.monotonic()
    wanted = {node.node_id for node in nodes}
    ready: set[int] = set()
    while ready != wanted:
        waited = time.monotonic() - began
        for node in nodes:
            if node.node_id not in ready and is_ready(cluster, node, wanted):
                ready.add(node.node_id)
                tell(len(ready))
            elif waited > _EXEC_GRACE and find_broker(node.folder) is None:
                raise _did_not_start(node, "ended while it was starting", log_tail(node))
        if ready != wanted and waited > cluster.spec.start_timeout:
            late = next(node for node in nodes if node.node_id not in ready)
            raise _did_not_start(late, f"did not answer within {cluster.spec.start_timeout:.0f} s", log_tail(late))
        time.sleep(0.05)


def is_ready(cluster: Cluster, node: Node, members: set[int]) -> bool:
    """Whether the broker answers, is one of this cluster, and sees those members."""
    answer = ask(node.port)
    return answer is not None and answer.cluster_id == cluster.cluster_id and members <= answer.brokers


def log_tail(node: Node) -> str:
    """Give the end of what a broker said: its console if it died before logging, and its log."""
    said = ""
    for path in (node.logs / "console.log", node.log_file):
        if path.exists():
            said += path.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
    return said


def _did_not_start(node: Node, what: str, said: str) -> Exception:
    """Name the cause when Kafka's words give it away."""
    if "No space left on device" in said:
        return DiskFull(f"The disk that holds {node.folder} is full. Free some space, then run the command again.")
    if "Address already in use" in said:
        return PortOccupied(
            f"Broker {node.node_id} found its port {node.port} or {node.controller_port} taken by a program that came "
            f"at the same moment. Run the command again, or choose other ports with --port 0."
        )
    last = "\n".join(said.strip().splitlines()[-_TAIL_LINES:])
    return BrokerDidNotStart(
        f"Broker {node.node_id} {what}. The last it said:\n{last}\n"
        f"Read the whole in {node.log_file}, mend what it names, then run the command again."
    )
