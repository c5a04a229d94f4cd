"""What a rule would have done: counted over a history, with the reason where it did nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aimass.records import Alert, Prediction
from aimass.rules.columns import Column, Truths
from aimass.rules.document import Rule
from aimass.rules.lint import state_bytes
from aimass.rules.ruleset import Level, Ruleset
from aimass.rules.syntax import Any_, Binary, Pattern
from aimass.rules.write import text

_HOUR, _DAY = 3600.0, 86_400.0


def parts(rule: Rule) -> list[Any_]:
    """Return what must hold together: the clauses of a condition, the conditions of a pattern's steps.

    Examples
    --------
    >>> from aimass.rules.read import condition
    >>> [text(part) for part in parts(Rule("x", condition("a > 1 and b == 2 and not c")))]
    ['a > 1', 'b == 2', 'not c']
    """
    if isinstance(rule.when, Pattern):
        return [step.when for step in rule.when.steps if not step.is_absent]
    found: list[Any_] = []

    def split(node: Any_) -> None:
        if isinstance(node, Binary) and node.op == "and":
            split(node.left)
            split(node.right)
        else:
            found.append(node)

    split(rule.when)
    return found


@dataclass(slots=True)
class Tally:
    """What one rule did over a history.

    Parameters
    ----------
    rule
        The rule.
    seen, true, unknown
        Of how many events it was asked, on how many it was true, on how many it could not be answered.
    met
        Of each of its parts, on how many events it was true.
    nearest
        Of each part that compares a number, the least and the greatest that there was.
    alerts
        The alerts that began an episode.
    right
        How many of these are on events labelled true; of those that have labels.
    judged
        How many of the alerts are on events with a label.
    found, labelled
        On how many of the events that are labelled true the rule was true (or its alerts spoke of them, for a
        pattern); and how many these are.
    days
        The days that had events.
    """

    rule: Rule
    seen: int = 0
    true: int = 0
    unknown: int = 0
    met: Counter[str] = field(default_factory=Counter)
    nearest: dict[str, tuple[float, float]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    right: int = 0
    judged: int = 0
    found: int = 0
    labelled: int = 0
    days: set[int] = field(default_factory=set)

    def ask(self, truths: Truths, labels: Sequence[bool | None]) -> None:
        """Count a batch."""
        self.seen += len(truths)
        self.true += int((truths == 1).sum())
        self.unknown += int((truths < 0).sum())
        for truth, label in zip(truths.tolist(), labels, strict=True):
            if label:
                self.labelled += 1
                self.found += truth == 1

    def part(self, node: Any_, column: Column, left: Column | None) -> None:
        """Count one of its parts over a batch, and note how near its number came."""
        name = text(node)
        self.met[name] += int((column.truths() == 1).sum())
        if left is not None:
            numbers, known = left.numbers()
            if known.any():
                low, high = float(numbers[known].min()), float(numbers[known].max())
                before = self.nearest.get(name, (low, high))
                self.nearest[name] = min(low, before[0]), max(high, before[1])

    def alert(self, alert: Alert, labels: Mapping[str, bool]) -> None:
        """Count an alert that began an episode."""
        self.alerts.append(alert)
        known = [labels[name] for name in _spoken_of(alert) if name in labels]
        if known:
            self.judged += 1
            self.right += any(known)

    @property
    def verdict(self) -> str:
        """Why it never fired; empty when it did."""
        if self.alerts:
            return ""
        if not self.seen:
            return "there was no event"
        never = [name for name, count in self.met.items() if not count]
        if never:
            span = self.nearest.get(never[0])
            near = "" if span is None else f"; there it was between {span[0]:.6g} and {span[1]:.6g}"
            return f"no event met {never[0]}{near}"
        if self.true:
            return "it was true, but did not hold long enough"
        return "each of its parts was met, never all together"

    @property
    def precision(self) -> float | None:
        """The share of alerts that were right, of those with a label."""
        return self.right / self.judged if self.judged else None

    @property
    def recall(self) -> float | None:
        """The share of events labelled true on which the rule was true."""
        return self.found / self.labelled if self.labelled else None

    def facts(self, others: Iterable[Tally] = ()) -> dict[str, Any]:
        """Return all of it, for programs."""
        days = Counter(f"{datetime.fromtimestamp(one.time, UTC):%Y-%m-%d}" for one in self.alerts)
        keys = Counter(one.key for one in self.alerts)
        overlaps = {other.rule.name: overlap(self, other) for other in others if other is not self}
        return {
            "rule": self.rule.name,
            "version": self.rule.version,
            "mode": self.rule.mode,
            "events": self.seen,
            "unknown": self.unknown,
            "true": self.true,
            "alerts": len(self.alerts),
            "verdict": self.verdict,
            "days": len(self.days),
            "bytes_per_key": state_bytes(self.rule),
            "by_day": dict(sorted(days.items())),
            "keys": dict(sorted(keys.items(), key=lambda one: (-one[1], one[0]))[:10]),
            "met": dict(self.met),
            "first": min((one.time for one in self.alerts), default=None),
            "last": max((one.time for one in self.alerts), default=None),
            "precision": self.precision,
            "recall": self.recall,
            "judged": self.judged,
            "labelled": self.labelled,
            "overlap": {name: share for name, share in overlaps.items() if share > 0},
        }


def begun(alerts: Iterable[Alert]) -> Iterator[Alert]:
    """Yield the first alert of each episode that fires: one that had to hold was pending before."""
    seen: set[tuple[str, str]] = set()
    for alert in alerts:
        episode = alert.rule, alert.episode or alert.id
        if type(alert) is Alert and alert.state == "firing" and episode not in seen:
            seen.add(episode)
            yield alert


def _spoken_of(alert: Alert) -> list[str]:
    """Return the ids of the events that an alert speaks of."""
    steps = [one.get("id", "") for one in alert.evidence.values() if isinstance(one, dict)]
    return [alert.id.removesuffix(f"-{alert.rule}"), *steps]


def overlap(one: Tally, other: Tally) -> float:
    """Return how far two rules alert on the same: the share of keys and hours that both have (Jaccard)."""
    mine, theirs = ({(alert.key, alert.time // _HOUR) for alert in each.alerts} for each in (one, other))
    both = mine | theirs
    return len(mine & theirs) / len(both) if both else 0.0


class Backtest:
    """Counts what rules do, batch by batch.

    Parameters
    ----------
    rules
        The rules that are counted; others may be asked beside them, for their tags.
    label
        Returns what the truth says of an event; ``None`` where it says nothing.
    """

    def __init__(self, rules: Sequence[Rule], label: Any = lambda event: None) -> None:
        self.tallies = {rule.name: Tally(rule) for rule in rules}
        self._label = label
        self._labels: dict[str, bool] = {}

    def take(self, events: Sequence[Any], rules: Ruleset) -> None:
        """Count a batch that the rules were asked of just now."""
        asked = [one for one in events if type(one) is Prediction]
        if not asked:
            return
        labels = [self._label(one) for one in asked]
        self._labels.update((one.id, label) for one, label in zip(asked, labels, strict=True) if label is not None)
        days = {int(one.time // _DAY) for one in asked}
        for tally in self.tallies.values():
            tally.days |= days
        for level in rules.levels:
            self._count(level, labels)

    def _count(self, level: Level, labels: Sequence[bool | None]) -> None:
        for one, truths in zip(level.plain, level.truths, strict=False):
            tally = self.tallies.get(one.rule.name)
            if tally is None:
                continue
            tally.ask(truths, labels)
            for node in parts(one.rule):
                left = (
                    level.value(node.left) if isinstance(node, Binary) and node.op in ("<", "<=", ">", ">=") else None
                )
                tally.part(node, level.value(node), left)
        for one, _, first in level.patterns:
            pattern = one.rule.when
            assert isinstance(pattern, Pattern)
            tally = self.tallies.get(one.rule.name)
            if tally is None:
                continue
            tally.seen += len(labels)
            for step, truths in zip(pattern.steps, level.truths[first:], strict=False):
                if not step.is_absent:
                    tally.met[text(step.when)] += int((truths != 0).sum())

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """Count the alerts of all events, once they are all there."""
        for alert in begun(alerts):
            if alert.rule in self.tallies:
                self.tallies[alert.rule].alert(alert, self._labels)
        for name, tally in self.tallies.items():
            if isinstance(tally.rule.when, Pattern):
                tally.labelled, tally.found = self._covered([one for one in alerts if one.rule == name])

    def _covered(self, alerts: Sequence[Alert]) -> tuple[int, int]:
        """Return how many events are labelled true, and how many of these some alerts speak of."""
        told = {name for alert in alerts for name in _spoken_of(alert)}
        wanted = [name for name, label in self._labels.items() if label]
        return len(wanted), sum(name in told for name in wanted)


def compared(new: Backtest, old: Backtest) -> dict[str, dict[str, list[str]]]:
    """Return by rule the ids of alerts that only one of two versions has."""
    found = {}
    for name in dict.fromkeys([*new.tallies, *old.tallies]):
        mine, theirs = (
            {one.id for one in each.tallies[name].alerts} if name in each.tallies else set() for each in (new, old)
        )
        if mine != theirs:
            found[name] = {"only_new": sorted(mine - theirs), "only_old": sorted(theirs - mine)}
    return found
