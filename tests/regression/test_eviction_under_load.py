"""Memory was not bounded while ticks passed during each commit.

Eviction was left out whenever something had been saved while a commit was under way; under load with ticks that is
always. A clean entry's row can be read from what was saved as well as from the store, so it may always go.
"""

from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.state import ObjectSpec

NAMES = ObjectSpec("names", str.encode, bytes.decode)


def test_clean_entries_go_although_something_was_saved_meanwhile() -> None:
    store = MemoryPartition()
    state = PartitionState(store, 0, max_live=4)
    for commit in range(10):
        for i in range(5):
            state.objects(NAMES).put(f"{commit}-{i}", "before")
        rows = state.take()
        state.objects(NAMES).put(f"{commit}-0", "after")
        state.savepoint()
        store.write(rows, commit)
        state.landed()
        assert state.live_entries() <= 4
    assert [state.objects(NAMES).get(f"0-{i}") for i in range(2)] == ["after", "before"]
