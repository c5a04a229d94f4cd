"""What changes of one field between two versions of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from aimass.quality.contracts.contract import Expectation
from aimass.quality.contracts.plain import equal, failed

Kind = Literal["breaks", "widens", "neutral"]
#: What each type is a part of, besides ``any``; and each order.
_WIDER = {"integer": "number", "rising": "not-falling", "falling": "not-rising"}
_PRODUCERS, _CONSUMERS, _BOTH = ("producers",), ("consumers",), ("producers", "consumers")


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two versions.

    Parameters
    ----------
    kind
        ``breaks``: records that were valid may be invalid now. ``widens``: records may be valid that were not, or
        less is promised. ``neutral``: neither.
    path
        The field or check; ``""`` when it is of the contract as a whole.
    said
        What changes, in a sentence.
    breaks
        Whom it breaks: ``producers``, ``consumers``, both, or nobody.
    """

    kind: Kind
    path: str
    said: str
    breaks: tuple[str, ...] = ()


def field_changes(old: Expectation, new: Expectation) -> Iterator[Change]:
    """Yield what changes of a field that both versions name.

    Examples
    --------
    >>> old = Expectation(path="state", required=True, values=("open", "paid"))
    >>> new = Expectation(path="state", values=("open", "paid", "void"))
    >>> for one in field_changes(old, new):
    ...     print(one.kind, one.breaks, one.said)
    widens ('consumers',) state: is no longer required: records without it are valid now
    widens ('consumers',) state: 'void' is allowed now
    """
    if new.level == "warning":
        yield from _counted(old, new)
        return
    if old.level == "warning":
        yield Change("neutral", old.path, f"{old.path}: what it breaks was counted, and makes records invalid now")
        old = Expectation(path=old.path, unit=old.unit, description=old.description)  # nothing was enforced
    yield from _presence(old, new)
    yield from _missing(old, new)
    is_harmless = _allows_the_values_of(old, new)
    for one in (*_type(old, new), *_bounds(old, new), *_forms(old, new), *_values(old, new)):
        yield _without_harm(one) if is_harmless else one
    yield from _remembered(old, new)
    for name in ("unit", "description", "truth"):
        if getattr(old, name) != getattr(new, name):
            yield Change("neutral", old.path, f"{old.path}: {name} changed")


def _counted(old: Expectation, new: Expectation) -> Iterator[Change]:
    if old.level == "error":
        said = f"{old.path}: what it breaks makes records invalid no longer, and is only counted"
        yield Change("widens", old.path, said, _CONSUMERS)
    names = [
        one.name for one in fields(new) if getattr(old, one.name) != getattr(new, one.name) and one.name != "level"
    ]
    if names:
        yield Change("neutral", old.path, f"{old.path}: {', '.join(names)} changed, of what is only counted")


def _presence(old: Expectation, new: Expectation) -> Iterator[Change]:
    path = new.path
    if new.required and not old.required:
        yield Change("breaks", path, f"{path}: is required now: records without it are invalid", _PRODUCERS)
    if old.required and not new.required:
        yield Change("widens", path, f"{path}: is no longer required: records without it are valid now", _CONSUMERS)
    if old.nullable and not new.nullable:
        if new.required:
            yield Change("breaks", path, f"{path}: may be null no longer", _PRODUCERS)
        else:
            yield Change("neutral", path, f"{path}: null counts as absent now, which it may be")
    if new.nullable and not old.nullable:
        if old.required:
            yield Change("widens", path, f"{path}: may be null now", _CONSUMERS)
        else:
            yield Change("neutral", path, f"{path}: null is a value now, and counted as absent before")


def _missing(old: Expectation, new: Expectation) -> Iterator[Change]:
    """Yield what changes of the values that count as absent: each is one value, so it is simply tried."""
    for ours, theirs, said in ((old, new, "counts as absent no longer"), (new, old, "counts as absent now")):
        for value in ours.missing:
            if any(equal(value, other) for other in theirs.missing):
                continue
            was, now = not failed(old, value), not failed(new, value)
            text = f"{new.path}: {value!r} {said}"
            if was and not now:
                yield Change("breaks", new.path, f"{text}, and is invalid so", _PRODUCERS)
            elif now and not was:
                yield Change("widens", new.path, f"{text}, and is valid so", _CONSUMERS)
            else:
                yield Change("neutral", new.path, text)


def _type(old: Expectation, new: Expectation) -> Iterator[Change]:
    if old.type == new.type:
        return
    said = f"{new.path}: type was {old.type}, is {new.type}"
    if new.type in ("any", _WIDER.get(old.type)):
        yield Change("widens", new.path, f"{said}: values of other types are valid now", _CONSUMERS)
    else:
        who = _PRODUCERS if old.type == "any" or _WIDER.get(new.type) == old.type else _BOTH
        yield Change("breaks", new.path, f"{said}: values that are none are invalid now", who)


def _bounds(old: Expectation, new: Expectation) -> Iterator[Change]:
    for key, sign in (("least", 1), ("most", -1), ("min_length", 1), ("max_length", -1)):
        was, now = getattr(old, key), getattr(new, key)
        if old.type == "time" and new.type == "any" and "length" not in key and now is not None:
            yield Change("breaks", new.path, f"{new.path}: {key} is of any number now, and was of times", _PRODUCERS)
        elif was == now:
            continue
        elif now is None:
            yield Change("widens", new.path, f"{new.path}: {key} was {was}, and there is none now")
        elif was is None:
            side = "below" if sign > 0 else "above"
            said = f"{new.path}: {key} is {now} now: records {side} are invalid"
            yield Change("breaks", new.path, said, _PRODUCERS)
        elif sign * now > sign * was:
            said = f"{new.path}: {key} was {was}, is {now}: records between are invalid now"
            yield Change("breaks", new.path, said, _PRODUCERS)
        else:
            yield Change("widens", new.path, f"{new.path}: {key} was {was}, is {now}: records between are valid now")


def _forms(old: Expectation, new: Expectation) -> Iterator[Change]:
    for key in ("pattern", "format"):
        was, now = getattr(old, key), getattr(new, key)
        if was == now:
            continue
        if now is None:
            yield Change("widens", new.path, f"{new.path}: the {key} {was} is no longer promised", _CONSUMERS)
        elif was is None:
            yield Change("breaks", new.path, f"{new.path}: texts without the {key} {now} are invalid now", _PRODUCERS)
        else:
            yield Change("breaks", new.path, f"{new.path}: the {key} was {was}, is {now}", _BOTH)


def _values(old: Expectation, new: Expectation) -> Iterator[Change]:
    was, now, path = old.values, new.values, new.path
    if was is None and now is not None:
        yield Change("breaks", path, f"{path}: only {_listed(now)} may be there now", _PRODUCERS)
    elif was is not None and now is None:
        yield Change("widens", path, f"{path}: any value is allowed now, and only {_listed(was)} before", _CONSUMERS)
    elif was is not None and now is not None:
        gone, added = _without(was, now), _without(now, was)
        if gone:
            yield Change("breaks", path, f"{path}: {_listed(gone)} is allowed no longer", _PRODUCERS)
        if added:
            yield Change("widens", path, f"{path}: {_listed(added)} is allowed now", _CONSUMERS)


def _remembered(old: Expectation, new: Expectation) -> Iterator[Change]:
    path = new.path
    if new.unique and not old.unique:
        yield Change("breaks", path, f"{path}: a value may not come again now", _PRODUCERS)
    if old.unique and not new.unique:
        yield Change("widens", path, f"{path}: a value may come again now", _CONSUMERS)
    if old.order == new.order:
        return
    said = f"{path}: its order was {old.order or 'any'}, is {new.order or 'any'}"
    if new.order is None or _WIDER.get(old.order or "") == new.order:
        yield Change("widens", path, said, _CONSUMERS)
    else:
        yield Change("breaks", path, said, _PRODUCERS if old.order is None else _BOTH)


def _allows_the_values_of(old: Expectation, new: Expectation) -> bool:
    """Return whether a field had a few values only, and each is valid still: then nothing narrower matters."""
    return old.values is not None and all(failed(old, value) or not failed(new, value) for value in old.values)


def _without_harm(one: Change) -> Change:
    if "producers" not in one.breaks:
        return one
    return replace(one, kind="neutral", breaks=(), said=f"{one.said} (none of the values that were allowed)")


def _without(values: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one for one in values if not any(equal(one, other) for other in others))


def _listed(values: tuple[Any, ...]) -> str:
    shown = ", ".join(map(repr, values[:8]))
    return f"{shown}, … ({len(values)})" if len(values) > 8 else shown
