"""Brings brokers to life: configuration, storage, process, first answer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aimass.broker import config
from aimass.broker.cluster import Cluster, Node
from aimass.broker.disk import MIB, ensure_room, guarded
from aimass.broker.errors import BrokerDidNotStart, DiskFull, PortOccupied
from aimass.broker.java import run_java, write_args
from aimass.broker.probe import ask
from aimass.broker.processes import find_broker, spawn

_FORMAT_TIMEOUT = 60.0
_ROOM = 256 * MIB
_TAIL_LINES = 12


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
            ensure_room(node.folder, _ROOM)
            properties = config.server_properties(cluster, node, node.data)
            (node.folder / "server.properties").write_text(config.render_properties(properties), encoding="ascii")
            (node.folder / "log4j2.xml").write_text(config.log4j2_xml(node), encoding="utf-8")
            write_args(node.java_args, config.java_options(cluster, node), jars)
    empty = [node for node in nodes if not node.data.exists()]
    with ThreadPoolExecutor(max(1, len(empty))) as pool:
        list(pool.map(lambda node: _format(cluster, node, java), empty))


def _format(cluster: Cluster, node: Node, java: Path) -> None:
    """Format beside the final place and move in one step: half-formatted storage is never taken for data."""
    with guarded(node.folder):
        beside = node.folder / "data.new"
        shutil.rmtree(beside, ignore_errors=True)
        settings = node.folder / "format.properties"
        properties = config.server_properties(cluster, node, beside)
        settings.write_text(config.render_properties(properties), encoding="ascii")
        options = ["-XX:TieredStopAtLevel=1", f"@{node.java_args}", "kafka.tools.StorageTool", "format"]
        done = run_java(java, [*options, "-t", cluster.cluster_id, "-c", str(settings)], _FORMAT_TIMEOUT)
        if done.returncode:
            raise _did_not_start(node, "could not format its storage", f"{done.stdout}\n{done.stderr}")
        beside.rename(node.data)


def launch(nodes: Sequence[Node], java: Path) -> dict[int, int]:
    """Start each broker's process and give its pid."""
    return {
        node.node_id: spawn(config.broker_command(java, node), node.folder, node.logs / "console.log") for node in nodes
    }


def wait_ready(cluster: Cluster, nodes: Sequence[Node], pids: dict[int, int], tell: Callable[[int], None]) -> None:
    """Wait until each broker answers and counts every one of `nodes` as a member.

    Parameters
    ----------
    cluster, nodes
        The cluster and the brokers to wait for.
    pids
        Those started just now: their end means that they will never answer.
    tell
        Told how many are ready.
    """
    deadline = time.monotonic() + cluster.spec.start_timeout
    wanted = {node.node_id for node in nodes}
    ready: set[int] = set()
    while ready != wanted:
        for node in nodes:
            if node.node_id not in ready and is_ready(cluster, node, wanted):
                ready.add(node.node_id)
                tell(len(ready))
            elif node.node_id in pids:
                _check_alive(node, pids[node.node_id])
        if time.monotonic() > deadline:
            late = next(node for node in nodes if node.node_id not in ready)
            raise _did_not_start(late, f"did not answer within {cluster.spec.start_timeout:.0f} s", log_tail(late))
        time.sleep(0.1)


def is_ready(cluster: Cluster, node: Node, members: set[int]) -> bool:
    """Whether the broker answers, is one of this cluster, and sees those members."""
    answer = ask(node.port)
    return answer is not None and answer.cluster_id == cluster.cluster_id and members <= answer.brokers


def _check_alive(node: Node, pid: int) -> None:
    """Raise if the process that was started is gone; just after its start it may not yet carry its name."""
    if find_broker(node.folder) is None and not _exists(pid):
        raise _did_not_start(node, "ended while it was starting", log_tail(node))


def _exists(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes()) if Path("/proc/self").exists() else _signalled(pid)
    except OSError:
        return False


def _signalled(pid: int) -> bool:
    import os

    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def log_tail(node: Node) -> str:
    """Give the last lines of what a broker said: its log, and its console if it died before logging."""
    lines: list[str] = []
    for path in (node.log_file, node.logs / "console.log"):
        if path.exists():
            lines += path.read_text(encoding="utf-8", errors="replace")[-8192:].splitlines()[-_TAIL_LINES:]
    return "\n".join(lines)


def _did_not_start(node: Node, what: str, said: str) -> Exception:
    """Name the cause when Kafka's words give it away."""
    if "No space left on device" in said:
        return DiskFull(f"The disk that holds {node.folder} is full. Free some space, then run the command again.")
    if "Address already in use" in said:
        return PortOccupied(
            f"Broker {node.node_id} found its port {node.port} or {node.controller_port} taken: try again."
        )
    return BrokerDidNotStart(f"Broker {node.node_id} {what}. The last it said:\n{said.strip()}\nRead {node.log_file}.")
