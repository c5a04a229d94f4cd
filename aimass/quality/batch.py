"""Records of a source, decoded: what contracts, cleaning and filters look at, and rules' conditions too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aimass.models.kernel import Floats
from aimass.rules.columns import Column
from aimass.rules.sight import Sight


class Records(Sight):
    """Decoded records with their keys and times, as conditions see them: fields only.

    Parameters
    ----------
    data
        The records.
    keys, times
        Their keys, and their event times in seconds.

    Examples
    --------
    >>> Records([{"a": 1}, {"a": "x"}], ["k", "k"], [1.0, 2.0]).field("a").values()
    [1, 'x']
    """

    def __init__(self, data: Sequence[dict[str, Any]], keys: Sequence[str], times: Sequence[float]) -> None:
        super().__init__(())
        self.__dict__["data"] = data
        self.__dict__["times"] = np.array(times, np.float64)
        self.key_of = keys

    def __len__(self) -> int:
        return len(self.data)

    def columns(self, paths: Sequence[str]) -> list[Column]:
        """Return what stands at each of these paths."""
        self.find(paths)
        return [self.field(path) for path in paths]

    @property
    def at(self) -> Floats:
        """Event times, in seconds."""
        return self.times
