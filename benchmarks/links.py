"""Links between series: ``python -m benchmarks.links --json``. Planted ones found, false ones, breaks, and the cost."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np
import orjson

from aimass.models.features import Numbers
from aimass.models.links import LinkFinder, LinkSpec
from aimass.models.links_kernel import BLOCK
from aimass.records import Link, Series, Source
from aimass.stages.correlate import CorrelateStage, Correlation
from aimass.testing import MemoryOutputs, MemoryState

FIELDS = 10
BATCH = 1000
LAGS = 30
STRENGTHS = (0.9, 0.7)
Place = tuple[str, int, int]  # a group, a leader and a follower


def main() -> int:
    """Run what is asked for and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.links", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    parser.add_argument("--bins", type=int, default=2000, help="seconds of data (default: 2000)")
    parser.add_argument("--series", type=int, nargs="*", default=[10, 100, 1000, 4000], help="series in the group")
    given = parser.parse_args()
    measure(40, 300)  # compile
    figures: dict[str, Any] = {f"series_{count}": measure(count, given.bins) for count in given.series}
    figures["false"] = false_links()
    figures["breaks"] = breaks()
    figures["switched"] = switched()
    if given.json:
        sys.stdout.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        for name, found in figures.items():
            sys.stdout.write(f"{name}: {found}\n")
    return 0


def planted(count: int, bins: int, seed: int) -> tuple[Any, dict[tuple[int, int], tuple[int, float]]]:
    """Return random walks, a tenth of which follow another, and which follows which by what lag and how closely."""
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(count, bins))
    order = generator.permutation(count)
    truth = {}
    for n in range(max(count // 20, 1)):
        leader, follower = int(order[2 * n]), int(order[2 * n + 1])
        lag, strength = int(generator.integers(0, LAGS)), STRENGTHS[(n + seed) % len(STRENGTHS)]
        steps[follower, lag:] *= np.sqrt(1 - strength**2)
        steps[follower, lag:] += strength * steps[leader, : bins - lag]
        truth[leader, follower] = lag, strength
    return steps.cumsum(axis=1), truth


def events_of(values: Any, group: str) -> list[Series]:
    """Return one event a second of each machine, with ten fields."""
    count, bins = values.shape
    width, found = min(FIELDS, count), []
    for t in range(bins):
        for machine in range(count // width):
            first = machine * width
            fields = {f"f{first + i}": float(values[first + i, t]) for i in range(width)}
            found.append(Series("e", group, 1e6 + t, "p", Source("t", 0, t), "c", group, fields))
    return found


def measure(count: int, bins: int) -> dict[str, Any]:
    """Run the stage over groups of so many series (at least 200 in all); return what it found and what it cost."""
    plants = [planted(count, bins, seed) for seed in range(max(200 // count, 1))]
    truth = {(f"g{n}", *pair): one for n, (_, links) in enumerate(plants) for pair, one in links.items()}
    streams = [events_of(values, f"g{n}") for n, (values, _) in enumerate(plants)]
    events = [event for n in range(len(streams[0])) for event in (stream[n] for stream in streams)]
    stage = CorrelateStage([Correlation("c", Numbers(None), spec=LinkSpec(LAGS, links=1024))])
    state, out = MemoryState(), MemoryOutputs()
    began = time.process_time()
    for start in range(0, len(events), BATCH):
        stage.on_batch(events[start : start + BATCH], state, out)
    seconds = time.process_time() - began
    said, tables = out.records(""), state.commit()
    found = {(one.key, int(one.leader[3:]), int(one.follower[3:])): one for one in said if one.change == "found"}
    right = {place: one for place, one in found.items() if is_right(place, one, truth)}
    pairs = [raw for name, rows in tables.items() if "pairs" in name for raw in rows.values()]
    finders = [LinkFinder.decode(raw, LinkSpec(LAGS)) for raw in pairs]
    delays = [one.time - 1e6 for one in right.values()]
    written = sum(len(raw) for raw in pairs) / BLOCK + sum(8 * len(finder.series) for finder in finders)
    return {
        "groups": len(plants),
        "events_per_s": round(len(events) / seconds),
        "values_per_s": round(len(plants) * count * bins / seconds),
        "us_per_value": round(seconds / (len(plants) * count * bins) * 1e6, 2),
        "planted": len(truth),
        **{f"recall_{strength}": recall(right, truth, strength) for strength in STRENGTHS[: len(truth)]},
        "found_after_bins_median": statistics.median(delays) if delays else None,
        "found_after_bins_most": max(delays, default=None),
        "false_links": len(found) - len(right),
        "ends_of_links": sum(one.change in ("broken", "gone") for one in said),
        "pairs_a_group": count * (count - 1) // 2,
        "pairs_verified_a_group": max(len(finder.pairs) for finder in finders),
        "state_bytes_a_group": sum(len(row) for rows in tables.values() for row in rows.values()) // len(plants),
        "bytes_written_per_bin_a_group": round(written / len(plants)),
    }


def is_right(place: Place, link: Link, truth: dict[Place, tuple[int, float]]) -> bool:
    """Return whether a link was planted, and its lag and direction are right."""
    group, leader, follower = place
    lag, _ = truth.get(place) or truth.get((group, follower, leader)) or (-1, 0.0)
    return lag == round(link.lag_s) and (place in truth or lag == 0)


def recall(right: dict[Place, Link], truth: dict[Place, tuple[int, float]], strength: float) -> float | None:
    """Return the share of the links planted with a strength that were found."""
    wanted = [place for place, (_, one) in truth.items() if one == strength]
    found = sum((group, *pair) in right or (group, *pair[::-1]) in right for group, *pair in wanted)
    return found / len(wanted) if wanted else None


def false_links(seeds: int = 40, count: int = 20, bins: int = 3000) -> dict[str, Any]:
    """Count links between series that have nothing to do with each other, of five kinds."""
    found: dict[str, int] = {}
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        noise = generator.normal(size=(count, bins))
        walks = noise.cumsum(axis=1)
        slopes, phases = generator.normal(size=(count, 1)), generator.uniform(0, 6.28, size=(count, 1))
        waves = np.sin(np.arange(bins) / generator.uniform(20, 60, size=(count, 1)) + phases) * 10
        kinds = {
            "noise": noise,
            "walks": walks,
            "trends": walks + 5 * slopes * np.arange(bins),
            "waves": waves + noise,
            "wild": generator.standard_t(2, size=(count, bins)),
        }
        for name, values in kinds.items():
            found[name] = found.get(name, 0) + sum(one.what == "found" for one in run(values, LinkSpec(LAGS)))
    return {"pairs_each": seeds * count * (count - 1) // 2, "bins": bins, **found}


def breaks(seeds: int = 40, bins: int = 3000) -> dict[str, Any]:
    """Break links of several strengths in the last 200 bins; return how long it took, what was missed and false."""
    found: dict[str, Any] = {}
    for strength in (0.95, *STRENGTHS):
        delays, false, missed = [], 0, 0
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            values = generator.normal(size=(4, bins))
            values[1, 3:] = strength * values[0, :-3] + np.sqrt(1 - strength**2) * values[1, 3:]
            values[1, -200:] = (generator.normal(size=200), np.full(200, values[1, -201]), np.nan)[seed % 3]
            said = [one.bin - bins + 200 for one in run(values, LinkSpec(LAGS)) if one.what == "broken"]
            delays += [one for one in said if one >= 0][:1]
            missed += not any(one >= 0 for one in said)
            false += sum(one < 0 for one in said)
        found[f"strength_{strength}"] = {
            "delay_bins_median": statistics.median(delays),
            "delay_bins_most": max(delays),
            "missed": missed,
            "false_in_bins": [false, seeds * (bins - 200)],
        }
    return found


def switched(seeds: int = 40, bins: int = 7200, end: int = 5000) -> dict[str, Any]:
    """Follow pumps that are set anew every 30 to 120 s, whose flow lags by 3 s and fills slowly, until it stops."""
    found, delays, false = [], [], 0
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        lengths = generator.integers(30, 120, size=bins // 30)
        points = np.repeat(generator.choice([0.0, 600, 900, 1200, 1500], size=len(lengths)), lengths)[:bins]
        flow = np.zeros(bins)
        for t in range(3, bins):
            flow[t] = flow[t - 1] + 0.5 * (points[t - 3] / 100 - flow[t - 1])
        flow[end:] = 0
        noise = generator.normal(size=(3, bins))
        said = run(np.stack([points + noise[0], flow + noise[1] / 100, noise[2]]), LinkSpec(LAGS))
        found += [one.bin for one in said if one.what == "found"][:1]
        delays += [one.bin - end for one in said if one.what == "broken" and one.bin >= end]
        false += sum(one.what != "found" and one.bin < end for one in said)
    return {
        "pumps": seeds,
        "found": len(found),
        "found_after_bins_median": statistics.median(found),
        "broke": len(delays),
        "delay_bins_median": statistics.median(delays),
        "delay_bins_most": max(delays),
        "false_breaks_in_bins": [false, seeds * end],
    }


def run(values: Any, spec: LinkSpec) -> list[Any]:
    """Return what a finder says of series × bins."""
    finder = LinkFinder(spec)
    blocks = [values[:, at : at + BLOCK] for at in range(0, values.shape[1] - BLOCK + 1, BLOCK)]
    return [one for n, block in enumerate(blocks) for one in finder.step(n, block)]


if __name__ == "__main__":
    raise SystemExit(main())
