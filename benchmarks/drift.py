"""How soon drift is found, and how often where there is none: aimass's `Watch` beside River's detectors.

``python -m benchmarks.drift --json`` runs all on the same seeded streams: changes of one standard deviation (of a loss
of zeros and ones: from 10 % to 30 %) after 3,000 events, at once, by mixture over 1,000 events, by moving over 1,000
events, and back and forth every 2,000; and 20,000 events without any change, of which some are not independent or not
normal. A delay is the number of events from the beginning of a change to the first alarm; alarms without a change are
given per 100,000 events. KSWIN takes 200 µs an event, so it sees only the first seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from river import drift

from aimass.models.drift import Watch

Floats = npt.NDArray[np.float64]
Stream = tuple[Floats, list[int]]  # values, and where changes begin
AT, RAMP, PERIOD, QUIET = 3_000, 1_000, 2_000, 20_000
FEW = 2  # seeds for KSWIN
FIRST_SEED = 10_000  # lower ones were looked at while the detector was made


def changing(kind: str, rng: np.random.Generator) -> Stream:
    """Return a normal stream that drifts, and where."""
    start = AT + int(rng.integers(64))  # no detector's grid is favoured
    noise = rng.normal(size=2 * AT)
    i = np.arange(2 * AT)
    ramp = np.clip((i - start) / RAMP, 0.0, 1.0)
    if kind == "abrupt":
        return noise + (i >= start), [start]
    if kind == "abrupt loss":
        return (rng.random(2 * AT) < np.where(i >= start, 0.3, 0.1)).astype(float), [start]
    if kind == "gradual":
        return noise + (rng.random(2 * AT) < ramp), [start]
    if kind == "incremental":
        return noise + ramp, [start]
    noise = rng.normal(size=6 * PERIOD)
    starts = [start - AT + PERIOD * k for k in range(1, 6)]
    level = np.searchsorted(starts, np.arange(6 * PERIOD), "right") % 2
    return noise + level, starts


def steady(kind: str, rng: np.random.Generator) -> Stream:
    """Return a stream without drift."""
    noise = rng.normal(size=QUIET)
    if kind == "heavy tails (t, 3)":
        noise = rng.standard_t(3, size=QUIET)
    elif kind == "lognormal":
        noise = np.exp(noise)
    elif kind == "loss of 0 and 1":
        noise = (rng.random(QUIET) < 0.2).astype(float)
    elif kind == "dependent (AR 0.9)":
        for i in range(1, QUIET):
            noise[i] += 0.9 * noise[i - 1]
        noise *= np.sqrt(1 - 0.81)
    elif kind == "daily profile of 288":
        noise += 2.0 * np.sin(2 * np.pi * np.arange(QUIET) / 288)
    return noise, []


CHANGING = ("abrupt", "abrupt loss", "gradual", "incremental", "recurring")
STEADY = ("normal", "heavy tails (t, 3)", "lognormal", "loss of 0 and 1", "dependent (AR 0.9)", "daily profile of 288")


def watch(values: Floats) -> list[int]:
    """Return where aimass finds drift."""
    return [found.row for found in Watch(1).update(values)]


def river(make: Callable[[], Any]) -> Callable[[Floats], list[int]]:
    """Return a function that says where a detector of River finds drift."""

    def alarms(values: Floats) -> list[int]:
        detector, found = make(), []
        for i, value in enumerate(values.tolist()):
            detector.update(value)
            if detector.drift_detected:
                found.append(i)
        return found

    return alarms


DETECTORS: dict[str, Callable[[Floats], list[int]]] = {
    "aimass": watch,
    "ADWIN": river(drift.ADWIN),
    "PageHinkley": river(drift.PageHinkley),
    "KSWIN": river(lambda: drift.KSWIN(seed=1)),
    "DDM": river(drift.binary.DDM),
}


def measure(name: str, kind: str, seeds: int) -> dict[str, Any]:
    """Run one detector on one kind of stream."""
    make = changing if kind in CHANGING else steady
    delays: list[int] = []
    false, before, missed, extra = 0, 0, 0, 0
    for seed in range(min(seeds, FEW) if name == "KSWIN" else seeds):
        values, starts = make(kind, np.random.default_rng(FIRST_SEED + seed))
        alarms = DETECTORS[name](values)
        first = starts[0] if starts else len(values)
        before += first
        false += sum(at < first for at in alarms)
        for start, end in zip(starts, [*starts, len(values)][1:], strict=True):
            inside = [at - start for at in alarms if start <= at < end]
            delays += inside[:1]
            missed += not inside
            extra += len(inside[1:])
    found: dict[str, Any] = {"false_per_100k": round(1e5 * false / before, 2)}
    if kind in CHANGING:
        changes = len(delays) + missed
        found |= {
            "median_delay": float(np.median(delays)) if delays else None,
            "p90_delay": float(np.percentile(delays, 90)) if delays else None,
            "missed": round(missed / changes, 3),
            "further_alarms_per_change": round(extra / changes, 2),
        }
    return found


def microseconds(name: str) -> float:
    """Return the time for one value, the best of three."""
    values = np.random.default_rng(0).normal(size=1_000 if name == "KSWIN" else 20_000)
    if name == "DDM":
        values = (values > 1.0).astype(float)  # it takes nothing else
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        DETECTORS[name](values)
        times.append(time.perf_counter() - begun)
    return round(1e6 * min(times) / len(values), 3)


def microseconds_wide(columns: int = 100) -> float:
    """Return the time of `Watch` for one value where rows are wide and come a thousand at a time."""
    rows, bank = np.random.default_rng(0).normal(size=(1_000, columns)), Watch(columns)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        bank.update(rows)
        times.append(time.perf_counter() - begun)
    return round(1e6 * min(times) / rows.size, 3)


def run(seeds: int) -> dict[str, Any]:
    """Run everything."""
    watch(np.zeros(100))  # compiles
    results: dict[str, Any] = {}
    for name in DETECTORS:
        kinds = [kind for kind in CHANGING + STEADY if name != "DDM" or "loss" in kind]
        results[name] = {kind: measure(name, kind, seeds) for kind in kinds} | {"us_per_value": microseconds(name)}
    results["aimass"]["us_per_value_100_columns"] = microseconds_wide()
    results["aimass"]["state_bytes"] = len(Watch(2).encode()) - len(Watch(1).encode())
    return {"seeds": seeds, "kswin_seeds": min(seeds, FEW), "detectors": results}


def show(results: dict[str, Any]) -> None:
    """Print the results as tables."""
    found = results["detectors"]
    delays = Table("median delay (90 %), missed", *found)
    for kind in CHANGING:
        cells = [found[name].get(kind) for name in found]
        shown = [f"{c['median_delay']} ({c['p90_delay']}), {c['missed']:.0%}" if c else "–" for c in cells]
        delays.add_row(kind, *shown)
    alarms = Table("false alarms in 100,000", *found)
    for kind in STEADY:
        alarms.add_row(
            kind, *(str(found[name][kind]["false_per_100k"]) if kind in found[name] else "–" for name in found)
        )
    alarms.add_row("µs a value", *(str(found[name]["us_per_value"]) for name in found))
    console = Console()
    console.print(delays)
    console.print(alarms)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seeds", type=int, default=60, help="streams of each kind")
    options = parser.parse_args(argv)
    results = run(options.seeds)
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
