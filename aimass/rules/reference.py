"""The tables of `docs/reference/rules.md`, from what the reader of conditions knows."""

from __future__ import annotations

from aimass.rules.functions import FUNCTIONS
from aimass.rules.read import usage
from aimass.rules.vocabulary import PROFILE_VALUES

_GROUPS = {
    "window": "of the key's events in a window",
    "memory": "of what the key's earlier events left behind",
    "plain": "of values alone",
}


def functions() -> str:
    """Return the tables of functions and of what is known of a key.

    Examples
    --------
    >>> functions().splitlines()[2]
    "| of the key's events in a window | gives | meaning |"
    """
    parts = [""]
    for group, said in _GROUPS.items():
        rows = [f"| `{usage(one)}` | {one.gives} | {one.help} |" for one in FUNCTIONS.values() if one.group == group]
        parts += ["", f"| {said} | gives | meaning |", "| --- | --- | --- |", *rows]
    known = [f"| `profile.{name}` | {kind} | {help} |" for name, (kind, help) in PROFILE_VALUES.items()]
    parts += ["", "| of the key | gives | meaning |", "| --- | --- | --- |", *known, ""]
    return "\n".join(parts)
