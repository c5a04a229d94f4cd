"""Where outputs go, and which of them stay."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass.errors import BadEvent
from aimass.records import Tick
from aimass.runtime.log import Target
from aimass.runtime.outputs import Channel, OutputBuffer, partition_of
from tests.unit.runtime.harness import Out, Record

CHANNELS = {"": Channel("own", 4), "keyed": Channel("keyed", 3, by_key=True)}


def buffer() -> OutputBuffer:
    return OutputBuffer("stage", 5, CHANNELS, Channel("dead", 4))


@given(st.binary(max_size=20), st.integers(1, 64))
def test_a_keys_partition_is_that_of_librdkafka(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == crc32(key) % partitions
    assert 0 <= partition_of(key, partitions) < partitions


def test_outputs_keep_the_inputs_partition() -> None:
    out = buffer()
    out.emit(Out("a", "x", []))
    out.emit_encoded([b"b", None], [b"1", b"2"])
    assert [(t, [tuple(r)[:2] for r in rs]) for t, rs in out.take().items()] == [
        (Target("own", 5), [(b"a", b'{"type":"out","key":"a","what":"x","values":[]}'), (b"b", b"1"), (None, b"2")])
    ]


@given(st.lists(st.tuples(st.none() | st.binary(max_size=4), st.binary(max_size=4)), max_size=30))
def test_outputs_by_key_go_where_their_key_belongs_in_order(records: list[tuple[bytes | None, bytes]]) -> None:
    out = buffer()
    out.emit_encoded([key for key, _ in records], [value for _, value in records], to="keyed")
    expected: dict[Target, list[tuple[bytes | None, bytes]]] = {}
    for key, value in records:
        expected.setdefault(Target("keyed", partition_of(key or b"", 3)), []).append((key, value))
    assert {target: [tuple(r)[:2] for r in rs] for target, rs in out.take().items()} == expected


def test_a_key_that_is_given_wins_over_the_records_own() -> None:
    out = buffer()
    out.emit(Out("a", "x", []), key="other")
    out.emit(Tick(1.0), key="")
    assert [record[0] for record in out.take()[Target("own", 5)]] == [b"other", b""]


def test_an_unknown_channel_is_an_error_and_not_a_loss() -> None:
    with pytest.raises(KeyError):
        buffer().emit(Out("a", "x", []), to="nowhere")


def test_dead_letters_stay_within_the_partitions_of_their_topic() -> None:
    out = buffer()
    out.reject(Record(7, b"\xff", key=None, headers=(("a", b"1"), ("a", b"2"))), BadEvent("no"))
    ((target, (letter,)),) = out.take().items()
    assert target == Target("dead", 1)
    assert (letter.key, letter.value, letter.headers[:2]) == (None, b"\xff", [("a", b"1"), ("a", b"2")])


def test_revert_drops_what_came_after_the_savepoint_and_counts_right() -> None:
    out = buffer()
    out.emit(Out("a", "kept", []))
    out.reject(Record(1, b"1"), BadEvent("kept"))
    out.savepoint()
    out.emit(Out("a", "dropped", []))
    out.reject(Record(2, b"2"), BadEvent("dropped"))
    assert (out.pending, out.rejected) == (4, 1)
    out.revert()
    assert (out.pending, out.rejected) == (2, 1)
    out.revert()
    taken = out.take()
    assert sum(map(len, taken.values())) == 2
    assert (out.pending, out.rejected) == (0, 0)
    assert out.take() == {}


def test_what_a_commit_has_taken_is_its_own() -> None:
    out = buffer()
    out.emit(Out("a", "first", []))
    taken = out.take()
    out.emit(Out("a", "second", []))
    out.savepoint()
    assert [len(records) for records in taken.values()] == [1]
    assert [len(records) for records in out.take().values()] == [1]


def test_an_output_for_all_partitions_goes_to_each_in_its_place() -> None:
    out = OutputBuffer(
        "stage", 5, {"": Channel("log", 2, by_key=True), "all": Channel("log", 2, to_all=True)}, Channel("d", 1)
    )
    out.emit_encoded([b"a"], [b"1"])
    out.emit_encoded([b"x"], [b"everywhere"], to="all")
    found = {target: [record[1] for record in records] for target, records in out.take().items()}
    assert [found[Target("log", number)][-1] for number in (0, 1)] == [b"everywhere"] * 2
    assert sum(map(len, found.values())) == out.count + 3
