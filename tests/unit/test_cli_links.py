"""The view of links tells what is there now, which groups it makes, and what broke last."""

from aimass.commands.links import _table, components, current, facts, latest
from aimass.records import Link, Source


def told(change, leader, follower, time, key="north", lag=3.0, score=0.0):
    at = Source("t", 0, 0)
    return Link(f"{key}-{time}", key, time, "p", at, "c", leader, follower, lag, 0.9, time - 9, change, score)


LINKS = [
    told("found", "pump", "flow", 100.0),
    told("found", "flow", "heat", 110.0, lag=1.0),
    told("found", "a", "b", 115.0),
    told("found", "pump", "flow", 120.0, key="south"),
    told("broken", "pump", "flow", 200.0, score=6.5),
    told("changed", "flow", "pump", 300.0, lag=2.0),
    told("broken", "pump", "flow", 310.0, key="south", score=7.0),
    told("gone", "a", "b", 320.0),
]


def test_the_last_word_on_a_pair_counts_whichever_leads():
    assert [(one.leader, one.follower, one.lag_s) for one in current(LINKS)] == [
        ("flow", "heat", 1.0),
        ("flow", "pump", 2.0),
    ]
    assert [one.key for one in latest(LINKS) if one.change == "broken"] == ["south"]


def test_a_link_says_what_it_is():
    assert facts(LINKS[6])["says"] == "flow followed pump by 3 s (0.90); it stopped: 1 in 10^7.0"
    assert facts(LINKS[1])["says"] == "heat follows flow by 1 s (0.90)"


def test_the_table_names_the_group_of_series_that_each_link_is_in():
    table = _table(current(LINKS))
    assert [list(column.cells) for column in table.columns][:5] == [
        ["north", "north"],
        ["flow", "flow"],
        ["flow", "flow"],
        ["heat", "pump"],
        ["1", "2"],
    ]
    assert components([("b", "a"), ("c", "b")]) == {"a": ["a", "b", "c"]}
