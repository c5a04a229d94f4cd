"""Prequential accuracy: the default recipe beside its members, the baselines and River's models, on public streams.

Each event is predicted, then learned, in the order of the stream, in one pass. The recipe and its parameters are the
same for every stream, and are those of a pipeline that says nothing but which task it has. River's models get the same
columns, lagged labels included where the recipe came to use them, scaled where that is usual.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from river import ensemble as river_ensemble
from river import forest, linear_model, naive_bayes, neighbors, preprocessing, tree

from aimass.models.ensemble import LEARN
from aimass.models.kernel import Floats
from aimass.models.tasks import ensemble
from benchmarks.streams import BUNDLED, Stream, bundled, table

_BATCH = 512
_QUICK = 6000  # events from which --quick leaves out River's heavy models
_HEAVY = ("arf", "leveraging_bagging", "amf", "knn")


def _scaled(model: Any) -> Any:
    return preprocessing.StandardScaler() | model


def _knn(kind: Callable[..., Any]) -> Any:
    return _scaled(kind(n_neighbors=7, engine=neighbors.LazySearch(window_size=1000)))


def peers(classes: int) -> dict[str, Callable[[], Any]]:
    """Return River's models by name: for two classes, for more, or for numbers (0)."""
    if not classes:
        quadratic = tree.splitter.QOSplitter
        return {
            "linear": lambda: _scaled(linear_model.LinearRegression()),
            "bayesian_linear": lambda: _scaled(linear_model.BayesianLinearRegression()),
            "hat": lambda: _scaled(tree.HoeffdingAdaptiveTreeRegressor(seed=1, splitter=quadratic())),
            "knn": lambda: _knn(neighbors.KNNRegressor),
            "arf": lambda: _scaled(forest.ARFRegressor(n_models=10, seed=1, leaf_prediction="mean")),
            "amf": lambda: preprocessing.MinMaxScaler() | forest.AMFRegressor(n_estimators=10, seed=1),
        }
    linear: dict[str, Callable[[], Any]] = {"softmax": lambda: _scaled(linear_model.SoftmaxRegression())}
    if classes == 2:
        linear = {
            "logistic": lambda: _scaled(linear_model.LogisticRegression()),
            "alma": lambda: _scaled(linear_model.ALMAClassifier()),  # type: ignore[no-untyped-call]
        }
    bagged = river_ensemble.LeveragingBaggingClassifier
    return {
        **linear,
        "naive_bayes": naive_bayes.GaussianNB,
        "hat": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=1),
        "knn": lambda: _knn(neighbors.KNNClassifier),
        "arf": lambda: forest.ARFClassifier(n_models=10, seed=1),
        "leveraging_bagging": lambda: bagged(tree.HoeffdingTreeClassifier(), n_models=10, seed=1),
        "amf": lambda: preprocessing.MinMaxScaler() | forest.AMFClassifier(n_estimators=10, seed=1),
    }


def measure(stream: Stream) -> tuple[dict[str, Any], bool]:
    """Run the default recipe over a stream; return its figures, and whether it came to use lagged labels."""
    recipe = "classifier" if stream.classes else "regressor"
    x = _widened(stream.x)
    _run(recipe, x[:200], stream)  # compiles
    one, parts, took = _run(recipe, x, stream)
    members = len(one.names)
    columns = max(stream.classes, 1)
    p = np.concatenate([part.p for part in parts])
    said = np.concatenate([part.kept[:, 1 : 1 + members * columns] for part in parts])
    said = said.reshape(len(p), members, columns)
    metrics = {name: value for name, value in one.evaluator.metrics().items() if "." not in name}
    figures = {
        "events": len(stream.y),
        "metric": "accuracy" if stream.classes else "mae",
        "recipe": _metric(p, stream),
        "members": {name: _metric(said[:, m], stream) for m, name in enumerate(one.names)},
        "baselines": {name: value for name, value in one.evaluator.baselines().items() if "." not in name},
        "metrics": metrics,
        "uses_lagged_labels": one.shows_lags,
        "us_per_event": took,
        "state_bytes": len(one.encode()),
    }
    return figures, one.shows_lags


def _run(recipe: str, x: Floats, stream: Stream) -> tuple[Any, list[Any], float]:
    one = ensemble(recipe, classes=max(stream.classes, 2), width=x.shape[1], lags=stream.lags)
    y, ops = stream.y[: len(x)], np.full(len(x), LEARN)
    began = time.perf_counter()
    parts = [one.run(x[a : a + _BATCH], y[a : a + _BATCH], ops[a : a + _BATCH]) for a in range(0, len(x), _BATCH)]
    return one, parts, 1e6 * (time.perf_counter() - began) / len(x)


def _widened(x: Floats) -> Floats:
    width = 8
    while width < x.shape[1]:
        width *= 2
    wide = np.full((len(x), width), np.nan)
    wide[:, : x.shape[1]] = x
    return wide


def _metric(p: Floats, stream: Stream) -> float:
    """Return the accuracy or the mean absolute error, from the second event on: for the first, nobody knows a label."""
    known = ~np.isnan(p[:, 0])
    known[0] = False
    if not known.any():
        return float("nan")
    y = stream.y[known]
    return float((p[known].argmax(axis=1) == y).mean() if stream.classes else np.abs(p[known, 0] - y).mean())


def peer(model: Any, stream: Stream, with_lags: bool) -> dict[str, float]:
    """Return the figures of one of River's models; an event that it says nothing of counts as wrong."""
    x = stream.x if with_lags else stream.x[:, stream.lags :]
    rows = [{f"c{j:03d}": v for j, v in enumerate(row) if v == v} for row in x.tolist()]
    is_binary = stream.classes == 2
    labels: list[Any] = [int(v) if stream.classes else v for v in stream.y.tolist()]
    labels = [bool(v) for v in labels] if is_binary else labels
    losses, began = [], time.perf_counter()
    for row, label in zip(rows, labels, strict=True):
        said = model.predict_one(row)
        losses.append(float(said == label) if stream.classes else abs((said or 0.0) - label))
        model.learn_one(row, label)
    took = 1e6 * (time.perf_counter() - began) / len(rows)
    return {"value": sum(losses[1:]) / (len(losses) - 1), "us_per_event": took, "state_bytes": _size(model)}


def _size(model: Any) -> float:
    try:
        return float(len(pickle.dumps(model, 5)))
    except RecursionError:
        return float("nan")


def compare(stream: Stream, is_quick: bool, with_peers: bool = True) -> dict[str, Any]:
    """Return the figures of a stream, with River's models and the best of them."""
    figures, with_lags = measure(stream)
    names = [] if not with_peers else list(peers(stream.classes))
    if is_quick and len(stream.y) > _QUICK:
        names = [name for name in names if name not in _HEAVY]
    found = {name: peer(peers(stream.classes)[name](), stream, with_lags) for name in names}
    best = max if stream.classes else min
    if found:
        winner = best(found, key=lambda name: found[name]["value"])
        figures["best_river"] = {"model": winner, **found[winner]}
    figures["river"] = found
    members = {name: value for name, value in figures["members"].items() if value == value}
    figures["best_member"] = best(members, key=members.__getitem__)
    figures["behind_best_member"] = _behind(figures["recipe"], members[figures["best_member"]], stream)
    figures["ahead_of_no_change"] = -_behind(figures["recipe"], figures["baselines"]["no_change"], stream)
    return figures


def _behind(own: float, other: float, stream: Stream) -> float:
    """Return by how much one is worse: points of accuracy, or per cent of the other's error."""
    return 100.0 * (other - own) if stream.classes else 100.0 * (own / other - 1.0)


def show(results: dict[str, dict[str, Any]]) -> None:
    """Print the figures as a table."""
    grid = Table(title="prequential: accuracy in %, or mean absolute error")
    titles = (
        "stream",
        "events",
        "recipe",
        "best member",
        "behind",
        "no change",
        "best of River",
        "µs",
        "River's µs",
        "KB",
    )
    for title in titles:
        grid.add_column(title)
    for name, found in results.items():
        scale = 100.0 if found["metric"] == "accuracy" else 1.0
        river = found.get("best_river", {"model": "-", "value": float("nan"), "us_per_event": float("nan")})
        grid.add_row(
            name,
            str(found["events"]),
            f"{scale * found['recipe']:.4g}",
            f"{found['best_member']} {scale * found['members'][found['best_member']]:.4g}",
            f"{found['behind_best_member']:.2f}",
            f"{scale * found['baselines']['no_change']:.4g}",
            f"{river['model']} {scale * river['value']:.4g}",
            f"{found['us_per_event']:.1f}",
            f"{river['us_per_event']:.0f}",
            f"{found['state_bytes'] / 1024:.0f}",
        )
    Console().print(grid)


def _streams(asked: argparse.Namespace) -> list[Stream]:
    if asked.csv:
        return [table(asked.csv, asked.target)]
    names = asked.sets or [*BUNDLED, "elec"]
    found = [bundled(name) for name in names if name in BUNDLED]
    if "elec" in names and asked.data:
        found.append(table(asked.data / "elec.csv.gz", "class"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.prequential",
        description="Predict, then learn, each event of public streams: the default recipe and River's models.",
        epilog="example: python -m benchmarks.prequential --data DATA --sets Phishing elec --quick",
    )
    parser.add_argument("--data", type=Path, help="holds elec.csv.gz; without it Elec2 is left out")
    parser.add_argument("--csv", type=Path, help="run over this file instead")
    parser.add_argument("--target", help="the file's column to be predicted")
    parser.add_argument("--sets", nargs="+", choices=[*BUNDLED, "elec"], help="only these streams")
    parser.add_argument("--quick", action="store_true", help="of River's models only the light ones on long streams")
    parser.add_argument("--alone", action="store_true", help="without River's models")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args(arguments)
    if bool(asked.csv) != bool(asked.target):
        parser.error("--csv and --target go together")
    results = {one.name: compare(one, asked.quick, not asked.alone) for one in _streams(asked)}
    if asked.json:
        print(json.dumps(results))
    else:
        show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
