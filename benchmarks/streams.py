"""Public streams with labels, as rows of numbers: River's bundled sets, Elec2, and any CSV file."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
from river import datasets

from aimass.models.kernel import Floats

#: Sets that River brings along.
BUNDLED = ("Phishing", "Bananas", "ImageSegments", "TrumpApproval", "Shuttle", "WaterFlow", "ChickWeights")
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Events in the order of the stream.

    Parameters
    ----------
    x
        Events × columns: the lagged labels first, then the features; NaN where one is missing.
    y
        Class indices in the order in which classes first came, or numbers.
    classes
        How many classes; 0 for numbers.
    lags
        How many columns are lagged labels: the last label, the one before it, and the fading mean of labels, as a
        pipeline gives them to a model.
    """

    name: str
    x: Floats
    y: Floats
    classes: int
    lags: int


def stream(name: str, rows: Iterable[tuple[dict[str, Any], Any]], is_number: bool) -> Stream:
    """Return the stream of these features and targets.

    Examples
    --------
    >>> one = stream("s", [({"heat": 3}, "cold"), ({"heat": 9}, "hot"), ({"heat": 8}, "hot")], False)
    >>> one.y.tolist(), one.classes, one.x[2].round(2).tolist()
    ([0.0, 1.0, 1.0], 2, [1.0, 0.0, 0.53, 8.0])
    """
    features, targets = [], []
    index: dict[str, int] = {}
    categories: dict[tuple[str, str], int] = {}
    for x, target in rows:
        features.append({part: number for key, value in x.items() for part, number in _numbers(key, value, categories)})
        targets.append(float(target) if is_number else float(index.setdefault(str(target), len(index))))
    columns = {key: None for one in features for key in one}
    nan = float("nan")
    plain = np.array([[one.get(key, nan) for key in columns] for one in features])
    y, classes = np.array(targets), 0 if is_number else max(len(index), 2)
    lagged = lagged_labels(y)
    return Stream(name, np.hstack([lagged, plain]), y, classes, lagged.shape[1])


def _numbers(key: str, value: Any, categories: dict[tuple[str, str], int]) -> Sequence[tuple[str, float]]:
    """Return what a field adds: a time its seconds and places in day and week, a text the number of its kind."""
    if isinstance(value, datetime):
        seconds = value.timestamp()
        turn = 2 * pi * seconds / _DAY
        return (
            (key, seconds),
            (key + ".sin", sin(turn)),
            (key + ".cos", cos(turn)),
            (key + ".weekday", float(value.weekday())),
        )
    if isinstance(value, str):
        try:
            return ((key, float(value)),)
        except ValueError:
            return ((key, float(categories.setdefault((key, value), len(categories)))),) if value else ()
    return ((key, float(value)),)


def lagged_labels(y: Floats) -> Floats:
    """Return for each event the last label, the one before, and the labels' mean, fading by 0.9 a label."""
    found, total, weight = np.full((len(y), 3), np.nan), 0.0, 0.0
    for i in range(1, len(y)):
        total, weight = 0.9 * total + y[i - 1], 0.9 * weight + 1.0
        found[i] = y[i - 1], y[i - 2] if i > 1 else np.nan, total / weight
    return found


def bundled(name: str) -> Stream:
    """Return one of River's sets."""
    found = getattr(datasets, name)()
    return stream(name, found, found.task == "Regression")


def table(path: Path, target: str, is_number: bool | None = None) -> Stream:
    """Return the stream of a CSV file, gzipped or not: its rows in order.

    Its target is a number when all of its values are, and more than 20 differ; unless it is said what it is.
    """
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(target)]
    if not rows:
        raise ValueError(f"{path} has no rows with a {target!r}")
    values = {row[target] for row in rows}
    if is_number is None:
        is_number = len(values) > 20 and all(map(_is_number, values))
    kept = (({key: value for key, value in row.items() if key != target}, row[target]) for row in rows)
    return stream(path.name.split(".")[0], kept, is_number)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
