"""The benchmark's scorer gives what its rules give, row by row."""

import csv
import json
import math

import numpy as np
import pytest

from benchmarks.nab import PROFILES, Series, curve, load, main, transfer


def series(windows, count=100, name="a/b.csv"):
    return Series(name, [], [], np.arange(float(count)), np.zeros(count), windows)


def worth(y):
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def by_the_rules(files, scores, threshold, profile):
    fp, fn = PROFILES[profile]
    raw, windows = 0.0, 0
    for one, score in zip(files, scores, strict=True):
        best = [-fn] * len(one.windows)
        windows += len(best)
        for i in range(min(math.floor(0.15 * len(score)), 750), len(score)):
            inside = [k for k, (first, last) in enumerate(one.windows) if first <= i <= last]
            before = [window for window in one.windows if window[1] < i]
            if score[i] < threshold:
                continue
            if inside:
                first, last = one.windows[inside[0]]
                credit = worth(-(last - i + 1) / (last - first + 1)) / worth(-1)
                best[inside[0]] = max(best[inside[0]], credit)
            elif before:
                first, last = before[-1]
                raw += fp * worth((i - last) / (last - first))
            else:
                raw -= fp
        raw += sum(best)
    return 100 * (raw + fn * windows) / (windows + fn * windows)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_threshold_earns_what_the_rules_say(profile):
    rng = np.random.default_rng(3)
    files = [series([(30, 39), (60, 64)]), series([(20, 50)], 200), series([], 40)]
    scores = [rng.integers(0, 12, len(one.values)) / 10 for one in files]
    found = curve(files, scores)
    for threshold, score in zip(found.thresholds, found.normalised(profile), strict=True):
        assert score == pytest.approx(by_the_rules(files, scores, threshold, profile))
        assert found.at(profile, threshold) == score
    assert found.best(profile)[0] == max(0.0, found.normalised(profile).max())


def test_detections_are_worth_what_a_hand_computes():
    hit, false = np.zeros(100), np.zeros(100)
    hit[50], false[20] = 1.0, 1.0
    assert curve([series([(50, 59)])], [hit]).at("standard", 1.0) == pytest.approx(100.0)
    assert curve([series([(50, 59)])], [false]).at("standard", 1.0) == pytest.approx(-5.5)
    assert curve([series([(50, 59)])], [false]).best("standard") == (0.0, math.inf)
    hit[50], hit[55] = 0.0, 1.0
    assert curve([series([(50, 59)])], [hit]).at("low_fn", 1.0) == pytest.approx(
        100 * (2 + 0.84828 / 0.98661) / 3, abs=1e-3
    )


def test_rows_of_the_probation_do_not_count():
    early = np.zeros(100)
    early[14] = 1.0
    assert curve([series([(50, 59)])], [early]).at("standard", 1.0) == 0.0


def test_a_threshold_is_carried_over_from_other_categories():
    one, other = series([(50, 59)], name="a/x.csv"), series([(50, 59)], name="b/x.csv")
    loud, quiet = np.zeros(100), np.zeros(100)
    loud[50], quiet[50] = 0.9, 0.5
    assert curve([one, other], [loud, quiet]).best("standard") == (pytest.approx(100.0), 0.5)
    assert transfer([one, other], [loud, quiet]) == pytest.approx(50.0)


def test_the_command_scores_a_corpus_and_writes_every_row(tmp_path, capsys):
    rows = [(f"2014-01-{1 + i // 24:02d} {i % 24:02d}:00:00", 5.0 + i % 3 if i != 400 else 90.0) for i in range(600)]
    folder = tmp_path / "data" / "made"
    folder.mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    (folder / "one.csv").write_text("timestamp,value\n" + "".join(f"{stamp},{value}\n" for stamp, value in rows))
    window = [f"{rows[i][0]}.000000" for i in (390, 410)]
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps({"made/one.csv": [window]}))
    assert load(tmp_path)[0].windows == [(390, 410)]
    assert main(["--data", str(tmp_path), "--json", "--out", str(tmp_path / "out")]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["standard"] > 80
    assert {"low_fp", "low_fn", "standard_default_threshold", "standard_transfer", "us_per_event"} < set(figures)
    with (tmp_path / "out" / "made" / "one.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [(row["timestamp"], float(row["value"])) for row in written] == rows
    assert max(range(600), key=lambda i: float(written[i]["anomaly_score"])) == 400
    assert main(["--data", str(tmp_path)]) == 0
    assert "made" in capsys.readouterr().out
