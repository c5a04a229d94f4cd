"""Real data as records of a source, for faults to be put into: sets that River's wheel holds, and files of NAB."""

from __future__ import annotations

import csv
import gzip
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from river import datasets
from river.datasets.sp500 import SP500Stocks

from aimass.quality.contracts.contract import Check, Contract
from benchmarks.nab import load

#: Where event time begins, at the border of a pane; how far records are apart in the median, whatever they were.
START, STEP_S = 1_700_000_000.0, 0.1
#: How long a record takes to Kafka.
WAY_S = 0.02
BUNDLED = (
    "Phishing",
    "Bananas",
    "ImageSegments",
    "SolarFlare",
    "Shuttle",
    "TrumpApproval",
    "ChickWeights",
    "WaterFlow",
)
#: The folders of NAB that hold data from life.
REAL = ("realAWSCloudwatch", "realKnownCause")


#: Fields that the benchmark gives every record: only faults of times, ids and texts touch them.
OURS = ("id", "at")
_FEW = 20
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A record on its way into a topic.

    Parameters
    ----------
    at, arrival
        When it happened, and when it came, in seconds.
    data, value
        What it says, and its bytes.
    origin
        Which record of the stream it is, or was before something was done to it.
    is_bad
        Whether a fault was put into it that is to be found.
    """

    at: float
    arrival: float
    data: Data
    value: bytes
    origin: int
    is_bad: bool = False

    def saying(self, data: Data) -> Row:
        """Return the record with other fields."""
        return replace(self, data=data, value=orjson.dumps(data))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stream: its records in order, and the stretches that somebody has labelled as anomalies."""

    name: str
    rows: Sequence[Row]
    windows: Sequence[tuple[int, int]] = ()

    @property
    def cut(self) -> int:
        """Where the second half begins."""
        return len(self.rows) // 2


def iso(at: float) -> str:
    """Return a time as text.

    Examples
    --------
    >>> iso(1_700_000_000.1)
    '2023-11-14T22:13:20.100+00:00'
    """
    return datetime.fromtimestamp(round(at, 3), UTC).isoformat(timespec="milliseconds")


def rows_of(records: Sequence[Data], times: Sequence[float] | None = None) -> list[Row]:
    """Return records with an id and a time of their own: `STEP_S` apart, or as far as their times, brought to that.

    Examples
    --------
    >>> [(round(one.at - START, 3), one.data["id"]) for one in rows_of([{}, {}, {}, {}], [0, 300, 900, 1200])]
    [(0.0, 'r000000'), (0.1, 'r000001'), (0.3, 'r000002'), (0.4, 'r000003')]
    """
    if times is None:
        scaled = np.arange(len(records)) * STEP_S
    else:
        passed = np.asarray(times, np.float64) - times[0]
        scaled = passed * (STEP_S / float(np.median(np.diff(passed))))
    found = []
    for i, record in enumerate(records):
        at = round(START + float(scaled[i]), 3)
        data = {"id": f"r{i:06d}", "at": iso(at), **record}
        found.append(Row(at, at + WAY_S, data, orjson.dumps(data), i))
    return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What the clean first half of a stream is like, for faults to be measured by.

    Parameters
    ----------
    fields
        All fields but `OURS`.
    numbers
        By field of numbers that differ: mean and standard deviation.
    texts, categories
        The fields of text; and those with few different texts, with them.
    dates
        The fields of ISO dates.
    checks
        What the contract says of fields together.
    examples
        Some records, to take values from.
    """

    fields: Sequence[str]
    numbers: Mapping[str, tuple[float, float]]
    texts: Sequence[str]
    categories: Mapping[str, Sequence[str]]
    dates: Sequence[str]
    checks: Sequence[Check]
    examples: Sequence[Data]


def facts_of(rows: Sequence[Row], contract: Contract) -> Facts:
    """Return what these records are like."""
    columns: dict[str, list[Any]] = {
        name: [row.data.get(name) for row in rows] for name in rows[0].data if name not in OURS
    }
    numbers, texts, categories = {}, ["id"], {}
    for name, values in columns.items():
        kinds = set(map(type, values))
        if kinds <= {int, float} and statistics.pstdev(values) > 0:
            numbers[name] = statistics.fmean(values), statistics.pstdev(values)
        if kinds == {str}:
            texts.append(name)
            if len(set(values)) <= _FEW:
                categories[name] = sorted(set(values))
    dates = [name for name in texts if (one := contract.expectation(name)) is not None and one.format == "date"]
    return Facts(list(columns), numbers, texts, categories, dates, contract.checks, [row.data for row in rows[::7]])


def streams(data: Path | None, most: int) -> Iterator[Recorded]:
    """Yield the streams, of each the first ``most`` records."""
    for name in BUNDLED:
        yield Recorded(name, rows_of(list(_bundled(name))[:most]))
    yield Recorded("SP500", rows_of(list(_stocks())[:most]))
    if data is not None:
        for one in load(data):
            if one.category in REAL:
                is_whole = all(text.lstrip("-").isdigit() for text in one.raw)
                values = [{"value": int(text) if is_whole else float(text)} for text in one.raw[:most]]
                yield Recorded(one.name, rows_of(values, one.times[:most].tolist()), one.windows)


def _bundled(name: str) -> Iterator[dict[str, Any]]:
    for features, target in getattr(datasets, name)():
        data = {key: value for key, value in features.items() if not isinstance(value, datetime)}
        yield {**data, **(target if isinstance(target, dict) else {"target": target})}


def _stocks() -> Iterator[dict[str, Any]]:
    path = SP500Stocks().path  # type: ignore[no-untyped-call]  # River's
    for row in csv.DictReader(gzip.decompress(Path(path).read_bytes()).decode().splitlines()):
        yield {key: value if key == "date" else float(value) for key, value in row.items()}
