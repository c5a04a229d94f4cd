"""Looking at an expired row, before it was saved, deleted it; looking at it after that did not.

A gather made an expired row in memory one that does not exist. When the row had been written since the last savepoint
this became a tombstone, otherwise the stored row stayed until it was swept: the state told how the stream was cut.
"""

from tests.unit.runtime.harness import Ev, World, stream


def test_state_is_the_same_whether_an_expired_row_was_seen_saved_or_not() -> None:
    events = [Ev("a", 140.0), Ev("b", 190.0, "look"), Ev("b", 191.0, "look")]
    whole = World(stream(events))
    whole.run()
    singles = World(stream(events))
    singles.run(chunk=1, takes=1)
    assert whole.outputs() == singles.outputs()
    assert whole.rows() == singles.rows()
