"""The state of a partition, against a dict: whatever is saved, reverted, committed or let go in between."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.state import ObjectSpec, RowSpec

KEYS = ["a", "b", "c", "ab", "é", "a\0b"]
DTYPE = np.dtype([("n", "<i8"), ("x", "<f4")])
keys = st.sampled_from(KEYS)
numbers = st.integers(-(1 << 40), 1 << 40)


def objects(name: str, ttl_s: float | None) -> ObjectSpec[list[int]]:
    return ObjectSpec(name, lambda v: ",".join(map(str, v)).encode(), lambda b: [int(x) for x in b.split(b",")], ttl_s)


FOREVER, FLEETING = objects("forever", None), objects("fleeting", 20.0)
ROWS, SHORT_ROWS = RowSpec("rows", DTYPE), RowSpec("short rows", DTYPE, 20.0)
TTLS = {spec.name: spec.ttl_s for spec in (FOREVER, FLEETING, ROWS, SHORT_ROWS)}
Model = dict[str, dict[str, tuple[Any, float]]]


class StateMachine(RuleBasedStateMachine):
    """Tables over saved, in flight and stored rows; the model is a dict of values and when they were put."""

    @initialize(max_live=st.integers(0, 6))
    def start(self, max_live: int) -> None:
        self.max_live = max_live
        self.store = MemoryPartition()
        self.state = PartitionState(self.store, 0, max_live)
        self.model: Model = {name: {} for name in TTLS}
        self.now = -math.inf
        self.saved = self.copy()
        self.taken: Any = None
        self.committed = self.saved

    def copy(self) -> tuple[Model, float]:
        return {name: dict(rows) for name, rows in self.model.items()}, self.now

    def seen(self, name: str, key: str) -> Any:
        value, touched = self.model[name].get(key, (None, 0.0))
        ttl = TTLS[name]
        return None if ttl is not None and touched < self.now - ttl else value

    # -- what a stage does --------------------------------------------------------------------------------------------

    @rule(spec=st.sampled_from([FOREVER, FLEETING]), key=keys, value=st.lists(numbers, min_size=1, max_size=3))
    def put(self, spec: Any, key: str, value: list[int]) -> None:
        self.state.objects(spec).put(key, list(value))
        self.model[spec.name][key] = (value, self.now)

    @rule(spec=st.sampled_from([FOREVER, FLEETING]), key=keys, number=numbers)
    def change_in_place(self, spec: Any, key: str, number: int) -> None:
        table = self.state.objects(spec)
        found = table.get(key)
        assert found == self.seen(spec.name, key)
        found = [] if found is None else found
        found.append(number)
        table.put(key, found)
        self.model[spec.name][key] = (list(found), self.now)

    @rule(spec=st.sampled_from([FOREVER, FLEETING]), key=keys)
    def delete(self, spec: Any, key: str) -> None:
        self.state.objects(spec).delete(key)
        self.model[spec.name].pop(key, None)

    @rule(spec=st.sampled_from([ROWS, SHORT_ROWS]), wanted=st.lists(keys, min_size=1, max_size=7), number=numbers)
    def gather_and_scatter(self, spec: Any, wanted: list[str], number: int) -> None:
        table = self.state.rows(spec)
        slots, rows = table.gather(wanted)
        before = [self.seen(spec.name, key) or (0, 0.0) for key in wanted]
        assert [tuple(row.item()) for row in rows] == before
        rows["n"] += np.arange(number, number + len(wanted))
        rows["x"] += 0.5
        table.scatter(slots, rows)
        for i, (key, (n, x)) in enumerate(zip(wanted, before, strict=True)):
            self.model[spec.name][key] = ((n + number + i, x + 0.5), self.now)

    @rule(spec=st.sampled_from([ROWS, SHORT_ROWS]), wanted=st.lists(keys, max_size=7))
    def gather_only(self, spec: Any, wanted: list[str]) -> None:
        _, rows = self.state.rows(spec).gather(wanted)
        assert [tuple(row.item()) for row in rows] == [self.seen(spec.name, key) or (0, 0.0) for key in wanted]
        rows["n"] = 77

    @rule(spec=st.sampled_from([ROWS, SHORT_ROWS]), key=keys)
    def delete_row(self, spec: Any, key: str) -> None:
        self.state.rows(spec).delete(key)
        self.model[spec.name].pop(key, None)

    @rule(seconds=st.sampled_from([1, 5, 10, 21, 100]))
    def advance(self, seconds: int) -> None:
        self.now = float(seconds) if self.now == -math.inf else self.now + seconds
        self.state.advance(self.now)

    # -- what a partition does ----------------------------------------------------------------------------------------

    @rule()
    def savepoint(self) -> None:
        self.state.savepoint()
        self.saved = self.copy()

    @rule()
    def revert(self) -> None:
        self.state.revert()
        model, self.now = self.saved
        self.model = {name: dict(rows) for name, rows in model.items()}
        self.state.now = self.now

    @rule()
    def take(self) -> None:
        if self.taken is None:
            self.taken = dict(self.state.take()), self.state.ttls()
            self.saved = self.in_flight = self.copy()

    @rule()
    def land(self) -> None:
        if self.taken is not None:
            self.store.write(self.taken[0], self.store.changelog_offset() + 1)
            self.state.landed()
            self.committed = self.in_flight
            self.resumed = self.taken[1]
            self.taken = None

    @rule()
    def crash(self) -> None:
        self.state = PartitionState(self.store, 0, self.max_live)
        model, self.now = self.committed
        self.model = {name: dict(rows) for name, rows in model.items()}
        self.state.resume(self.now, getattr(self, "resumed", {}))
        self.saved, self.taken = self.copy(), None

    # -- what must be true --------------------------------------------------------------------------------------------

    @invariant()
    def every_table_shows_what_the_model_has(self) -> None:
        for spec in (FOREVER, FLEETING):
            assert list(self.state.objects(spec).items()) == self.visible(spec.name)
        for spec in (ROWS, SHORT_ROWS):
            assert [(k, tuple(row.item())) for k, row in self.state.rows(spec).items()] == self.visible(spec.name)

    def visible(self, name: str) -> list[tuple[str, Any]]:
        found = [(key, self.seen(name, key)) for key in sorted(KEYS, key=str.encode)]
        return [(key, value) for key, value in found if value is not None]

    @invariant()
    def single_looks_agree(self) -> None:
        for key in KEYS:
            row = self.state.rows(SHORT_ROWS).get(key)
            assert (None if row is None else tuple(row.item())) == self.seen("short rows", key)
            assert self.state.objects(FLEETING).get(key) == self.seen("fleeting", key)


StateMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_tables_are_dicts = StateMachine.TestCase


# -- laws and corners -------------------------------------------------------------------------------------------------


def fresh(max_live: int = 100) -> PartitionState:
    return PartitionState(MemoryPartition(), 0, max_live)


def test_a_revert_undoes_everything_since_the_savepoint_and_nothing_before() -> None:
    state = fresh()
    table, rows = state.objects(FOREVER), state.rows(ROWS)
    table.put("a", [1])
    slots, values = rows.gather(["a"])
    values["n"] = 1
    rows.scatter(slots, values)
    state.savepoint()
    held = table.get("a")
    assert held is not None
    held.append(2)
    table.put("a", held)
    table.delete("b")
    rows.delete("a")
    state.revert()
    state.revert()
    assert (table.get("a"), rows.get("a")["n"]) == ([1], 1)  # type: ignore[index]
    assert state.take() == {b"forever\0a": b"1", b"rows\0a": b"\x01" + bytes(11)}


def test_a_new_key_that_is_only_looked_at_is_not_written() -> None:
    state = fresh()
    state.rows(ROWS).gather(["a", "b", "a"])
    assert state.rows(ROWS).get("a") is None
    assert state.objects(FOREVER).get("a") is None
    assert state.take() == {}


def test_one_commit_writes_a_key_once_however_often_it_changed() -> None:
    state = fresh()
    for i in range(5):
        state.objects(FOREVER).put("a", [i])
        state.savepoint()
    assert state.take() == {b"forever\0a": b"4"}


def test_a_delete_hides_the_row_in_flight_and_in_the_store() -> None:
    state = fresh()
    state.objects(FOREVER).put("a", [1])
    state.store.write(state.take(), 1)
    state.landed()
    state.objects(FOREVER).put("a", [2])
    in_flight = state.take()
    state.objects(FOREVER).delete("a")
    state.savepoint()
    state.revert()
    assert state.objects(FOREVER).get("a") is None
    assert list(state.objects(FOREVER).items()) == []
    state.store.write(in_flight, 2)
    state.landed()
    assert state.objects(FOREVER).get("a") is None
    assert state.take() == {b"forever\0a": None}


def test_an_expired_object_that_is_put_again_lives_again() -> None:
    state = fresh()
    state.advance(0.0)
    state.objects(FLEETING).put("a", [1])
    state.store.write(state.take(), 1)
    state.landed()
    state.advance(30.0)
    assert state.objects(FLEETING).get("a") is None
    state.objects(FLEETING).put("a", [2])
    state.savepoint()
    state.revert()
    assert state.objects(FLEETING).get("a") == [2]
    assert list(state.take()) == [b"fleeting\0a"]


def test_a_sweep_while_a_commit_is_in_flight_takes_its_rows_too() -> None:
    state = fresh()
    state.advance(0.0)
    state.objects(FLEETING).put("old", [1])
    state.store.write(state.take(), 1)
    state.landed()
    state.objects(FLEETING).put("newer", [2])
    in_flight = state.take()
    state.advance(30.0)
    state.objects(FLEETING).put("newest", [3])
    state.savepoint()
    state.store.write(in_flight, 2)
    state.landed()
    rows = state.take()
    assert {key: row is None for key, row in rows.items()} == {
        b"fleeting\0old": True,
        b"fleeting\0newer": True,
        b"fleeting\0newest": False,
    }


def test_time_taken_back_brings_expired_rows_back() -> None:
    state = fresh()
    state.advance(0.0)
    state.objects(FLEETING).put("a", [1])
    state.savepoint()
    state.advance(1e9)
    assert state.objects(FLEETING).get("a") is None
    state.revert()
    state.now = 0.0
    assert state.objects(FLEETING).get("a") == [1]
    assert list(state.take()) == [b"fleeting\0a"]


def test_memory_is_bounded_by_what_is_live_and_what_is_uncommitted() -> None:
    state = fresh(max_live=100)
    for commit in range(20):
        keys = [f"{commit}-{i}" for i in range(200)]
        slots, rows = state.rows(ROWS).gather(keys)
        rows["n"] = np.arange(200)
        state.rows(ROWS).scatter(slots, rows)
        for i, key in enumerate(keys):
            state.objects(FOREVER).put(key, [i])
        state.store.write(state.take(), commit)
        state.landed()
        assert state.live_entries() <= 200
    assert len(state.rows(ROWS)._rows) == 1024
    assert state.rows(ROWS).gather(["3-7", "19-199", "0-0"])[1]["n"].tolist() == [7, 199, 0]


def test_a_table_of_rows_grows_and_forgets() -> None:
    state = fresh(max_live=10_000)
    keys = [f"k{i}" for i in range(3_000)]
    slots, rows = state.rows(ROWS).gather(keys)
    rows["n"] = np.arange(3_000)
    state.rows(ROWS).scatter(slots, rows)
    state.savepoint()
    state.revert()
    assert state.rows(ROWS).gather(keys[::-1])[1]["n"].tolist() == list(range(3_000))[::-1]


def test_of_a_repeated_slot_the_last_wins() -> None:
    state = fresh()
    slots, rows = state.rows(ROWS).gather(["a", "b", "a"])
    rows["n"] = [1, 2, 3]
    state.rows(ROWS).scatter(slots, rows)
    assert state.rows(ROWS).gather(["a", "b"])[1]["n"].tolist() == [3, 2]
