"""Replay gives the same bytes: one log, three processes, other hash seeds, other cuts, one of them crashing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


def started(hash_seed: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.runtime.replay_once", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_runs_and_a_crashed_one_give_the_same_bytes() -> None:
    processes = [started("1"), started("4242"), started("7", "crash")]
    printed = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert printed[0] == printed[1] == printed[2]
    assert {line.split()[0] for line in printed[0].splitlines()} == {"alerts", "dead", "out", "state"}
