"""How a stream was cut, where it was committed and where it crashed never shows; nor does a bad event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimass.errors import BadEvent, WorldFault
from aimass.records import Tick
from aimass.runtime import partition as protocol
from tests.unit.runtime.harness import CHANGELOG, DEAD, SOURCE, Ev, Record, World, result, stream
from tests.unit.runtime.memory_log import Crash, drive, no_hook

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BAD_BYTES = [
    b"{not json",
    b"\xff\xfe",
    None,
    b"",
    b"[]",
    b'{"type":"ev","key":1}',
    b'{"type":"ev","key":"a","time":1e999}',
]

times = st.integers(90, 260).map(float)
good = st.builds(
    Ev,
    key=st.sampled_from("abcd"),
    time=times,
    op=st.sampled_from(["add", "add", "add", "del", "rare", "look"]),
    n=st.integers(-4, 12),
)
poison = st.builds(
    Ev,
    key=st.sampled_from("abcd"),
    time=st.one_of(times, st.sampled_from([1e12, -1e12])),
    op=st.sampled_from(["boom", "bad", "boom after scatter"]),
    n=st.integers(-4, 12),
)
undecodable = st.sampled_from(BAD_BYTES)
ticks = st.builds(Tick, times)
streams = st.lists(st.one_of(good, good, good, poison, undecodable, ticks), min_size=1, max_size=40)


@pytest.fixture(autouse=True, scope="module")
def small_restores() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "_RESTORE_ROWS", 5)
        yield


def uncut(values: list[Any]) -> World:
    world = World(stream(values), slice_records=1_000, max_live=1_000)
    world.run(chunk=1_000)
    return world


@SETTINGS
@given(streams, st.data())
def test_cuts_commits_and_crashes_never_show(values: list[Any], data: st.DataObject) -> None:
    expected = result(uncut(values))
    draw = data.draw
    world = World(stream(values), slice_records=draw(st.integers(1, 12)), max_live=draw(st.integers(0, 6)))
    faults = draw(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([Crash, WorldFault])), max_size=5))
    directory = "a"
    for steps, fault in faults:
        world.log.hook = Countdown(steps, fault)
        try:
            world.run(directory, **draw(cuts), commits=draw(st.integers(1, 4)))
        except Crash:
            directory = draw(st.sampled_from([directory, directory + "'"]))
            world.log.compact(CHANGELOG, drop_markers=draw(st.booleans()))
    world.log.hook = no_hook
    world.run(directory, **draw(cuts))
    assert result(world, directory) == expected


cuts = st.fixed_dictionaries({"chunk": st.integers(1, 15), "takes": st.integers(1, 4)})


class Countdown:
    """Raises once, so many steps from now."""

    def __init__(self, steps: int, fault: type[BaseException]) -> None:
        self._left = steps
        self._fault = fault

    def __call__(self, step: str) -> None:
        self._left -= 1
        if self._left == -1:
            raise self._fault(step)


def is_bad(value: Any) -> bool:
    return value is None or isinstance(value, bytes) or (isinstance(value, Ev) and value.op.startswith(("boom", "bad")))


@SETTINGS
@given(streams, st.integers(1, 12), cuts)
def test_bad_events_go_to_the_dead_letters_and_the_rest_is_as_if_they_had_never_been(
    values: list[Any], slice_records: int, cut: dict[str, int]
) -> None:
    world = World(stream(values), slice_records=slice_records)
    world.run(**cut)
    clean = uncut([value for value in values if not is_bad(value)])
    outputs, dead = world.outputs(), world.letters()
    outputs.pop(DEAD, None)
    assert outputs == clean.outputs()
    if CHANGELOG in clean.log.targets():
        assert world.state() == clean.state()
        mine, theirs = world.progress(), clean.progress()
        assert (mine.watermark, mine.now) == (theirs.watermark, theirs.now)
    bad = [record for record, value in zip(world.records, values, strict=True) if is_bad(value)]
    assert [as_it_came(letter) for letter in sorted(dead, key=lambda letter: letter.offset)] == [
        as_it_came(record) for record in bad
    ]
    for letter in dead:
        (value,) = [v for r, v in zip(world.records, values, strict=True) if r.offset == letter.offset]
        assert letter.stage == "busy"
        check_reason(letter, value)


def as_it_came(record: Any) -> tuple[Any, ...]:
    at = getattr(record, "timestamp_ms", None) or record.timestamp
    return record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers), at


def check_reason(letter: Any, value: Any) -> None:
    if not isinstance(value, Ev):
        assert letter.reason.startswith("not a record of type")
        assert letter.traceback == ""
    elif value.op == "bad":
        assert (letter.reason, letter.traceback) == (f"does not like {value.n}", "")
    elif value.op == "boom":
        assert letter.reason == f"ValueError: cannot add {value.n}"
        assert "in _special" in letter.traceback
    else:
        assert letter.reason == "ZeroDivisionError: late"
        assert letter.traceback.count("Traceback") == 1


# -- a stage that reads bytes -----------------------------------------------------------------------------------------


class BytesStage:
    """Rejects what it does not like, raises at what it cannot stand."""

    name = "bytes"
    tick_s = None

    def on_batch(self, records: Any, state: Any, out: Any) -> None:
        for record in records:
            if record.value is None:
                out.reject(record, BadEvent("empty"))
            elif record.value == b"raise":
                raise RuntimeError(f"at {record.offset}")
            else:
                out.emit_encoded((record.key,), (record.value,))


@SETTINGS
@given(st.lists(st.sampled_from([None, b"raise", b"1", b"2"]), min_size=1, max_size=25), st.integers(1, 9), cuts)
def test_a_stage_of_bytes_rejects_each_record_once(values: list[Any], slice_records: int, cut: dict[str, int]) -> None:
    world = World(stream(values), stage=BytesStage, decode=None, slice_records=slice_records)
    world.run(**cut)
    out = [record for target, records in world.outputs().items() if target.topic == "out" for record in records]
    assert [(r.key, r.value) for r in out] == [(r.key, r.value) for r in world.records if r.value in (b"1", b"2")]
    reasons = {letter.offset: letter.reason for letter in world.letters()}
    assert len(world.letters()) == len(reasons)
    assert reasons == {
        r.offset: "empty" if r.value is None else f"RuntimeError: at {r.offset}"
        for r in world.records
        if r.value in (None, b"raise")
    }


# -- corners ----------------------------------------------------------------------------------------------------------


def test_a_slice_of_rejected_records_moves_the_position() -> None:
    world = World(stream([b"{", b"}", None]), slice_records=3)
    world.run(chunk=3, takes=1)
    assert len(world.letters()) == 3
    assert world.progress().position == world.end
    assert world.progress().watermark is None
    world.records = [*world.records, Record(world.end, b'{"type":"ev","key":"a","time":100}')]
    partition = world.run()
    assert partition.position == world.end
    assert len(world.letters()) == 3


def test_records_before_the_position_have_had_their_effect() -> None:
    world = World(stream([Ev("a", 100.0 + i) for i in range(6)]))
    partition = world.run(commits=1, takes=1, chunk=4)
    before = (partition.position, partition.pending)
    partition.take(world.records[:4], 4)
    assert (partition.position, partition.pending) == before
    partition.take(world.records, world.end)
    world.commit(partition, 1)
    clean = World(world.records)
    clean.run()
    assert result(world) == result(clean)


def test_a_new_partition_starts_with_nothing_and_offset_zero_is_a_position() -> None:
    world = World(stream([Ev("a", 100.0)]))
    partition = world.partition()
    assert drive(partition.open()) is None
    partition.take([], 0)
    assert partition.position == 0
    world.commit(partition, 0)
    again = world.partition()
    assert drive(again.open()) == 0
    assert not again.is_dirty
    assert again.state.now == float("-inf")


def test_time_goes_on_where_it_was_after_a_restart() -> None:
    world = World(stream([Ev("a", 100.0), Ev("a", 127.0), Ev("a", 112.0)]))
    partition = world.run()
    again = world.run(commits=0)
    assert (again.state.now, again._watermark) == (partition.state.now, partition._watermark) == (120.0, 127.0)
    assert world.log.offsets[SOURCE] == again.position


def test_a_fault_of_the_world_in_a_stage_is_nobodys_dead_letter() -> None:
    class Faulty(BytesStage):
        def on_batch(self, records: Any, state: Any, out: Any) -> None:
            raise WorldFault("the disk is full")

    world = World(stream([b"1", b"2"]), stage=Faulty, decode=None)
    partition = world.run(commits=0)
    with pytest.raises(WorldFault):
        world.take(partition, 2)
    assert partition.rejected == 0


def test_an_idle_partition_gets_a_tick_in_its_own_log() -> None:
    world = World(stream([Ev("a", 100.0)]))
    partition = world.run()
    partition.tick(7.5)
    assert partition.is_dirty
    world.commit(partition, 0)
    (tick,) = world.outputs()[SOURCE]
    assert (tick.key, tick.value) == (b"", b'{"type":"tick","time":107.5}')
    silent = World([]).partition()
    silent.tick(7.5)
    assert silent.pending == 0
