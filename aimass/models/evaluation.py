"""Prequential evaluation: how good a model is on events not yet learned, beside predictors that know nothing.

Dawid, "Present position and potential developments: the prequential approach" (1984); fading factors by Gama, Sebastião
and Rodrigues, "On evaluating stream learning algorithms" (2013); kappa-M and kappa-temporal by Bifet et al., "Efficient
online evaluation of big data stream classifiers" (KDD 2015).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aimass.models import evaluation_kernel as k
from aimass.models.kernel import Floats
from aimass.models.members.base import pack, unpack, widened

_ROWS = k.BLOCKS + k.PARTS
_SEGMENTS = 64
_ENOUGH = 50
_SURE = 4.0  # standard deviations of chance
_ALIKE = 1.2  # of independent numbers the last one errs by the square root of 2 more than the mean
OTHER = "*"


class Evaluator:
    """Measures predictions over all events, over the last 1,000 (``rolling.*``) and fading by .999 (``fading.*``).

    Events count once a label has been seen before them and the model had something to say. The rolling window is made
    of blocks of 200: exact at every 1,000th event, up to 200 events shorter between.

    Parameters
    ----------
    classes
        How many classes there are; 0 for numbers.

    Notes
    -----
    State: 7 rows of 164 + 3 × classes numbers (9.5 KB for two classes), or of 10 (regression, 0.6 KB).

    Examples
    --------
    >>> one = Evaluator(2)
    >>> p = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> one.update(p, np.array([0.0, 0.0, 1.0, 1.0]))
    >>> one.count, round(one.metrics()["accuracy"], 3), one.baselines()["no_change"]
    (3, 0.667, 0.6666666666666666)
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._head = np.zeros(k.HEAD)
        self._counts = np.zeros(classes)
        self._sums = np.zeros((_ROWS, _width(classes)))

    @property
    def count(self) -> int:
        """How many events were measured."""
        return int(self._sums[k.ALL, k.N])

    def update(self, p: Floats, y: Floats, low: Floats | None = None, high: Floats | None = None) -> None:
        """Take predictions and what came true.

        Parameters
        ----------
        p
            Events × classes probabilities, or events × 1 numbers; a row of NaN: nothing was said.
        y
            Class indices or numbers; NaN where there is no label.
        low, high
            The intervals of numbers, NaN where there is none.
        """
        if self.classes:
            k.judge_classes(p, y, self._head, self._counts, self._sums)
            return
        if low is None or high is None:
            low = high = np.full(len(y), np.nan)
        k.judge_numbers(p, y, low, high, self._head, self._sums)

    def grow(self, classes: int) -> None:
        """Tell more classes apart from now on; nothing happens for numbers."""
        old = self.classes
        if not old or classes <= old:
            return
        sums = np.zeros((_ROWS, _width(classes)))
        sums[:, : k.CLASSES] = self._sums[:, : k.CLASSES]
        for part in range(3):
            at, to = k.CLASSES + part * old, k.CLASSES + part * classes
            sums[:, to : to + old] = self._sums[:, at : at + old]
        sums[:, k.CLASSES + 3 * classes :] = self._sums[:, k.CLASSES + 3 * old :]
        self.classes, self._sums, self._counts = classes, sums, widened(self._counts, classes)

    def metrics(self) -> dict[str, float]:
        """Return every metric by name; what cannot be said yet is left out."""
        found: dict[str, float] = {}
        for name, sums in self._windows():
            found.update({name + metric: value for metric, value in self._measure(sums).items()})
        return found

    def baselines(self) -> dict[str, float]:
        """Return the main metric of predictors that know nothing, over the same events."""
        found = {}
        for name, s in self._windows():
            n = s[k.N] or 1.0
            if self.classes:
                found[name + "no_change"], found[name + "majority"] = s[k.PREVIOUS] / n, s[k.MOST] / n
            else:
                found[name + "no_change"], found[name + "mean"] = s[k.ABS_PREVIOUS] / n, s[k.ABS_MEAN] / n
        return found

    @property
    def loss(self) -> float:
        """The fading mean of absolute errors, or the fading share of wrong classes; 0 before the first event."""
        s = self._sums[k.FADING]
        if s[k.N] == 0.0:
            return 0.0
        return float(1.0 - s[k.CORRECT] / s[k.N] if self.classes else s[k.ABS] / s[k.N])

    @property
    def is_dependent(self) -> bool:
        """Whether labels were found to depend on the one before: that one says more of them than chance."""
        s = self._sums[k.ALL].tolist()
        n = s[k.N]
        if n < _ENOUGH:
            return False
        if not self.classes:
            return bool(s[k.ABS_PREVIOUS] < _ALIKE * s[k.ABS_MEAN])
        true = s[k.CLASSES : k.CLASSES + self.classes]
        chance = math.fsum(t * t for t in true) / (n * n)
        return bool(s[k.PREVIOUS] - n * chance > _SURE * math.sqrt(n * chance * (1.0 - chance) + 1.0))

    def _windows(self) -> list[tuple[str, list[float]]]:
        rows: list[list[float]] = self._sums.tolist()
        rolling = [math.fsum(column) for column in zip(*rows[k.BLOCKS :], strict=True)]
        return [("", rows[k.ALL]), ("fading.", rows[k.FADING]), ("rolling.", rolling)]

    def _measure(self, sums: Sequence[float]) -> dict[str, float]:
        if not sums[k.N]:
            return {}
        return _of_classes(sums, self.classes) if self.classes else _of_numbers(sums)

    def encode(self) -> bytes:
        """Return its state."""
        return pack("evaluator", 1, {"classes": self.classes}, [self._head, self._counts, self._sums])

    @classmethod
    def decode(cls, raw: bytes) -> Evaluator:
        """Return the evaluator with this state."""
        settings, arrays = unpack(raw, "evaluator", 1)
        made = cls(settings["classes"])
        made._head, made._counts, made._sums = arrays
        return made


class Evaluators:
    """One evaluator for each segment: the first 64, and one for all the rest, named ``*``.

    Examples
    --------
    >>> bank = Evaluators(2)
    >>> bank.update(["eu", "us", "eu"], np.full((3, 2), 0.5), np.array([0.0, 1.0, 1.0]))
    >>> [(name, one.count) for name, one in bank.items()]
    [('eu', 1), ('us', 0)]
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._of: dict[str, Evaluator] = {}

    def update(
        self, segments: Sequence[str], p: Floats, y: Floats, low: Floats | None = None, high: Floats | None = None
    ) -> None:
        """Take predictions of events and what came true, each for its own segment."""
        rows: dict[str, list[int]] = {}
        for i, segment in enumerate(segments):
            if segment not in self._of:
                segment = segment if len(self._of) < _SEGMENTS else OTHER
                self._of.setdefault(segment, Evaluator(self.classes))
            rows.setdefault(segment, []).append(i)
        for segment, own in rows.items():
            ends = (None, None) if low is None or high is None else (low[own], high[own])
            self._of[segment].update(p[own], y[own], *ends)

    def items(self) -> list[tuple[str, Evaluator]]:
        """Return the segments' names and evaluators, in the order in which they came."""
        return list(self._of.items())

    def grow(self, classes: int) -> None:
        """Tell more classes apart from now on."""
        self.classes = classes if self.classes else 0
        for one in self._of.values():
            one.grow(classes)

    def encode(self) -> bytes:
        """Return its state."""
        names = list(self._of)
        parts = [np.frombuffer(self._of[name].encode(), np.uint8) for name in names]
        return pack("evaluators", 1, {"classes": self.classes, "segments": names}, parts)

    @classmethod
    def decode(cls, raw: bytes) -> Evaluators:
        """Return the bank with this state."""
        settings, parts = unpack(raw, "evaluators", 1)
        made = cls(settings["classes"])
        made._of = {
            name: Evaluator.decode(part.tobytes()) for name, part in zip(settings["segments"], parts, strict=True)
        }
        return made


def _width(classes: int) -> int:
    return k.CLASSES + 3 * classes + 2 * k.BINS + 3 * k.STEPS if classes else k.REGRESSION


def _of_classes(s: Sequence[float], classes: int) -> dict[str, float]:
    n, at = s[k.N], k.CLASSES
    true, predicted, both = (s[at + i * classes : at + (i + 1) * classes] for i in range(3))
    accuracy = s[k.CORRECT] / n
    recalls = [b / t for b, t in zip(both, true, strict=True) if t > 0.0]
    found = {
        "accuracy": accuracy,
        "kappa": _beyond(accuracy, math.fsum(t * p for t, p in zip(true, predicted, strict=True)) / (n * n)),
        "kappa_temporal": _beyond(accuracy, s[k.PREVIOUS] / n),
        "kappa_m": _beyond(accuracy, s[k.MOST] / n),
        "balanced_accuracy": math.fsum(recalls) / len(recalls),
        "log_loss": s[k.LOG] / n,
        "brier": s[k.BRIER] / n,
        "calibration_error": _calibration(s[at + 3 * classes + 2 * k.BINS :], n),
    }
    bins = s[at + 3 * classes : at + 3 * classes + 2 * k.BINS]
    if classes == 2 and true[0] > 0.0 and true[1] > 0.0:
        found["auc"] = _auc(bins[: k.BINS], bins[k.BINS :])
    return found


def _beyond(accuracy: float, chance: float) -> float:
    """Return how much of the way from chance to perfection was made."""
    return (accuracy - chance) / (1.0 - chance) if chance < 1.0 else 0.0


def _auc(negatives: Sequence[float], positives: Sequence[float]) -> float:
    below = area = 0.0
    for negative, positive in zip(negatives, positives, strict=True):
        area += positive * (below + 0.5 * negative)
        below += negative
    return area / (below * math.fsum(positives))


def _calibration(steps: Sequence[float], n: float) -> float:
    """Return by how much confidence and accuracy differ, over ten steps of confidence."""
    return math.fsum(abs(steps[i + 1] - steps[i + 2]) for i in range(0, len(steps), 3)) / n


def _of_numbers(s: Sequence[float]) -> dict[str, float]:
    n = s[k.N]
    spread = max(s[k.YY] - s[k.Y] * s[k.Y] / n, 0.0)
    found = {"mae": s[k.ABS] / n, "rmse": math.sqrt(s[k.SQUARE] / n)}
    if spread > 0.0:
        found["r2"] = 1.0 - s[k.SQUARE] / spread
    if s[k.ABS_PREVIOUS] > 0.0:
        found["mase"] = s[k.ABS] / s[k.ABS_PREVIOUS]
    if s[k.JUDGED] > 0.0:
        found["coverage"], found["interval"] = s[k.COVERED] / s[k.JUDGED], s[k.LENGTH] / s[k.JUDGED]
    return found
