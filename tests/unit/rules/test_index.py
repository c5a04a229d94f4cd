"""Indexed conditions say what they would say without an index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.records import Prediction
from aimass.rules.columns import Column
from aimass.rules.index import LEAST
from aimass.rules.program import Program
from aimass.rules.sight import Sight
from aimass.rules.syntax import Among, Binary, Call, Captured, Field, Number, Text, Window
from aimass.testing import MemoryState, prediction

COUNT = 3 * LEAST // 2
CALL = Call("count", (), Window("sliding", 60.0))


class Counter:
    """Counts a key's events."""

    def __init__(self, call: Call) -> None:
        self.counts: dict[str, int] = {}

    def run(self, sight: Sight, values: Sequence[Column], where: Any, state: Any) -> Column:
        found = []
        for row in sight.rows.tolist():
            key = sight.keys[row]
            self.counts[key] = self.counts.get(key, 0) + 1
            found.append(float(self.counts[key]))
        return Column.of_numbers(np.array(found), np.ones(len(found), bool))


def both(left: Any, right: Any) -> Binary:
    return Binary("and", left, right)


rests = st.recursive(
    st.one_of(
        st.builds(
            Binary,
            st.sampled_from(["<", ">=", "==", "!="]),
            st.sampled_from([Field("p"), Field("q"), CALL, Binary("+", Field("p"), Number(1))]),
            st.sampled_from([Number(1), Number(2**53 + 1), Text("a"), Field("q"), Binary("*", Field("p"), Number(2))]),
        ),
        st.just(Among(Field("q"), (Text("a"), Number(2)))),
    ),
    lambda inner: st.builds(Binary, st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=4,
)
values = st.sampled_from([None, 0, 1, 2, 1.5, "a", "b", True, [], 2**53, 2**53 + 1])
events = st.builds(
    lambda who, data, key: prediction({**data, "who": f"w{who}"} if who >= 0 else data, key=key),
    st.sampled_from([-1, 0, 0, 0, 1, 2, 7, 500]),
    st.dictionaries(st.sampled_from(["p", "q"]), values),
    st.sampled_from(["k", "l"]),
)


def clause(place: int) -> Any:
    if place % 5 == 4:
        return Among(Field("who"), (Text(f"w{place}"), Text(f"w{place % 3}")))
    return Binary("==", Field("who"), Text(f"w{place % 120}"))


def answers(asked: Sequence[Any], batches: Sequence[list[Prediction]]) -> list[list[list[int]]]:
    program, state = Program(asked, Counter), MemoryState()
    return [[truths.tolist() for truths in program.run(Sight(batch), state)] for batch in batches]


@settings(max_examples=40, deadline=None)
@given(st.lists(rests, min_size=1, max_size=4), st.lists(st.lists(events, min_size=1, max_size=30), max_size=3))
def test_an_index_changes_no_answer(rest: list[Any], batches: list[list[Prediction]]) -> None:
    asked = [
        both(clause(i), rest[i % len(rest)]) if i % 2 else both(rest[i % len(rest)], clause(i)) for i in range(COUNT)
    ]
    apart: list[list[list[int]]] = [[] for _ in batches]
    for place in range(0, COUNT, LEAST // 2):  # too few to be indexed
        for known, found in zip(apart, answers(asked[place : place + LEAST // 2], batches), strict=True):
            known += found
    assert answers(asked, batches) == apart


@settings(max_examples=20, deadline=None)
@given(st.lists(events, min_size=1, max_size=30))
def test_hits_are_where_conditions_are_true(batch: list[Prediction]) -> None:
    program = Program([clause(i) for i in range(COUNT)], Counter)
    truths = np.array(program.run(Sight(batch), MemoryState()))
    assert [one.tolist() for one in program.hits()] == [one.tolist() for one in np.nonzero(truths == 1)]


def test_a_memory_hears_of_every_event_even_where_no_literal_occurs() -> None:
    made: list[Counter] = []

    def make(call: Call) -> Counter:
        made.append(Counter(call))
        return made[-1]

    asked = [both(Binary("==", Field("who"), Text(f"w{i}")), Binary(">", CALL, Number(i))) for i in range(COUNT)]
    Program(asked, make).run(Sight([prediction({"who": "nobody"}), prediction({})]), MemoryState())
    assert [one.counts for one in made] == [{"k": 2}]


def test_what_earlier_steps_captured_stays_unknown() -> None:
    asked: list[Any] = [both(Binary("==", Field("who"), Text(f"w{i}")), Field("p")) for i in range(COUNT)]
    asked.append(both(Binary("==", Field("who"), Text("w0")), Binary("==", Captured("a", "p"), Number(1))))
    found = Program(asked, Counter).run(Sight([prediction({"who": "w0"}), prediction({"who": "x"})]), MemoryState())
    assert found[-1].tolist() == [-1, 0]


def test_a_part_of_an_indexed_condition_has_its_value_where_the_literal_occurs() -> None:
    large = [Binary(">", Field("p"), Number(i)) for i in range(COUNT)]
    asked = [both(Binary("==", Field("who"), Text(f"w{i}")), large[i]) for i in range(COUNT)]
    program = Program(asked, Counter)
    batch = [prediction({"who": "w3", "p": 9}), prediction({"who": "w9", "p": 9})]
    program.run(Sight(batch), MemoryState())
    assert program.value(large[3]).truths().tolist() == [1, -1]
    assert program.value(large[9]).truths().tolist() == [-1, 0]


def test_wide_numbers_are_compared_exactly_with_what_one_group_alone_computes() -> None:
    sums = [Binary("*", Field("p"), Number(i + 2)) for i in range(COUNT)]
    asked = [both(Binary("==", Field("who"), Text(f"w{i}")), Binary(">", Field("q"), sums[i])) for i in range(COUNT)]
    batch = [prediction({"who": "w3", "p": i, "q": 2**53 + 1}) for i in (1, 2**51, 2**53 // 5)]
    assert answers(asked, [batch])[0][3] == answers(asked[3:4], [batch])[0][0] == [1, 0, 1]
