"""The Numenta Anomaly Benchmark, run with the detector that every pipeline gets by default, and scored by its rules.

One key a file, one field, the rows in the order in which they stand, one pass, the same parameters for every file.
The scoring rules are those of the corpus (github numenta/NAB), written anew and vectorised. Read any figure with its
criticism beside it: Wu and Keogh, "Current time series anomaly detection benchmarks are flawed", arXiv 2009.13807.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from aimass.models.kernel import Floats, Ints
from aimass.models.values import FOUND, LINE, WIDTH, run

#: By profile: what a false-positive row costs, and what a missed window costs. A window found at its start earns 1.
PROFILES = {"standard": (0.11, 1.0), "low_fp": (0.22, 1.0), "low_fn": (0.11, 2.0)}


@dataclass(frozen=True, slots=True)
class Series:
    """One file: its rows as they stand, and the first and last row of each labelled window."""

    name: str
    stamps: list[str]
    raw: list[str]
    times: Floats
    values: Floats
    windows: list[tuple[int, int]]

    @property
    def category(self) -> str:
        """The folder that the file is in."""
        return self.name.split("/")[0]


def load(data: Path) -> list[Series]:
    """Return every file under ``data/data`` with its windows, in the order of their names."""
    labels = json.loads((data / "labels" / "combined_windows.json").read_text())
    return [
        _read(path, f"{path.parent.name}/{path.name}", labels)
        for path in sorted((data / "data").glob("*/*.csv"), key=lambda path: (path.parent.name, path.name))
    ]


def _read(path: Path, name: str, labels: Mapping[str, Sequence[Sequence[str]]]) -> Series:
    with path.open(newline="") as file:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(file)]
    times = [_seconds(stamp) for stamp, _ in rows]
    first: dict[float, int] = {}
    for i, when in enumerate(times):
        first.setdefault(when, i)
    return Series(
        name,
        [stamp for stamp, _ in rows],
        [value for _, value in rows],
        np.array(times),
        np.array([float(value) for _, value in rows]),
        [(first[_seconds(start)], first[_seconds(end)]) for start, end in labels.get(name, ())],
    )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()


def sigmoid(y: Floats) -> Floats:
    """Return what a detection is worth at a relative position: near 1 well before 0, −1 from 3 on.

    Examples
    --------
    >>> sigmoid(np.array([-1.0, 0.0, 4.0])).round(4).tolist()
    [0.9866, 0.0, -1.0]
    """
    return np.where(y > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(y, 3.0))) - 1.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """What each threshold would earn on some files: thresholds fall, the sums over the rows at or above them grow.

    Parameters
    ----------
    thresholds
        Scores, falling.
    credit, found, false
        At each threshold: what the windows found earn, how many they are, and the (negative) credit of rows outside.
    windows
        How many windows the files have.
    """

    thresholds: Floats
    credit: Floats
    found: Floats
    false: Floats
    windows: int

    def normalised(self, profile: str) -> Floats:
        """Return the score at each threshold: 0 is no detection at all, 100 every window at its start."""
        fp, fn = PROFILES[profile]
        raw = self.credit + fn * self.found + fp * self.false
        return 100.0 * raw / ((1.0 + fn) * max(self.windows, 1))

    def best(self, profile: str) -> tuple[float, float]:
        """Return the best score and the threshold that earns it; no detection earns 0."""
        scores = self.normalised(profile)
        if not len(scores) or scores.max() <= 0.0:
            return 0.0, float("inf")
        return float(scores.max()), float(self.thresholds[scores.argmax()])

    def at(self, profile: str, threshold: float) -> float:
        """Return the score when every row that scores at least ``threshold`` is a detection."""
        count = int((self.thresholds >= threshold).sum())
        return float(self.normalised(profile)[count - 1]) if count else 0.0


def curve(series: Sequence[Series], scores: Sequence[Floats]) -> Curve:
    """Return what each threshold earns on these files together.

    Examples
    --------
    >>> times = np.arange(10.0)
    >>> one = Series("a/b.csv", [], [], times, times, [(4, 7)])
    >>> curve([one], [np.array([0, 0, 0, 0, 1.0, 0, 0, 0, 0, 0])]).best("standard")
    (100.0, 1.0)
    """
    parts = [_steps(one, score) for one, score in zip(series, scores, strict=True)]
    steps = np.concatenate([*parts, np.zeros((0, 4))])
    steps = steps[np.argsort(-steps[:, 0], kind="stable")]
    sums = np.cumsum(steps[:, 1:], axis=0)
    last = np.flatnonzero(np.append(steps[1:, 0] != steps[:-1, 0], True)) if len(steps) else np.zeros(0, np.intp)
    credit, found, false = sums[last].T
    return Curve(steps[last, 0], credit, found, false, sum(len(one.windows) for one in series))


def _steps(series: Series, scores: Floats) -> Floats:
    """Return rows of score, gain of the windows' credit, windows newly found, credit of a false row."""
    n = len(scores)
    start = min(int(0.15 * n), 750)
    rows = np.arange(n)
    outside, false = rows >= start, np.full(n, -1.0)
    parts = []
    for first, last in series.windows:
        outside[first : last + 1] = False
        after = (rows[last + 1 :] - last) / max(last - first, 1)
        false[last + 1 :] = sigmoid(after)
        parts.append(_window(rows[max(first, start) : last + 1], last, last - first + 1, scores))
    alone = np.zeros((int(outside.sum()), 4))
    alone[:, 0], alone[:, 3] = scores[outside], false[outside]
    return np.concatenate([alone, *parts])


def _window(rows: Ints, last: int, width: int, scores: Floats) -> Floats:
    """Return what a window gains as its rows become detections, the highest scores first."""
    worth = sigmoid(-(last - rows + 1.0) / width) / sigmoid(np.array([-1.0]))
    order = np.argsort(-scores[rows], kind="stable")
    gain = np.zeros((len(rows), 4))
    gain[:, 0] = scores[rows][order]
    gain[:, 1] = np.diff(np.maximum.accumulate(worth[order]), prepend=0.0)
    gain[:1, 2] = 1.0
    return gain


def transfer(series: Sequence[Series], scores: Sequence[Floats], profile: str = "standard") -> float:
    """Return the score when each category's threshold is the best one of all other categories."""
    windows, earned = 0, 0.0
    for category in categories(series):
        own = [(one, score) for one, score in zip(series, scores, strict=True) if one.category == category]
        rest = [(one, score) for one, score in zip(series, scores, strict=True) if one.category != category]
        _, line = curve(*_columns(rest)).best(profile)
        part = curve(*_columns(own))
        earned += part.at(profile, line) * max(part.windows, 1)
        windows += part.windows
    return earned / max(windows, 1)


def _columns(pairs: Sequence[tuple[Series, Floats]]) -> tuple[list[Series], list[Floats]]:
    return [one for one, _ in pairs], [score for _, score in pairs]


def categories(series: Sequence[Series]) -> list[str]:
    """Return the categories, in the order of their names."""
    return sorted({one.category for one in series})


def detect(series: Sequence[Series]) -> tuple[list[Floats], float]:
    """Return every row's score in [0, 1], s / (1 + s) of the detector's, and the microseconds that a row took.

    The detector is the one of every pipeline: each file is a new key.
    """
    _score(np.zeros(1), np.zeros(1))
    began = time.perf_counter()
    scores = [_score(one.times, one.values) for one in series]
    rows = sum(len(one.values) for one in series)
    took = 1e6 * (time.perf_counter() - began) / max(rows, 1)
    return [score / (1.0 + score) for score in scores], took


def _score(times: Floats, values: Floats) -> Floats:
    found = np.zeros((len(values), FOUND))
    run(np.zeros((1, 1, WIDTH)), np.zeros(len(values), np.int64), times, values.reshape(-1, 1), found)
    return found[:, 0]


def report(series: Sequence[Series], scores: Sequence[Floats], us_per_event: float) -> dict[str, Any]:
    """Return the figures: scores at the best threshold, at the shipped one, and at one chosen on other categories."""
    whole = curve(series, scores)
    line = whole.best("standard")[1]
    by_category = {}
    for category in categories(series):
        own = [(one, score) for one, score in zip(series, scores, strict=True) if one.category == category]
        part = curve(*_columns(own))
        by_category[category] = {
            "files": len(own),
            "rows": sum(len(score) for _, score in own),
            "windows": part.windows,
            "standard": round(part.at("standard", line), 2),
            "standard_default_threshold": round(part.at("standard", LINE / (1.0 + LINE)), 2),
        }
    return {
        **{profile: round(whole.best(profile)[0], 2) for profile in PROFILES},
        "standard_default_threshold": round(whole.at("standard", LINE / (1.0 + LINE)), 2),
        "standard_transfer": round(transfer(series, scores), 2),
        "us_per_event": round(us_per_event, 3),
        "state_bytes": 8 * WIDTH,
        "per_category": by_category,
    }


def write(series: Sequence[Series], scores: Sequence[Floats], out: Path) -> None:
    """Write ``<category>/<file>.csv`` with every row as it came and its score."""
    for one, score in zip(series, scores, strict=True):
        path = out / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("timestamp", "value", "anomaly_score"))
            rows.writerows(zip(one.stamps, one.raw, score.tolist(), strict=True))


def show(figures: Mapping[str, Any]) -> None:
    """Print the figures as tables."""
    total, parts = Table(title="NAB"), Table(title="by category, at the best threshold and at the shipped one")
    for name in ("figure", "value"):
        total.add_column(name)
    for name, value in figures.items():
        if name != "per_category":
            total.add_row(name, str(value))
    for name in ("category", "files", "rows", "windows", "standard", "standard_default_threshold"):
        parts.add_column(name)
    for name, found in figures["per_category"].items():
        parts.add_row(name, *map(str, found.values()))
    Console().print(total, parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nab",
        description="Run the default detector over a checkout of numenta/NAB, or a part of it, and score it.",
        epilog="example: python -m benchmarks.nab --data NAB --json --out scores",
    )
    parser.add_argument("--data", type=Path, required=True, help="holds data/<category>/*.csv and labels/")
    parser.add_argument("--out", type=Path, help="write <category>/<file>.csv with every row's score here")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    asked = parser.parse_args(arguments)
    if not (asked.data / "labels" / "combined_windows.json").is_file():
        parser.error(f"{asked.data} holds no labels/combined_windows.json: give the root of a NAB checkout")
    series = load(asked.data)
    scores, us_per_event = detect(series)
    if asked.out:
        write(series, scores, asked.out)
    figures = report(series, scores, us_per_event)
    if asked.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
