"""The prequential benchmark runs over any CSV file and says what the recipe, its members and baselines got."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.prequential import main
from benchmarks.streams import stream, table


def test_a_csv_file_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    heat = rng.normal(size=400)
    lines = [f"{h:.4f},{'ab'[i % 2]},{'hot' if h > 0 else 'cold'}" for i, h in enumerate(heat)]
    path = tmp_path / "plant.csv"
    path.write_text("\n".join(["heat,line,state", *lines]) + "\n")
    assert main(["--csv", str(path), "--target", "state", "--alone", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["plant"]
    assert found["recipe"] > 0.9
    assert found["members"].keys() >= {"linear", "forest"}
    assert found["baselines"].keys() == {"no_change", "majority"}
    assert not found["uses_lagged_labels"]
    assert found["state_bytes"] > 0


def test_lagged_labels_know_nothing_of_their_own_event() -> None:
    one = stream("s", [({"a": i}, float(i)) for i in range(5)], True)
    assert one.x[3, :2].tolist() == [2.0, 1.0]
    assert np.isnan(one.x[0, :3]).all()
    assert one.x[3, 2] == pytest.approx((2.0 + 0.9) / (1.0 + 0.9 + 0.81))


def test_targets_of_many_numbers_are_numbers_and_gaps_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    path.write_text("a,y\n" + "".join(f"{'' if i == 3 else i},{i / 7}\n" for i in range(30)))
    one = table(path, "y")
    assert one.classes == 0
    assert np.isnan(one.x[3, 3])
