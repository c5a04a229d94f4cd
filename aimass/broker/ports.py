"""Ports on 127.0.0.1: which are free, and who holds the one that is not."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from pathlib import Path

from aimass.broker.errors import PortOccupied

_PROC = Path("/proc")
_LISTENING = "0A"
_RANDOM_RANGE = (20_000, 32_000)  # below what operating systems hand out to outgoing connections
_TRIES = 500


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as Kafka does: a lingering connection is no holder
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(wanted: int, remembered: Sequence[int], taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Choose a port for each broker.

    Parameters
    ----------
    wanted
        What the first must be; 0 leaves it open.
    remembered
        What each had the last time, 0 for none; kept when `wanted` leaves it open and it is still free.
    taken
        Not to be used.
    """
    if wanted:
        require_free(wanted)
    chosen: list[int] = []
    for before in remembered:
        used = {*taken, *chosen}
        if wanted and not chosen:
            chosen.append(wanted)
        elif wanted:
            chosen.append(next(port for port in range(chosen[-1] + 1, 65_536) if port not in used and is_free(port)))
        elif before and before not in used and is_free(before):
            chosen.append(before)
        else:
            chosen.append(_any_free(used))
    return tuple(chosen)


def require_free(port: int) -> None:
    """Raise, naming the holder, unless a server could listen on the port now."""
    if not is_free(port):
        raise PortOccupied(_occupied(port))


def _any_free(used: set[int]) -> int:
    dice = random.SystemRandom()
    for _ in range(_TRIES):
        port = dice.randint(*_RANDOM_RANGE)
        if port not in used and is_free(port):
            return port
    raise PortOccupied(
        f"No free port between {_RANDOM_RANGE[0]} and {_RANDOM_RANGE[1]}: end what holds them, try again."
    )


def _occupied(port: int) -> str:
    holder = holder_of(port)
    who = f"by {holder[1]} (pid {holder[0]})" if holder else "by a program that cannot be told"
    return (
        f"Port {port} on 127.0.0.1 is occupied {who}. End it, choose another port (--port {port + 10}, or 0 for any "
        f"free one), or, if that is the Kafka you want, set AIMASS_BOOTSTRAP_SERVERS=127.0.0.1:{port}."
    )


def holder_of(port: int, proc: Path = _PROC) -> tuple[int, str] | None:
    """Give pid and name of the program that listens on a port, where the kernel tells.

    Parameters
    ----------
    port
        The port.
    proc
        Where the kernel shows processes and sockets.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    for entry in proc.glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in sockets for fd in (entry / "fd").iterdir()):
                return int(entry.name), (entry / "comm").read_text().strip()
        except OSError:  # gone since the directory was listed, or another user's
            continue
    return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "self" / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in (line.split() for line in lines):
            if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(words[9])
    return inodes
