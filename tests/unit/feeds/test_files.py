"""What becomes of a file, one thing at a time."""

import asyncio
import gzip
import json
import logging
import os
import shutil
from contextlib import aclosing

import pytest

from aimass.feeds.files import FileFeed, Follower
from aimass.feeds.lines import LONGEST
from aimass.feeds.reading import QUIET_S
from aimass.pipeline.definition import SourceDef


class Reading:
    """Reads a pattern; a clock of its own passes a second at each read."""

    def __init__(self, pattern, position=None, **more):
        self.now = 0.0
        self.follower = Follower(str(pattern), position, clock=lambda: self.now, **more)

    def rows(self, times=4):
        found = []
        for _ in range(times):
            self.now += 1.0
            portion = self.follower.portion()
            found += portion.rows if portion is not None else []
        return found

    def lines(self, times=4):
        return [row.value for row in self.rows(times)]

    def again(self, pattern):
        """Go on from the position, as after a restart."""
        position = json.loads(json.dumps(self.follower.position()))
        self.follower.close()
        return Reading(pattern, position)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def append(path, text):
    with path.open("ab") as file:
        file.write(text)


def test_each_row_says_where_it_comes_from(log):
    append(log, b"one\n\ntw\xff\r\n")
    rows = Reading(log).rows()
    assert [(row.value, row.headers, row.stream, row.timestamp_ms) for row in rows] == [
        (b"one", (("aimass.file", bytes(log)), ("aimass.at", b"0")), str(log), None),
        (b"tw\xff", (("aimass.file", bytes(log)), ("aimass.at", b"5")), str(log), None),
    ]


def test_a_line_without_an_end_is_waited_for(log):
    append(log, b"one\ntw")
    reading = Reading(log)
    assert reading.lines() == [b"one"]
    append(log, b"o\n")
    assert reading.lines() == [b"two"]


def test_a_file_that_nobody_ends_gives_its_last_line_after_ten_minutes(log):
    append(log, b"one\ntwo")
    reading = Reading(log)
    assert reading.lines() == [b"one"]
    reading.now += QUIET_S
    assert reading.lines() == [b"two"]


def test_a_rotated_file_is_read_to_its_end_before_the_next(log):
    append(log, b"one\n")
    reading = Reading(log)
    assert reading.lines() == [b"one"]
    old = log.rename(log.with_name("elsewhere.txt"))
    append(log, b"four\n")
    append(old, b"two\nthree")  # the writer has not heard of it yet, and ends without a newline
    assert reading.lines(8) == [b"two", b"three", b"four"]


def test_a_file_that_was_rotated_while_nobody_read_is_found_by_what_it_is(log):
    append(log, b"one\n")
    reading = Reading(log)
    reading.lines()
    append(log, b"two\n")
    log.rename(log.with_name("app.log.1"))
    append(log, b"three\n")
    assert reading.again(log).lines() == [b"two", b"three"]


def test_a_truncated_file_begins_anew_and_it_is_said(log, caplog):
    append(log, b"one\n" * 100)
    reading = Reading(log)
    assert len(reading.lines()) == 100
    log.write_bytes(b"new\n")
    assert reading.lines() == [b"new"]
    assert [record.was_read_to for record in caplog.records] == [400]


def test_a_truncated_file_that_has_grown_larger_than_before_is_noticed(log):
    append(log, b"one\n")
    reading = Reading(log)
    reading.lines()
    with log.open("r+b") as file:
        file.truncate()
        file.write(b"other\nlines\n")
    assert reading.lines() == [b"other", b"lines"]


def test_what_was_copied_away_and_not_read_comes_from_the_copy(log):
    append(log, b"one\n")
    reading = Reading(f"{log}*")
    reading.lines()
    append(log, b"two\n")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, b"three\n")
    assert reading.lines() == [b"two", b"three"]


def test_a_deleted_file_is_read_to_its_end(log):
    append(log, b"one\n")
    reading = Reading(log)
    reading.lines()
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"two\n")
    append(log, b"three\n")
    assert reading.lines() == [b"two", b"three"]


def test_files_that_were_away_for_a_while_do_not_come_again(tmp_path):
    logs, away = tmp_path / "logs", tmp_path / "away"
    logs.mkdir()
    for name in "abc":
        append(logs / name, name.encode() + b"\n")
    reading = Reading(f"{logs}/*")
    reading.lines()
    reading = reading.again(f"{logs}/*")
    logs.rename(away)
    assert reading.lines() == []
    away.rename(logs)
    (logs / "a").rename(tmp_path / "a")
    assert reading.lines() == []
    (tmp_path / "a").rename(logs / "a")
    append(logs / "a", b"more\n")
    assert reading.lines() == [b"more"]


def test_a_broken_gzip_file_is_told_of_once_and_read_when_it_is_whole(log, caplog):
    append(log, b"one\n")
    log.with_name("app.log.gz").write_bytes(b"no gzip")
    reading = Reading(f"{log}*")
    assert reading.lines(10) == [b"one"]
    assert [record.file for record in caplog.records] == [f"{log}.gz"]
    log.with_name("app.log.gz").write_bytes(gzip.compress(b"two\n"))
    assert reading.lines() == [b"two"]


def test_a_new_file_is_found(tmp_path):
    reading = Reading(tmp_path)
    assert reading.lines() == []
    append(tmp_path / "new.txt", b"one\n")
    assert reading.lines() == [b"one"]


def test_a_compressed_file_is_read_whole_and_once(tmp_path):
    path = tmp_path / "old.log.gz"
    path.write_bytes(gzip.compress(b"one\n" * 2500) + gzip.compress(b"last, without an end"))
    reading = Reading(tmp_path)
    assert reading.lines(8) == [b"one"] * 2500 + [b"last, without an end"]
    assert reading.again(tmp_path).lines() == []


def test_a_compressed_file_that_is_being_written_is_waited_for(tmp_path):
    path, whole = tmp_path / "old.log.gz", gzip.compress(os.urandom(3000).hex().encode() + b"\n")
    path.write_bytes(whole[:1000])
    reading = Reading(tmp_path)
    assert reading.lines() == []
    path.write_bytes(whole)
    assert len(reading.lines()) == 1


def test_what_is_compressed_after_it_was_read_does_not_come_again(log):
    append(log, b"one\ntwo\n")
    reading = Reading(f"{log}*")
    assert len(reading.lines()) == 2
    old = log.rename(f"{log}.1")
    append(old, b"three\n")
    reading = reading.again(f"{log}*")
    old.with_name("app.log.2.gz").write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    assert reading.lines() == [b"three"]


def test_a_csv_file_names_its_columns(tmp_path):
    for name, head in (("a.csv", b"id,amount\n"), ("b.csv", b"\nid;x,y\r\n")):
        append(tmp_path / name, head + b"1,2\n")
    reading = Reading(tmp_path, delimiter=",")
    found = {(row.value, dict(row.headers)["aimass.columns"]) for row in reading.rows()}
    assert found == {(b"1,2", b'["id", "amount"]'), (b"1,2", b'["id;x", "y"]')}
    append(tmp_path / "a.csv", b"3,4\n")
    position = reading.follower.position()
    (row,) = Reading(tmp_path, position, delimiter=",").rows()
    assert (row.value, dict(row.headers)["aimass.columns"]) == (b"3,4", b'["id", "amount"]')


def test_a_line_that_is_too_long_is_cut_off_and_says_so(log, caplog):
    append(log, b"one\n" + b"x" * (LONGEST + 300_000))
    reading = Reading(log)
    rows = reading.rows()
    assert [row.value[:4] for row in rows] == [b"one", b"xxxx"]
    assert len(rows[1].value) < 5000
    assert dict(rows[1].headers)["aimass.cut"] == str(LONGEST).encode()
    assert [(record.file, record.at) for record in caplog.records if record.levelno == logging.ERROR] == [
        (str(log), "4")
    ]
    reading = reading.again(log)
    append(log, b"yyy\nlast\n")
    assert reading.lines() == [b"last"]


def test_portions_are_small(log):
    append(log, b"".join(b"%d\n" % number for number in range(2500)) + b"x" * 500_000 + b"\n" + b"y" * 700_000 + b"\n")
    reading, sizes, got = Reading(log), [], []
    for _ in range(20):
        rows = reading.rows(1)
        got += [row.value for row in rows]
        sizes.append((len(rows), sum(len(row.value) for row in rows)))
    assert len(got) == 2502
    assert max(count for count, _ in sizes) == 1000
    assert max(size for _, size in sizes) < 2 << 20


def test_many_files_take_turns(tmp_path):
    for name in "abc":
        append(tmp_path / name, b"%s\n" % name.encode() * 3000)
    reading = Reading(tmp_path)
    assert {value for _ in range(3) for value in reading.lines(1)} == {b"a", b"b", b"c"}


def test_more_files_than_are_held_open_are_all_read(tmp_path):
    for number in range(450):
        append(tmp_path / str(number), b"%d\n" % number)
    reading = Reading(tmp_path)
    assert len(reading.lines()) == 450
    for number in range(450):
        append(tmp_path / str(number), b"%d again\n" % number)
    assert len(reading.lines()) == 450
    assert sum(one.content is not None for one in reading.follower._readings) <= 250


def test_two_files_that_begin_alike_are_two_files(tmp_path):
    banner = b"a banner that all services write\n" * 20
    for name in ("a.log", "b.log", "b.log.old"):
        append(tmp_path / name, banner + name.encode() + b"\n")
    reading = Reading(tmp_path)
    lines = reading.lines()
    assert [lines.count(name) for name in (b"a.log", b"b.log", b"b.log.old")] == [1, 1, 1]
    assert len(lines) == 63


def test_a_name_that_is_no_text_is_a_file_like_any_other(tmp_path):
    with open(bytes(tmp_path) + b"/\xff.log", "wb") as file:  # noqa: PTH123
        file.write(b"one\n")
    reading = Reading(tmp_path)
    (row,) = reading.rows()
    assert row.headers[0][1].endswith(b"/\xff.log")
    assert reading.again(tmp_path).lines() == []


def test_what_is_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    append(tmp_path / "a", b"one\n")
    assert Reading(tmp_path).lines() == [b"one"]


async def test_the_feed_follows_and_rests_ever_longer(log):
    append(log, b"one\n")
    now, rests = [0.0], []

    async def sleep(seconds):
        rests.append(seconds)
        now[0] += seconds
        if len(rests) == 200:
            append(log, b"two\n")

    source = SourceDef(topic="t", feed=str(log), every=5.0)
    async with aclosing(FileFeed(source, clock=lambda: now[0], sleep=sleep).portions(None)) as portions:
        assert [row.value for row in (await anext(portions)).rows] == [b"one"]
        portion = await asyncio.wait_for(anext(portions), 30)
    assert [row.value for row in portion.rows] == [b"two"]
    assert (rests[0], max(rests), sorted(rests) == rests) == (0.2, 5.0, True)
