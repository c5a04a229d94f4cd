"""Expectations that contradict each other, so that no value could meet them, or that a type has no use for."""

from __future__ import annotations

from dataclasses import replace

from aimass.quality.contracts.contract import Expectation
from aimass.quality.contracts.plain import failed

#: Keys that only make sense for values of some types.
_FITTING = {
    "least": ("number", "integer", "time", "any"),
    "most": ("number", "integer", "time", "any"),
    "min_length": ("text", "list", "any"),
    "max_length": ("text", "list", "any"),
    "pattern": ("text", "any"),
    "format": ("text", "any"),
    "order": ("number", "integer", "time", "text", "any"),
}


def contradictions(one: Expectation) -> list[tuple[str, str]]:
    """Return the keys of an expectation that no value could meet, or that its type has no use for, and why.

    Examples
    --------
    >>> contradictions(Expectation(path="n", type="number", least=5, most=3))
    [('most', 'is below least: 3 < 5')]
    """
    found = [
        (key, f"is not for {'values of type ' + one.type}")
        for key, types in _FITTING.items()
        if getattr(one, key) is not None and one.type not in types
    ]
    for low, high in (("least", "most"), ("min_length", "max_length")):
        least, most = getattr(one, low), getattr(one, high)
        if least is not None and most is not None and most < least:
            found.append((high, f"is below {low}: {most} < {least}"))
    bare = replace(one, values=None, missing=(), required=False)
    for value in one.values or ():
        broken = [key for key in failed(bare, value) if key not in dict(found)]
        if broken:
            found.append(("values", f"{value!r} can never be: it is not what {broken[0]} says"))
    return found
