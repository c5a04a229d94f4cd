"""Members: learners over dense rows of numbers, of which ensembles are made.

River's are in `aimass.models.members.river`, as importing River takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aimass.errors import SnapshotVersionMismatch
from aimass.models.members.base import ArrayMember, Member, kind_of
from aimass.models.members.baseline import NoChange, Prior
from aimass.models.members.bayes import BayesClassifier
from aimass.models.members.forest import ForestClassifier, ForestRegressor
from aimass.models.members.linear import LinearClassifier, LinearRegressor
from aimass.models.members.neighbours import NeighboursClassifier, NeighboursRegressor
from aimass.models.members.newton import NewtonClassifier, NewtonRegressor

__all__ = [
    "ArrayMember",
    "BayesClassifier",
    "ForestClassifier",
    "ForestRegressor",
    "LinearClassifier",
    "LinearRegressor",
    "Member",
    "NeighboursClassifier",
    "NeighboursRegressor",
    "NewtonClassifier",
    "NewtonRegressor",
    "NoChange",
    "Prior",
    "decode",
]

_KINDS: dict[str, Callable[[bytes], Member]] = {
    kind.kind: kind.decode
    for kind in (
        BayesClassifier,
        ForestClassifier,
        ForestRegressor,
        LinearClassifier,
        LinearRegressor,
        NeighboursClassifier,
        NeighboursRegressor,
        NewtonClassifier,
        NewtonRegressor,
        NoChange,
        Prior,
    )
}


def decode(raw: bytes, modules: Sequence[str] = ()) -> Member:
    """Return the member that wrote a snapshot, of whichever kind.

    Parameters
    ----------
    raw
        What its `encode` returned.
    modules
        Modules of one's own whose classes the snapshot of a `RiverMember` may hold.

    Raises
    ------
    SnapshotVersionMismatch
        No kind of member of this version wrote it.

    Examples
    --------
    >>> decode(Prior(width=4, classes=3).encode()).classes
    3
    """
    kind, _ = kind_of(raw)
    if kind == "river":
        from aimass.models.members.river import RiverMember  # takes half a second, which few need

        return RiverMember.decode(raw, modules)
    if kind not in _KINDS:
        raise SnapshotVersionMismatch(f"a snapshot of an unknown kind of member, {kind[:40]!r}; rebuild it")
    return _KINDS[kind](raw)
