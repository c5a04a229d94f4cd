"""Any River estimator, or a learner of one's own, as a member."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import math
import pickle
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import river
from river import base, multiclass, tree

from aimass.errors import ConfigurationError, StageError, StateError
from aimass.models.kernel import Bools, Floats
from aimass.models.members.base import Member, pack, unpack
from aimass.models.members.unpickler import dump_pickle, load_pickle

_KIND, _VERSION = "river", 1
_DEFAULT_US = 500.0

#: Nominal CPU of one event, predicted and learned, in µs; measured once, to one digit or two.
COSTS_US = {
    "ADWINBaggingClassifier": 2000.0,
    "ALMAClassifier": 11.0,
    "AMFClassifier": 500.0,
    "AMFRegressor": 500.0,
    "ARFClassifier": 1500.0,
    "ARFRegressor": 1500.0,
    "BaggingClassifier": 2000.0,
    "BayesianLinearRegression": 22.0,
    "GaussianNB": 330.0,
    "HoeffdingAdaptiveTreeClassifier": 180.0,
    "HoeffdingAdaptiveTreeRegressor": 180.0,
    "HoeffdingTreeClassifier": 100.0,
    "HoeffdingTreeRegressor": 100.0,
    "KNNClassifier": 1700.0,
    "KNNRegressor": 1700.0,
    "LeveragingBaggingClassifier": 2400.0,
    "LinearRegression": 15.0,
    "LogisticRegression": 25.0,
    "MinMaxScaler": 10.0,
    "SRPClassifier": 2400.0,
    "SoftmaxRegression": 90.0,
    "StandardScaler": 10.0,
}


class RiverMember:
    """A River classifier or regressor behind the protocol of members.

    Parameters
    ----------
    estimator
        It is cloned; stochastic parts without a seed get the seed 0, as the same log must give the same outputs.
    width
        Columns of a row; what is missing in an event is not in the dictionary that the estimator gets.
    classes
        2 to 64 for a classifier; it may grow. One that knows only two classes learns one against the rest beyond.
    names
        The columns' names; further ones are "c3", "c4", ….
    modules
        Modules beside River's own whose classes a snapshot may hold, such as that of an estimator of one's own.

    Raises
    ------
    ConfigurationError
        It is neither classifier nor regressor, or its state cannot be written down.

    Examples
    --------
    >>> from river import linear_model
    >>> member = RiverMember(linear_model.LinearRegression(), width=1, names=["heat"])
    >>> x = np.array([[1.0], [2.0], [1.0]])
    >>> p = member.run(x, x[:, 0], np.full(3, True))
    >>> RiverMember.decode(member.encode()).run(x, x[:, 0], np.full(3, False)).shape
    (3, 1)
    """

    def __init__(
        self,
        estimator: Any,
        width: int = 8,
        classes: int = 2,
        names: Sequence[str] = (),
        modules: Sequence[str] = (),
    ) -> None:
        _check(estimator)
        self.is_regressor = bool(_is(estimator, base.Regressor))
        self.classes = 1 if self.is_regressor else classes
        self.model: Any = seeded(estimator)
        self._fit_classes()
        self.cost_us = cost_us(estimator)
        self._modules = tuple(modules)
        self._learned = 0
        self._raw: bytes | None = None
        self._name(width, names)

    def _name(self, width: int, names: Sequence[str]) -> None:
        self.width = width
        self.names = [sys.intern(name) for name in (*names, *(f"c{j}" for j in range(len(names), width)))][:width]

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict each row, then learn it; see `Member`."""
        p = np.full((len(x), self.classes), np.nan)
        for i, (row, label, wanted) in enumerate(zip(x.tolist(), y.tolist(), learn.tolist(), strict=True)):
            event = {name: value for name, value in zip(self.names, row, strict=True) if value == value}
            try:
                if self._learned:
                    self._predict(event, p[i])
                if wanted and label == label and (self.is_regressor or 0 <= label < self.classes):
                    self._raw = None
                    self._learned += 1
                    self.model.learn_one(event, self._label(label))
            except (ArithmeticError, LookupError, AttributeError, TypeError, ValueError) as exc:
                name = type(self.model).__name__
                raise StageError(f"{name} failed on an event: {exc!r}; take it out of the pipeline") from exc
        return p

    def _label(self, label: float) -> Any:
        if self.is_regressor:
            return label
        return bool(label) if self.classes == 2 and not self.model._multiclass else int(label)

    def _predict(self, event: dict[str, float], into: Floats) -> None:
        if self.is_regressor:
            value = self.model.predict_one(event)
            if value is not None and math.isfinite(value):
                into[0] = value
            return
        try:
            shares = self.model.predict_proba_one(event)
        except NotImplementedError:
            shares = {self.model.predict_one(event): 1.0}
        shares = {int(c): float(s) for c, s in shares.items() if c is not None and 0.0 <= s <= 1e100}
        total = sum(shares.values())
        if total > 0.0:
            into[:] = 0.0
            for c, share in shares.items():
                into[c] = share / total

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on; a learner of two classes begins anew with the third."""
        self._raw = None
        self._name(width, self.names)
        if not self.is_regressor:
            self.classes = classes
            self._fit_classes()

    def _fit_classes(self) -> None:
        if self.classes > 2 and not self.model._multiclass:
            self.model = multiclass.OneVsRestClassifier(self.model.clone())

    def reset(self) -> None:
        """Forget all that was learned."""
        self.model, self._learned, self._raw = self.model.clone(), 0, None

    def quicken(self, factor: float) -> None:
        """Nothing to do: River's learners have no common rate."""

    def reasons(self, x: Floats) -> Floats | None:
        """Return ``None``: River's learners have no common way to tell."""
        return None

    def encode(self) -> bytes:
        """Return the state.

        Notes
        -----
        What is pickled depends on which equal objects are one, which a restored model need not have in common with the
        one that was written. So the model goes on from what it wrote, as whoever restores it does.
        """
        if self._raw is None:
            try:
                pickled = dump_pickle(self.model)
            except (RecursionError, pickle.PicklingError, AttributeError, TypeError) as exc:
                name = type(self.model).__name__
                raise StateError(f"{name} cannot be written down: {exc}; take it out of the pipeline") from exc
            settings = {
                "width": self.width,
                "classes": self.classes,
                "names": self.names,
                "learned": self._learned,
                "cost_us": self.cost_us,
                "sha256": hashlib.sha256(pickled).hexdigest(),
            }
            self._raw = pack(_KIND, _VERSION, settings, [np.frombuffer(pickled, np.uint8)])
            self.model = load_pickle(pickled, self._modules)
        return self._raw

    @classmethod
    def decode(cls, raw: bytes, modules: Sequence[str] = ()) -> RiverMember:
        """Return the member that wrote these bytes; ``modules`` as above.

        Raises
        ------
        StateError
            They are damaged, or name something that no River model consists of: nothing of it was run.
        """
        settings, arrays = unpack(raw, _KIND, _VERSION)
        pickled = arrays[0].tobytes() if len(arrays) == 1 else b""
        if hashlib.sha256(pickled).hexdigest() != settings.get("sha256"):
            raise StateError("the snapshot of a River model is damaged; rebuild it")
        made = cls.__new__(cls)
        made.model = load_pickle(pickled, modules)
        made.is_regressor, made.classes = settings["classes"] == 1, settings["classes"]
        made.cost_us, made._learned = settings["cost_us"], settings["learned"]
        made._modules, made._raw = tuple(modules), raw
        made._name(settings["width"], settings["names"])
        return made


def load(
    spec: str,
    width: int = 8,
    classes: int = 2,
    names: Sequence[str] = (),
    **params: Any,
) -> Member:
    """Make a member from a name: River's "forest.ARFClassifier", or one's own "module:function".

    Parameters
    ----------
    spec
        A class of River, or a function that returns a River estimator or a member.
    width, classes, names
        As of `RiverMember`.
    params
        Handed to the class or function.

    Raises
    ------
    ConfigurationError
        There is nothing of that name, or it does not take these parameters.

    Examples
    --------
    >>> load("river.linear_model.LinearRegression", l2=0.1).cost_us
    15.0
    """
    own = ":" in spec
    make = _own(spec) if own else _of_river(spec)
    try:
        made = make(**params)
    except TypeError as exc:
        raise ConfigurationError(f"{spec} does not take these parameters: {exc}") from exc
    if isinstance(made, base.Base):
        modules = (spec.partition(":")[0], type(made).__module__) if own else ()
        return RiverMember(made, width, classes, names, modules)
    if not all(hasattr(made, name) for name in ("run", "grow", "reset", "encode", "cost_us")):
        raise ConfigurationError(f"{spec} returned {type(made).__name__}: neither a River estimator nor a member")
    return cast(Member, made)


def _own(spec: str) -> Any:
    module, _, name = spec.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as exc:
        raise ConfigurationError(f"{spec}: {exc}; write it as module:function") from exc


def _of_river(spec: str) -> Any:
    module, _, name = spec.removeprefix("river.").rpartition(".")
    parts = sorted(part.name for part in pkgutil.iter_modules(river.__path__) if part.ispkg)
    if module not in parts:
        raise ConfigurationError(f"River has no module {module!r}{_closest(module, parts)}")
    inside = importlib.import_module(f"river.{module}")
    if name not in inside.__all__:
        raise ConfigurationError(f"River's {module} has no {name!r}{_closest(name, inside.__all__)}")
    return getattr(inside, name)


def _closest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f": it has {', '.join(sorted(names))}"


def _is(estimator: Any, kind: type) -> bool:
    last = estimator._last_step if hasattr(estimator, "_last_step") else estimator
    return isinstance(last, kind)


def _check(estimator: Any) -> None:
    name = type(estimator).__name__
    if not (_is(estimator, base.Classifier) or _is(estimator, base.Regressor)):
        raise ConfigurationError(f"{name} is neither a classifier nor a regressor of River")
    deep = tree.splitter.EBSTSplitter
    for part in _parts(estimator):
        splitter = getattr(part, "splitter", 0)
        if isinstance(part, base.Regressor) and (splitter is None or isinstance(splitter, deep)):
            raise ConfigurationError(
                f"{type(part).__name__} cannot be saved with the splitter that it has, whose trees may grow too deep: "
                "give it splitter=river.tree.splitter.QOSplitter()"
            )


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all those in its parameters and steps."""
    seen: set[int] = set()
    todo = [estimator]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, base.Base):
            yield one
            todo += list(vars(one).values()) if hasattr(one, "__dict__") else []
        elif isinstance(one, dict):
            todo += list(one.values())
        elif isinstance(one, (list, tuple)):
            todo += list(one)


def seeded(estimator: Any) -> Any:
    """Return a fresh clone whose stochastic parts have a seed: 0 where none is given.

    Examples
    --------
    >>> from river import forest
    >>> seeded(forest.ARFClassifier()).seed
    0
    """

    return estimator.clone(_seeds(estimator))


def _seeds(estimator: Any) -> dict[str, Any]:
    steps = getattr(estimator, "steps", None)
    if steps is not None:
        inner = {name: _seeds(step) for name, step in steps.items() if isinstance(step, base.Base)}
        return {name: params for name, params in inner.items() if params}
    found: dict[str, Any] = {}
    for name, value in estimator._get_params().items():
        own = getattr(estimator, name, None)
        if name == "seed" and value is None:
            found[name] = 0
        elif isinstance(own, base.Base) and _seeds(own):
            found[name] = seeded(own)
    return found


def cost_us(estimator: Any) -> float:
    """Return the nominal cost of a River estimator: of a pipeline, its steps' sum.

    Examples
    --------
    >>> from river import linear_model, preprocessing
    >>> cost_us(preprocessing.StandardScaler() | linear_model.LogisticRegression())
    35.0
    """
    steps = list(getattr(estimator, "steps", {}).values())
    if steps:
        return sum(cost_us(step) for step in steps)
    return COSTS_US.get(type(estimator).__name__, _DEFAULT_US)
