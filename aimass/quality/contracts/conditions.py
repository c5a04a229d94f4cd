"""The conditions of checks: those of the language of rules that one record alone decides."""

from __future__ import annotations

from aimass.rules.functions import FUNCTIONS
from aimass.rules.read import condition
from aimass.rules.syntax import Any_, Call, Pattern, Profile
from aimass.rules.tokens import Wrong
from aimass.rules.walk import references, walk

#: Functions of the event around the record: a contract is about the record.
_OF_THE_EVENT = ("key", "topic", "time", "hour", "weekday")


def record_condition(text: str) -> Any_:
    """Read a condition that only looks at fields of one record.

    Raises
    ------
    Wrong
        When it cannot be understood, or looks at more than the record.

    Examples
    --------
    >>> record_condition("total == price * count").op
    '=='
    >>> record_condition("count(5m) > 3")
    Traceback (most recent call last):
        ...
    aimass.rules.tokens.Wrong: count(...) looks at other records, and a check at one alone; write a [[rule]] for it
    """
    node = condition(text)
    if isinstance(node, Pattern):
        raise Wrong("a pattern looks at several records, and a check at one alone; write a [[rule]] for it")
    for part in walk(node):
        if type(part) is Profile:
            raise Wrong(
                "profile.… is of the key's past, and a check looks at one record alone; write a [[rule]] for it"
            )
        if type(part) is not Call:
            continue
        if FUNCTIONS[part.name].group != "plain":
            raise Wrong(f"{part.name}(...) looks at other records, and a check at one alone; write a [[rule]] for it")
        if part.name in _OF_THE_EVENT:
            raise Wrong(f"{part.name}() is no field of the record: name the field")
    if not references(node).fields:
        raise Wrong("looks at no field: it would say the same of every record")
    return node
