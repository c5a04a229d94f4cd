"""What closed gates do is known to every stage that reads the board, as it changes."""

import pytest

from aimass.errors import SourceStopped
from aimass.memory import MemoryOutputs, MemoryState
from aimass.pipeline import compile_stages, parse
from aimass.records import Gate, Source
from aimass.runtime.gates import GateBoard
from aimass.settings import Settings
from aimass.testing import MemoryRecord

PIPELINE = parse('name = "p"\n[[source]]\ntopic = "t"\n[quality]\nall = true')


def gate(name, action, is_closed):
    return Gate("i", "t", 0.0, "p", Source("", 0, 0), name, action, "fail", is_closed)


@pytest.fixture
def board():
    return GateBoard("p", Settings(bootstrap_servers="localhost:1"))


def take(board):
    out = MemoryOutputs()
    stage = next(stage for stage in compile_stages(PIPELINE, board) if stage.name == "collect")
    stage.on_batch([MemoryRecord(b"{}")], MemoryState(), out)
    return [to for to, _, _ in out.emitted]


def test_nothing_passes_before_the_gates_are_known(board):
    with pytest.raises(SourceStopped, match="is being read"):
        take(board)
    board.read()
    assert take(board) == [""]


def test_the_strictest_of_the_closed_gates_counts(board):
    board.read()
    board.take(gate("a", "quarantine", True))
    assert take(board) == ["observations"]
    board.take(gate("b", "stop", True))
    with pytest.raises(SourceStopped, match="aimass quality open"):
        take(board)
    board.take(gate("b", "stop", False))
    board.take(gate("a", "quarantine", False))
    assert take(board) == [""]
