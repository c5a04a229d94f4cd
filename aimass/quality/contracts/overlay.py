"""What of a contract another form cannot say: what differs from what is read back of it, to be laid over that."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import msgspec

from aimass.quality.contracts.contract import Check, Contract, Expectation, Reference

_PARTS = ("fields", "checks", "references")


def _differing(ours: Any, base: Any) -> dict[str, Any]:
    return {
        one.name: msgspec.to_builtins(getattr(ours, one.name))
        for one in fields(ours)
        if repr(getattr(ours, one.name)) != repr(getattr(base, one.name))  # 1, 1.0 and true are not the same here
    }


def difference(ours: Contract, base: Contract) -> dict[str, Any]:
    """Return what makes the second contract the first, as JSON: nothing when they are the same.

    Examples
    --------
    >>> base = Contract(name="c", fields=(Expectation(path="a"),))
    >>> difference(Contract(name="c", fields=(Expectation(path="a", order="rising"),), others="error"), base)
    {'contract': {'others': 'error'}, 'fields': {'a': {'order': 'rising'}}}
    """
    there = {one.path: one for one in base.fields}
    mine = [one.path for one in ours.fields]
    changed = {
        one.path: _differing(one, there.get(one.path, Expectation(path=one.path)))
        for one in ours.fields
        if repr(there.get(one.path)) != repr(one)
    }
    top = {name: value for name, value in _differing(ours, base).items() if name not in _PARTS}
    kept = [path for path in there if path in mine] + [path for path in mine if path not in there]
    found: dict[str, Any] = {
        "contract": top,
        "fields": changed,
        "without": [path for path in there if path not in mine],
        "order": mine if kept != mine else [],
    }
    for name in ("checks", "references"):
        if getattr(ours, name) != getattr(base, name):
            found[name] = msgspec.to_builtins(getattr(ours, name))
    return {name: value for name, value in found.items() if value or name in ("checks", "references")}


def laid_over(base: Contract, over: Any) -> Contract:
    """Return a contract with a `difference` laid over it.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> base = Contract(name="c", fields=(Expectation(path="a"),))
    >>> laid_over(base, {"fields": {"a": {"order": "rising"}}}).fields[0].order
    'rising'
    """
    if type(over) is not dict or not set(over) <= {"contract", "without", "order", *_PARTS}:
        raise ValueError("it is no table of what was laid over")
    try:
        made = {one.path: one for one in base.fields if one.path not in over.get("without", ())}
        for path, values in over.get("fields", {}).items():
            made[path] = _laid(made.get(path, Expectation(path=path)), values)
        order = {path: at for at, path in enumerate(over.get("order", ()))}
        contract: Contract = _laid(base, over.get("contract", {}))
        checks = msgspec.convert(over["checks"], tuple[Check, ...]) if "checks" in over else base.checks
        told = msgspec.convert(over["references"], tuple[Reference, ...]) if "references" in over else base.references
    except (msgspec.ValidationError, TypeError, AttributeError) as exc:
        raise ValueError(str(exc)) from exc
    ranked = sorted(made.values(), key=lambda one: order.get(one.path, len(order)))
    return replace(contract, fields=tuple(ranked), checks=checks, references=told)


def _laid(one: Any, values: dict[str, Any]) -> Any:
    """Return a dataclass with values of its JSON: of the right types, but numbers as they are written."""
    there = {each.name: msgspec.to_builtins(getattr(one, each.name)) for each in fields(one)}
    if not set(values) <= set(there):
        raise ValueError(f"there is no {min(set(values) - set(there))!r}")
    made = msgspec.convert({**there, **values}, type(one))
    return replace(one, **{name: raw if type(raw) is int else getattr(made, name) for name, raw in values.items()})
