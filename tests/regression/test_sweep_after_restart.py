"""Rows of a table that was not used since a restart were never swept.

A table exists from its first use on, and only tables that existed were swept: a stage that seldom touches a table kept
its expired rows for good after a restart, and the state of a crashed run differed from an uninterrupted one.
"""

from tests.unit.runtime.harness import Ev, World, stream


def test_expired_rows_go_although_their_table_was_not_used_again() -> None:
    events = [Ev("a", 100.0, "rare"), Ev("b", 111.0), Ev("b", 151.0), Ev("b", 152.0)]
    whole = World(stream(events))
    whole.run()
    assert not [key for key in whole.state() if key.startswith(b"rare\x00")]
    restarted = World(stream(events))
    restarted.run(chunk=1, takes=2, commits=1)
    restarted.run()
    assert restarted.rows() == whole.rows()
