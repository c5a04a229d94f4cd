"""The demo's computations: accuracies, detection, percentiles, the choice of alerts; its data and its pipeline file."""

from collections import Counter
from itertools import islice
from pathlib import Path

import msgspec
import orjson
import pytest

from aimass.commands.compare import Comparison, sift
from aimass.commands.demo import definition, fresh_name
from aimass.commands.demo_data import BEGAN, VEHICLES, rows
from aimass.commands.demo_report import Judged, Report, accuracies, detection, foreseen, percentile, percentiles, spread
from aimass.commands.demo_summary import next_steps, summary
from aimass.commands.demo_watch import threshold_of
from aimass.pipeline import parse
from aimass.records import Alert, Source

REPOSITORY = Path(__file__).parents[2]


def judged(labels: str, values: str, partition: int = 0) -> list[Judged]:
    """Make predictions of a partition, one a character; ``?`` is none."""
    return [
        Judged(partition, offset, None if value == "?" else int(value), int(label), 0.0)
        for offset, (label, value) in enumerate(zip(labels, values, strict=True))
    ]


def alert(key: str, severity: str, time: float) -> Alert:
    return Alert(f"{key}-{time}", key, time, "p", Source("s", 0, 0), "r", severity, "why", {}, msgspec.Raw(b"{}"))


def test_baselines_know_only_what_came_before_in_their_partition() -> None:
    found = accuracies(judged("0010", "?010"))
    assert (found.model, found.no_change, found.majority) == (0.75, 0.25, 0.5)
    both = accuracies(judged("00", "00") + judged("11", "11", partition=1))
    assert (both.model, both.no_change, both.majority) == (1.0, 0.5, 0.5)


def test_the_order_of_arrival_does_not_matter() -> None:
    events = judged("0110100", "0010101")
    assert accuracies(reversed(events)) == accuracies(events)


def test_nothing_seen_is_nothing_right() -> None:
    assert accuracies([]).model == 0.0
    assert (detection([], 5.0).precision, detection([], 5.0).recall) == (0.0, 0.0)


def test_detection_counts_scores_over_the_threshold_only() -> None:
    found = detection([Judged(0, 0, 0, 1, 5.0), Judged(0, 1, 0, 1, 5.1), Judged(0, 2, 0, 0, 9.0)], 5.0)
    assert (found.flagged, found.anomalies, found.hits) == (2, 2, 1)


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentiles(values) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentile([7.0], 0.99) == 7.0


def test_the_alerts_shown_are_severe_and_of_different_keys() -> None:
    alerts = [alert("a", "info", 1), alert("a", "critical", 3), alert("a", "critical", 2), alert("b", "warning", 4)]
    assert [(one.key, one.time) for one in spread(alerts, 3)] == [("a", 2), ("b", 4), ("a", 3)]
    assert spread([], 3) == []


def test_the_data_has_a_key_and_a_time_and_comes_whole() -> None:
    first = [orjson.loads(row.value) for row in islice(rows(), 100)]
    assert Counter(event["vehicle"] for event in first).keys() == {f"vehicle-{n}" for n in range(VEHICLES)}
    assert [event["ts"] for event in first] == list(range(BEGAN, BEGAN + 100))
    assert first[0].keys() == {"vehicle", "ts", "label", *(f"f{n}" for n in range(1, 10))}


def test_a_run_has_names_of_its_own() -> None:
    assert fresh_name({"shuttle", "shuttle-2"}) == "shuttle-3"
    pipeline = parse(definition("shuttle-3"))
    assert (pipeline.name, pipeline.sources[0].topic) == ("shuttle-3", "shuttle-3.telemetry")
    assert threshold_of(pipeline) > 0


def test_the_example_is_the_demos_pipeline() -> None:
    example = REPOSITORY / "examples/shuttle.toml"
    if not example.exists():
        pytest.skip("examples/shuttle.toml is not there yet")
    assert example.read_text() == definition("shuttle")


def test_the_summary_names_every_figure() -> None:
    events = judged("0101", "0101")
    latency = {"prediction": {"p50": 20.0, "p95": 40.0, "p99": 60.0}, "alert": {"p50": 0.0, "p95": 0.0, "p99": 0.0}}
    fits = (accuracies(events), detection(events, 5.0), foreseen(events))
    found = Report("shuttle", 4, 4, 1, 2, 0.5, *fits, latency, 500.0, {"linear": (0.9, 0.25)}, 0)
    text = "\n".join(summary(found))
    for words in (
        "events",
        "4 events/s",
        "100.00% prequential",
        "no-change",
        "majority",
        "precision",
        "p99 60 ms",
        "mod 8",
        "linear 90.00% (25%)",
    ):
        assert words in text
    assert "alert read" not in text
    assert orjson.loads(orjson.dumps(found.as_json()))["throughput_eps"] == 4.0
    assert "aimass status shuttle --watch" in next_steps("shuttle", Path("p.toml"))


def test_comparisons_tell_the_ways_to_differ() -> None:
    one, other = {"a": (b"1", (0, 0)), "b": (b"2", (0, 1))}, {"a": (b"1", (3, 9)), "b": (b"3", (0, 1))}
    assert sift(one, other) == (["b"], [], [])
    assert not Comparison("a", "b", 1, 1, 0, 0, 1, 1, ()).same
