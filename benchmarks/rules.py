"""Rules: ``python -m benchmarks.rules --json``. One core; beside it, in the same run, the same in zen and CEL.

*The mix*: the decide stage over 10, 100 and 1,000 rules, two thirds about one event and a third that remember
(`benchmarks.rule_mix`), from the bytes of predictions to the alerts, with state in RocksDB and a commit every 2,500
events. Reading and writing Kafka is not in it: see `benchmarks.runtime` for that.

*Beside others*: rules about one event only, since neither zen nor CEL remembers anything. Ours is the whole stage, with
what it decodes, its episodes and its alerts, given batches of 500, as Kafka brings them under load, and single events.
Theirs is decoding the event's JSON and evaluating all conditions on it, nothing else. zen is tried in two ways (a
compiled expression for each rule; one decision graph that holds all of them, given the bytes) and the faster counts.
CEL gets one context an event, and programs that are compiled once. Rounds alternate; the best of each counts. First,
all have to give the same answers, for rules and for single clauses.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cel
import numpy as np
import orjson
import zen
from rich.console import Console
from rich.progress import track
from rich.table import Table

from aimass.codec import decoder
from aimass.records import PredictionRecord
from aimass.rules.document import Rule
from aimass.rules.program import Program
from aimass.rules.sight import Sight
from aimass.runtime.state import PartitionState
from aimass.runtime.store import MemoryPartition, RocksStore
from aimass.stages.decide import DecideStage
from benchmarks.rule_mix import Clause, clause, clauses, events, mix, rule
from benchmarks.score import Sink

COUNTS = (10, 100, 1_000)
_COMMIT, _TICK_S = 2_500, 10.0
_WARM = 2_500  # events: the machine compiles its kernels, keys get their first rows
_ROUNDS = 5
_decode = decoder(PredictionRecord)


class Runner:
    """The decide stage over a partition in RocksDB.

    Parameters
    ----------
    rules
        The rules.
    batch
        How many events it gets at once.
    directory
        Where RocksDB writes.
    """

    def __init__(self, rules: Sequence[Rule], batch: int, directory: Path) -> None:
        self._stage = DecideStage("bench", rules, tick_s=_TICK_S)
        self._store = RocksStore(directory)
        self.part = self._store.partition("bench")
        self._state, self._sink, self.batch, self._seen = PartitionState(self.part, 0), Sink(), batch, 0

    def run(self, raw: Sequence[bytes]) -> float:
        """Take all of them; return how many seconds it took."""
        began = time.perf_counter()
        for i in range(0, len(raw), self.batch):
            self._take([_decode(one) for one in raw[i : i + self.batch]])
        return time.perf_counter() - began

    def _take(self, batch: list[Any]) -> None:
        tick = math.floor(batch[0].time / _TICK_S) * _TICK_S
        if tick > self._state.now:
            self._state.advance(tick)
            self._stage.on_time(tick, self._state, self._sink)  # type: ignore[arg-type]
        self._stage.on_batch(batch, self._state, self._sink)  # type: ignore[arg-type]
        self._seen += len(batch)
        if self._seen // _COMMIT > (self._seen - len(batch)) // _COMMIT:
            self.part.write(self._state.take(), self._seen)
            self._state.landed()

    @property
    def alerts(self) -> int:
        """How many records came out: each alert is one on ``alerts`` and one on ``signals``."""
        return self._sink.count // 2

    def state_bytes(self) -> int:
        """Return the size of all rows, their keys included."""
        self.part.write(self._state.take(), self._seen)
        self._state.landed()
        return sum(len(key) + len(row) for key, row in self.part.scan(b""))

    def close(self) -> None:
        """Let go of RocksDB."""
        self._store.close()


def stage_row(count: int, batch: int, raw: Sequence[bytes], keys: int) -> dict[str, Any]:
    """Return the figures of the mix with so many rules, in batches of one size."""
    with tempfile.TemporaryDirectory() as directory:
        runner = Runner(mix(count), batch, Path(directory) / "rocks")
        runner.run(raw[:_WARM])
        rest, parts = raw[_WARM:], []
        size = max(_COMMIT, len(rest) // 4)
        for i in range(0, len(rest) - size + 1, size):
            parts.append(runner.run(rest[i : i + size]) / size)
        held = runner.state_bytes()
        runner.close()
    took = min(parts)
    return {
        "rules": count,
        "batch": batch,
        "eps": round(1 / took),
        "us_per_event": round(took * 1e6, 1),
        "us_per_rule_and_event": round(took * 1e6 / count, 4),
        "alerts_per_1k_events": round(runner.alerts / len(raw) * 1_000, 2),
        "state_bytes_per_key": round(held / keys),
    }


# -- beside others -----------------------------------------------------------------------------------------------------


def zen_expressions(rules: Sequence[Clause]) -> Callable[[bytes], list[bool]]:
    """Return what asks all rules of an event's JSON, an expression each."""
    compiled = [zen.compile_expression(one.zen).evaluate for one in rules]

    def ask(raw: bytes) -> list[bool]:
        event = orjson.loads(raw)
        return [evaluate(event) for evaluate in compiled]

    return ask


def zen_graph(rules: Sequence[Clause]) -> Callable[[bytes], list[bool]]:
    """Return what asks all rules of an event's JSON, in one decision graph."""
    expressions = [{"id": f"{i}", "key": f"r{i}", "value": one.zen} for i, one in enumerate(rules)]
    place = {"x": 0, "y": 0}
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": place},
        {
            "id": "ask",
            "type": "expressionNode",
            "name": "ask",
            "position": place,
            "content": {"expressions": expressions},
        },
        {"id": "out", "type": "outputNode", "name": "out", "position": place},
    ]
    edges = [
        {"id": "a", "type": "edge", "sourceId": "in", "targetId": "ask"},
        {"id": "b", "type": "edge", "sourceId": "ask", "targetId": "out"},
    ]
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"rules": {"nodes": nodes, "edges": edges}}}})
    names = [one["key"] for one in expressions]

    def ask(raw: bytes) -> list[bool]:
        result = engine.evaluate("rules", raw)["result"]
        return [result[name] for name in names]

    return ask


def cel_programs(rules: Sequence[Clause]) -> Callable[[bytes], list[bool]]:
    """Return what asks all rules of an event's JSON, programs over one context."""
    compiled = [cel.compile(one.cel).execute for one in rules]

    def ask(raw: bytes) -> list[bool]:
        context = cel.Context(orjson.loads(raw))
        return [execute(context) for execute in compiled]

    return ask


PEERS = {"zen, expressions": zen_expressions, "zen, one graph": zen_graph, "cel": cel_programs}


def ours(rules: Sequence[Clause], raw: Sequence[bytes]) -> Any:
    """Return our answers, rule by event: 1 true, 0 false, −1 unknown."""
    asked = [rule("x", one.ours).when for one in rules]
    program = Program(asked, memory=lambda call: None)  # type: ignore[arg-type,return-value]
    return np.array(program.run(Sight([_decode(one) for one in raw]), PartitionState(MemoryPartition(), 0)))


def agreement(rules: Sequence[Clause], raw: Sequence[bytes], plain: Sequence[bytes]) -> dict[str, int]:
    """Return how many answers were compared, and how many were yes.

    Raises
    ------
    SystemExit
        Where one differs.
    """
    found = ours(rules, raw)
    for name, make in PEERS.items():
        ask = make(rules)
        theirs = np.array([ask(one) for one in plain], object).T
        differ = np.argwhere((theirs == True) != (found == 1))  # noqa: E712  # theirs may hold other than truths
        if len(differ) or any(type(one) is not bool for one in theirs.flat):
            which = rules[differ[0][0]].ours if len(differ) else "no truth"
            raise SystemExit(f"{name} answers otherwise: {which}")
    return {"answers": int(found.size), "yes": int((found == 1).sum()), "unknown": int((found == -1).sum())}


def beside_row(count: int, raw: Sequence[bytes], plain: Sequence[bytes]) -> dict[str, Any]:
    """Return µs an event of each for so many rules about one event: the best of alternating rounds."""
    rules = clauses(count)
    same = agreement(rules, raw[:500], plain[:500])
    peers = {name: make(rules) for name, make in PEERS.items()}
    batches = {"aimass": 500, "aimass, one event at a time": 1}
    best = dict.fromkeys([*batches, *peers], math.inf)
    share = max(20, min(len(plain), 20_000 // count))  # the slow ones get fewer events, as each is measured alike
    made = [rule(f"r{i}", one.ours) for i, one in enumerate(rules)]
    size = (len(raw) - _WARM) // _ROUNDS
    with tempfile.TemporaryDirectory() as directory:
        runners = {name: Runner(made, batch, Path(directory) / f"{batch}") for name, batch in batches.items()}
        for runner in runners.values():
            runner.run(raw[: _WARM if runner.batch > 1 else 100])
        for n in range(_ROUNDS):
            for name, runner in runners.items():
                first, length = _WARM + n * size, size if runner.batch > 1 else share
                best[name] = min(best[name], runner.run(raw[first : first + length]) / length)
            for name, ask in peers.items():
                some = plain[n * share : (n + 1) * share]
                began = time.perf_counter()
                for one in some:
                    ask(one)
                best[name] = min(best[name], (time.perf_counter() - began) / len(some))
        for runner in runners.values():
            runner.close()
    us = {name: round(took * 1e6, 2) for name, took in best.items()}
    fastest = min(us["zen, expressions"], us["zen, one graph"])
    ratios = {"ratio_to_zen": round(fastest / us["aimass"], 1), "ratio_to_cel": round(us["cel"] / us["aimass"], 1)}
    return {"rules": count, "us_per_event": us, **ratios, "compared": same}


def measure(count: int, keys: int) -> dict[str, Any]:
    """Return all figures."""
    raw, plain = events(count, keys)
    console, rng = Console(stderr=True), random.Random(3)
    same = agreement([clause(rng) for _ in range(300)], raw[:500], plain[:500])
    beside = [beside_row(n, raw, plain) for n in track(COUNTS, "beside others", console=console, transient=True)]
    cases = [(n, batch) for n in COUNTS for batch in (500, 16, 1)]
    rows = []
    for n, batch in track(cases, "the mix", console=console, transient=True):
        share = count if batch == 500 else max(2 * _COMMIT, count // (2 if batch == 16 else 8))
        rows.append(stage_row(n, batch, raw[:share], keys))
    by = {(row["rules"], row["batch"]): row for row in rows}
    return {
        "rules_eps_10": by[10, 500]["eps"],
        "rules_eps_100": by[100, 500]["eps"],
        "rules_eps_1000": by[1_000, 500]["eps"],
        "rules_us_per_rule_1000": by[1_000, 500]["us_per_rule_and_event"],
        "rules_state_bytes_per_key_100": by[100, 500]["state_bytes_per_key"],
        "ratio_to_zen_100": beside[1]["ratio_to_zen"],
        "ratio_to_cel_100": beside[1]["ratio_to_cel"],
        "clauses_compared": same,
        "events": count,
        "keys": keys,
        "mix": rows,
        "beside": beside,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python -m benchmarks.rules --events 10000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, default=30_000, help="how many (30000)")
    parser.add_argument("--keys", type=int, default=1_000, help="of how many keys (1000)")
    given = parser.parse_args(argv)
    found = measure(max(given.events, 7 * _COMMIT), given.keys)
    if given.json:
        print(json.dumps(found))
        return 0
    table = Table(
        "rules", "batch", "events/s", "µs a rule", "alerts a 1,000 events", "state, bytes a key", title="the mix"
    )
    for row in found["mix"]:
        table.add_row(
            *(f"{row[name]:,}" for name in ("rules", "batch", "eps", "us_per_rule_and_event")),
            f"{row['alerts_per_1k_events']}",
            f"{row['state_bytes_per_key']:,}",
        )
    beside = Table("rules", *found["beside"][0]["us_per_event"], title="µs an event, rules about one event")
    for row in found["beside"]:
        beside.add_row(f"{row['rules']:,}", *(f"{value:,}" for value in row["us_per_event"].values()))
    Console().print(table, beside)
    return 0


if __name__ == "__main__":
    sys.exit(main())
