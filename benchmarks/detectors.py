"""What the detectors of relations, categories, missing fields, silence and shapes cost, find and cry wolf at.

``python -m benchmarks.detectors --json``. Streams are made from seeds. Of each detector: microseconds an event in
batches, bytes of state a key; how many of 40 planted anomalies it found, each in a stream of its own that was usual for
6,000 events; and how many of 10,000 usual events it scored 3.5 or more (1 in 3,162 would be 3.2).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from aimass.records import Anomaly, Event
from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition
from aimass.stages.batch import Batch
from aimass.stages.detectors import (
    CategoryDetector,
    MissingDetector,
    RelationDetector,
    ShapeDetector,
    SilenceDetector,
)
from aimass.testing import MemoryState, event

USUAL, TRIALS, BATCH = 6000, 40, 500
Stream = Iterator[tuple[dict[str, Any], float]]


def relations(rng: np.random.Generator, odd: str | None) -> Stream:
    """Ten fields that two hidden ones move; a relation breaks by eight deviations of what it leaves open."""
    mix, noise = rng.normal(size=(2, 10)), 0.3
    for i in range(USUAL + 1):
        x = rng.normal(size=2) @ mix + noise * rng.normal(size=10)
        if odd == "relation" and i == USUAL:
            x[3] += 8 * noise
        yield {f"f{j}": float(v) for j, v in enumerate(x)}, 60.0 * i


def categories(rng: np.random.Generator, odd: str | None) -> Stream:
    """Three words; at the end a new one, or one that has come in 8 % of events comes in half of them."""
    p = np.array([0.6, 0.32, 0.08])
    for i in range(USUAL + 100):
        now = np.array([0.3, 0.2, 0.5]) if odd == "rate of value" and i >= USUAL else p
        word = ["on", "off", "idle"][rng.choice(3, p=now)]
        yield {"state": "burning" if odd == "new value" and i == USUAL else word}, 60.0 * i


def missing(rng: np.random.Generator, odd: str | None) -> Stream:
    """Two fields that are always there, one in half of the events; at the end one is missing, or null."""
    for i in range(USUAL + 1):
        data: dict[str, Any] = {"a": 1, "b": 2} | ({"c": 3} if rng.random() < 0.5 else {})
        if odd == "missing" and i == USUAL:
            del data["b"]
        yield (data | {"b": None} if odd == "null" and i == USUAL else data), 60.0 * i


def silence(rng: np.random.Generator, odd: str | None) -> Stream:
    """Gaps like those between strangers; at the end one of fifteen times the mean, or ten events at once."""
    at = 0.0
    for i in range(USUAL + 10):
        gap = rng.exponential(60.0)
        at += 900.0 if odd == "late" and i == USUAL else 0.5 if odd == "burst" and i >= USUAL else gap
        yield {}, at


def shapes(rng: np.random.Generator, odd: str | None) -> Stream:
    """A saw-tooth with noise; at the end two teeth the wrong way round, or one that is cut short."""
    phase = 0
    for i in range(USUAL + 48):
        phase += 1
        if odd == "short tooth" and i == USUAL + 12:
            phase = 0
        at = phase % 24
        height = (24 - at) / 24 if odd == "turned tooth" and i >= USUAL else at / 24
        yield {"v": height + 0.1 * rng.normal()}, 60.0 * i


#: By detector: how it is made, what it looks at, and what is planted.
CASES: dict[str, tuple[Callable[[], Any], Callable[[np.random.Generator, str | None], Stream], tuple[str, ...]]] = {
    "relations": (lambda: RelationDetector("d"), relations, ("relation",)),
    "categories": (lambda: CategoryDetector("d"), categories, ("new value", "rate of value")),
    "missing": (lambda: MissingDetector("d"), missing, ("missing", "null")),
    "silence": (lambda: SilenceDetector("d"), silence, ("late", "burst")),
    "shapes": (lambda: ShapeDetector("d"), shapes, ("turned tooth", "short tooth")),
}


def events(stream: Stream, keys: int = 1) -> list[Event]:
    """Return the events of a stream, their keys in turn."""
    return [event(data, f"k{i % keys}", 1.7e9 + at, i) for i, (data, at) in enumerate(stream)]


def judged(detector: Any, batches: list[Batch], state: MemoryState) -> list[Anomaly]:
    """Return what a detector says of batches."""
    found = []
    for batch in batches:
        found += detector.score(batch, state)
        state.commit()
    return found


def cut(stream: list[Event]) -> list[Batch]:
    """Return a stream in batches that are decoded already."""
    batches = [Batch(stream[i : i + BATCH]) for i in range(0, len(stream), BATCH)]
    for batch in batches:
        assert len(batch.times)
    return batches


def cost(name: str, keys: int) -> dict[str, float]:
    """Return microseconds an event, the best of three runs, and bytes of state a key."""
    make, source, _ = CASES[name]
    stream, best, size = events(source(np.random.default_rng(1), None), keys), math.inf, 0
    for _ in range(3):
        batches, state, detector, spent = cut(stream), PartitionState(MemoryPartition(), 0), make(), 0.0
        for batch in batches:
            started = time.perf_counter()
            detector.score(batch, state)
            spent += time.perf_counter() - started
            state.savepoint()
        best = min(best, spent / len(stream) * 1e6)
        size = sum(len(row) for row in state.take().values() if row is not None)
    return {"us_per_event": round(best, 2), "state_bytes_per_key": round(size / keys)}


def power(name: str) -> dict[str, Any]:
    """Return how many of the planted anomalies were found, and false alarms in 10,000 usual events."""
    make, source, planted = CASES[name]
    hits, wolves, usual = dict.fromkeys(planted, 0), 0, 0
    for kind in planted:
        for seed in range(TRIALS):
            found = judged(make(), cut(events(source(np.random.default_rng([seed, 7]), kind))), MemoryState())
            hits[kind] += any(one.severity for one in found[USUAL:])
            wolves += sum(one.severity is not None for one in found[:USUAL])
            usual += USUAL
    return {"found": {kind: f"{hit}/{TRIALS}" for kind, hit in hits.items()}, "false_per_10k": wolves / usual * 1e4}


def main() -> None:
    """Measure all detectors, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="*", default=list(CASES))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {}
    for name in args.only:
        many = cost(name, 500)
        found[name] = {**many, "us_per_event_one_key": cost(name, 1)["us_per_event"], **power(name)}
        if not args.json:
            print(name, found[name])
    if args.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
