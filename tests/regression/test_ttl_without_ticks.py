"""A table of rows with a time to live, in a stage without ticks, warned at every gather.

Such a stage has no time (−inf), and −inf − −inf is no number: numpy says so with a RuntimeWarning, which the tests (and
a cautious user's Python) turn into an error, so that each event went to the dead letters. Without time nothing expires.
"""

import numpy as np

from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.state import RowSpec

ROWS = RowSpec("rows", np.dtype([("n", "<i8")]), ttl_s=5.0)


def test_without_time_nothing_expires() -> None:
    state = PartitionState(MemoryPartition(), 0)
    slots, rows = state.rows(ROWS).gather(["a", "b"])
    rows["n"] = [1, 2]
    state.rows(ROWS).scatter(slots, rows)
    state.savepoint()
    state.revert()
    assert state.rows(ROWS).gather(["b", "a"])[1]["n"].tolist() == [2, 1]
    assert state.rows(ROWS).gather(["b", "a"])[1]["n"].tolist() == [2, 1]
