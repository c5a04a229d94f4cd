"""What remembers for a call: a window, or what a key's earlier events left behind."""

from __future__ import annotations

from typing import Any, Protocol

from aimass.rules.calls import Memory
from aimass.rules.recall import Habitual, Recalled
from aimass.rules.syntax import Call
from aimass.rules.windows import OPS, Distinct, Windowed
from aimass.state import State


class Remembering(Memory, Protocol):
    """A memory that can be looked into."""

    @property
    def row_bytes(self) -> int:
        """How much it keeps of a key, about."""

    def content(self, key: str, state: State, now: float) -> dict[str, Any]:
        """Return what it holds of a key at a time, for people."""


def memory(call: Call) -> Remembering:
    """Return what remembers for a call. Its tables are named by the call's digest: equal calls share them.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> memory(condition("count(5m) > 3").left).row_bytes
    248
    """
    if call.name in OPS:
        return Windowed(call)
    if call.name == "distinct":
        return Distinct(call)
    return Habitual(call) if call.name in ("last", "usual") else Recalled(call)
