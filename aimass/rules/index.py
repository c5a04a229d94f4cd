"""Thousands of rules: those that ask for one literal of a field are looked at only where it occurs.

Where it does not, the condition is false, whatever else it asks. Where the field is missing, it may be unknown: there
it is looked at, too. So an index changes nothing but the time that is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aimass.rules import machine
from aimass.rules.compiler import Compiler
from aimass.rules.steps import Place, Step

#: With fewer conditions that could be indexed, it is faster to compute them all.
LEAST = 100
#: A clause is worth it if it takes no more than this share of the literals that its value is compared with.
SHARE = 0.1


@dataclass(slots=True)
class Group:
    """Conditions that are false wherever a value is known and none of some literals.

    Parameters
    ----------
    codes
        The row of codes of the value.
    wanted
        The codes of those literals.
    roots
        The conditions: the row of truths of each, and its place among the answers.
    steps
        The instructions that nothing else needs.
    """

    codes: int
    wanted: tuple[int, ...]
    roots: list[tuple[int, int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def grouped(compiler: Compiler) -> tuple[list[Step], list[Group]]:
    """Divide the steps of compiled conditions: those for all events, in their order, and groups of those for some."""
    groups: dict[tuple[int, tuple[int, ...]], Group] = {}
    for answer, root in enumerate(compiler.roots):
        clause = min(_clauses(compiler, root), key=lambda one: one[0], default=None)
        if clause is not None:
            group = groups.setdefault(clause[1:], Group(*clause[1:]))
            group.roots.append((root[1], answer))
    if sum(len(group.roots) for group in groups.values()) < LEAST:
        groups.clear()
    ordered = [groups[known] for known in sorted(groups)]
    return _divided(compiler, ordered), ordered


def _clauses(compiler: Compiler, root: Place) -> Iterator[tuple[float, int, tuple[int, ...]]]:
    """Yield the equalities that must all be true, each with the share of literals that it takes."""
    waiting = [root]
    while waiting:
        step = compiler.steps.writer[waiting.pop()]
        if step.do is not None:
            continue
        op, _, row, right = step.code
        if op == machine.AND:
            waiting.extend(reversed(step.reads))
        elif op in (machine.CODE, machine.LOOKUP):
            literals = compiler.coded[step.reads[0]]
            wanted = (right,) if op == machine.CODE else tuple(compiler.lookups[right][1])
            if len(wanted) <= SHARE * len(literals):
                yield len(wanted) / len(literals), row, wanted


def _divided(compiler: Compiler, groups: Sequence[Group]) -> list[Step]:
    """Give each group the instructions that are needed for its conditions alone; return the others."""
    ordered = sorted(compiler.steps.made, key=lambda step: step.when)
    if not groups:
        return ordered
    owners: dict[Place, int] = {}
    for place, group in enumerate(groups):
        for row, _ in group.roots:
            _own(owners, ("truths", row), place)
    indexed = {("truths", row) for group in groups for row, _ in group.roots}
    for root in compiler.roots:
        if root not in indexed:
            _own(owners, root, _ALL)
    common: list[Step] = []
    for step in reversed(ordered):
        owner = _ALL if step.do is not None else owners.get(step.writes, _ALL)
        for read in step.reads:
            _own(owners, read, owner)
        if step.order is not None:  # it may have to be done one by one, before any group is
            for side in step.order[1:]:
                if isinstance(side, tuple):
                    _own(owners, side, _ALL)
        (common if owner == _ALL else groups[owner].steps).append(step)
    common.reverse()
    for group in groups:
        group.steps.reverse()
    return common


_ALL = -1


def _own(owners: dict[Place, int], place: Place, owner: int) -> None:
    owners[place] = owner if owners.get(place, owner) == owner else _ALL
