"""What a new version of a contract changes, for those who produce the records and for those who read them.

A change **breaks producers** when a record that was valid may be invalid now: what they send today may be refused
tomorrow. It **breaks consumers** when a record may be valid now that they do not expect: a value is not there, is null,
of another type or form, or a word they do not know; and when what they may have relied upon is no longer promised. A
wider range or a longer text only *widens*: more is valid, of the same sort.

Whatever is not certain to be harmless breaks: two regular expressions are not compared, only told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from aimass.quality.contracts.contract import Contract, Expectation
from aimass.quality.contracts.field_changes import Change, field_changes
from aimass.quality.contracts.plain import names_of, parsed
from aimass.rules.tokens import span

Bump = Literal["major", "minor", "patch", "none"]
_BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")


def changes(old: Contract, new: Contract) -> list[Change]:
    """Return all that a new version changes: what breaks somebody first.

    Examples
    --------
    >>> old = Contract(name="c", fields=(Expectation(path="amount", type="number", most=100),))
    >>> new = Contract(name="c", fields=(Expectation(path="amount", type="number", most=50),))
    >>> [(one.kind, one.breaks, one.said) for one in changes(old, new)]
    [('breaks', ('producers',), 'amount: most was 100, is 50: records between are invalid now')]
    """
    found = [*_fields(old, new), *_others(old, new), *_checks(old, new), *_references(old, new), *_rest(old, new)]
    rank = {"breaks": 0, "widens": 1, "neutral": 2}
    return sorted(found, key=lambda one: (rank[one.kind], not one.breaks))


def broken(found: Iterable[Change], who: str) -> list[Change]:
    """Return the changes that break producers, or consumers.

    Examples
    --------
    >>> broken([Change("breaks", "a", "a: gone", ("consumers",))], "producers")
    []
    """
    return [one for one in found if who in one.breaks]


def bump(found: Iterable[Change], version: str = "1.0.0") -> Bump:
    """Return which part of the version the changes have to raise.

    What breaks anybody is major (minor, while the major version is 0), what widens is minor, all else a patch.

    Examples
    --------
    >>> bump([Change("widens", "a", "a: most was 3, is 5")]), bump([])
    ('minor', 'none')
    """
    kinds: list[Bump] = [("major" if one.breaks else "minor" if one.kind == "widens" else "patch") for one in found]
    due: Bump = max(kinds, key=_BUMPS.index, default="none")
    return "minor" if due == "major" and version.startswith("0.") else due


def raised(old: str, new: str) -> Bump | None:
    """Return which part of the version was raised; ``None`` when it was lowered.

    Examples
    --------
    >>> raised("1.2.0", "1.3.0"), raised("1.2.0", "1.2.0"), raised("2.0.0", "1.9.9")
    ('minor', 'none', None)
    """
    before, after = (tuple(int(part) for part in version.split(".")) for version in (old, new))
    if after < before:
        return None
    names: tuple[Bump, ...] = ("major", "minor", "patch")
    return next((name for name, one, other in zip(names, before, after, strict=True) if one != other), "none")


def verdict(old: Contract, new: Contract) -> str | None:
    """Return what is wrong with the new version's number; ``None`` when nothing is.

    Examples
    --------
    >>> verdict(Contract(name="c"), Contract(name="c", version="1.0.1", others="error"))
    'version: 1.0.0 → 1.0.1 raises the patch version; what changes needs a major one: 2.0.0'
    """
    due, got = bump(changes(old, new), old.version), raised(old.version, new.version)
    if got is None:
        return f"version: {new.version} is before {old.version}"
    if _BUMPS.index(got) >= _BUMPS.index(due):
        return None
    said = "does not raise it" if got == "none" else f"raises the {got} version"
    wanted = "a patch" if due == "patch" else f"a {due} one"
    needed = f"what changes needs {wanted}: {due_version(old.version, due)}"
    return f"version: {old.version} → {new.version} {said}; {needed}"


def due_version(version: str, due: Bump) -> str:
    """Return a version with one part raised.

    Examples
    --------
    >>> due_version("1.2.3", "minor"), due_version("1.2.3", "none")
    ('1.3.0', '1.2.3')
    """
    major, minor, patch = (int(part) for part in version.split("."))
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
    }.get(due, version)


def _fields(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({one.path: one for one in each.fields} for each in (old, new))
    for path, one in before.items():
        if path in after:
            yield from field_changes(one, after[path])
        else:
            yield _removed(one, new)
    closed = names_of(old) if old.others == "error" else None
    for path, one in after.items():
        if path not in before:
            never = closed is not None and closed.isdisjoint((path, path.partition(".")[0]))
            yield from _added(one, never=never)


def _removed(one: Expectation, new: Contract) -> Change:
    said = f"{one.path}: is no longer part of it"
    if new.others == "error" and not names_of(new).issuperset((one.path, one.path.partition(".")[0])):
        return Change("breaks", one.path, f"{said}: records that have it are invalid now", ("producers", "consumers"))
    if one.level == "warning":
        return Change("neutral", one.path, said)
    return Change("widens", one.path, f"{said}: nothing is promised of it", ("consumers",))


def _added(one: Expectation, *, never: bool) -> Iterator[Change]:
    """Yield what a new field changes; ``never``: no record that was valid can have it."""
    bare = Expectation(path=one.path, level=one.level)
    found = [each for each in field_changes(bare, one) if each.kind == "breaks"]
    if never:
        found = found if one.required and one.level == "error" else []
    if not found:
        yield Change("widens", one.path, f"{one.path}: is new, and may be left out")
    for each in found:
        yield replace(each, said=f"{one.path}: is new: {each.said.partition(': ')[2]}")


def _others(old: Contract, new: Contract) -> Iterator[Change]:
    if old.others == new.others:
        return
    said = f"others: fields that it does not name were {_WORDS[old.others]}, are {_WORDS[new.others]}"
    if new.others == "error":
        yield Change("breaks", "", said, ("producers",))
    elif old.others == "error":
        yield Change("widens", "", said)
    else:
        yield Change("neutral", "", said)


_WORDS = {"allow": "allowed", "warning": "counted", "error": "invalid"}


def _checks(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what changes of the checks, told by their names; what they say is compared by meaning."""
    before, after = ({one.name: one for one in each.checks} for each in (old, new))
    enforced = [parsed(one.that) for one in old.checks if one.level == "error"]
    still = [parsed(one.that) for one in new.checks if one.level == "error"]
    for name, one in after.items():
        earlier = before.get(name)
        if earlier == one:
            continue
        if one.level == "error" and parsed(one.that) not in enforced:
            said = (
                "is new"
                if earlier is None
                else "asks something else"
                if earlier.that != one.that
                else "is an error now"
            )
            yield Change(
                "breaks", name, f"{name}: {said}: records of which {one.that} is false are invalid now", ("producers",)
            )
        else:
            yield Change(
                "neutral", name, f"{name}: {'is new' if earlier is None else 'changed'}, and makes nothing invalid"
            )
    for name, one in before.items():
        if one.level == "error" and parsed(one.that) not in still:
            yield Change("widens", name, f"{name}: {one.that} is no longer promised", ("consumers",))
        elif name not in after:
            yield Change("neutral", name, f"{name}: is gone")


def _references(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({one.name: one for one in each.references} for each in (old, new))
    for name, one in after.items():
        earlier = before.get(name)
        if earlier == one:
            continue
        same = earlier is not None and replace(earlier, within_s=one.within_s, description=one.description) == one
        is_wider = same and earlier is not None and earlier.within_s <= one.within_s
        if one.level == "error" and not is_wider:
            yield Change(
                "breaks",
                name,
                f"{name}: records whose {one.path} is not in {one.source} are invalid now",
                ("producers",),
            )
        elif earlier is not None and earlier.level == "error":
            yield Change("widens", name, f"{name}: less is promised of {one.path}", ("consumers",))
        else:
            yield Change(
                "neutral", name, f"{name}: {'is new' if earlier is None else 'changed'}, and makes nothing invalid"
            )
    for name, one in before.items():
        if name not in after:
            breaks: tuple[str, ...] = ("consumers",) if one.level == "error" else ()
            kind: Any = "widens" if breaks else "neutral"
            yield Change(kind, name, f"{name}: {one.path} is no longer promised to be in {one.source}", breaks)


def _rest(old: Contract, new: Contract) -> Iterator[Change]:
    if old.schema != new.schema:
        if new.schema is not None:
            said = "schema: is another one: records that it does not allow are invalid now"
            yield Change("breaks", "", said, ("producers",) if old.schema is None else ("producers", "consumers"))
        else:
            yield Change("widens", "", "schema: what it asked is no longer promised", ("consumers",))
    if new.horizon_s > old.horizon_s and any(one.unique and one.level == "error" for one in new.fields):
        said = (
            f"horizon: was {span(old.horizon_s)}, is {span(new.horizon_s)}: values that come again are found for longer"
        )
        yield Change("breaks", "", said, ("producers",))
    elif new.horizon_s != old.horizon_s:
        yield Change("neutral", "", f"horizon: was {span(old.horizon_s)}, is {span(new.horizon_s)}")
    for name in ("delay", "fresh"):
        yield from _promised(name, getattr(old, f"{name}_s"), getattr(new, f"{name}_s"))
    for name in ("name", "owner", "description", "season_s"):
        if getattr(old, name) != getattr(new, name):
            said = f"{name.removesuffix('_s')}: was {getattr(old, name) or 'none'}, is {getattr(new, name) or 'none'}"
            yield Change("neutral", "", said)


def _promised(name: str, old: float | None, new: float | None) -> Iterator[Change]:
    """Yield what changes of a promise of time: producers have to be as fast, consumers may have to wait."""
    if old == new:
        return
    said = f"{name}: was {span(old) if old else 'any time'}, is {span(new) if new else 'any time'}"
    if new is not None and (old is None or new < old):
        yield Change("breaks", "", f"{said}: what comes later is late now", ("producers",))
    else:
        yield Change("widens", "", f"{said}: consumers may have to wait for longer", ("consumers",))
