"""The lock: which jars make up the embedded Kafka, and what each one's bytes must hash to."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

from aimass.broker.errors import LockUnreadable

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")
_KAFKA = "org.apache.kafka:kafka-clients:"


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock.

    Parameters
    ----------
    coordinate
        Maven's ``group:artifact:version``.
    size
        In bytes.
    sha256
        In lower-case hexadecimal.

    Examples
    --------
    >>> Jar("org.yaml:snakeyaml:2.5", 340015, "e6" * 32).filename
    'snakeyaml-2.5.jar'
    """

    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def repository_path(self) -> PurePosixPath:
        """Where a Maven repository keeps it."""
        group, artifact, version = self.coordinate.split(":")
        return PurePosixPath(*group.split("."), artifact, version, self.filename)

    def matches(self, path: Path) -> bool:
        """Whether the file is there and holds exactly the bytes that the lock names."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Read a lock.

    Parameters
    ----------
    text
        Lines of ``sha256 size group:artifact:version``; blank lines and ``#`` comments are skipped.

    Examples
    --------
    >>> parse_lock("# nothing\\n" + "0" * 64 + " 12 org.example:thing:1.0")[0].coordinate
    'org.example:thing:1.0'
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    jars = tuple(_parse_line(number, words) for number, words in lines if words and not words[0].startswith("#"))
    if not jars:
        raise LockUnreadable("kafka.lock names no jar: install aimass again.")
    return jars


def _parse_line(number: int, words: list[str]) -> Jar:
    match words:
        case [sha256, size, coordinate] if (
            _SHA256.fullmatch(sha256) and size.isdecimal() and _COORDINATE.fullmatch(coordinate)
        ):
            return Jar(coordinate, int(size), sha256)
    raise LockUnreadable(
        f"kafka.lock, line {number}: expected 'sha256 size group:artifact:version', found {' '.join(words)!r}; "
        "install aimass again."
    )


def load_lock() -> tuple[Jar, ...]:
    """Read the lock that this version of aimass ships.

    Examples
    --------
    >>> kafka_version(load_lock())
    '4.4.0'
    """
    return parse_lock(resources.files("aimass.broker").joinpath("kafka.lock").read_text(encoding="utf-8"))


def kafka_version(jars: tuple[Jar, ...]) -> str:
    """Which Apache Kafka the jars are."""
    return next(jar.coordinate.removeprefix(_KAFKA) for jar in jars if jar.coordinate.startswith(_KAFKA))
