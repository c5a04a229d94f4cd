"""Recipes: which members an ensemble is made of, for each task; as data, so that the docs print what runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aimass.errors import ConfigurationError
from aimass.models import members as kinds
from aimass.models.ensemble import Ensemble, Part


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One member of a recipe.

    Parameters
    ----------
    name
        What its votes and its weight are listed under.
    kind
        A class in `aimass.models.members`, without ``Classifier`` or ``Regressor`` where there are both.
    settings
        Its parameters.
    is_baseline, of_change
        See `Part`.
    """

    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    is_baseline: bool = False
    of_change: bool = False

    def member(self, width: int, classes: int) -> kinds.Member:
        """Return a fresh member; one class: it learns numbers."""
        kind = getattr(kinds, self.kind + ("Regressor" if classes == 1 else "Classifier"), None)
        made: kinds.Member = (kind or getattr(kinds, self.kind))(width=width, classes=classes, **self.settings)
        return made


_BASELINES = (Ingredient("no_change", "NoChange", is_baseline=True), Ingredient("prior", "Prior", is_baseline=True))
_LINEAR = Ingredient("linear", "Linear")
_COMMON = (_LINEAR, Ingredient("newton", "Newton"), Ingredient("neighbours", "Neighbours"))

#: The members of each recipe.
RECIPES: dict[str, tuple[Ingredient, ...]] = {
    "classifier": (*_BASELINES, *_COMMON, Ingredient("bayes", "Bayes"), Ingredient("forest", "Forest")),
    "regressor": (
        *_BASELINES,
        *_COMMON,
        Ingredient("forest", "Forest"),
        Ingredient("linear_change", "Linear", of_change=True),
        Ingredient("newton_change", "Newton", of_change=True),
    ),
    "linear": (_LINEAR,),
}


def ensemble(
    recipe: str,
    *,
    is_number: bool | None = None,
    modules: Sequence[str] = (),
    classes: int = 2,
    parameters: dict[str, Any] | None = None,
    **settings: Any,
) -> Ensemble:
    """Return a fresh ensemble by a recipe.

    Parameters
    ----------
    recipe
        A name in `RECIPES`; or an estimator of River's (``river.tree.HoeffdingTreeClassifier``) or one's own
        (``module:function``), which then runs beside the baselines.
    is_number
        Whether it predicts numbers; needed where the recipe does not tell (``linear``, estimators).
    modules
        Modules of one's own whose classes snapshots may hold.
    classes
        How many classes to begin with.
    parameters
        Of the estimator.
    settings
        As of an `Ensemble`: width, budget_us, policy, coverage, lags, watched.

    Examples
    --------
    >>> ensemble("classifier").names
    ('no_change', 'prior', 'linear', 'newton', 'neighbours', 'bayes', 'forest')
    """
    number = recipe == "regressor" if is_number is None else is_number
    if recipe in RECIPES:
        make: Callable[[int, int], list[Part]] = partial(_made, RECIPES[recipe])
    elif "." in recipe or ":" in recipe:
        make = partial(_beside, recipe, parameters or {})
    else:
        known = ", ".join([*RECIPES, *OTHERS])
        raise ConfigurationError(f"there is no recipe {recipe!r}: take one of {known}, or an estimator")
    decode = partial(kinds.decode, modules=modules)
    return Ensemble(make, decode, classes=0 if number else classes, **settings)


#: Recipes that are no ensembles by `RECIPES`, and what they do.
OTHERS = {
    "forecaster": "predicts the target some events ahead (`horizon`), with a season (`season`) where there is one",
    "clusterer": "says which of 8 clusters an event belongs to, and its distance from it; needs no labels",
    "ranker": "says how likely a key takes to an item (`item`), by what both took to before",
}


def _made(recipe: Sequence[Ingredient], width: int, classes: int) -> list[Part]:
    return [Part(one.name, one.member(width, classes), one.is_baseline, one.of_change) for one in recipe]


def _beside(estimator: str, parameters: dict[str, Any], width: int, classes: int) -> list[Part]:
    from aimass.models.members.river import load  # River is imported only where it is asked for

    own = load(estimator, width, classes, **parameters)
    return [*_made(_BASELINES, width, classes), Part("own", own)]
