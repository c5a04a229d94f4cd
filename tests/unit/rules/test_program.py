"""A program says of batches what each condition means of each event."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass.models.features import MISSING
from aimass.records import Anomaly, Estimate, Prediction
from aimass.rules import plain
from aimass.rules.columns import Column
from aimass.rules.compiler import parts
from aimass.rules.operators import same
from aimass.rules.program import Program
from aimass.rules.sight import Sight
from aimass.rules.syntax import (
    Among,
    Binary,
    Call,
    Captured,
    Field,
    Judged,
    Number,
    Profile,
    Row,
    Table,
    Text,
    Truth,
    Unary,
    Window,
)
from aimass.testing import MemoryState, prediction

WIDE = 2**53
CODES = {True: 1, False: 0, None: -1}


class Seen:
    """Remembers per key how many events it was told of that count."""

    def __init__(self, call: Call) -> None:
        self.call, self.counts, self.told = call, {}, []

    def run(self, sight: Sight, values: Sequence[Column], where: Any, state: Any) -> Column:
        counted = [True] * len(sight) if where is None else (where == 1).tolist()
        found = []
        for row, is_counted in zip(sight.rows.tolist(), counted, strict=True):
            key = sight.keys[row]
            self.counts[key] = self.counts.get(key, 0) + is_counted
            found.append(float(self.counts[key]))
        self.told += [column.values() for column in values]
        return Column.of_numbers(np.array(found), np.ones(len(found), bool))


values = st.one_of(
    st.sampled_from([None, True, False, 0, 1, 1.0, -2.5, "a", "b", "Ä", "", "1", [], [1], ["a"], {"x": 1}, -0.0]),
    st.sampled_from([WIDE, WIDE + 1, float(WIDE), 1e300, -1e300, 2**63, 1e-300]),
)
events = st.builds(
    lambda data, key, time, anomalies, votes: prediction(
        data, key=key, time=time, estimates={"m": Estimate("x", 0.5, votes=votes)}, **anomalies
    ),
    st.dictionaries(st.sampled_from(["p", "q", "r", "n.x", "n"]), values | st.fixed_dictionaries({"x": values})),
    st.sampled_from(["k", "l"]),
    st.sampled_from([1.7e9, 1.7e9 + 1, 0.0]),
    st.dictionaries(st.just("odd"), st.builds(Anomaly, st.sampled_from([0.0, 3.5]), st.sampled_from([None, "p"]))),
    st.sampled_from([None, {"a": "x", "b": "y", "c": "x"}]),
)
literals = st.one_of(
    st.builds(Number, st.sampled_from([0, 1, -2.5, WIDE, WIDE + 1, 1e300])),
    st.builds(Text, st.sampled_from(["a", "b", "", "1", "k"])),
    st.builds(Truth, st.booleans()),
)
leaves = st.one_of(
    literals,
    st.builds(Field, st.sampled_from(["p", "q", "r", "n.x", "gone"])),
    st.sampled_from(
        [
            Judged("detector", "odd", "score"),
            Judged("detector", "odd", "field"),
            Judged("model", "m", "disagreement"),
            Judged("model", "m", "value"),
            Judged("model", "gone", "drift"),
            Call("key"),
            Call("time"),
            Call("hour"),
            Call("weekday"),
            Call("topic"),
            Captured("a", "p"),
            Profile("events"),
        ]
    ),
)
OPERATORS = ["and", "or", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/"]


def _grown(inner: Any) -> Any:
    return st.one_of(
        st.builds(Binary, st.sampled_from(OPERATORS), inner, inner),
        st.builds(Unary, st.sampled_from(["not", "-"]), inner),
        st.builds(Among, inner, st.lists(literals, min_size=1, max_size=3).map(tuple)),
        st.builds(lambda w: Call("count", (), Window("sliding", 60.0), w), inner),
        st.builds(lambda n, a: Call(n, (a,)), st.sampled_from(["abs", "known", "lower", "length"]), inner),
        st.builds(
            lambda n, a, b: Call(n, (a, b)),
            st.sampled_from(["least", "greatest", "either", "contains", "starts", "ends", "like"]),
            inner,
            inner,
        ),
        st.builds(lambda a, b, c, d: Call("distance", (a, b, c, d)), inner, inner, inner, inner),
        st.builds(
            lambda rows, last: Table("t", tuple(rows), last),
            st.lists(st.builds(Row, inner, literals), min_size=1, max_size=3),
            st.none() | literals,
        ),
    )


conditions = st.recursive(leaves, _grown, max_leaves=12)
batches = st.lists(events, min_size=1, max_size=12)


def expected(asked: Sequence[Any], stream: Sequence[Prediction]) -> list[list[int]]:
    counts: dict[tuple[Any, str], int] = {}
    found: list[list[int]] = [[] for _ in asked]
    counters = dict.fromkeys(node for one in asked for node in counting(one))  # those inside come first
    for event in stream:
        known = plain.given(event)
        memory = dict[Call, Any]()
        for node in counters:
            is_counted = plain.truth(node.where, replace(known, memory=memory)) is True
            memory[node] = counts[node, event.key] = counts.get((node, event.key), 0) + is_counted
        for said, one in zip(found, asked, strict=True):
            said.append(CODES[plain.truth(one, replace(known, memory=memory))])
    return found


def counting(node: Any) -> list[Any]:
    return [part for part in parts(node) if isinstance(part, Call) and part.name == "count"]


def answers(asked: Sequence[Any], stream: Sequence[Prediction], cuts: Sequence[int] = ()) -> list[list[int]]:
    program, state = Program(asked, Seen), MemoryState()
    found: list[list[int]] = [[] for _ in asked]
    borders = [0, *sorted({cut for cut in cuts if cut < len(stream)} - {0}), len(stream)]
    for start, stop in pairwise(borders):
        for place, truths in enumerate(program.run(Sight(stream[start:stop]), state)):
            found[place] += truths.tolist()
    return found


@settings(max_examples=50, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4), batches)
def test_a_batch_says_what_each_condition_means_of_each_event(asked: list[Any], stream: list[Prediction]) -> None:
    assert answers(asked, stream) == expected(asked, stream)


@settings(max_examples=30, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4), batches, st.lists(st.integers(1, 11)))
def test_how_batches_were_cut_never_shows(asked: list[Any], stream: list[Prediction], cuts: list[int]) -> None:
    assert answers(asked, stream, cuts) == answers(asked, stream)


@settings(max_examples=30, deadline=None)
@given(conditions, batches)
def test_every_part_has_the_value_that_it_means(asked: Any, stream: list[Prediction]) -> None:
    program = Program([asked], Seen)
    program.run(Sight(stream), MemoryState())
    if counting(asked):
        return
    for part in (asked, *([asked.left, asked.right] if isinstance(asked, Binary) else [])):
        for found, event in zip(program.value(part).values(), stream, strict=True):
            wanted = plain.evaluate(part, plain.given(event))
            assert same(found, wanted) == (-1 if wanted is None or wanted is MISSING else 1)


def test_a_memory_is_made_once_for_equal_calls_and_told_of_every_event() -> None:
    made: list[Seen] = []

    def make(call: Call) -> Seen:
        made.append(Seen(call))
        return made[-1]

    count = Call("count", (), Window("sliding", 60.0))
    asked = [Binary(">", count, Number(1)), Binary("and", Truth(False), Binary(">", count, Number(2)))]
    program = Program(asked, make)
    program.run(Sight([prediction({}), prediction({}), prediction({})]), MemoryState())
    assert [one.counts for one in made] == [{"k": 3}]


def test_a_memory_gets_its_constants_and_what_counts() -> None:
    made: list[Seen] = []

    def make(call: Call) -> Seen:
        made.append(Seen(call))
        return made[-1]

    call = Call("hysteresis", (Field("p"), Number(3), Number(1)))
    program = Program([Binary("==", call, Truth(True))], make)
    program.run(Sight([prediction({"p": 1}), prediction({})]), MemoryState())
    assert [list(one) for one in made[0].told] == [[1, MISSING], [3, 3], [1, 1]]


def test_wide_whole_numbers_are_compared_to_the_last_digit() -> None:
    asked = [Binary(">", Field("id"), Field("other")), Binary("==", Field("id"), Number(WIDE + 1))]
    stream = [prediction({"id": WIDE + 1, "other": WIDE}), prediction({"id": WIDE, "other": WIDE + 1})]
    assert answers(asked, stream) == [[1, 0], [1, 0]]


def test_texts_of_two_fields_are_put_in_order_beside_numbers() -> None:
    stream = [prediction({"p": "a", "q": "b"}), prediction({"p": 1, "q": 2}), prediction({"p": 1, "q": "b"})]
    assert answers([Binary("<", Field("p"), Field("q"))], stream) == [[1, 1, -1]]


def test_tags_and_profile_come_from_the_sight() -> None:
    sight = Sight([prediction({}), prediction({})])
    sight.tags["vip"] = np.array([1, 0], np.int8)
    sight.profile["events"] = Column.of_numbers(np.array([3.0, 0.0]), np.ones(2, bool))
    asked = [Call("tagged", (Text("vip"),)), Call("tagged", (Text("x"),)), Binary("==", Profile("events"), Number(3))]
    found = Program(asked, Seen).run(sight, MemoryState())
    assert [truths.tolist() for truths in found] == [[1, 0], [0, 0], [1, 0]]


def test_a_long_chain_is_no_deeper_for_it() -> None:
    chain = Binary(">", Field("p"), Number(0))
    for bound in range(1, 600):
        chain = Binary("and", chain, Binary(">", Field("p"), Number(-bound)))
    assert answers([chain], [prediction({"p": 1}), prediction({"p": 0})]) == [[1, 0]]


def test_no_events_give_no_answers() -> None:
    program = Program([Binary(">", Field("p"), Number(0))], Seen)
    assert [truths.tolist() for truths in program.run(Sight([]), MemoryState())] == [[]]


@pytest.mark.parametrize("count", [1, 7, 300])
def test_a_batch_of_any_size_says_the_same(count: int) -> None:
    stream = [prediction({"p": i % 5, "q": "ab"[i % 2]}, offset=i) for i in range(count)]
    asked = [
        Binary("and", Binary(">=", Field("p"), Number(2)), Among(Field("q"), (Text("a"), Text("c")))),
        Binary("<", Binary("*", Field("p"), Number(3)), Binary("+", Field("p"), Number(5))),
    ]
    assert answers(asked, stream) == expected(asked, stream)


@pytest.mark.parametrize("op", ["<", "<=", ">", ">=", "==", "!="])
def test_bounds_belong_where_the_sign_says(op: str) -> None:
    two, three = Number(2), Binary("+", Field("p"), Number(0))
    sides = [
        (Field("p"), two),
        (two, Field("p")),
        (Field("p"), Field("q")),
        (three, two),
        (two, three),
        (three, Field("q")),
    ]
    asked = [Binary(op, left, right) for left, right in sides]
    stream = [prediction({"p": p, "q": 2}) for p in (1, 2, 2.0, 3)]
    assert answers(asked, stream) == expected(asked, stream)


def test_a_literal_beyond_what_floats_hold_is_compared_to_the_last_digit() -> None:
    asked = [Binary("<", Field("p"), Number(WIDE + 1)), Binary(">", Number(WIDE + 1), Call("time"))]
    assert answers(asked, [prediction({"p": float(WIDE)}, time=float(WIDE))]) == [[1], [1]]


def test_values_of_a_batch_outlive_the_next_one() -> None:
    double = Binary("*", Field("p"), Number(2))
    program = Program([Binary(">", double, Number(1))], Seen)
    program.run(Sight([prediction({"p": 1})]), MemoryState())
    first = program.value(double)
    program.run(Sight([prediction({"p": 5})]), MemoryState())
    assert (first.values(), program.value(double).values()) == ([2.0], [10.0])
