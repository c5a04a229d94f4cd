"""Replay gives the same bytes: one log, several processes, other hash seeds, other cuts, one of them crashing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.stages.all_of_score import PIPELINES

REPOSITORY = Path(__file__).parents[3]


def started(hash_seed: str, module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.unit.runtime.{module}", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def printed(*processes: subprocess.Popen[str]) -> list[str]:
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said


def test_two_runs_and_a_crashed_one_give_the_same_bytes() -> None:
    one, two, crashed = printed(
        started("1", "replay_once"), started("4242", "replay_once"), started("7", "replay_once", "crash")
    )
    assert one == two == crashed
    assert {line.split()[0] for line in one.splitlines()} == {"alerts", "dead", "out", "state"}


def test_all_that_a_score_stage_can_be_made_of_gives_the_same_bytes() -> None:
    one, two = printed(started("0", "replay_models", "70"), started("77", "replay_models", "110"))
    assert one.splitlines() == two.splitlines()
    assert [line.split("\t")[0] for line in one.splitlines()] == [*PIPELINES]
