"""Which processes are our brokers: asked of the process table, never of a file.

A file that remembers a pid lies after a kill -9, a reboot, or when the number goes to another program. A broker carries
its directory on its command line instead (``-Daimass.node=…``), so the table alone says which brokers run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PROC = Path("/proc")


def marker(folder: Path) -> str:
    """Give the argument that marks a process as the broker of a directory."""
    return f"-Daimass.node={folder.resolve()}"


def find_broker(folder: Path, proc: Path = _PROC) -> int | None:
    """Give the pid of the broker that works in a directory.

    Parameters
    ----------
    folder
        The broker's directory.
    proc
        Where the kernel shows processes; where it doesn't, ``ps`` is asked.
    """
    wanted = marker(folder)
    return next((pid for pid, first, second in _command_lines(proc) if _is_java(first) and second == wanted), None)


def _is_java(program: str) -> bool:
    return Path(program).name == "java"


def _command_lines(proc: Path) -> Iterator[tuple[int, str, str]]:
    """Yield pid, program and first argument of every process; a dead one waiting for its parent has none."""
    if not (proc / "self" / "cmdline").exists():
        yield from _from_ps()
        return
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # gone since the directory was listed, or another user's
                continue
            if len(words) > 1:
                yield int(entry.name), os.fsdecode(words[0]), os.fsdecode(words[1])


def _from_ps() -> Iterator[tuple[int, str, str]]:
    table = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    yield from parse_ps(table)


def parse_ps(table: str) -> Iterator[tuple[int, str, str]]:
    """Read what ``ps -axww -o pid=,command=`` prints; the marker is followed by options or by the argument file.

    Examples
    --------
    >>> list(parse_ps("  12 /opt/my java/java -Daimass.node=/a b/node-0 @/a b/node-0/java.args kafka.Kafka"))
    [(12, '/opt/my java/java', '-Daimass.node=/a b/node-0')]
    """
    for line in table.splitlines():
        pid, _, command = line.strip().partition(" ")
        program, found, rest = command.partition(" -Daimass.node=")
        if found:
            yield int(pid), program, f"-Daimass.node={rest.partition(' @')[0].partition(' -X')[0]}"


def spawn(command: Sequence[str | Path], folder: Path, console: Path) -> int:
    """Start a program that outlives this one and is not its child.

    A shell in a session of its own starts it and ends at once, so that no Ctrl-C reaches it and a kill -9 of either
    leaves no zombie behind.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Where it runs.
    console
        The file for what it prints; begun anew.
    """
    script = 'out=$1; shift; "$@" </dev/null >"$out" 2>&1 & echo $!'
    words = ["/bin/sh", "-c", script, "sh", str(console), *(str(word) for word in command)]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True)
    return int(done.stdout)


def end_brokers(folders: Sequence[Path], timeout: float, *, kill: bool = False) -> list[Path]:
    """Stop the brokers of some directories: politely, then after `timeout` seconds for certain.

    Returns
    -------
    list of pathlib.Path
        The directories whose broker is still there.
    """
    left = _signal(folders, signal.SIGKILL if kill else signal.SIGTERM)
    left = _wait_gone(left, timeout)
    if left and not kill:
        left = _wait_gone(_signal(left, signal.SIGKILL), 10.0)
    return left


def _signal(folders: Sequence[Path], number: signal.Signals) -> list[Path]:
    pids = {folder: find_broker(folder) for folder in folders}
    for pid in pids.values():
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it ended by itself just now
                continue
    return [folder for folder, pid in pids.items() if pid is not None]


def _wait_gone(folders: Sequence[Path], timeout: float) -> list[Path]:
    deadline = time.monotonic() + timeout
    while left := [folder for folder in folders if find_broker(folder) is not None]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left
