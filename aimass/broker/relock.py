"""Writes the lock anew for another Kafka: ``python -m aimass.broker.relock 4.4.0``. For maintainers."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import Dependency, MavenContext

from aimass.broker.lock import Jar
from aimass.broker.mirrors import repositories

_CORE, _BINDING = "org.apache.logging.log4j:log4j-core:", "org.apache.logging.log4j:log4j-slf4j-impl:"
_SCOPES = (None, "", "compile", "runtime")


def resolve(version: str, folder: Path) -> list[Jar]:
    """Resolve and fetch everything that a Kafka needs.

    Parameters
    ----------
    version
        Of Apache Kafka.
    folder
        Where the jars go.
    """
    context = MavenContext(repo_cache=folder, local_repos=[], remote_repos=repositories())
    # kafka-clients by name, else the resolver picks an older one
    roots = [f"org.apache.kafka:{artifact}:{version}" for artifact in ("kafka_2.13", "kafka-clients")]
    inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in roots])
    jars = [_jar(dependency) for dependency in [*inputs, *transitive] if dependency.scope in _SCOPES]
    # Kafka logs to slf4j 1.7 and brings no binding; as a root it would impose versions of its own on Kafka
    log4j = next(jar.coordinate.removeprefix(_CORE) for jar in jars if jar.coordinate.startswith(_CORE))
    binding = _jar(context.create_dependency(f"{_BINDING}{log4j}"))
    return sorted([*jars, binding], key=lambda jar: jar.coordinate)


def _jar(dependency: Dependency) -> Jar:
    content = Path(dependency.artifact.resolve()).read_bytes()
    coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
    return Jar(coordinate, len(content), hashlib.sha256(content).hexdigest())


def main(version: str) -> None:
    """Write the lock beside this module."""
    with tempfile.TemporaryDirectory() as folder:
        jars = resolve(version, Path(folder))
    head = (
        "# The exact jars of the embedded Kafka: sha256, size in bytes, Maven coordinate.\n"
        f"# Written by `python -m aimass.broker.relock {version}`; every jar is checked against it before use.\n"
    )
    lines = "".join(f"{jar.sha256} {jar.size} {jar.coordinate}\n" for jar in jars)
    Path(__file__).with_name("kafka.lock").write_text(head + lines, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
