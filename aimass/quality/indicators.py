"""Indicators: shares of sums, with how sure they are. Formulas and sources: docs/reference/quality.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aimass.quality.contracts.contract import Contract
from aimass.quality.sketches import distinct, divergence, ordered, quantiles, spread, top
from aimass.records import FieldJudgement, FieldPane, Indicator, Pane

#: The indicators, in the order in which they are shown.
INDICATORS = (
    "completeness",
    "validity",
    "accuracy",
    "timeliness",
    "robustness",
    "uniqueness",
    "consistency",
    "freshness",
    "volume",
)
#: Numbers further from the median than so many robust deviations are outliers.
FAR = 8.0
#: With fewer numbers, nothing is said of outliers.
_FEW = 20
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_Z = 1.959963984540054  # 95 %
_TREND = 12
Counts = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier panes of a source were like, by path.

    Parameters
    ----------
    numbers
        Their numbers, in buckets.
    still
        Fields of which all numbers of a pane are the same now and then, and nobody minds.
    """

    numbers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    still: frozenset[str] = frozenset()


_NO_PAST = Past()


def wilson(good: float, count: float) -> tuple[float, float]:
    """Return the interval that holds the true share with 95 % confidence (Wilson, JASA 1927).

    Examples
    --------
    >>> [round(one, 3) for one in wilson(9, 10)], wilson(0, 0)
    ([0.596, 0.982], (0.0, 1.0))
    """
    if count <= 0:
        return 0.0, 1.0
    share, z2 = good / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def share(good: int, count: int, trend: float | None = None) -> Indicator:
    """Return a share with its interval; unknown when nothing was counted."""
    if not count:
        return Indicator()
    low, high = wilson(good, count)
    return Indicator(good / count, low, high, count, trend)


@dataclass(frozen=True, slots=True)
class Asked:
    """What can be known of a source: where nothing says what is true, an indicator stays unknown.

    Parameters
    ----------
    contract
        Its contract.
    dedupes
        Whether records are dropped whose id came before.
    """

    contract: Contract
    dedupes: bool = False

    @property
    def asks_unique(self) -> bool:
        """Whether anything says that values come once."""
        return self.dedupes or any(one.unique for one in self.contract.fields)


def counted(pane: Pane, asked: Asked, past: Past = _NO_PAST) -> dict[str, Counts]:
    """Return by indicator how many observations are good, and how many there are: sums, so that panes add up.

    What is an outlier is settled by earlier panes too. Records that could not be read are not valid.

    Examples
    --------
    >>> pane = Pane("i", "t", 0.0, "p", "", 0.0, 60.0, records=10, valid=9, cells=20, missing=1)
    >>> counted(pane, Asked(Contract(name="c")))
    {'completeness': (19, 20), 'validity': (9, 10)}
    """
    fields, records = pane.fields.values(), pane.records
    found: dict[str, Counts] = {
        "completeness": (pane.cells - pane.missing, pane.cells),
        "validity": (pane.valid, records + pane.counts.get("unreadable", 0)),
    }
    checked = sum(field.checked for field in fields)
    found["accuracy"] = sum(field.agreed for field in fields), checked
    if asked.contract.delay_s is not None:
        found["timeliness"] = pane.counts.get("timely", 0), records
    numbers = sum(sum(field.numbers.values()) for field in fields)
    far = sum(outliers(path, field, past) for path, field in pane.fields.items())
    found["robustness"] = numbers - far, numbers
    if asked.asks_unique:
        twice = pane.counts.get("duplicates", 0) + sum(field.wrong.get("unique", 0) for field in fields)
        found["uniqueness"] = max(0, records - twice), records
    counts = [pane.checks.get(name, [0, 0]) for name in _consistency(asked.contract)]
    asks = sum(count for count, _ in counts)
    found["consistency"] = asks - sum(broken for _, broken in counts), asks
    return {name: (good, count) for name, (good, count) in found.items() if count}


def _consistency(contract: Contract) -> list[str]:
    names = [check.name for check in contract.checks if check.dimension == "consistency"]
    return names + [reference.name for reference in contract.references]


def outliers(path: str, field: FieldPane, past: Past) -> int:
    """Return how many numbers are further than `FAR` robust deviations from the median of this and earlier panes.

    Where all are the same and earlier ones hardly ever were, all are: the value is stuck.
    """
    count = sum(field.numbers.values())
    if count < _FEW:
        return 0
    if is_stuck(path, field, past):
        return count
    median, deviation = spread(_together(field.numbers, past.numbers.get(path, {})))
    if deviation == 0:
        return 0
    return sum(count for value, count in ordered(field.numbers) if abs(value - median) > FAR * deviation)


def is_still(field: FieldPane) -> bool:
    """Return whether all of a field's numbers are the same, of enough to say so."""
    return field.least == field.most and sum(field.numbers.values()) >= _FEW


def is_stuck(path: str, field: FieldPane, past: Past) -> bool:
    """Return whether a number has ceased to change."""
    return is_still(field) and path not in past.still and len(past.numbers.get(path, ())) > 1


def _together(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    found = dict(one)
    for bucket, count in other.items():
        found[bucket] = found.get(bucket, 0) + count
    return found


def judged_fields(pane: Pane, asked: Asked, past: Past) -> dict[str, FieldJudgement]:
    """Return what each field was like."""
    return {path: _field(path, field, pane, asked, past) for path, field in pane.fields.items()}


def valid_values(field: FieldPane) -> Counts:
    """Return how many of a field's values break nothing, and how many there are.

    A value that breaks two expectations is counted under both, so that the most frequent one is the least to be wrong.
    """
    broken = max((count for kind, count in field.wrong.items() if kind != "required"), default=0)
    return max(0, field.present - broken), field.present


def _field(path: str, field: FieldPane, pane: Pane, asked: Asked, past: Past) -> FieldJudgement:
    before = past.numbers.get(path, {})
    expectation = asked.contract.expectation(path)
    indicators = {}
    if expectation is not None:
        if expectation.required:
            indicators["completeness"] = share(pane.records - field.wrong.get("required", 0), pane.records)
        indicators["validity"] = share(*valid_values(field))
    if field.checked:
        indicators["accuracy"] = share(field.agreed, field.checked)
    return FieldJudgement(
        present=field.present,
        indicators=indicators,
        wrong=field.wrong,
        least=field.least,
        most=field.most,
        quantiles=tuple(_within(field, value) for value in quantiles(field.numbers, SHARES)),
        distinct=distinct(field) if field.values else None,
        top=tuple(top(field)),
        outliers=outliers(path, field, past),
        is_stuck=is_stuck(path, field, past),
        shift=divergence(field.numbers, before) if before and field.numbers else None,
    )


def _within(field: FieldPane, value: float) -> float:
    """Return a bucket's middle, brought between the smallest and the largest number that was seen."""
    assert field.least is not None
    assert field.most is not None
    return min(max(value, field.least), field.most)


def trend(values: Sequence[float]) -> float | None:
    """Return by how much values change from one to the next: the median of all slopes (Theil, 1950; Sen, 1968).

    Examples
    --------
    >>> trend([0.9, 0.8, 0.7]), trend([1.0])
    (-0.1, None)
    """
    last = list(values)[-_TREND:]
    if len(last) < 3:
        return None
    slopes = sorted((last[j] - last[i]) / (j - i) for i in range(len(last)) for j in range(i + 1, len(last)))
    middle = len(slopes) // 2
    found = slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
    return round(found, 9)


def score_of(indicators: Mapping[str, Indicator]) -> tuple[float | None, str | None]:
    """Return the geometric mean of all that are known, and the weakest: a zero is not averaged away.

    Examples
    --------
    >>> score_of({"validity": Indicator(0.81, n=9), "timeliness": Indicator(1.0, n=9), "accuracy": Indicator()})
    (0.9, 'validity')
    """
    known = {name: one.value for name, one in indicators.items() if one.value is not None}
    if not known:
        return None, None
    weakest = min(known, key=lambda name: (known[name], name))
    if min(known.values()) <= 0:
        return 0.0, weakest
    return round(math.exp(sum(map(math.log, known.values())) / len(known)), 9), weakest


def causes(pane: Pane, asked: Asked, most: int = 10) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """Return what was broken most often, with ids of examples."""
    found = {
        f"{path}:{kind}": count for path, field in pane.fields.items() for kind, count in field.wrong.items() if count
    }
    found.update({name: broken for name, (_, broken) in pane.checks.items() if broken})
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:most]
    return tuple((name, count, tuple(pane.examples.get(name, ()))) for name, count in ranked)
