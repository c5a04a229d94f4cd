"""Faults put into real data, and what finds them: ``python -m benchmarks.faults --data NAB --json``.

Of each stream the first half goes by clean: `aimass.quality.contracts.suggest` learns a contract from it, and JUDGE
what its panes are like. The second half is run clean, for what is said against it is a false alarm, and once for each
kind of fault and share of records. Faults count only where the clean run said nothing.

A record is found when it is set apart, with what it breaks. A pane (5 s, about 50 records) is found when an indicator
is surely below the level of the first half: their intervals of 95 % do not overlap. Gates close at ``below = 0.95``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.fault_kinds import EPISODE, KINDS, Injected, Kind
from benchmarks.fault_streams import streams
from benchmarks.fault_trial import LETTER, PANE_S, Outcome, Trial

RATES = (0.001, 0.01, 0.1)
LEAST_RECORDS = 100


@dataclass(slots=True)
class Score:
    """What was found of one kind of fault at one rate, over all streams.

    Parameters
    ----------
    streams, seen, moved
        In how many streams there were such faults, in how many any pane was found by indicators, and in how many by the
        shift of a field.
    injected, found
        Records with a fault, and those of them that were set apart.
    beside
        Records without one that were set apart for the fault's sake.
    panes, judged, shifted
        Panes with a fault, those that an indicator found, those in which a field's shift passed its bound.
    other_panes, other_found
        Panes without, and those of them that an indicator names for the fault's sake.
    by, by_panes
        What found them.
    delays
        Of streams in which any was found, after how many panes with faults.
    gates, gate_delays
        In how many streams a gate closed that is open without the fault, and after how many panes.
    """

    streams: int = 0
    seen: int = 0
    moved: int = 0
    injected: int = 0
    found: int = 0
    beside: int = 0
    panes: int = 0
    judged: int = 0
    shifted: int = 0
    other_panes: int = 0
    other_found: int = 0
    by: Counter[str] = field(default_factory=Counter)
    by_panes: Counter[str] = field(default_factory=Counter)
    delays: list[int] = field(default_factory=list)
    gates: int = 0
    gate_delays: list[float] = field(default_factory=list)

    def add(self, injected: Injected, outcome: Outcome, clean: Outcome, clean_origins: set[int]) -> None:
        """Add what became of one stream."""
        self.streams += 1
        self._add_records(injected, outcome, clean_origins)
        self._add_panes(injected, outcome, clean)
        closed = [when for gate, when in outcome.closed.items() if gate not in clean.closed]
        if closed:
            self.gates += 1
            began = min((row.arrival for row in injected.rows if row.is_bad), default=min(injected.times))
            self.gate_delays.append((min(closed) - began) / PANE_S)

    def _add_records(self, injected: Injected, outcome: Outcome, broken_anyway: set[int]) -> None:
        for at, row in enumerate(injected.rows):
            causes = outcome.broken.get(at)
            self.injected += row.is_bad
            if causes is None:
                continue
            if row.is_bad:
                self.found += 1
                self.by[kind_of(causes[0])] += 1
            elif row.origin not in broken_anyway:
                self.beside += 1

    def _add_panes(self, injected: Injected, outcome: Outcome, clean: Outcome) -> None:
        """Compare panes of which the clean run said nothing."""
        quiet = {start for start, was in clean.alarms.items() if not was}
        touched = injected.panes(PANE_S)
        found, shifted = [], 0
        for place, start in enumerate(touched, 1):
            if start not in quiet:
                continue
            said = outcome.alarms.get(start, frozenset())
            named = said - {"shift"}
            self.panes += 1
            self.judged += bool(named)
            shifted += "shift" in said
            self.by_panes.update(named)
            found += [place] if named else []
        others = quiet.difference(touched)
        self.other_panes += len(others)
        self.other_found += sum(bool(outcome.alarms.get(start, frozenset()) - {"shift"}) for start in others)
        self.shifted += shifted
        self.moved += bool(shifted)
        if found:
            self.seen += 1
            self.delays.append(found[0])

    def figures(self) -> dict[str, Any]:
        """Return all numbers."""
        return {
            "streams": self.streams,
            "records": self.injected,
            "records_found": _share(self.found, self.injected),
            "records_found_by": dict(self.by.most_common()),
            "other_records_set_apart": self.beside,
            "panes": self.panes,
            "panes_found": _share(self.judged, self.panes),
            "panes_found_by": dict(self.by_panes.most_common()),
            "panes_shifted": _share(self.shifted, self.panes),
            "other_panes_found": _share(self.other_found, self.other_panes),
            "streams_found": _share(self.seen, self.streams),
            "streams_shifted": _share(self.moved, self.streams),
            "median_pane_of_first": statistics.median(self.delays) if self.delays else None,
            "streams_gated": _share(self.gates, self.streams),
            "median_panes_to_gate": round(statistics.median(self.gate_delays), 1) if self.gates else None,
        }


def kind_of(cause: str) -> str:
    """Return which kind of check a cause is of.

    Examples
    --------
    >>> kind_of("volts:most"), kind_of("low-at-most-high"), kind_of("dead letter")
    ('most', 'check', 'dead letter')
    """
    if cause == LETTER:
        return cause
    path, _, kind = cause.rpartition(":")
    return kind if path else "check"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def clean_figures(trial: Trial) -> dict[str, Any]:
    """Return what is said of a second half into which nothing was put: false alarms, unless life put it there."""
    clean, windows = trial.clean, trial.recorded.windows
    cut = trial.recorded.cut
    labelled = [at for at in clean.broken if any(first <= at + cut <= last for first, last in windows)]
    counts = Counter(name for said in clean.alarms.values() for name in said)
    indicated = sum(bool(said - {"shift"}) for said in clean.alarms.values())
    return {
        "records": len(trial.second),
        "set_apart": len(clean.broken),
        "set_apart_share": _share(len(clean.broken), len(trial.second)),
        "set_apart_in_labelled_windows": len(labelled),
        "set_apart_by": dict(Counter(causes[0] for causes in clean.broken.values()).most_common(5)),
        "panes": len(clean.alarms),
        "panes_found": _share(indicated, len(clean.alarms)),
        "panes_found_by": dict(counts.most_common()),
        "gates_closed": sorted(clean.closed),
    }


def measure(data: Path | None, most: int, seed: int) -> dict[str, Any]:
    """Return the figures of each stream, clean, and of each kind of fault."""
    scores: dict[tuple[str, float], Score] = {}
    clean: dict[str, Any] = {}
    every = list(streams(data, most))
    plan = [(kind, rate) for kind in KINDS for rate in _rates(kind)]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("faults", total=len(every) * len(plan))
        for recorded in every:
            trial = Trial(recorded)
            clean[recorded.name] = clean_figures(trial)
            for kind, rate in plan:
                _try(trial, kind, rate, seed, scores.setdefault((kind.name, rate), Score()))
                progress.advance(bar)
    return {
        "clean": clean,
        "clean_total": _total(list(clean.values())),
        "faults": {
            kind.name: {f"{rate:g}": scores[kind.name, rate].figures() for rate in _rates(kind)} for kind in KINDS
        },
    }


def _rates(kind: Kind) -> Sequence[float]:
    return (EPISODE,) if kind.is_episode else RATES


def _try(trial: Trial, kind: Kind, rate: float, seed: int, score: Score) -> None:
    injected = trial.inject(kind, rate, seed)
    if injected is not None:
        anyway = {trial.second[at].origin for at in trial.clean.broken}
        score.add(injected, trial.run(injected.rows), trial.clean, anyway)


def _total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the shares of all streams: over all records, and of the stream in the middle."""
    records, apart = sum(row["records"] for row in rows), sum(row["set_apart"] for row in rows)
    labelled = sum(row["set_apart_in_labelled_windows"] for row in rows)
    panes = sum(row["panes"] for row in rows)
    named: Counter[str] = Counter()
    for row in rows:
        named.update(row["panes_found_by"])
    return {
        "streams": len(rows),
        "records": records,
        "set_apart_share": _share(apart, records),
        "set_apart_share_without_labelled_windows": _share(apart - labelled, records),
        "set_apart_share_median": statistics.median(row["set_apart_share"] for row in rows),
        "streams_without_any": sum(not row["set_apart"] for row in rows),
        "panes": panes,
        "panes_found": _share(sum(round(row["panes_found"] * row["panes"]) for row in rows), panes),
        "panes_found_median": statistics.median(row["panes_found"] for row in rows),
        "panes_found_by": {name: _share(count, panes) for name, count in named.most_common()},
        "streams_with_a_closed_gate": sum(bool(row["gates_closed"]) for row in rows),
    }


def show(found: dict[str, Any]) -> None:
    """Print the figures as tables."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    table = Table(title="faults: single records", caption="of all streams in which there can be such a fault")
    episodes = Table(title=f"faults: stretches of {EPISODE:.0%} of the second half")
    for one in (table, episodes):
        for name in HEADS if one is table else HEADS[:1] + HEADS[2:]:
            one.add_column(name)
    for kind in KINDS:
        for rate, row in found["faults"][kind.name].items():
            cells = _cells(row)
            if kind.is_episode:
                episodes.add_row(kind.said, *cells)
            else:
                table.add_row(kind.said, f"{float(rate):.1%}", *cells)
    clean = Table("stream", "records", "set apart", "by", "panes", "named", "by", "gates", title="nothing put in")
    for name, row in found["clean"].items():
        clean.add_row(
            name.rpartition("/")[2],
            f"{row['records']:,}",
            _percent(row["set_apart_share"]),
            _most(row["set_apart_by"]),
            f"{row['panes']}",
            _percent(row["panes_found"]),
            _most(row["panes_found_by"]),
            " ".join(row["gates_closed"]),
        )
    console.print(table, episodes, clean)
    console.print_json(data=found["clean_total"])


HEADS = (
    "fault",
    "rate",
    "records found",
    "by",
    "others",
    "panes found",
    "by",
    "shift",
    "other panes",
    "streams",
    "gates",
)


def _cells(row: dict[str, Any]) -> list[str]:
    delay, gate = row["median_pane_of_first"], row["median_panes_to_gate"]
    return [
        _percent(row["records_found"]),
        _most(row["records_found_by"]),
        f"{row['other_records_set_apart']:,}",
        _percent(row["panes_found"]),
        _most(row["panes_found_by"]),
        _percent(row["streams_shifted"]),
        _percent(row["other_panes_found"]),
        _percent(row["streams_found"]) + ("" if delay is None else f" at pane {delay:g}"),
        _percent(row["streams_gated"]) + ("" if gate is None else f" after {gate:g}"),
    ]


def _most(counts: dict[str, int]) -> str:
    return ", ".join(list(counts)[:3])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python -m benchmarks.faults --data NAB --most 1000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="a checkout of NAB: its files from life come in, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--most", type=int, default=2000, help="how many records of each stream (2000)")
    parser.add_argument("--seed", type=int, default=1, help="of where faults are put (1)")
    given = parser.parse_args(argv)
    if given.data is not None and not (given.data / "labels" / "combined_windows.json").is_file():
        parser.error(f"{given.data} holds no labels/combined_windows.json: give the root of a NAB checkout")
    if given.most < LEAST_RECORDS:
        parser.error(f"--most {given.most}: give at least {LEAST_RECORDS}; with fewer than 600 little can be learned")
    found = measure(given.data, given.most, given.seed)
    if given.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
