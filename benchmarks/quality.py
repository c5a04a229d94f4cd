"""Quality: ``python -m benchmarks.quality --json``. One core; beside it, in the same run, others on the same records.

*Ours* is the whole collect stage: from the bytes of records to the bytes of events, each held against a contract of 20
fields, with panes of statistics of every field, state in RocksDB and a commit every 2,500 records. Reading and writing
Kafka is not in it: see `benchmarks.runtime` for that. *Without a contract* is the same stage when nothing is asked of
the source; the difference is what quality costs.

*Beside others*: the same expectations as a JSON Schema in jsonschema-rs (decoded by orjson, then ``is_valid``), as a
model of pydantic (``validate_json``), and as a schema of pandera (records decoded, made a data frame, validated lazily,
a thousand at a time). They say whether a record is valid; none keeps statistics. First, all have to agree on which
records are valid. Rounds alternate; the best of each counts.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import orjson
import pandas as pd
import pydantic
from rich.console import Console
from rich.progress import track
from rich.table import Table

from aimass.quality.check import Checker
from aimass.quality.contracts.contract import Contract, Expectation
from aimass.quality.contracts.plain import names_of
from aimass.quality.panes import PaneKeeper
from aimass.runtime.state import PartitionState
from aimass.runtime.store import RocksStore
from aimass.stages.collect import CollectStage
from aimass.stages.intake import Plan
from aimass.stages.reader import Reader
from aimass.testing import MemoryRecord

warnings.filterwarnings("ignore")
_BATCH, _COMMIT, _ROUNDS = 1_000, 2_500, 5
_STATES, _COUNTRIES = ("new", "paid", "sent"), ("NL", "DE", "FR", "US")
_ID, _MAIL = "[A-Z]{2}[0-9]{6}", r"[a-z0-9]+@[a-z.]+"
CONTRACT = Contract(
    name="orders",
    fields=(
        Expectation(path="id", type="text", required=True, pattern=_ID),
        Expectation(path="status", type="text", required=True, values=_STATES),
        Expectation(path="country", type="text", required=True, values=_COUNTRIES),
        Expectation(path="mail", type="text", required=True, pattern=_MAIL),
        Expectation(path="note", type="text", required=True, max_length=100),
        Expectation(path="ok", type="truth", required=True),
        Expectation(path="at", type="number", required=True),
        *(Expectation(path=f"x{i}", type="number", required=True, least=0, most=100) for i in range(10)),
        *(Expectation(path=f"n{i}", type="integer", required=True, least=0, most=1000) for i in range(3)),
    ),
)
SCHEMA = {
    "type": "object",
    "required": [one.path for one in CONTRACT.fields],
    "properties": {
        "id": {"type": "string", "pattern": f"^{_ID}$"},
        "status": {"enum": list(_STATES)},
        "country": {"enum": list(_COUNTRIES)},
        "mail": {"type": "string", "pattern": f"^{_MAIL}$"},
        "note": {"type": "string", "maxLength": 100},
        "ok": {"type": "boolean"},
        "at": {"type": "number"},
        **{f"x{i}": {"type": "number", "minimum": 0, "maximum": 100} for i in range(10)},
        **{f"n{i}": {"type": "integer", "minimum": 0, "maximum": 1000} for i in range(3)},
    },
}


def records(count: int, seed: int = 0) -> list[MemoryRecord]:
    """Return records of orders, one in a hundred of them broken."""
    rng = random.Random(seed)
    found = []
    for i in range(count):
        one: dict[str, Any] = {"id": f"AB{i:06d}", "at": 1.7e9 + i / 1000, "status": rng.choice(_STATES)}
        one |= {"country": rng.choice(_COUNTRIES), "mail": f"user{rng.randrange(5000)}@example.com", "ok": True}
        one |= {"note": "left at the door", **{f"x{k}": rng.random() * 100 for k in range(10)}}
        one |= {f"n{k}": rng.randrange(1000) for k in range(3)}
        if i % 100 == 7:
            one |= [{"x3": 101.5}, {"status": "lost"}, {"id": "x"}, {"n1": "7"}][i // 100 % 4]
        found.append(MemoryRecord(orjson.dumps(one), b"k", offset=i, timestamp=1_700_000_000_000 + i))
    return found


class Sink:
    """Counts the events of the log; forgets what is rejected."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, record: Any, *, key: str | None = None, to: str | None = None) -> None: ...

    def emit_encoded(self, keys: Sequence[Any], found: Sequence[bytes], *, to: str | None = None) -> None:
        self.count += len(found) if to is None else 0

    def reject(self, record: Any, error: Any) -> None: ...


class Ours:
    """The collect stage over a partition in RocksDB."""

    def __init__(self, directory: Path, *, with_contract: bool) -> None:
        reader = Reader("t", key="id", time="at")
        plan = Plan(reader)
        if with_contract:
            panes = PaneKeeper("bench", "t", named=names_of(CONTRACT), required=len(CONTRACT.fields))
            plan = Plan(reader, checker=Checker(CONTRACT, "t"), panes=panes, on_breach="reject")
        self._stage = CollectStage("bench", [plan])
        self._store = RocksStore(directory)
        self._part = self._store.partition("bench")
        self._state, self.sink, self._seen = PartitionState(self._part, 0), Sink(), 0

    def run(self, raw: Sequence[MemoryRecord]) -> None:
        """Take all of them, and commit now and then."""
        for i in range(0, len(raw), _BATCH):
            self._stage.on_batch(raw[i : i + _BATCH], self._state, self.sink)  # type: ignore[arg-type]
            self._seen += _BATCH
            if self._seen % _COMMIT < _BATCH:
                self._part.write(self._state.take(), self._seen)
                self._state.landed()

    def close(self) -> None:
        """Let go of RocksDB."""
        self._store.close()


def schema_runner() -> Callable[[Sequence[MemoryRecord]], int]:
    """Return what validates with jsonschema-rs, and counts."""
    is_valid = jsonschema_rs.validator_for(SCHEMA).is_valid
    return lambda raw: sum(is_valid(orjson.loads(one.value or b"")) for one in raw)


def pydantic_runner() -> Callable[[Sequence[MemoryRecord]], int]:
    """Return what validates with pydantic, and counts."""
    share, count = Annotated[float, pydantic.Field(ge=0, le=100)], Annotated[int, pydantic.Field(ge=0, le=1000)]
    fields: dict[str, Any] = {
        "id": Annotated[str, pydantic.Field(pattern=f"^{_ID}$")],
        "status": Literal[_STATES],
        "country": Literal[_COUNTRIES],
        "mail": Annotated[str, pydantic.Field(pattern=f"^{_MAIL}$")],
        "note": Annotated[str, pydantic.Field(max_length=100)],
        "ok": bool,
        "at": float,
        **{f"x{i}": share for i in range(10)},
        **{f"n{i}": count for i in range(3)},
    }
    strict = pydantic.ConfigDict(strict=True)
    model = pydantic.create_model("Order", __config__=strict, **{name: (kind, ...) for name, kind in fields.items()})
    validate = model.__pydantic_validator__.validate_json

    def run(raw: Sequence[MemoryRecord]) -> int:
        good = 0
        for one in raw:
            try:
                validate(one.value or b"")
            except pydantic.ValidationError:
                continue
            good += 1
        return good

    return run


def pandera_runner() -> Callable[[Sequence[MemoryRecord]], int]:
    """Return what validates with pandera a thousand records at a time, and counts."""
    import pandera.pandas as pa

    def of(*checks: Any) -> Any:
        return pa.Column(None, list(checks), nullable=False)

    is_whole = pa.Check(lambda column: column.map(lambda value: type(value) is int))
    schema = pa.DataFrameSchema(
        {
            "id": of(pa.Check.str_matches(f"^{_ID}$")),
            "status": of(pa.Check.isin(_STATES)),
            "country": of(pa.Check.isin(_COUNTRIES)),
            "mail": of(pa.Check.str_matches(f"^{_MAIL}$")),
            "note": of(pa.Check.str_length(max_value=100)),
            "ok": pa.Column(bool),
            "at": pa.Column(float),
            **{f"x{i}": pa.Column(float, pa.Check.in_range(0, 100)) for i in range(10)},
            **{f"n{i}": of(is_whole) for i in range(3)},
        }
    )

    def run(raw: Sequence[MemoryRecord]) -> int:
        good = 0
        for i in range(0, len(raw), _BATCH):
            frame = pd.DataFrame([orjson.loads(one.value or b"") for one in raw[i : i + _BATCH]])
            broken = set()
            try:
                schema.validate(frame, lazy=True)
            except pa.errors.SchemaErrors as exc:
                broken = set(exc.failure_cases["index"].dropna())
            good += len(frame) - len(broken)
        return good

    return run


def measure(count: int) -> dict[str, Any]:
    """Return records a second of each, and what ours costs beside them."""
    raw = records(count)
    few = raw[: count // 10]
    peers = {"jsonschema-rs": schema_runner(), "pydantic": pydantic_runner(), "pandera": pandera_runner()}
    said = {name: run(few) for name, run in peers.items()}
    best: dict[str, float] = {}

    def timed(name: str, act: Callable[[], object], many: int) -> None:
        began = time.perf_counter()
        act()
        best[name] = min(best.get(name, 1e9), (time.perf_counter() - began) / many)

    with tempfile.TemporaryDirectory() as place:
        for turn in track(range(_ROUNDS), "measuring", console=Console(stderr=True)):
            for name, with_contract in (("aimass", True), ("aimass, no contract", False)):
                own = Ours(Path(place) / f"{turn}-{with_contract}", with_contract=with_contract)
                timed(name, lambda own=own: own.run(raw), count)  # type: ignore[misc]
                if with_contract and turn == 0:
                    fresh = Ours(Path(place) / "few", with_contract=True)
                    fresh.run(few)
                    said["aimass"] = fresh.sink.count
                    fresh.close()
                own.close()
            timed("jsonschema-rs", lambda: peers["jsonschema-rs"](raw), count)
            timed("pydantic", lambda: peers["pydantic"](raw), count)
            timed("pandera", lambda: peers["pandera"](few), len(few))
    if len(set(said.values())) != 1:
        raise SystemExit(f"they do not agree on which records are valid: {said}")
    overhead = best["aimass"] - best["aimass, no contract"]
    return {
        "records": count,
        "fields": len(CONTRACT.fields),
        "bytes_a_record": round(sum(len(one.value or b"") for one in raw) / count),
        "records_a_second": {name: round(1 / seconds) for name, seconds in best.items()},
        "us_a_record": {name: round(seconds * 1e6, 2) for name, seconds in best.items()},
        "overhead_us": round(overhead * 1e6, 2),
        "overhead_to_jsonschema_rs": round(overhead / best["jsonschema-rs"], 2),
        "whole_to_jsonschema_rs": round(best["aimass"] / best["jsonschema-rs"], 2),
    }


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--records", type=int, default=60_000, help="how many (default 60,000)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args()
    found = measure(given.records)
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        print()
        return 0
    table = Table(
        "", "records/s, one core", "µs a record", title=f"{found['fields']} fields, {found['bytes_a_record']} bytes"
    )
    for name, rate in found["records_a_second"].items():
        table.add_row(name, f"{rate:,}", f"{found['us_a_record'][name]:.2f}")
    out = Console()
    out.print(table)
    out.print(
        f"quality costs {found['overhead_us']} µs a record: {found['overhead_to_jsonschema_rs']} times jsonschema-rs "
        "(which decodes and validates, and keeps nothing)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
