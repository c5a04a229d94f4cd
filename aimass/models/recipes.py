"""River models under a name: predict, then learn, then be kept as bytes and go on from there as if nothing had been."""

from __future__ import annotations

import io
import pickle
from math import sqrt
from typing import Any, Protocol

from river import __version__ as river_version  # type: ignore[attr-defined]
from river import linear_model, optim

from aimass.errors import SnapshotVersionMismatch
from aimass.records import Estimate

_SCHEMA = 1
_MAX_CLASSES = 64
_MAX_FEATURES = 256
_MAX_TEXT = 256
_MAX_NUMBER = 1e30
_FAR = 1e3


class Recipe(Protocol):
    """A model that learns online."""

    def accepts(self, label: Any) -> bool:
        """Return whether this can be learned: labels are whatever users sent."""

    def predict(self, x: dict[str, float]) -> tuple[Any, float | None]:
        """Return the value and its probability (``None`` while nothing is known)."""

    def learn(self, label: Any) -> None:
        """Learn the true value of what was predicted last."""

    def rest(self) -> None:
        """Let go of the event at hand: a snapshot is taken between events."""


class Scaler:
    """Standardises features by their running mean and variance; far values are cut at ±1,000 deviations.

    What River's `StandardScaler` computes, in half its time, and of 256 features at most: the first that were seen.

    Examples
    --------
    >>> scaler = Scaler()
    >>> for value in (1.0, 3.0):
    ...     scaler.learn({"x": value})
    >>> scaler.transform({"x": 4.0, "new": 7.0})
    {'x': 2.0}
    """

    def __init__(self) -> None:
        self._stats: dict[str, list[float]] = {}

    def transform(self, x: dict[str, float]) -> dict[str, float]:
        """Scale by what was learned so far; a feature that never varied is 0, an unknown one is left out."""
        stats, scaled = self._stats, {}
        for name, value in x.items():
            known = stats.get(name)
            if known is None:
                continue
            if known[2] <= 0.0:
                scaled[name] = 0.0
                continue
            z = (value - known[1]) / sqrt(known[2])
            scaled[name] = z if -_FAR < z < _FAR else _FAR if z > 0.0 else -_FAR
        return scaled

    def learn(self, x: dict[str, float]) -> None:
        """Learn means and variances."""
        stats = self._stats
        for name, value in x.items():
            known = stats.get(name)
            if known is None:
                if len(stats) < _MAX_FEATURES:
                    stats[name] = [1.0, value, 0.0]
                continue
            n, mean, var = known
            n += 1.0
            d = value - mean
            mean += d / n
            known[:] = n, mean, var + (d * (value - mean) - var) / n


class Classifier:
    """Logistic regression on standardised features: one for two classes, one against the rest each for more.

    Parameters
    ----------
    rate
        The learning rate of stochastic gradient descent; the intercept learns five times as fast.

    Examples
    --------
    >>> model = Classifier()
    >>> for i in range(200):
    ...     guess = model.predict({"heat": float(i % 10)})
    ...     model.learn("hot" if i % 10 > 4 else "cold")
    >>> model.predict({"heat": 9.0})[0], model.predict({"heat": 1.0})[0]
    ('hot', 'cold')
    """

    def __init__(self, rate: float = 0.01) -> None:
        self.rate = rate
        self.classes: list[Any] = []
        self.heads: list[Any] = []
        self.scaler = Scaler()
        self._x: dict[str, float] = {}
        self._scaled: dict[str, float] = {}

    def accepts(self, label: Any) -> bool:
        """Text, whole numbers and booleans are classes; 64 of them are told apart."""
        if type(label) is str and len(label) > _MAX_TEXT:
            return False
        if type(label) not in (str, int, bool, float):
            return False
        return self._index(label) >= 0 or len(self.classes) < _MAX_CLASSES

    def _index(self, label: Any) -> int:
        for i, known in enumerate(self.classes):
            if known == label and type(known) is type(label):
                return i
        return -1

    def predict(self, x: dict[str, float]) -> tuple[Any, float | None]:
        """Return the likeliest class so far and its probability."""
        self._x = x
        self._scaled = scaled = self.scaler.transform(x)
        if len(self.classes) < 2:
            return (self.classes[0], 1.0) if self.classes else (None, None)
        p = [head.predict_proba_one(scaled)[True] for head in self.heads]
        if len(p) == 1:
            return (self.classes[1], p[0]) if p[0] > 0.5 else (self.classes[0], 1.0 - p[0])
        best = max(range(len(p)), key=p.__getitem__)
        return self.classes[best], p[best] / (sum(p) or 1.0)

    def learn(self, label: Any) -> None:
        """Learn the class of what was predicted last."""
        at = self._index(label)
        if at < 0:
            at = len(self.classes)
            self.classes.append(label)
            self._grow()
        scaled = self._scaled
        if len(self.heads) == 1:
            self.heads[0].learn_one(scaled, at == 1)
        else:
            for i, head in enumerate(self.heads):
                head.learn_one(scaled, i == at)
        self.scaler.learn(self._x)

    def rest(self) -> None:
        """Let go of the event at hand."""
        self._x, self._scaled = {}, {}

    def _grow(self) -> None:
        count = len(self.classes)
        if count == 3:
            self.heads.insert(0, self._head())
        if count >= 2:
            self.heads.append(self._head())

    def _head(self) -> Any:
        return linear_model.LogisticRegression(optim.SGD(self.rate), intercept_lr=5 * self.rate)


class Regressor:
    """Linear regression on standardised features and a standardised target.

    Examples
    --------
    >>> model = Regressor()
    >>> for i in range(500):
    ...     guess = model.predict({"x": float(i % 10)})
    ...     model.learn(3.0 * (i % 10) + 100)
    >>> abs(model.predict({"x": 4.0})[0] - 112) < 1
    True
    """

    def __init__(self) -> None:
        self.scaler = Scaler()
        self.model: Any = linear_model.LinearRegression(optim.SGD(0.01), intercept_lr=0.01)
        self.n, self.mean, self.m2 = 0.0, 0.0, 0.0
        self._x: dict[str, float] = {}
        self._scaled: dict[str, float] = {}

    def accepts(self, label: Any) -> bool:
        """Only numbers can be learned."""
        return type(label) in (int, float)

    def predict(self, x: dict[str, float]) -> tuple[Any, float | None]:
        """Return the expected number."""
        self._x, self._scaled = x, self.scaler.transform(x)
        if self.n == 0:
            return None, None
        return self.mean + self._unit(self.model.predict_one(self._scaled)) * self._sd(), None

    def learn(self, label: Any) -> None:
        """Learn the number that belongs to what was predicted last."""
        y = max(-_MAX_NUMBER, min(float(label), _MAX_NUMBER))
        self.n += 1.0
        d = y - self.mean
        self.mean += d / self.n
        self.m2 += d * (y - self.mean)
        self.model.learn_one(self._scaled, self._unit((y - self.mean) / self._sd()))
        self.scaler.learn(self._x)

    def rest(self) -> None:
        """Let go of the event at hand."""
        self._x, self._scaled = {}, {}

    def _sd(self) -> float:
        return sqrt(self.m2 / self.n) or 1.0

    def _unit(self, value: float) -> float:
        return max(-_FAR, min(value, _FAR))


RECIPES: dict[str, Any] = {"classifier": Classifier, "regressor": Regressor}


class PartitionModel:
    """The one model of a partition: says what it expects, then learns the label when the event bears one.

    Parameters
    ----------
    recipe
        A name in `RECIPES`.

    Examples
    --------
    >>> model = PartitionModel("classifier")
    >>> model.judge({"x": 1.0}, "up")
    Estimate(value=None, probability=None, label='up')
    >>> PartitionModel.decode(model.encode()).judge({"x": 1.0}, None)
    Estimate(value='up', probability=1.0, label=None)
    """

    __slots__ = ("model", "recipe")

    def __init__(self, recipe: str, model: Recipe | None = None) -> None:
        self.recipe = recipe
        self.model: Recipe = RECIPES[recipe]() if model is None else model

    def judge(self, x: dict[str, float], label: Any) -> Estimate:
        """Predict, then learn: the estimate knows nothing of the label that stands beside it."""
        model = self.model
        value, probability = model.predict(x)
        if label is None or not model.accepts(label):
            return Estimate(value, probability)
        model.learn(label)
        return Estimate(value, probability, label)

    def encode(self) -> bytes:
        """Return the snapshot of the model, stamped with the versions that can read it."""
        self.model.rest()
        stamp = f"aimass-model {_SCHEMA} river {river_version} {self.recipe}\n".encode()
        return stamp + _pickle(self.model)

    @classmethod
    def decode(cls, raw: bytes) -> PartitionModel:
        """Read a snapshot back.

        Raises
        ------
        SnapshotVersionMismatch
            When it was written by another version of aimass' models or of River.
        """
        stamp, _, body = raw.partition(b"\n")
        words = stamp.decode("utf-8", "replace").split(" ")
        if words[:-1] != ["aimass-model", str(_SCHEMA), "river", river_version] or words[-1] not in RECIPES:
            raise SnapshotVersionMismatch(
                f"a model's snapshot says {stamp[:80]!r}, this is model schema {_SCHEMA} with river "
                f"{river_version}: install that version, or give the model another name to start afresh"
            )
        return cls(words[-1], pickle.loads(body))


def _pickle(model: Any) -> bytes:
    """Pickle without memo, so that equal models give equal bytes whichever of their strings are one object."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 5)
    pickler.fast = True
    pickler.dump(model)
    return buffer.getvalue()
