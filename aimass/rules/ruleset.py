"""The rules that are asked, put together: each distinct condition once, patterns apart, those that read tags last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aimass.rules.columns import Column, Truths
from aimass.rules.document import Rule, digest
from aimass.rules.memory import memory
from aimass.rules.patterns import Match, Matcher, without_captures
from aimass.rules.plain import Given
from aimass.rules.program import Program
from aimass.rules.sight import Sight
from aimass.rules.syntax import Any_, Call, Condition, Field, Judged, Pattern, Profile, Table, Truth
from aimass.rules.walk import calls, children, references, walk
from aimass.rules.write import text
from aimass.state import State


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule that is asked, and what its alerts show.

    Parameters
    ----------
    rule
        The rule.
    place
        Its place among all rules: of two that fire on one event, the first alerts first.
    text
        Its condition, as its author wrote it.
    shown
        What it looks at, beside detectors and models, by its text.
    detectors, models
        Those that it looks at.
    reads
        The tags that it looks at.
    remembering
        Its calls that remember something.
    """

    rule: Rule
    place: int
    text: str
    shown: tuple[tuple[str, Any_], ...]
    detectors: tuple[str, ...]
    models: tuple[str, ...]
    reads: tuple[str, ...]
    remembering: tuple[Call, ...]

    @classmethod
    def of(cls, rule: Rule, place: int) -> Asked:
        """Return a rule ready to be asked."""
        nodes = list(dict.fromkeys(walk(rule.when)))
        remembering = calls(rule.when)
        shown = list(dict.fromkeys(_shown(rule.when, remembering)))
        judged = [node for node in nodes if type(node) is Judged]
        return cls(
            rule=rule,
            place=place,
            text=rule.text or text(rule.when),
            shown=() if type(rule.when) is Pattern else tuple((_name(node), node) for node in shown),
            detectors=tuple(dict.fromkeys(node.name for node in judged if node.kind == "detector")),
            models=tuple(dict.fromkeys(node.name for node in judged if node.kind == "model")),
            reads=references(rule.when).tags,
            remembering=tuple(remembering),
        )


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule whose condition is met: at an event of the batch, or by a pattern when time was up.

    Of rules that must hold for a while, those events too that do not meet it. ``seen_at`` is the event at which it is
    noticed: the same, but for an absence that was certain before.
    """

    asked: Asked
    row: int | None
    seen_at: int
    match: Match | None = None
    is_met: bool = True


@dataclass(slots=True)
class Level:
    """Rules that are asked together: what they read of tags was given by rules of earlier levels, or before.

    Parameters
    ----------
    plain
        Rules of one event, in the order of the program's conditions.
    patterns
        Rules of several events, with their matchers and where in the program the masks of their steps begin.
    program
        Evaluates all of their conditions.
    truths, sight
        What the conditions came to in the batch that was asked last, and that batch.
    """

    plain: list[Asked]
    patterns: list[tuple[Asked, Matcher, int]]
    program: Program
    truths: list[Truths] = field(default_factory=list)
    sight: Sight | None = None

    def ask(self, sight: Sight, state: State) -> list[Firing]:
        """Return all that fires, by event, then by rule."""
        self.sight, self.truths = sight, self.program.run(sight, state)
        which, where = self.program.hits()
        plain = which < len(self.plain)
        found = [
            Firing(self.plain[i], row, row) for i, row in zip(which[plain].tolist(), where[plain].tolist(), strict=True)
        ]
        found += [
            Firing(asked, row, row, is_met=False)
            for asked, truths in zip(self.plain, self.truths, strict=False)
            if asked.rule.hold_s > 0
            for row in np.flatnonzero(truths == 0).tolist()
        ]
        for asked, matcher, first in self.patterns:
            pattern = asked.rule.when
            assert type(pattern) is Pattern
            masks = self.truths[first : first + len(pattern.steps)]
            needed = asked.remembering

            def given(row: int, needed: Sequence[Call] = needed) -> Given:
                return self.given(sight, row, needed)

            matches = matcher.run(sight, masks, given, state)
            found += [Firing(asked, match.row, match.seen_at or 0, match) for match in matches]
        return sorted(found, key=lambda one: (one.seen_at, one.asked.place))

    def given(self, sight: Sight, row: int, needed: Iterable[Call]) -> Given:
        """Return all that is known at one event, for the plain evaluator."""
        return Given(
            prediction=sight.predictions[row],
            data=sight.data[row],
            memory={call: self.program.value(call).values()[row] for call in needed},
            profile={name: column.values()[row] for name, column in sight.profile.items()},
            tags=[name for name, truths in sight.tags.items() if truths[row] == 1],
        )

    def value(self, node: Any_) -> Column:
        """Return what a node came to at each event of the batch."""
        return self.program.value(node)


class Ruleset:
    """All rules of a pipeline at one moment.

    Parameters
    ----------
    rules
        The rules, in their order; those that are not asked are left out.
    lateness_s
        How late events may come: patterns wait that long.
    extra
        Conditions that others want to know the truths of: they are in the last level, see `extras`.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> from aimass.testing import MemoryState, prediction
    >>> rules = Ruleset([Rule("large", condition("amount > 100"))])
    >>> sight = Sight([prediction({"amount": 5}), prediction({"amount": 500})])
    >>> [(one.asked.rule.name, one.row) for one in rules.levels[0].ask(sight, MemoryState())]
    [('large', 1)]
    """

    def __init__(self, rules: Iterable[Rule], lateness_s: float = 0.0, extra: Sequence[Any_] = ()) -> None:
        self._lateness = lateness_s
        asked = [Asked.of(rule, place) for place, rule in enumerate(rules) if rule.is_asked]
        ranks = levels_of(asked)
        count = max(ranks.values(), default=0) + 1
        by_level: list[list[Asked]] = [[] for _ in range(count)]
        for one in asked:
            if one.rule.name in ranks:
                by_level[ranks[one.rule.name]].append(one)
        self.asked = [one for level in by_level for one in level]
        self.levels = [self._level(level, extra if i == count - 1 else ()) for i, level in enumerate(by_level)]
        #: The mode of each rule that is asked, by its name.
        self.modes = {one.rule.name: one.rule.mode for one in self.asked}
        self._extra = len(extra)
        nodes = [node for one in self.asked for node in walk(one.rule.when)] + [n for e in extra for n in walk(e)]
        self.needs_profile = any(type(node) is Profile for node in nodes)
        self.tags = tuple(dict.fromkeys(tag for one in self.asked for tag in one.reads))

    @property
    def extras(self) -> list[Truths]:
        """The truths of the extra conditions at each event of the batch that was asked last."""
        return self.levels[-1].truths[-self._extra :] if self._extra else []

    def _level(self, level: Sequence[Asked], extra: Sequence[Any_]) -> Level:
        plain = [one for one in level if type(one.rule.when) is not Pattern]
        conditions: list[Any_] = [one.rule.when for one in plain]  # type: ignore[misc]
        patterns = []
        for one in level:
            if type(one.rule.when) is Pattern:
                matcher = Matcher(
                    one.rule.when,
                    f"{one.rule.name}.{digest(one.rule.when)}",
                    lateness_s=self._lateness,
                    partials=one.rule.partials,
                )
                patterns.append((one, matcher, len(conditions)))
                conditions += [without_captures(step.when) or Truth(True) for step in one.rule.when.steps]
                conditions += calls(one.rule.when)  # also those that no mask has
        return Level(plain, patterns, Program([*conditions, *extra], memory))


def _shown(node: Condition, remembering: Sequence[Call]) -> Iterator[Any_]:
    """Yield what an alert shows: fields and what is known of the key, and windows without what they look at."""
    if node in remembering or isinstance(node, Field | Profile | Table):
        yield node  # type: ignore[misc]
        return
    for child in children(node):
        yield from _shown(child, remembering)


def _name(node: Any_) -> str:
    return node.path if type(node) is Field else text(node)


def levels_of(asked: Sequence[Asked]) -> dict[str, int]:
    """Return which rules come after which, by name: a rule that reads a tag after those that give it.

    Rules that wait for each other in a circle are not asked: they have no level.
    """
    givers: dict[str, list[str]] = {}
    for one in asked:
        if one.rule.tag is not None and one.rule.mode == "live":
            givers.setdefault(one.rule.tag, []).append(one.rule.name)
    waits: Mapping[str, list[str]] = {
        one.rule.name: [giver for tag in one.reads for giver in givers.get(tag, ())] for one in asked
    }
    ranks: dict[str, int] = {}
    while True:
        ready = [name for name, names in waits.items() if name not in ranks and all(n in ranks for n in names)]
        if not ready:
            return ranks
        found = {name: max((ranks[giver] + 1 for giver in waits[name]), default=0) for name in ready}
        ranks.update(found)


def changed(rules: Sequence[Rule], changes: Iterable[Rule]) -> list[Rule]:
    """Return the rules of a pipeline's file with later changes in their places; new ones come after.

    Examples
    --------
    >>> import msgspec
    >>> a, b = Rule("a", Truth(True)), Rule("b", Truth(True))
    >>> [(one.name, one.version) for one in changed([a], [b, msgspec.structs.replace(a, version=2)])]
    [('a', 2), ('b', 1)]
    """
    found = {rule.name: rule for rule in rules}
    found.update((rule.name, rule) for rule in changes)
    return list(found.values())
