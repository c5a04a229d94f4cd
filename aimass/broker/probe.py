"""Asks a port who is there: nobody, a Kafka broker, or something else. Needs no client library."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_METADATA, _VERSION, _CORRELATION = 3, 4, 1
_NO_TOPICS, _NO_AUTO_CREATE = 0, 0
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker says about its cluster.

    Examples
    --------
    >>> Answer("AAAAAAAAAAAAAAAAAAAAAA", frozenset({0, 1, 2})).brokers == {0, 1, 2}
    True
    """

    cluster_id: str
    brokers: frozenset[int]


def ask(port: int, timeout: float = 2.0) -> Answer | None:
    """Ask the broker on a port of 127.0.0.1 for its cluster; None when no broker answers.

    Parameters
    ----------
    port
        The client port.
    timeout
        In seconds, for each step of the conversation.
    """
    header = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, 6) + b"aimass"
    request = header + struct.pack(">ib", _NO_TOPICS, _NO_AUTO_CREATE)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return parse_answer(_read(connection, size)) if 0 < size < _LIMIT else None
    except (OSError, EOFError, struct.error, UnicodeDecodeError):
        return None


def _read(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def parse_answer(body: bytes) -> Answer:
    """Read a metadata response of version 4, beginning at its correlation id."""
    offset = 8
    (count,) = struct.unpack_from(">i", body, offset)
    offset += 4
    brokers = set()
    for _ in range(count):
        (node_id,) = struct.unpack_from(">i", body, offset)
        brokers.add(node_id)
        _, offset = _string(body, offset + 4)
        _, offset = _string(body, offset + 4)
    cluster_id, _ = _string(body, offset)
    return Answer(cluster_id, frozenset(brokers))


def _string(body: bytes, offset: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", body, offset)
    end = offset + 2 + max(size, 0)
    return body[offset + 2 : end].decode(), end
