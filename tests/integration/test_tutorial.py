"""The tutorial does what it says: its blocks run in order, and what it shows is what comes out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimass.settings import Settings
from tests.integration.support import PATIENCE_S

pytestmark = pytest.mark.kafka
TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_FILE = re.compile(r"# ([\w.]+)\n")
_PIPELINE = re.compile(
    r'(?<=^name = ")(?:pumps|plant)(?=")|\b(?:pumps|plant)(?=\.(?!toml))|(?<=links |.list )plant', re.M
)


class Reader:
    """Somebody who does what the tutorial says, in a folder of their own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMASS_")}
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
            "AIMASS_HOME": str(folder / "home"),
            "AIMASS_BOOTSTRAP_SERVERS": str(settings.bootstrap_servers),
            "AIMASS_WEB_PORT": "0",
            "COLUMNS": "300",
        }
        self._worker: subprocess.Popen[bytes] | None = None
        self._file = self._command = self._said = ""

    def take(self, kind: str, text: str) -> None:
        """Do what a block says: write a file or add to it, run commands, compare what it shows with what they print."""
        if kind in ("python", "toml"):
            named = _FILE.match(text)
            self._file = named[1] if named else self._file
            with (self.folder / self._file).open("w" if named else "a") as file:
                file.write(text if named else "\n" + text)
        elif kind == "sh":
            self._command = text
            if text.startswith("aimass run "):
                self._work(text.split())
            else:
                self._said = self.run(text)
        else:
            self.expect(text.splitlines())

    def _work(self, command: list[str]) -> None:
        """Run a worker, the only one, in a terminal of its own."""
        self.stop()
        log = self.folder / "worker.log"
        with log.open("wb") as file:
            self._worker = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=file, stderr=file)
        deadline = time.monotonic() + PATIENCE_S
        while "worker started" not in log.read_text():
            assert self._worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def run(self, text: str) -> str:
        """Run commands to their end and return what they print."""
        command = ["sh", "-ec", text]
        ended = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S
        )
        finds = 1 if text.startswith("aimass replay") else 0  # as diff does
        assert ended.returncode == finds, f"{text}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def expect(self, lines: list[str]) -> None:
        """Check that the last block printed these lines, among others, or wait until its last command does.

        ``…`` stands for anything.
        """
        wanted = [re.compile(".*".join(map(re.escape, line.split("…")))) for line in lines]
        look = self._command.splitlines()[-1]
        deadline = time.monotonic() + PATIENCE_S
        while missing := [one.pattern for one in wanted if not any(map(one.search, self._said.splitlines()))]:
            assert time.monotonic() < deadline, f"{look} does not say {missing}, but\n{self._said}"
            time.sleep(0.5)
            self._said = self.run(look)

    def stop(self) -> None:
        """Stop the worker as Ctrl-C does."""
        if self._worker is not None:
            self._worker.send_signal(signal.SIGINT)
            self._worker.wait(PATIENCE_S)


@pytest.fixture
def reader(tmp_path: Path, settings: Settings) -> Iterator[Reader]:
    reader = Reader(tmp_path, settings)
    yield reader
    reader.stop()


def test_the_tutorial_does_what_it_says(reader: Reader, unique: Callable[[str], str]) -> None:
    suffix = unique("")
    text = _PIPELINE.sub(lambda found: found[0] + suffix, TUTORIAL.read_text("utf-8"))  # others share this Kafka
    blocks = _BLOCK.findall(text)
    assert {kind for kind, _ in blocks} == {"python", "toml", "sh", ""}
    for kind, text in blocks:
        reader.take(kind, text)
    told = [
        line.split()
        for line in reader.run(f"aimass tail plant{suffix}.alerts --from beginning --until-end").splitlines()
    ]
    silent = [words[3] for words in told if "silent:" in words and words[2] < "22:33"]
    assert set(silent) == {"p3"}  # nobody else before the end of the file
