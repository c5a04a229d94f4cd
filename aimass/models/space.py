"""Which column of a row of numbers each feature has."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from aimass.models.kernel import Floats

MAX_COLUMNS = 256
NO_COLUMN = -1
_NARROWEST = 8
_LONGEST = 256  # characters of a name
_SHOWN = 16


class FeatureSpace:
    """Gives each feature a column when it first comes, for good; at most 256 of them.

    A row is 8, 16, 32 … 256 columns wide. A column that an event does not fill is NaN, which carries no information:
    how wide a row is makes no difference to whoever reads it.

    Parameters
    ----------
    names
        The features that have the first columns: whoever names them fills them. A field that is called so gets a
        column of its own.

    Attributes
    ----------
    names
        The features, by column.
    refused
        The first of those that found no column left: nobody sees them.

    Examples
    --------
    >>> space = FeatureSpace(["label.1"])
    >>> space.column("heat"), space.column("flow"), space.column("heat"), space.width
    (1, 2, 1, 8)
    >>> space.column("label.1"), space.names
    (3, ['label.1', 'heat', 'flow', 'label.1:field'])
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = []
        self.refused: list[str] = []
        self._columns: dict[str, int] = {}
        self._reserved = 0
        for name in names:
            self.column(name)
        self._reserved = len(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def width(self) -> int:
        """How wide rows are."""
        width = _NARROWEST
        while width < len(self.names):
            width *= 2
        return width

    @property
    def size(self) -> int:
        """How much it holds: it changed where this did."""
        return len(self.names) + len(self.refused)

    def column(self, name: str) -> int:
        """Return the column of a feature, a new one where it has none; `NO_COLUMN` when there is none left."""
        found = self._columns.get(name)
        if found is not None:
            return found if found >= self._reserved else self.column(name + ":field")
        if len(self.names) >= MAX_COLUMNS or len(name) > _LONGEST:
            self.refuse(name)
            return NO_COLUMN
        name = sys.intern(name)
        self._columns[name] = len(self.names)
        self.names.append(name)
        return self._columns[name]

    def refuse(self, name: str) -> None:
        """Note that a feature has no column."""
        if len(self.refused) < _SHOWN and name[:_LONGEST] not in self.refused:
            self.refused.append(name[:_LONGEST])

    def show(self, row: Floats) -> dict[str, float]:
        """Return what stands in one row, by the features' names.

        Examples
        --------
        >>> import numpy as np
        >>> FeatureSpace(["heat", "flow"]).show(np.array([21.5, np.nan]))
        {'heat': 21.5}
        """
        return {name: value for name, value in zip(self.names, row.tolist(), strict=False) if value == value}

    def encode(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"names": self.names, "reserved": self._reserved, "refused": self.refused}

    @classmethod
    def decode(cls, raw: dict[str, Any]) -> FeatureSpace:
        """Read it back from what `encode` returned."""
        space = cls(raw["names"])
        space._reserved, space.refused = raw["reserved"], list(raw["refused"])
        return space
