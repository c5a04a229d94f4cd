"""Recipes that are no ensembles, with the answers of one: what clusters and rankings say of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from aimass.models.answers import Answers
from aimass.models.cluster import Clusterer
from aimass.models.forecast import Forecaster
from aimass.models.kernel import Floats, Ints
from aimass.models.ranking import Ranker
from aimass.models.tasks import ensemble


class Model(Protocol):
    """What the score stage keeps as a learned object, by whatever recipe it was made."""

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Answers: ...
    def predict(self, x: Floats, ops: Ints) -> Answers: ...
    def encode(self) -> bytes: ...
    def load(self, raw: bytes) -> Any: ...


class Adapted:
    """A clusterer or a ranker, as a `Model`: its answers are two columns.

    Of a clusterer the cluster and the distance from it; of a ranker the chances that the key does not and does take
    to the item.

    Examples
    --------
    >>> model = Adapted(Ranker())
    >>> answers = model.run(np.array([[1.0, 2.0]]), np.array([np.nan]), np.zeros(1, np.int64))
    >>> answers.p.shape, round(float(answers.p.sum()), 6)
    ((1, 2), 1.0)
    """

    def __init__(self, own: Clusterer | Ranker) -> None:
        self.own = own

    def run(self, x: Floats, y: Floats, ops: Ints, votes: Floats | None = None) -> Answers:
        """Take the next events, as an `Ensemble` does."""
        return _answers(self.own.run(x, y, ops, votes))

    def predict(self, x: Floats, ops: Ints) -> Answers:
        """Answer events, and learn nothing of any: see `Ensemble.predict`."""
        return _answers(self.own.predict(x))

    def encode(self) -> bytes:
        """Return its state."""
        return self.own.encode()

    def load(self, raw: bytes) -> Adapted:
        """Take the state of another; return itself."""
        self.own = type(self.own).decode(raw)
        return self


def _answers(said: Floats) -> Answers:
    p = said if said.ndim == 2 else np.column_stack([1.0 - said, said])
    nothing = np.full(len(said), np.nan)
    return Answers(p, nothing, nothing, np.empty((len(said), 0)), ())


def model(
    recipe: str,
    is_number: bool,
    modules: tuple[str, ...],
    ahead: int,
    season: int,
    parameters: dict[str, Any],
    **settings: Any,
) -> Model:
    """Return a fresh model by any recipe; see `aimass.models.tasks` for what an ensemble takes."""
    if recipe == "forecaster":
        return Forecaster(ahead, season, **{name: value for name, value in settings.items() if name != "lags"})
    others: dict[str, Callable[[], Clusterer | Ranker]] = {"clusterer": Clusterer, "ranker": Ranker}
    if recipe in others:
        return Adapted(others[recipe]())
    return ensemble(recipe, is_number=is_number, modules=modules, parameters=parameters, **settings)
