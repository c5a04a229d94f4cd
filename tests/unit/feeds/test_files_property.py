"""Whatever becomes of a log, and whenever its reader is stopped: every line comes once, in order."""

import gzip
import itertools
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimass.feeds.files import Follower
from aimass.feeds.reading import QUIET_S

_LENGTHS = st.sampled_from([0, 3, 40, 300, 3000])
_OPS = st.one_of(
    st.tuples(st.just("append"), st.lists(_LENGTHS, min_size=1, max_size=4), st.booleans()),
    st.tuples(st.just("rotate")),
    st.tuples(st.just("copytruncate")),
    st.tuples(st.just("compress"), st.integers(1, 3)),
    st.tuples(st.just("read"), st.integers(1, 3)),
    st.tuples(st.just("restart"), st.booleans()),
)


class Log:
    """A log that is written, rotated, truncated and compressed; `written` has what each of its generations held."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.path.touch()
        self.written = [b""]
        self._numbers = itertools.count()

    def append(self, lengths, is_whole):
        lines = b"".join(b"<%d>%s\n" % (next(self._numbers), b"x" * length) for length in lengths)
        text = lines if is_whole else lines[:-1]
        with self.path.open("ab") as file:
            file.write(text)
        self.written[-1] += text

    def rotate(self):
        self._shift()
        self.path.rename(f"{self.path}.1")
        self.path.touch()
        self.written.append(b"")

    def copytruncate(self):
        self._shift()
        shutil.copyfile(self.path, f"{self.path}.1")
        with self.path.open("r+b") as file:
            file.truncate()
        self.written.append(b"")

    def compress(self, number):
        plain = Path(f"{self.path}.{number}")
        if plain.exists():
            Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()

    def _shift(self):
        for number in range(20, 0, -1):
            for end in ("", ".gz"):
                one = Path(f"{self.path}.{number}{end}")
                if one.exists():
                    one.rename(f"{self.path}.{number + 1}{end}")


class Reader:
    """Reads with one follower after the other, each from the last position that was kept."""

    def __init__(self, pattern) -> None:
        self.pattern, self.position, self.got, self.now = pattern, None, [], 0.0
        self.follower = self._begin()

    def _begin(self):
        return Follower(self.pattern, self.position, clock=lambda: self.now)

    def read(self, times, is_kept=True):
        for _ in range(times):
            self.now += 1.0
            portion = self.follower.portion()
            if portion is not None and is_kept:
                self.got += [row.value for row in portion.rows]
                self.position = portion.position

    def restart(self, was_reading):
        """Stop, perhaps with a portion that was read and never written."""
        if was_reading:
            self.read(1, is_kept=False)
        self.follower.close()
        self.follower = self._begin()

    def finish(self):
        self.read(20)
        self.now += QUIET_S  # nobody writes any more: a last line without a newline is one, too
        self.read(20)
        self.follower.close()


def expected(log):
    return [[line for line in generation.split(b"\n") if line] for generation in log.written]


def run(ops, pattern, reads_between):
    with tempfile.TemporaryDirectory() as folder:
        log, reader = Log(Path(folder)), None
        reader = Reader(f"{folder}/{pattern}")
        for name, *arguments in ops:
            if reads_between and name in ("rotate", "copytruncate"):
                reader.read(12)  # copytruncate loses what was not read by then
            if name in ("read", "restart"):
                getattr(reader, name)(*arguments)
            else:
                getattr(log, name)(*arguments)
            if reads_between and name == "rotate":
                reader.read(1)
        reader.finish()
        return log, reader


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_OPS, min_size=1, max_size=14))
def test_every_line_comes_once_when_the_pattern_has_the_rotated_files_too(ops):
    log, reader = run(ops, "app.log*", reads_between=False)
    generations = expected(log)
    assert Counter(reader.got) == Counter(itertools.chain.from_iterable(generations))
    for lines in generations:
        assert [line for line in reader.got if line in set(lines)] == lines
    assert all(one.content is None for one in reader.follower._readings)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_OPS.filter(lambda op: op[0] != "compress"), min_size=1, max_size=14))
def test_every_line_comes_once_when_rotated_files_leave_the_pattern(ops):
    log, reader = run(ops, "*.log", reads_between=True)
    assert_once_but_unfinished(log, reader)


def assert_once_but_unfinished(log, reader):
    """A line that was not whole when the file was copied and truncated stays in the copy, which nobody looks at."""
    whole = [line for generation in log.written for line in generation.split(b"\n")[:-1] if line]
    halves = {line for generation in log.written for line in generation.split(b"\n")[-1:] if line}
    got = Counter(reader.got)
    assert not Counter(whole) - got
    assert all(line in halves for line in got - Counter(whole))
    assert max(got.values(), default=1) == 1
