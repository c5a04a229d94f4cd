"""The score stage: ``python -m benchmarks.score --json``. One core, state in RocksDB, beside the same work with River.

Events are made beforehand and handed to the stage in batches of 1,000; every tenth batch its rows are encoded and
written to RocksDB, as a commit does. Reading and writing Kafka is not in it: see `benchmarks.runtime` for that.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table
from river import anomaly, drift, linear_model, preprocessing

from aimass.models import personal, values
from aimass.pipeline import compile_stages, parse
from aimass.records import Event, Source
from aimass.runtime.state import PartitionState
from aimass.runtime.store import RocksStore

_BATCH, _COMMIT = 1_000, 10
_HEAD = 'name = "b"\n[[source]]\ntopic = "t"\nkey = "key"\n[[detector]]\nname = "odd"\nfields = {fields}\n'
_MODEL = '[[model]]\nname = "m"\ntarget = "y"\nfields = {fields}\n'
#: What the stage is asked to do.
WORKS = {
    "detector": "",
    "detector, linear model, drift": _MODEL + 'recipe = "linear"\n',
    "detector, default recipe, drift": _MODEL,
    "detector, default recipe and a part a key, drift": _MODEL + 'scope = "key"\n',
}
_LINEAR = "detector, linear model, drift"


class Sink:
    """Counts what is emitted."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None:
        self.count += 1

    def emit_encoded(self, keys: Sequence[Any], found: Sequence[bytes], *, to: str | None = None) -> None:
        self.count += len(found)

    def reject(self, record: Any, error: Any) -> None:
        raise error


def events(count: int, fields: int, keys: int) -> list[Event]:
    """Return events whose label depends on their fields, of keys drawn evenly."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(count, fields)).round(4)
    y = (x[:, 0] + 0.3 * rng.normal(size=count) > 0).tolist()
    names = [f"f{j}" for j in range(fields)]
    chosen = rng.integers(0, keys, count).tolist()
    made = []
    for i, (row, label, key) in enumerate(zip(x.tolist(), y, chosen, strict=True)):
        data = orjson.dumps({**dict(zip(names, row, strict=True)), "y": label})
        source = Source("t", 0, i)
        made.append(Event(source.id, f"k{key}", 1.7e9 + i / 100, "b", source, msgspec.Raw(data)))
    return made


def stage(work: str, log: Sequence[Event], fields: int) -> float:
    """Return events a second of the stage, after a first tenth that is not counted."""
    listed = json.dumps([f"f{j}" for j in range(min(fields, 64))])
    score = compile_stages(parse((_HEAD + WORKS[work]).format(fields=listed)))[1]
    with tempfile.TemporaryDirectory() as directory:
        store = RocksStore(Path(directory) / "rocks")
        part, sink = store.partition("b"), Sink()
        state = PartitionState(part, 0)
        began, first = 0.0, len(log) // 10
        for i in range(0, len(log), _BATCH):
            if i >= first and not began:
                began, first = time.perf_counter(), i
            score.on_batch(log[i : i + _BATCH], state, sink)
            if i // _BATCH % _COMMIT == _COMMIT - 1:
                part.write(state.take(), i)
                state.landed()
        took = time.perf_counter() - began
        store.close()
    return (len(log) - first) / took


def river(log: Sequence[Event]) -> float:
    """Return events a second of the same work written plainly: River's models, one event at a time, in memory."""
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    detectors: dict[str, Any] = {}
    adwin = drift.ADWIN()
    first, out = len(log) // 10, 0
    began = 0.0
    for i, event in enumerate(log):
        if i == first:
            began = time.perf_counter()
        data = orjson.loads(bytes(event.data))
        label = data.pop("y")
        own = detectors.get(event.key)
        if own is None:
            own = detectors[event.key] = {name: anomaly.GaussianScorer(window_size=None) for name in data}
        scores = {}
        for name, detector in own.items():
            scores[name] = detector.score_one(None, data[name])
            detector.learn_one(None, data[name])
        chance = model.predict_proba_one(data).get(True, 0.5)
        model.learn_one(data, label)
        adwin.update((chance > 0.5) != label)
        out += len(orjson.dumps({"id": event.id, "scores": scores, "p": chance, "data": data}))
    return (len(log) - first) / (time.perf_counter() - began)


def detector_us(keys: int) -> float:
    """Return µs a number of the detector's kernel, in batches of 1,000."""
    rng = np.random.default_rng(2)
    state, found = np.zeros((keys, 1, values.WIDTH)), np.empty((_BATCH, values.FOUND))
    best = math.inf
    for n in range(60):
        rows, x = rng.integers(0, keys, _BATCH), rng.normal(size=(_BATCH, 1))
        times = np.arange(_BATCH) + n * 1e3
        began = time.perf_counter()
        values.run(state, rows, times, x, found)
        best = min(best, time.perf_counter() - began)
    return best / _BATCH * 1e6


def measure(is_quick: bool) -> dict[str, Any]:
    """Return all figures."""
    rows, least = [], 20_000 if is_quick else 60_000
    cases = [(fields, keys) for keys in (1_000, 1_000_000) for fields in (1, 10, 100)]
    for fields, keys in track(cases, "score", console=Console(stderr=True), transient=True):
        many = least * 4 if keys > 1_000 and fields == 1 and not is_quick else least
        log = events(many if fields < 100 else least // 3, fields, keys)
        found = {work: round(stage(work, log, fields)) for work in WORKS}
        plain = round(river(log[: 20_000 if fields < 100 else 4_000]))
        rows.append({"fields": fields, "keys": keys, "events": len(log), "eps": found, "river_eps": plain})
    ten = next(row for row in rows if (row["fields"], row["keys"]) == (10, 1_000))
    return {
        "stage_eps_10_fields_1k_keys": ten["eps"][_LINEAR],
        "ratio_to_river": round(ten["eps"][_LINEAR] / ten["river_eps"], 1),
        "detector_us_per_event": round(detector_us(1_000), 3),
        "detector_us_per_event_100k_keys": round(detector_us(100_000), 3),
        "detector_state_bytes_per_key_and_field": values.WIDTH * 8,
        "personal_state_bytes_per_key": personal.WIDTH * 4,
        "stage": rows,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python -m benchmarks.score --quick",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer events")
    given = parser.parse_args(argv)
    found = measure(given.quick)
    if given.json:
        print(json.dumps(found))
        return 0
    table = Table("fields", "keys", *WORKS, "River, plainly", title="events/s on one core")
    for row in found["stage"]:
        cells = [f"{row['eps'][work]:,}" for work in WORKS]
        table.add_row(f"{row['fields']}", f"{row['keys']:,}", *cells, f"{row['river_eps']:,}")
    console = Console()
    console.print(table)
    for name, value in found.items():
        if name != "stage":
            console.print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
